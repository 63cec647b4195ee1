"""A process that cancels all our orders when the session that started it is heard no more.

It lives in a session (of the operating system's) of its own, holds the same agent's key - given over a pipe
of its own, never by argument or environment - and listens to a beat on standard input. When that ends
without a farewell (the parent was killed, or crashed), or stays out for `silence_s` (it hangs), it lists the
open orders and cancels those that are ours (`undertow.trading.orders.cloid`) on the session's coins, again
and again until none has been listed for `linger_s`: what was under way may still arrive. A venue that does
not answer for `give_up_s` is given up. A beat after a silence only is heard again. What it does goes to a
file, which holds no secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from undertow.clock import WallClock
from undertow.trading.orders.batching import MOST
from undertow.trading.orders.cloid import name_of
from undertow.venue.client import VenueClient
from undertow.venue.endpoints import Network
from undertow.venue.failures import VenueFailure
from undertow.venue.http import HttpxClient
from undertow.venue.signing import Signer
from undertow.venue.transport import Connector, Listener, Socket
from undertow.venue.wire.account import FrontendOrder
from undertow.venue.wire.actions import Cancel, CancelSpec
from undertow.venue.wire.info import FrontendOpenOrdersRequest

BEAT: Final = b"."
FAREWELL: Final = b"q"
BEAT_S: Final = 1.0
_READY: Final = b"ready\n"
_ROUND_S: Final = 1.0
_SLOW_ROUND_S: Final = 10.0


class WatchSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is watched: the venue at `url`, the `account` whose orders they are, the coins' asset ids, and
    the number of the session as its orders' cloids say it."""

    url: str
    network: Network
    account: str
    assets: dict[str, int]
    session: int
    log: str
    silence_s: float = 15.0
    linger_s: float = 12.0
    give_up_s: float = 3_600.0
    vault: str | None = None

    @property
    def dexes(self) -> tuple[str, ...]:
        """The dexes of the coins."""
        return tuple(dict.fromkeys(coin.rpartition(":")[0] for coin in self.assets))


class Watchdog:
    """The parent's end: a running child. It is no child of the event loop's, whose end would kill it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        assert process.stdin is not None
        self._pipe = process.stdin.fileno()
        os.set_blocking(self._pipe, False)
        self._beating: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it watches."""
        return self._process.poll() is None

    def start(self) -> None:
        """Beat from now on, on the running event loop."""
        self._beating = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        while self.running:
            self._write(BEAT)
            await asyncio.sleep(BEAT_S)

    def _write(self, what: bytes) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._pipe, what)

    async def stop(self) -> None:
        """The session has ended in order: nothing is to be cancelled."""
        self._write(FAREWELL)
        await self.leave()
        for _ in range(100):
            if not self.running:
                return
            await asyncio.sleep(0.1)
        self._process.kill()
        self._process.wait()

    async def leave(self) -> None:
        """Beat no longer and say nothing: it cancels what is left, and ends by itself."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """What a terminal sends to all reaches this thread after the block, and a process started in it never.

    A Ctrl-C between that process's birth and its session of its own would kill it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def watch(spec: WatchSpec, signer: Signer) -> Watchdog:
    """Start a watchdog and wait until it watches. Raises `OSError` where it does not start."""
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    reading, writing = os.pipe()
    try:
        with _deaf():
            process = subprocess.Popen(
                [sys.executable, "-m", "undertow.live.watchdog", str(reading)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(reading,),
                env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,
            )
        signer.give_to_child(writing)
    finally:
        os.close(reading)
        os.close(writing)
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # it has nothing to say then
        process.stdin.write(msgspec.json.encode(spec) + b"\n")
        process.stdin.flush()
    line = await asyncio.to_thread(process.stdout.readline)
    if line != _READY:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        raise OSError("the watchdog process did not start")
    return Watchdog(process)


# ---- the child's end ---------------------------------------------------------------------------------


class _NoSocket:
    """A client that only asks and acts over HTTP needs no socket."""

    async def connect(self, listener: Listener) -> Socket:
        raise ConnectionRefusedError("the watchdog has no socket")


class Canceler:
    """Cancels what is ours on the session's coins."""

    def __init__(self, client: VenueClient, spec: WatchSpec) -> None:
        self._client, self._spec = client, spec
        self.canceled: set[int] = set()

    async def once(self) -> int:
        """List and cancel; how many were listed. Raises `VenueFailure`."""
        listed = 0
        for dex in self._spec.dexes:
            orders = await self._client.info(FrontendOpenOrdersRequest(user=self._spec.account, dex=dex))
            ours = [o for o in orders if self._is_ours(o)]
            listed += len(ours)
            for start in range(0, len(ours), MOST):
                part = ours[start : start + MOST]
                await self._client.act(
                    Cancel([CancelSpec(self._spec.assets[o.coin], o.oid) for o in part], fast=True)
                )
                self.canceled |= {o.oid for o in part}
        return listed

    def _is_ours(self, order: FrontendOrder) -> bool:
        """Whether the session sent it: a later one of the same account is let alone."""
        name = name_of(order.cloid)
        return name is not None and name.session == self._spec.session and order.coin in self._spec.assets

    async def until_none(self, log: Log) -> bool:
        """Until none has been listed for ``linger_s`` seconds; False: the venue was given up."""
        loop, spec = asyncio.get_running_loop(), self._spec
        quiet_since: float | None = None
        deaf_since: float | None = None
        pause_s = _ROUND_S
        while True:
            now = loop.time()
            try:
                listed = await self.once()
            except VenueFailure as error:
                if deaf_since is None:
                    log.write(f"the venue does not answer: {error}")
                deaf_since, quiet_since = deaf_since or now, None
                if now - deaf_since >= spec.give_up_s:
                    return False
                pause_s = min(2.0 * pause_s, _SLOW_ROUND_S)
            else:
                deaf_since, pause_s = None, _ROUND_S
                quiet_since = (quiet_since or now) if listed == 0 else None
                if listed:
                    log.write(f"{listed} orders of ours were open; cancels sent")
                if quiet_since is not None and now - quiet_since >= spec.linger_s:
                    return True
            await asyncio.sleep(pause_s)


class Log:
    """Lines with the time, in a file of mode 0600."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, text: str) -> None:
        """One line."""
        os.write(self._descriptor, f"{WallClock().now_ns() // 1_000_000} {text}\n".encode())


async def _listen(reader: asyncio.StreamReader, silence_s: float) -> str:
    """Why the parent is heard no more: ``farewell``, ``end`` or ``silence``."""
    while True:
        try:
            async with asyncio.timeout(silence_s):
                heard = await reader.read(4096)
        except TimeoutError:
            return "silence"
        if FAREWELL in heard:
            return "farewell"
        if not heard:
            return "end"


async def _main(key_descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    spec = msgspec.json.decode(await reader.readline(), type=WatchSpec)
    with os.fdopen(key_descriptor, "rb") as pipe:
        signer = Signer(pipe.read(32), mainnet=spec.network == "mainnet")
    log = Log(spec.log)
    socket: Connector = _NoSocket()
    client = VenueClient(
        HttpxClient(spec.url),
        socket,
        WallClock(),
        network=spec.network,
        signer=signer,
        account=spec.account,
        vault=spec.vault,
    )
    sys.stdout.buffer.write(_READY)
    sys.stdout.buffer.flush()
    log.write(f"watching process {os.getppid()} for {spec.account}")
    try:
        while (why := await _listen(reader, spec.silence_s)) != "farewell":
            log.write("the session has ended without a farewell" if why == "end" else "the session is silent")
            canceler = Canceler(client, spec)
            shown = await canceler.until_none(log)
            done = f"{len(canceler.canceled)} were cancelled"
            if shown:
                log.write(f"no order of ours is left; {done}")
            else:
                log.write(f"given up: the venue did not answer for {spec.give_up_s:g} s; {done}; look there")
            if why == "end":
                break
    finally:
        await client.close()


if __name__ == "__main__":
    for quiet in (signal.SIGINT, signal.SIGHUP):
        signal.signal(quiet, signal.SIG_IGN)
    asyncio.run(_main(int(sys.argv[1])))
