"""Progress on stderr: a bar on a terminal, a line now and then without one, nothing when quiet."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Final, Self

LINE_EVERY_S: Final = 2.0


class Progress:
    """Tells how far a job is. Use as a context manager; every method is cheap to call often."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty() and not quiet
        self._bar: Any = None
        self._task: Any = None
        self._started = time.monotonic()
        self._last_line = 0.0
        self._label = ""

    def __enter__(self) -> Self:
        if self._terminal:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[detail]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        else:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def begin(self, label: str) -> None:
        """Start a stage; a spinner until `advance` says how far it is."""
        self._label, self._started, self._last_line = label, time.monotonic(), time.monotonic()
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(label, total=None, detail="")

    def advance(self, share: float | None, detail: str = "") -> None:
        """The stage is done to `share` (0 to 1; None: unknown)."""
        if self._bar is not None:
            total = None if share is None else 1.0
            self._bar.update(self._task, total=total, completed=share or 0.0, detail=detail)
        elif not self._quiet and time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            done = "" if share is None else f"{100.0 * share:3.0f} %, "
            self.say(f"{self._label}: {done}{detail}, {time.monotonic() - self._started:.0f} s")
