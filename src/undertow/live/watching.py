"""Who hears of a session beside its screen: the log, the webhook, the metrics.

What has changed from view to view goes to log and alerts; beginning, end and reloads are told as they
happen. Nothing here can stop a session: a disk or webhook that fails is noted on the screen.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from undertow.clock import Clock
from undertow.config import Config
from undertow.live.spec import CannotRun
from undertow.monitor.alerts import Alerts
from undertow.monitor.facts import SessionFacts
from undertow.monitor.log import Event, EventLog
from undertow.monitor.metrics import MetricsServer
from undertow.monitor.notable import Watcher
from undertow.monitor.redact import redact
from undertow.monitor.view import SessionView
from undertow.monitor.watch import SessionWatch

URL_VARIABLE: Final = "UNDERTOW_ALERTS_URL"
FLUSH_EVERY_NS: Final = 1_000_000_000


def alerts_url(config: Config, environ: MutableMapping[str, str] | None = None) -> str:
    """Where alerts are posted: the environment's address, else the configuration's; empty: nowhere."""
    found = os.environ if environ is None else environ
    return found.get(URL_VARIABLE, "") or config.alerts.url


def log_path(config: Config, folder: Path) -> Path | None:
    """Where the log is written; None: nowhere."""
    if not config.log.path:
        return None
    return folder / "log.jsonl" if config.log.path == "session" else Path(config.log.path).expanduser()


class Watching:
    """An async context manager. `say` gets the sentences a person at the start should read."""

    def __init__(
        self,
        config: Config,
        facts: SessionFacts,
        watch: SessionWatch,
        folder: Path,
        clock: Clock,
        say: Callable[[str], object],
    ) -> None:
        self._facts, self._watch, self._clock, self._say = facts, watch, clock, say
        self._stack = contextlib.AsyncExitStack()
        self._watcher = Watcher()
        self._flush_ns = 0
        path = log_path(config, folder)
        self.log = EventLog(path, facts.session, clock) if path is not None else None
        self.alerts = _alerts(config, facts, clock, self._failed)
        self.metrics: MetricsServer | None = None
        if config.metrics.port is not None:
            self.metrics = MetricsServer(lambda: watch.latest, facts.latencies, config.metrics.port)

    async def __aenter__(self) -> Self:
        if self.log is not None:
            self._stack.enter_context(self.log)
        if self.metrics is not None:
            self._stack.enter_context(self.metrics)
            self._say(f"metrics: http://127.0.0.1:{self.metrics.port}/metrics")
        if self.alerts is not None:
            await self._stack.enter_async_context(self.alerts)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.tell("error", f"the session broke: {type(error).__name__}: {error}", urgent=True)
        await self._stack.aclose()

    def show(self, view: SessionView) -> None:
        """Take a view: what is new in it is logged and alerted."""
        for change in self._watcher.changes(view):
            if self.log is not None:
                self.log.note(change)
            if self.alerts is not None:
                self.alerts.notify(change)
        if self.log is not None and view.now_ns >= self._flush_ns:
            self._flush_ns = view.now_ns + FLUSH_EVERY_NS
            self.log.flush()
            if self.log.failed and self.log.failed not in self._facts.notes:
                self._facts.notes.append(f"log: {self.log.failed}")

    def tell(self, event: Event, text: str, *, urgent: bool = False, alert: bool = True) -> None:
        """Say something at once to the log and, with `alert`, to the webhook."""
        text = redact(text)
        if self.log is not None:
            self.log.write(event, text=text)
        if alert and self.alerts is not None:
            self.alerts.send(event, text, urgent=urgent)

    def _failed(self, text: str) -> None:
        self._facts.notes.append(text)
        if self.log is not None:
            self.log.write("alert", text=text)


def _alerts(
    config: Config, facts: SessionFacts, clock: Clock, failed: Callable[[str], object]
) -> Alerts | None:
    url, section = alerts_url(config), config.alerts
    if not url:
        return None
    try:
        return Alerts(
            url,
            facts.session,
            clock,
            body=section.body,
            chat_id=section.chat_id,
            per_minute=section.per_minute,
            fills_every_s=section.fills_every_s,
            failed=failed,
        )
    except ValueError as error:
        raise CannotRun(str(error)) from None
