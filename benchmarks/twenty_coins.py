"""What the trading process costs with many coins: ``python -m benchmarks.twenty_coins [--coins 20]``.

`undertow run`'s own session of the undertow maker on markets with the venue's cadence: real sockets to a
local exchange in a process of its own, orders on the exchange, record and journal on, and a screen drawn by
its own process. CPU time of the trading process alone, over wall time, once every coin quotes; the other
processes beside it. ``--profile`` prints where the time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from undertow.config import Config
from undertow.live.handle import Handle
from undertow.live.running import Ended, run_session
from undertow.live.spec import RunSpec
from undertow.monitor.screen_process import ScreenProcess
from undertow.monitor.view import SessionView
from undertow.venue import connection
from undertow.venue.wire.frames import Frame

PRESET = "hl-btc"
SETTLE_S = 50.0
"""From the first view until every maker is warm and quotes."""


def _cpu_s(pid: int) -> float:
    """CPU seconds of another process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def _others() -> dict[str, int]:
    """Process ids of this process's children: the exchange and the screen."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            for name in ("exchange.child", "screen_process"):
                if name.encode() in command:
                    found[name] = int(pid)
    return found


def _counted_frames() -> list[None]:
    """Grows by one with every frame read from a socket: a machine too busy shows itself in their rate."""
    frames: list[None] = []
    decode = connection.decode_frame

    def counted(data: bytes) -> Frame:
        frames.append(None)
        return decode(data)

    connection.decode_frame = counted
    return frames


async def _measured(
    coins: int, seconds: float, maker: str, screen: ScreenProcess, profile: cProfile.Profile | None
) -> tuple[Ended, dict[str, Any]]:
    found: dict[str, Any] = {}
    frames = _counted_frames()
    handle, begun = Handle(), asyncio.Event()

    def show(view: SessionView) -> None:
        begun.set()
        screen.show(view)

    async def measure() -> None:
        await begun.wait()
        await asyncio.sleep(SETTLE_S)
        others = _others()
        before = {name: _cpu_s(pid) for name, pid in others.items()}
        wall, cpu, received = time.monotonic(), time.process_time(), len(frames)
        if profile is not None:
            profile.enable()
        await asyncio.sleep(seconds)
        if profile is not None:
            profile.disable()
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        received = len(frames) - received
        found["trading"] = cpu / wall
        found.update({name: (_cpu_s(pid) - before[name]) / wall for name, pid in others.items()})
        found["frames_per_s"], found["us_per_frame"] = received / wall, cpu / received * 1e6
        handle.stop.set()

    with tempfile.TemporaryDirectory() as folder:
        spec = RunSpec(
            markets=tuple(f"{PRESET}=C{k:02}" for k in range(coins)),
            maker=maker,
            duration_s=None,
            account_usd=200_000.0,
            history_s=0.0,
            folder=Path(folder),
        )
        measuring = asyncio.create_task(measure())
        ended = await run_session(spec, Config(), signer=None, say=_say, show=show, handle=handle)
        await measuring
    return ended, found


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.twenty_coins", description=__doc__)
    parser.add_argument("--coins", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--maker", default="undertow")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    arguments = parser.parse_args()
    profile = cProfile.Profile() if arguments.profile else None
    with Path("/dev/null").open("wb") as nowhere, ScreenProcess(output=nowhere) as screen:
        ended, found = asyncio.run(
            _measured(arguments.coins, arguments.seconds, arguments.maker, screen, profile)
        )
    fills = sum(len(end.account.fills) for end in ended.coins)
    print(f"{arguments.coins} coins, {arguments.maker}, {arguments.seconds:g} s: share of one core")
    per_s, each_us = found.pop("frames_per_s"), found.pop("us_per_frame")
    for name, share in found.items():
        print(f"  {name:<16}{share:8.1%}")
    print(f"  {per_s:.0f} frames a second, {each_us:.0f} us of CPU for each and all that hangs on it")
    print(f"  {ended.requests} requests, {fills} fills, orders left: {ended.orders_left}")
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    if arguments.json:
        found |= {"frames_per_s": per_s, "us_per_frame": each_us}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
