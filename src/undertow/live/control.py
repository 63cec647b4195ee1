"""The control channel of a session: a unix socket in its folder that `undertow status|kill|reset` talk to.

One JSON line each way. The socket and the file that names it (``control.json``) are their owner's alone
(0600), and who connects must be the same user. Where the folder's path is too long for a socket, it lies in
a directory of its own under the temporary directory (0700); the file says where.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from undertow.live.private import write_private
from undertow.risk.findings import Grade, Reason
from undertow.risk.guard import Guard
from undertow.risk.memory import Latched

FILE: Final = "control.json"
_SOCKET: Final = "control"
_LONGEST: Final = 100
"""Bytes a socket's path may have (108 with the zero at its end, on Linux)."""
_LINE: Final = 1 << 20


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What ``control.json`` says: where the session listens, its process, where its switch is kept."""

    socket: str
    pid: int
    kill_file: str


class Status(msgspec.Struct, frozen=True, tag="status", tag_field="do"):
    """How is it?"""


class KillNow(msgspec.Struct, frozen=True, kw_only=True, tag="kill", tag_field="do"):
    """Throw the switch for ``coin`` (empty: all)."""

    who: str
    coin: str = ""
    grade: str = "cancel"


class Reset(msgspec.Struct, frozen=True, kw_only=True, tag="reset", tag_field="do"):
    """Let go of ``reason`` on ``coin`` (None: all)."""

    who: str
    reason: str | None = None
    coin: str | None = None


Request = Status | KillNow | Reset


class Reply(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer: ``error`` where the request was refused; what is latched, what was let go, the view."""

    error: str = ""
    latched: list[Latched] = msgspec.field(default_factory=list)
    gone: list[Latched] = msgspec.field(default_factory=list)
    view: Any = None


class Control:
    """Listens for a session. `enforce` puts a changed verdict in force, `view` is what the screen shows,
    `said` is called with a sentence for everything done by hand."""

    def __init__(
        self,
        folder: Path,
        kill_file: Path,
        guard: Guard,
        *,
        now_ns: Callable[[], int],
        enforce: Callable[[int], None],
        view: Callable[[], object],
        said: Callable[[str], None],
    ) -> None:
        self._folder, self._kill_file, self._guard = folder, kill_file, guard
        self._now_ns, self._enforce, self._view, self._said = now_ns, enforce, view, said
        self._server: asyncio.Server | None = None
        self._elsewhere: Path | None = None

    async def start(self) -> None:
        """Listen. Raises `OSError` where that cannot be."""
        path = self._folder.resolve() / _SOCKET
        if len(os.fsencode(path)) > _LONGEST:
            self._elsewhere = Path(tempfile.mkdtemp(prefix="undertow-"))
            path = self._elsewhere / _SOCKET
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, path, limit=_LINE)
        finally:
            os.umask(before)
        place = Place(socket=str(path), pid=os.getpid(), kill_file=str(self._kill_file.resolve()))
        write_private(self._folder / FILE, msgspec.json.format(msgspec.json.encode(place)) + b"\n")

    async def stop(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        if self._elsewhere is not None:
            shutil.rmtree(self._elsewhere, ignore_errors=True)
        else:
            (self._folder / _SOCKET).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = self._of_stranger(writer)
            if reply is None:
                async with asyncio.timeout(5.0):
                    line = await reader.readline()
                reply = self.answer(line)
            writer.write(msgspec.json.encode(reply) + b"\n")
            await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # whoever asked is gone, or said too much
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _of_stranger(self, writer: asyncio.StreamWriter) -> Reply | None:
        """The refusal of another user; None for our own (root may do anything anyway)."""
        peer = writer.get_extra_info("socket")
        if peer is None or not hasattr(socket, "SO_PEERCRED"):
            return None
        _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return None if uid in (0, os.getuid()) else Reply(error="this session belongs to another user")

    def answer(self, line: bytes) -> Reply:
        """What one request does, and its reply."""
        try:
            request = msgspec.json.decode(line, type=Request)
            gone = self._do(request)
        except (msgspec.MsgspecError, ValueError) as error:
            return Reply(error=str(error))
        view = self._view() if isinstance(request, Status) else None
        return Reply(latched=list(self._guard.switch.latched), gone=gone, view=view)

    def _do(self, request: Request) -> list[Latched]:
        now_ns = self._now_ns()
        gone: list[Latched] = []
        if isinstance(request, KillNow):
            grade = Grade.of(request.grade)
            self._guard.kill(request.who, now_ns, coin=request.coin, grade=grade)
            self._said(f"kill switch thrown by hand ({request.who}): {request.coin or 'all'}, {grade.label}")
        elif isinstance(request, Reset):
            gone = self._guard.reset(now_ns, reason_of(request.reason), request.coin)
            told = ", ".join(f"{held.reason}{' of ' + held.coin if held.coin else ''}" for held in gone)
            self._said(f"kill switch reset by hand ({request.who}): {told or 'nothing was latched'}")
        self._enforce(now_ns)
        return gone


def reason_of(name: str | None) -> Reason | None:
    """The reason of a name. Raises ValueError with the names there are."""
    if name is None:
        return None
    try:
        return Reason(name)
    except ValueError:
        raise ValueError(f"reason {name!r} is not known; there are: {', '.join(Reason)}") from None
