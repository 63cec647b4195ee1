"""Where the switch's reasons survive the process: a small file, readable by its owner alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from undertow.risk.findings import Grade, Reason

VERSION = 1


class Latched(msgspec.Struct, frozen=True, kw_only=True):
    """A reason the switch holds. ``severity`` is the worst so far; see `undertow.risk.findings.Finding`."""

    reason: Reason
    coin: str = ""
    side: int = 0
    grade: Grade = Grade.ACCUMULATING
    severity: float = 1.0
    since_ns: int = 0
    text: str = ""

    @property
    def key(self) -> tuple[Reason, str]:
        """What it is latched under."""
        return self.reason, self.coin


class Memory(Protocol):
    """Keeps the latched reasons. A change is kept before it takes effect."""

    def load(self) -> list[Latched]:
        """What was latched when the last process ended, however it ended."""
        ...

    def keep(self, latched: Sequence[Latched]) -> None:
        """This is latched now."""
        ...


class NoMemory:
    """Forgets with the process: for sessions whose account does so too."""

    def load(self) -> list[Latched]:
        """Nothing."""
        return []

    def keep(self, latched: Sequence[Latched]) -> None:
        """Nothing to do."""


class _File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    version: int = VERSION
    latched: list[Latched] = msgspec.field(default_factory=list)


class BadMemory(RuntimeError):
    """The file cannot be understood; nobody knows what was latched. The text says what to do."""


class FileMemory:
    """A JSON file, mode 0600, written whole and put in place at once; absent where nothing is latched."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> list[Latched]:
        """What is latched. Raises `BadMemory` where the file is damaged."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return []
        try:
            file = msgspec.json.decode(raw, type=_File)
        except msgspec.MsgspecError as error:
            raise BadMemory(
                f"{self.path} does not say what is latched ({error}): look at the account, then delete it"
            ) from None
        if file.version != VERSION:
            raise BadMemory(f"{self.path} is of version {file.version}, this is {VERSION}")
        return file.latched

    def keep(self, latched: Sequence[Latched]) -> None:
        """Write it; the file goes where nothing is latched. Raises `OSError` where it cannot be written."""
        if not latched:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        raw = msgspec.json.format(msgspec.json.encode(_File(latched=list(latched))), indent=1) + b"\n"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, raw)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, self.path)
