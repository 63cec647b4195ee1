"""A local exchange in a process of its own, so that it does not share a core with who trades on it.

The child reads its description from standard input, says where it listens on standard output, and
ends when standard input does: when its parent asks, or dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from undertow.exchange.spec import LocalSpec

READY_S = 600.0
"""How long a child may take until it listens (the first start on a machine compiles)."""
_STOP_S = 10.0


class _Ready(msgspec.Struct):
    url: str = ""
    start_ns: int = 0
    error: str = ""


class Spawned:
    """A running child. ``url``: where it listens, ``start_ns``: when its exchange opened."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, start_ns: int) -> None:
        self._process, self.url, self.start_ns = process, url, start_ns

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def stop(self) -> None:
        """End it and wait until it is gone."""
        await _end(self._process)

    def kill(self) -> None:
        """Kill it at once, as a crash would."""
        if self.running:
            self._process.kill()


async def spawn(spec: LocalSpec, *, ready_s: float = READY_S) -> Spawned:
    """Start a child and wait until it listens.

    Raises `OSError` where it cannot (port taken) or ended, `TimeoutError` after `ready_s` seconds.
    """
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "undertow.exchange.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(spec) + b"\n")
        await process.stdin.drain()
        async with asyncio.timeout(ready_s):
            line = await process.stdout.readline()
    except BaseException:
        await _end(process)
        raise
    ready = msgspec.json.decode(line, type=_Ready) if line else _Ready(error="it ended before it listened")
    if ready.error:
        await _end(process)
        raise OSError(f"the local exchange did not start: {ready.error}")
    return Spawned(process, ready.url, ready.start_ns)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None and not process.stdin.is_closing():
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _main() -> None:
    from undertow.exchange.local import LocalExchange

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    spec = msgspec.json.decode(await reader.readline(), type=LocalSpec)
    local = LocalExchange(spec)
    try:
        await local.start()
    except OSError as fault:
        _say(_Ready(error=str(fault)))
        return
    _say(_Ready(url=local.url, start_ns=local.start_ns))
    running = asyncio.create_task(local.run())
    ended = asyncio.create_task(reader.read())
    await asyncio.wait((running, ended), return_when=asyncio.FIRST_COMPLETED)
    for task in (running, ended):
        task.cancel()
    faults = await asyncio.gather(running, ended, return_exceptions=True)
    await local.stop()
    if isinstance(faults[0], Exception):
        raise faults[0]


def _say(ready: _Ready) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(ready) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_main())
