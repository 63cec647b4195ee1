"""A watched session from end to end: looks, views, what is shown, logged and alerted.

    display = Display(how_to_show(sys.stdout), sys.stdout, log=log, alerts=alerts)
    with display:
        task = asyncio.create_task(watch_session(watch, display, clock))

One task on the session's loop does it all; what takes long (drawing, posting) happens elsewhere.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import IO, Final, Literal, Self

from undertow.clock import Clock
from undertow.monitor.alerts import Alerts
from undertow.monitor.log import EventLog
from undertow.monitor.notable import Watcher
from undertow.monitor.plain import PlainLines, json_line
from undertow.monitor.screen_process import ScreenProcess
from undertow.monitor.view import SessionView
from undertow.monitor.watch import SessionWatch

Show = Literal["screen", "plain", "json", "nothing"]
VIEW_EVERY_S: Final = 0.25
FLUSH_EVERY_S: Final = 1.0


def how_to_show(out: IO[str], *, json: bool = False, plain: bool = False, quiet: bool = False) -> Show:
    """The screen on a terminal, plain lines elsewhere, unless something else is asked for."""
    if json:
        return "json"
    if quiet:
        return "nothing"
    return "screen" if out.isatty() and not plain else "plain"


class Display:
    """Where views go. A context manager; leaving it puts the terminal back and flushes the log.

    What has changed from view to view goes to the log and to the alerts, however views are shown. A
    screen whose process has died is replaced by plain lines; an `out` that is closed (``| head``) by nothing.
    """

    def __init__(
        self,
        show: Show,
        out: IO[str],
        *,
        log: EventLog | None = None,
        alerts: Alerts | None = None,
        focus: str | None = None,
    ) -> None:
        self.mode, self._out, self._log, self._alerts = show, out, log, alerts
        self._screen = ScreenProcess(focus) if show == "screen" else None
        self._plain = PlainLines(self._write)
        self._watcher = Watcher()

    def __enter__(self) -> Self:
        if self._screen is not None:
            self._screen.__enter__()
        return self

    def show(self, view: SessionView) -> None:
        """Show a view; tell log and alerts what is new in it."""
        changes = self._watcher.changes(view)
        for change in changes:
            if self._log is not None:
                self._log.note(change)
            if self._alerts is not None:
                self._alerts.notify(change)
        if self._screen is not None and self.mode == "screen":
            self._screen.show(view)
            if not self._screen.alive:
                self.mode = "plain"
        if self.mode == "plain":
            self._plain.show(view, changes)
        elif self.mode == "json":
            self._write(json_line(view))

    def flush(self) -> None:
        """Put the log on disk."""
        if self._log is not None:
            self._log.flush()

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except (BrokenPipeError, ValueError):
            self.mode = "nothing"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None:
            self._screen.__exit__(kind, error, trace)
        self.flush()


async def watch_session(watch: SessionWatch, display: Display, clock: Clock) -> None:
    """Look and show until cancelled; shows a last, fresh view then."""
    loop = asyncio.get_running_loop()
    next_view = next_flush = loop.time()
    try:
        while True:
            await asyncio.sleep(watch.turn_s)
            watch.look_next(clock.now_ns())
            if loop.time() >= next_view:
                next_view = loop.time() + VIEW_EVERY_S
                display.show(watch.view(clock.now_ns()))
            if loop.time() >= next_flush:
                next_flush = loop.time() + FLUSH_EVERY_S
                display.flush()
    finally:
        display.show(watch.view(clock.now_ns(), fresh=True))
        display.flush()
