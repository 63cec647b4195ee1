"""The session's log: one JSON object per line, one schema for every event.

    {"time":"2026-09-24T10:00:00.123456Z","session":"…","coin":"BTC","event":"fill","fields":{…}}

Files are made readable by their owner alone (0600) and pass through `undertow.monitor.redact`. Writing is
buffered: call `EventLog.flush` every second or so; events that matter at once are flushed at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec

from undertow.clock import Clock
from undertow.monitor.notable import Notable
from undertow.monitor.redact import redact, redacted

Event = Literal[
    "start",
    "stop",
    "config",
    "connect",
    "disconnect",
    "recover",
    "feed",
    "order",
    "ack",
    "fill",
    "reject",
    "cancel_all",
    "funding",
    "risk",
    "kill",
    "quote",
    "alert",
    "note",
    "error",
]
"""What can happen. ``note`` carries a sentence in ``fields.text``; ``error`` one in ``fields.error``."""

AT_ONCE: Final = frozenset({"start", "stop", "kill", "error", "disconnect", "alert"})
MOST_BYTES: Final = 64 * 2**20
KEPT: Final = 4
_OF_NOTABLE: Final[dict[str, Event]] = {
    "fill": "fill",
    "stale": "feed",
    "fresh": "feed",
    "disconnected": "disconnect",
    "connected": "connect",
    "kill": "kill",
    "kill_cleared": "kill",
    "refused": "reject",
    "first_quote": "quote",
    "quoting": "quote",
    "not_quoting": "quote",
    "requests_low": "risk",
    "halted": "risk",
    "resumed": "risk",
}


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line. ``time`` is UTC, microseconds; ``coin`` empty: of the session; ``fields`` plain data."""

    time: str
    session: str
    coin: str
    event: Event
    fields: dict[str, Any]


def time_text(ns: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 UTC, cut to microseconds."""
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + (
        f".{ns % 1_000_000_000 // 1000:06d}Z"
    )


def open_private(path: Path, flags: int = os.O_APPEND) -> int:
    """A file descriptor for writing to `path`, 0600 also where the file was there with more."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    os.fchmod(fd, 0o600)
    return fd


class EventLog:
    """Appends lines to a file; turns it over at `most_bytes`, keeping `KEPT` older ones (``.1`` newest).

    A disk that cannot be written stops the log, not the session: `failed` then says why.
    """

    def __init__(self, path: Path, session: str, clock: Clock, *, most_bytes: int = MOST_BYTES) -> None:
        self._path, self._session, self._clock, self._most = path, session, clock, most_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = open_private(path)
        self._size = os.fstat(self._fd).st_size
        self._pending: list[bytes] = []
        self.failed = ""

    def write(self, event: Event, coin: str = "", **fields: Any) -> None:
        """Note an event; `fields` is plain data, secrets in it are hidden."""
        line = LogLine(
            time=time_text(self._clock.now_ns()),
            session=self._session,
            coin=coin,
            event=event,
            fields=redacted(fields),
        )
        self._pending.append(msgspec.json.encode(line) + b"\n")
        if event in AT_ONCE or len(self._pending) >= 1_000:
            self.flush()

    def note(self, notable: Notable) -> None:
        """Note a change of the view."""
        event = _OF_NOTABLE.get(notable.kind, "note")
        self.write(event, notable.coin, kind=notable.kind, text=notable.text, urgent=notable.urgent)

    def flush(self) -> None:
        """Hand what is pending to the operating system."""
        data, self._pending = b"".join(self._pending), []
        if not data or self.failed:
            return
        try:
            if self._size and self._size + len(data) > self._most:
                self._turn_over()
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
            self._size += len(data)
        except OSError as error:
            self.failed = f"{self._path}: {error.strerror}"

    def _turn_over(self) -> None:
        os.close(self._fd)
        for k in range(KEPT, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{k - 1}" if k > 1 else self._path.name)
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{k}"))
        self._fd = open_private(self._path)
        self._size = 0

    def close(self) -> None:
        """Flush and close; closing twice does nothing."""
        if self._fd >= 0:
            self.flush()
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.write("error", error=redact(f"{type(error).__name__}: {error}"))
        self.close()


def read_log(path: Path) -> Iterator[LogLine]:
    """The lines of a log file. Raises `msgspec.ValidationError` with the line's number."""
    with path.open("rb") as file:
        for n, line in enumerate(file, 1):
            try:
                yield msgspec.json.decode(line, type=LogLine)
            except msgspec.DecodeError as error:
                raise msgspec.ValidationError(f"{path}, line {n}: {error}") from error
