"""The other end of a session's control channel: find the session, ask it, or act on what it left."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

import msgspec

from undertow.live.control import FILE, KillNow, Place, Reply, Request, Reset, reason_of
from undertow.risk.findings import Grade, Reason
from undertow.risk.memory import FileMemory, Latched
from undertow.risk.rules.manual import manual_finding
from undertow.risk.switch import KillSwitch

_WAIT_S: Final = 5.0


class NoSession(ValueError):
    """There is no session to talk to; the text says where it was looked for."""


def place_of(folder: Path) -> Place:
    """The control file of a session, or of the newest session in a folder of sessions.

    Raises `NoSession`.
    """
    path = folder / FILE
    if not path.is_file():
        found = sorted(folder.glob(f"*/{FILE}"), key=lambda p: p.stat().st_mtime)
        if not found:
            raise NoSession(f"{folder} holds no session that can be talked to ({FILE})")
        path = found[-1]
    try:
        return msgspec.json.decode(path.read_bytes(), type=Place)
    except msgspec.MsgspecError as error:
        raise NoSession(f"{path} cannot be read: {error}") from None


def ask(place: Place, request: Request) -> Reply | None:
    """The session's reply; None where it runs no longer. Raises `OSError` where it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(_WAIT_S)
        try:
            channel.connect(place.socket)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        channel.sendall(msgspec.json.encode(request) + b"\n")
        with channel.makefile("rb") as answer:
            line = answer.readline()
    if not line:
        raise OSError(f"the session (process {place.pid}) closed the channel without an answer")
    return msgspec.json.decode(line, type=Reply)


def in_its_stead(place: Place, request: Request, now_ns: int) -> Reply:
    """Do to the kept switch of a session that runs no longer what its next start must find.

    Raises `BadMemory` where the file is damaged, ValueError for an unknown reason or grade.
    """
    switch = KillSwitch(memory=FileMemory(Path(place.kill_file)))
    gone: list[Latched] = []
    if isinstance(request, KillNow):
        switch.latch(manual_finding(request.who, request.coin), now_ns, Grade.of(request.grade))
    elif isinstance(request, Reset):
        gone = switch.reset(reason_of(request.reason), request.coin)
    if switch.unkept:
        raise OSError(switch.unkept)
    return Reply(latched=list(switch.latched), gone=gone)


__all__ = ["NoSession", "Reason", "ask", "in_its_stead", "place_of"]
