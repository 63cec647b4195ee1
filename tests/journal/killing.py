"""Real processes killed for good while they trade on a local exchange, and started again on the rest."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from undertow.exchange.child import spawn
from undertow.exchange.spec import LocalSpec, MarketSpec
from undertow.journal.reading import Reader
from undertow.journal.schema import NeverBegun
from undertow.journal.store import NAME
from undertow.journal.verify import Verdict
from undertow.live.verifying import verify_session
from undertow.venue.signing import Signer

KEY = "0x" + "5b" * 32
ROOT = Path(__file__).resolve().parents[2]
START_S, MAYBE_SILENT_S = 120.0, 45.0


@dataclass
class Killed:
    """What a series of kills came to. ``phases``: how far the process had come when it was killed."""

    kills: int = 0
    phases: dict[str, int] = field(default_factory=dict)
    fills: int = 0
    intents: int = 0
    orders_left: int = 0
    verdict: Verdict | None = None
    faults: list[str] = field(default_factory=list)
    folder: Path = Path()
    seconds: float = 0.0


class Child:
    """A trading process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.lines = process, []
        self.reading = asyncio.create_task(self._read())
        self.quoting = asyncio.Event()

    @classmethod
    async def start(cls, asked: dict) -> Child:
        source = os.pathsep.join(filter(None, (str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH"))))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.journal.live_child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": source},
        )
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        await process.stdin.drain()
        return cls(process)

    async def _read(self) -> None:
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            self.lines.append(said)
            if "quoting" in said:
                self.quoting.set()
        self.quoting.set()

    async def gone(self) -> int:
        code = await self.process.wait()
        await self.reading
        self.process.stdin.close()
        return code


async def kill_many(
    kills: int, folder: Path, seed: int, *, maker: str = "symmetric", trade_s: float = 4.0
) -> Killed:
    """Trade on one exchange; kill the process `kills` times at random moments, then let it end in order."""
    rng, began, out = random.Random(seed), time.monotonic(), Killed()
    signer = Signer(KEY, mainnet=False)
    spec = LocalSpec(
        (MarketSpec.preset("hl-btc"),),
        seed=seed,
        port=0,
        funds={signer.address.lower(): 10_000.0},
        limits=False,  # a start weighs 160 of the 1200 an address may ask a minute
        latency_s=0.02,
        jitter_s=0.02,
    )
    exchange = await spawn(spec)
    try:
        coin = spec.markets[0].coin
        asked = {"url": exchange.url, "key": KEY, "folder": str(folder), "coins": [coin], "maker": maker}
        for _ in range(kills):
            phase = await _one_life(asked, folder, rng, trade_s)
            out.kills += 1
            out.phases[phase] = out.phases.get(phase, 0) + 1
        resume = "last" if _begun(folder) else ""
        child = await Child.start(asked | {"resume": resume, "dead_man": False})
        await _quotes(child, maker)
        await asyncio.sleep(1.0)
        child.process.terminate()
        if await child.gone():
            out.faults.append(f"the last process ended with {child.process.returncode}: {child.lines[-3:]}")
        path = max(folder.glob(f"*/{NAME}"), key=lambda path: path.stat().st_mtime_ns)
        out.folder = path.parent
        with Reader(path) as reader:
            out.faults += reader.faults()
            counts = reader.counts()
            out.fills, out.intents = counts["fill"], counts["intent"]
        out.verdict = await verify_session(out.folder, exchange.url)
        out.orders_left = len(out.verdict.differences)
    finally:
        await exchange.stop()
    out.seconds = time.monotonic() - began
    return out


def _begun(folder: Path) -> bool:
    """Whether there is a journal to go on with: it has its session's row."""
    for path in folder.glob(f"*/{NAME}"):
        with contextlib.suppress(NeverBegun), Reader(path) as reader:
            reader.about()
            return True
    return False


async def _quotes(child: Child, maker: str) -> None:
    """Wait for the first order. A maker that prices its orders may have none worth placing for a while."""
    try:
        await asyncio.wait_for(child.quoting.wait(), START_S if maker == "symmetric" else MAYBE_SILENT_S)
    except TimeoutError:
        if maker == "symmetric" or not child.lines:
            raise


async def _one_life(asked: dict, folder: Path, rng: random.Random, trade_s: float) -> str:
    """Start, kill, wait; how far it had come."""
    dead_man = rng.random() < 0.3  # who cancels the orders of a dead process; else they are found again
    resume = "last" if _begun(folder) else ""
    child = await Child.start(asked | {"resume": resume, "dead_man": dead_man})
    if not _begun(folder) or rng.random() < 0.7:  # while it trades, else anywhere on the way there
        await _quotes(child, asked["maker"])
        await asyncio.sleep(rng.uniform(0.0, trade_s))
    else:
        await asyncio.sleep(rng.uniform(0.5, 6.0))
    if child.process.returncode is not None:
        raise AssertionError(f"the process ended by itself: {child.lines[-3:]}")
    child.process.kill()
    await child.gone()
    if any("quoting" in line for line in child.lines):
        return "quoting"
    return "starting" if child.lines else "loading"
