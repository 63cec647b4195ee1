"""Eight hours of a whole session with its orders on the exchange, faster than time: memory hour by hour.

Client, two makers, order manager, guard, journal, record and the screen's views, and the local exchange, in
one process on virtual time. The exchange's own histories are bounded and fill up in the first hours.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import time
from pathlib import Path

from bars import Figure
from bars.live_memory import _rss_mb
from undertow.clock import run_virtually
from undertow.config import Config

TITLE = "A session on the exchange over eight hours"
HOURS = float(os.environ.get("UNDERTOW_MEMORY_HOURS", "8"))
SEED = 43
MOST_GROWTH_MB = 16.0
"""From a third of the time on: by then the exchange's histories are full."""


async def _hours(folder: Path, hours: float, maker: str) -> list[dict[str, float]]:
    """Trade for so long; what was measured every half hour."""
    from tests.live.full_session import MARKETS, FullSession, World

    world = World(SEED, MARKETS, remembers=False)
    pump = asyncio.create_task(world.pump())
    await asyncio.sleep(0.5)
    session = FullSession(world, folder, maker=maker, config=Config())
    await session.begin()
    course = []
    for half in range(round(2 * hours)):
        await asyncio.sleep(1_800.0)
        if session.broke is not None:
            raise session.broke
        gc.collect()
        orders = session.orders
        course.append(
            {
                "hours": (half + 1) / 2,
                "rss_mb": round(_rss_mb(), 1),
                "capture_mb": round(session.parts.recorder.bytes_written / 1e6, 2),
                "messages": session.parts.session.counts.messages,
                "sent": orders.sender.counts.sent,
                "standing": len(list(orders.table.standing())),
                "fills": sum(account.fills for account in orders.ledger.accounts.values()),
            }
        )
    await session.end()
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    world.gateway.shut()
    await asyncio.sleep(1.0)
    return course


def measure(hours: float = HOURS, maker: str = "undertow") -> list[Figure]:
    """One session of two coins, one of them followed by a reference."""
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        course = run_virtually(_hours(Path(name), hours, maker))
        took = time.perf_counter() - began
    settled = course[len(course) // 3 :]
    half = len(settled) // 2
    early, late = (sorted(at["rss_mb"] for at in part) for part in (settled[:half], settled[half:]))
    growth = late[len(late) // 2] - early[len(early) // 2]
    return [
        Figure(
            f"growth of memory over the last two thirds of {hours:g} h (medians of halves), MB",
            round(growth, 1),
            f"<= {MOST_GROWTH_MB:g}",
            growth <= MOST_GROWTH_MB,
            seeds=[SEED],
            detail={"course": course, "times_faster": round(hours * 3600 / took)},
        ),
        Figure("requests sent", course[-1]["sent"], "> 1000", course[-1]["sent"] > 1000),
    ]
