"""Replay a maker over a generated market, look into its session, write its report.

python examples/session.py [SECONDS]
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

import undertow


def main(seconds: float = 1800.0, folder: Path = Path("reports")) -> Path:
    """Run half an hour of market (by default) and print what the session earned, and from what."""
    market = undertow.generate("hl-btc", seed=7, duration_s=seconds)
    session = undertow.run(market, "undertow", extent="corners")

    usd = session.summary["usd"]
    print(f"PnL {usd['pnl']:+.2f} USD = spread {usd['spread']:.2f} - markout loss {usd['markout_loss']:.2f}")
    print(f"    - fees {usd['fees']:.2f} + funding {usd['funding']:.2f} + inventory {usd['inventory']:.2f}")
    for run in session.summary["range"]:
        print(f"  {run['name']:12} {run['pnl_usd']:+8.2f} USD  ({run['queue']} queue, {run['latency']})")

    # Fills are a polars frame: what did each level of the ladder earn by ten seconds after its fills?
    by_level = session.fills.group_by("level").agg(
        pl.len().alias("fills"),
        pl.col("depth_bps").mean().round(2),
        (pl.col("spread_usd") - pl.col("markout_loss_usd") - pl.col("fee_usd")).sum().round(4).alias("usd"),
    )
    print(by_level.sort("level"))

    # So are the market's events, and what the maker saw and wanted.
    print(session.events.group_by("kind").len().sort("kind"))
    print(session.observations.select("time", "mid", "position", "reservation_px", "equity").tail(3))

    return session.report(folder / "example.html")


if __name__ == "__main__":
    print(f"report: {main(*(float(argument) for argument in sys.argv[1:2]))}")
