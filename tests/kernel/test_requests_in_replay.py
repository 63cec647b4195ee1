"""A replay: weighing moves spends a fraction of the requests and earns no less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import undertow
from undertow.config import Config
from undertow.kernel.allowance import scarcity_of
from undertow.makers import make_undertow
from undertow.recording import Recording

SEEDS = range(601, 606)


def _replay(market: Recording, by_value: bool) -> tuple[float, float, float]:
    """PnL (USD), requests and volume (USD) of a session."""
    maker = make_undertow(Config(), market.instrument)
    maker.params.reconcile.by_value = by_value
    session = undertow.run(market, maker, extent="off")
    state = session.result.maker_state
    desk, allowance = state.desk, state.allowance
    assert allowance.remaining <= 10_000.0 + desk.volume
    assert allowance.scarcity == scarcity_of(float(allowance.gone))
    assert 0.1 < allowance.life_s < 600.0
    return float(session.summary["usd"]["pnl"]), float(desk.requests), float(desk.volume)


def test_weighing_moves_spends_fewer_requests_and_earns_no_less() -> None:
    found: list[list[tuple[float, float, float]]] = []
    for seed in SEEDS:
        market = undertow.generate("hl-btc", seed=seed, duration_s=1_800.0)
        found.append([_replay(market, by_value) for by_value in (False, True)])
    table: NDArray[np.float64] = np.array(found)
    bare, weighed = table[:, 0], table[:, 1]
    assert weighed[:, 1].sum() < 0.4 * bare[:, 1].sum()
    assert weighed[:, 2].sum() > 0.5 * bare[:, 2].sum()
    better = weighed[:, 0] - bare[:, 0]
    assert better.mean() > -2.0 * better.std(ddof=1) / np.sqrt(len(better))
