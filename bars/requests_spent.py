"""What weighing moves saves: requests and PnL, against tolerances alone, on the same generated markets.

Two presets, an hour a seed, paired by seed. Features are off (calibration "none"); `hip3-hype` trades at a
maker fee of 0.3 bps, at which it quotes most.
"""

from __future__ import annotations

import numpy as np

import undertow
from bars import Figure
from undertow.config import Config
from undertow.config.sections import Belief, Fees
from undertow.makers import make_undertow
from undertow.replay.from_config import with_fees

TITLE = "Requests spent, moves weighed"
DURATION_S = 3600.0
CASES = (("hip3-hype", 0.3, range(501, 509)), ("hl-btc", None, range(501, 533)))


def _case(preset: str, fee: float | None, seeds: range) -> Figure:
    """Requests per USD traded, weighed over bare; in the detail what it did to PnL."""
    config = Config(belief=Belief(calibration="none"), fees=Fees(maker_bps=fee))
    rows = []
    for seed in seeds:
        market = with_fees(undertow.generate(preset, seed=seed, duration_s=DURATION_S), config)
        pair = []
        for by_value in (False, True):
            maker = make_undertow(config, market.instrument)
            maker.params.reconcile.by_value = by_value
            session = undertow.run(market, maker, extent="off")
            desk = session.result.maker_state.desk
            pair.append((session.summary["usd"]["pnl"], float(desk.requests), float(desk.volume)))
        rows.append(pair)
    pnl, requests, volume = np.moveaxis(np.array(rows), 2, 0)
    better = pnl[:, 1] - pnl[:, 0]
    error = float(better.std(ddof=1) / np.sqrt(len(better)))
    per_usd = requests.sum(axis=0) / volume.sum(axis=0)
    t = float(better.mean()) / error
    detail = {
        "per USD, tolerances": round(float(per_usd[0]), 3),
        "per USD, weighed": round(float(per_usd[1]), 3),
        "volume ratio": round(float(volume[:, 1].sum() / volume[:, 0].sum()), 3),
        "PnL gained a session, USD": round(float(better.mean()), 3),
        "its standard error": round(error, 3),
    }
    share = float(per_usd[1] / per_usd[0])
    passed = share <= 0.5 and t > -2.0
    return Figure(
        f"requests per USD, weighed/bare, {preset}",
        round(share, 3),
        "<= .5, PnL t > -2",
        passed,
        list(seeds),
        detail,
    )


def measure() -> list[Figure]:
    """Both presets."""
    return [_case(*case) for case in CASES]
