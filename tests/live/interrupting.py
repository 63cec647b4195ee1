"""``undertow run`` as a process of its own, interrupted as Ctrl-C does: its whole process group at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.exchange.serve import Threaded

from undertow.venue.signing import Signer

KEY = "33" * 32
TRADER = Signer("0x" + KEY, mainnet=False).address
MOMENTS = ("command", "connecting", "joined", "quoting", "stopping")
"""The command has begun; it loads and connects; the account is known; orders stand; it is being stopped."""
WAIT_S = 240.0


class Interrupted(NamedTuple):
    """How it ended: exit code, output, errors, orders of its account that stand at the exchange."""

    code: int
    out: str
    errors: str
    orders: int
    quoted: bool


def _orders(running: Threaded) -> int:
    account = running.local.exchange.account(TRADER)
    return running.call(lambda: len(account.live)) if account is not None else 0


class _Errors:
    """What the process writes on standard error, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self.lines: list[str] = []
        self._stream = process.stderr
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        self.lines += self._stream

    def has(self, text: str) -> bool:
        """Whether a line with `text` has come."""
        return any(text in line for line in list(self.lines))

    def whole(self) -> str:
        """All of it, once the process has ended."""
        self._thread.join(10)
        self._stream.close()
        return "".join(self.lines)


def _wait(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not reached() and process.poll() is None:
        assert time.monotonic() < until, "the moment did not come"
        time.sleep(0.01)


def interrupt(running: Threaded, folder: Path, moment: str, later_s: float = 0.0) -> Interrupted:
    """Start it on `running`, interrupt it `later_s` after `moment` (of `MOMENTS`) has come."""
    command = [sys.executable, "-m", "undertow.cli.main", "run", "--url", running.url, "--coin", "BTC"]
    command += ["--maker", "symmetric", "--duration", "300", "--plain", "--folder", str(folder)]
    environment = os.environ | {"UNDERTOW_AGENT_KEY": KEY}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    errors, quoted = _Errors(process), [False]

    def quoting() -> bool:
        quoted[0] = quoted[0] or _orders(running) > 0
        return quoted[0]

    reached: dict[str, Callable[[], bool]] = {
        "command": lambda: errors.has(""),
        "connecting": lambda: errors.has("loading") or errors.has("symmetric"),
        "joined": lambda: errors.has("symmetric on"),
        "quoting": quoting,
        "stopping": quoting,
    }
    _wait(process, reached[moment])
    time.sleep(later_s)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    if moment == "stopping":
        time.sleep(0.1)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
    assert process.stdout is not None
    with process.stdout as stream:
        out = stream.read()
    process.wait(WAIT_S)
    return Interrupted(process.returncode, out, errors.whole(), _orders(running), quoted[0])
