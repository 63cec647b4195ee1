"""Eight hours of a paper session of two coins, faster than time: memory, files, and parity at the end."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bars import Figure
from undertow import makers
from undertow.clock import LoopClock, run_virtually
from undertow.config import Config
from undertow.instrument import Instrument
from undertow.maker import Maker
from undertow.synthetic.generate import GeneratedMarket, generate
from undertow.trading.capture import SessionRecorder
from undertow.trading.folder import LegStart
from undertow.trading.margin import MarginBook
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.playback import play
from undertow.trading.rerun import rerun
from undertow.trading.runner import CoinRunner
from undertow.trading.session import LiveSession

TITLE = "A live session over eight hours"

HOURS = 8.0
SEED = 41
CONFIG = Config()
MAKERS = {"A": "undertow", "B": "symmetric"}
MOST_GROWTH_MB = 8.0


def _maker_of(start: LegStart) -> Maker:
    return makers.make_recorded(start.maker, CONFIG, start.instrument)


def _rss_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS in /proc/self/status")


def _runner(coin: str, instrument: Instrument) -> CoinRunner:
    return CoinRunner(coin, instrument, makers.make(MAKERS[coin], CONFIG, instrument))


async def _session(folder: Path, markets: dict[str, GeneratedMarket], hours: float) -> list[dict[str, float]]:
    """Run the session; RSS and size of the capture every half hour."""
    clock = LoopClock(next(iter(markets.values())).start_ns)
    runners = [_runner(coin, market.instrument) for coin, market in markets.items()]
    paper = PaperExecution([PaperMarket(r.coin, r.instrument) for r in runners])
    recorder = SessionRecorder(folder)
    margin = MarginBook(10_000.0, dict.fromkeys(markets, 10.0))
    session = LiveSession(runners, paper, clock, recorder=recorder, margin=margin)
    await session.start()
    feed = asyncio.get_running_loop().create_task(play(markets, clock, session.deliver))
    course = []
    for half in range(round(2 * hours)):
        await asyncio.sleep(1_800.0)
        course.append(
            {
                "hours": (half + 1) / 2,
                "rss_mb": round(_rss_mb(), 1),
                "capture_mb": round(recorder.bytes_written / 1e6, 2),
                "messages": session.counts.messages,
                "timers": session.counts.timers,
                "fills": sum(int(r.states["desk"]["fills"][0]) for r in runners),
            }
        )
    await session.stop()
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)
    return course


def measure(hours: float = HOURS) -> list[Figure]:
    """Two generated markets with the venue's cadence of 2026, on a virtual loop."""
    markets = {
        coin: generate("hl-btc", seed=SEED + k, duration_s=hours * 3600.0 + 60.0, feed="snapshots-2026")
        for k, coin in enumerate(MAKERS)
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "session"
        began = time.perf_counter()
        course = run_virtually(_session(folder, markets, hours))
        took = time.perf_counter() - began
        verdict = rerun(folder, _maker_of)
        store_mb = sum(p.stat().st_size for p in (folder / "market").rglob("*.parquet")) / 1e6
    early, late = (
        statistics.median(at["rss_mb"] for at in part) for part in (course[1 : len(course) // 2], course[-4:])
    )
    growth = late - early
    per_hour = course[-1]["capture_mb"] / hours / len(MAKERS)
    return [
        Figure(
            f"growth of memory, hours 1 to {hours / 2:g} against the last two (medians), MB",
            round(growth, 1),
            f"<= {MOST_GROWTH_MB:g}",
            growth <= MOST_GROWTH_MB,
            seeds=[SEED, SEED + 1],
            detail={
                "course": course,
                "store_mb": round(store_mb, 2),
                "times_faster": round(hours * 3600 / took),
            },
        ),
        Figure("capture per coin and hour, MB", round(per_hour, 2), "<= 10", per_hour <= 10.0),
        Figure(
            "rerun: requests and final states the same",
            f"{verdict.requests:,} requests, {verdict.states} states",
            "no difference",
            verdict.same and verdict.states == len(MAKERS),
            detail={"rows": verdict.rows, "differences": [str(d) for d in verdict.differences]},
        ),
    ]
