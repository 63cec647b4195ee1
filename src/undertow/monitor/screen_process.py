"""The screen in a process of its own: drawing takes milliseconds, which a trading loop does not have.

The session writes each view as a line of JSON into a pipe (tens of microseconds) and never waits: while the
pipe is full, as behind a stopped terminal, views are dropped. The drawing process ends with the pipe, so
the terminal is put back even when the session is killed. Ctrl-C is left to the session.

    undertow.monitor.screen_process: python -m undertow.monitor.screen_process < views.jsonl
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import IO, Final, Self

import msgspec

from undertow.monitor.view import SessionView, from_json, to_json

CLOSE_S: Final = 2.0


class ScreenProcess:
    """Shows views on the terminal. A context manager; `show` never blocks and never raises for the screen."""

    def __init__(self, focus: str | None = None, output: IO[bytes] | None = None) -> None:
        """`focus`: the coin shown in full (default: the first). `output`: a terminal, else that of stdout."""
        self._focus, self._output = focus, output
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._rest = b""
        self.dropped = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "undertow.monitor.screen_process"]
        self._process = subprocess.Popen(
            [*command, *([self._focus] if self._focus else [])],
            stdin=subprocess.PIPE,
            stdout=self._output,
            process_group=0,  # Ctrl-C is the session's
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()
        os.set_blocking(self._pipe, False)
        return self

    @property
    def alive(self) -> bool:
        """Whether somebody draws; if not (the terminal went away), fall back to plain lines."""
        return self._process is not None and self._process.poll() is None

    def show(self, view: SessionView) -> None:
        """Send a view, or drop it while an earlier one is still being read."""
        if self._pipe < 0:
            return
        if self._rest and not self._write(self._rest):
            self.dropped += 1
            return
        self._write(to_json(view) + b"\n")

    def _write(self, data: bytes) -> bool:
        """Write what fits and keep the rest, so that lines stay whole; True when all of it went."""
        try:
            written = os.write(self._pipe, data)
        except BlockingIOError:
            written = 0
        except OSError:
            self._pipe, self._rest = -1, b""
            return False
        begun = written > 0 or bool(self._rest)
        self._rest = data[written:] if begun else b""
        if not begun:
            self.dropped += 1
        return not self._rest

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        self._pipe = -1
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def draw_all(lines: Iterable[bytes], out: IO[str], focus: str | None = None) -> int:
    """Draw every view in `lines` until they end; returns how many. A line that is no view is skipped."""
    from undertow.monitor.screen import Screen

    drawn = 0
    with Screen(out, focus) as screen:
        for line in lines:
            try:
                view = from_json(line)
            except msgspec.DecodeError:
                continue
            screen.draw(view)
            drawn += 1
    return drawn


def main(arguments: list[str]) -> int:
    """Entry point of the drawing process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it draws from the background
    started = time.monotonic()
    with os.fdopen(0, "rb", closefd=False) as lines:
        draw_all(lines, sys.stdout, arguments[0] if arguments else None)
    if "UNDERTOW_SCREEN_COST" in os.environ:
        cost = time.process_time() / max(time.monotonic() - started, 1e-9)
        sys.stderr.write(f"screen: {cost:.2%} of a core\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
