"""A replay: weighing moves spends a fraction of the requests and earns no less."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

import undertow
from undertow.config import Config
from undertow.config.sections import Fees, Ladder, Quoting
from undertow.kernel.allowance import scarcity_of
from undertow.makers import make_undertow
from undertow.recording import Recording
from undertow.replay.from_config import with_fees

SEEDS = range(601, 606)


def _replay(market: Recording, by_value: bool) -> tuple[float, float, float]:
    """PnL (USD), requests and volume (USD) of a session at the fee of a market in growth mode."""
    config = Config(fees=Fees(maker_bps=0.3))
    market = with_fees(market, config)
    maker = make_undertow(config, market.instrument)
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
        market = undertow.generate("hip3-hype", seed=seed, duration_s=1_800.0)
        found.append([_replay(market, by_value) for by_value in (False, True)])
    table: NDArray[np.float64] = np.array(found)
    bare, weighed = table[:, 0], table[:, 1]
    assert weighed[:, 1].sum() < 0.4 * bare[:, 1].sum()
    assert weighed[:, 2].sum() > 0.5 * bare[:, 2].sum()
    better = weighed[:, 0] - bare[:, 0]
    assert better.mean() > -2.0 * better.std(ddof=1) / np.sqrt(len(better))


def _spent(market: Recording, price: float, budget: float) -> tuple[float, float, bytes]:
    """Requests, volume (USD) and the fills of a session."""
    config = Config(
        ladder=Ladder(request_price_bps_lots=price),
        quoting=Quoting(request_budget=budget),
        fees=Fees(maker_bps=0.3),
    )
    market = with_fees(market, config)
    result = undertow.run(market, make_undertow(config, market.instrument), extent="off").result
    desk = result.maker_state.desk
    return float(desk.requests), float(desk.volume), result.fills.tobytes()


def test_the_dearer_a_request_the_fewer_are_sent_and_free_is_free_whatever_the_allowance() -> None:
    """Summed over sessions of the same markets; at a price of 0 an allowance that lasts changes nothing."""
    totals: dict[tuple[float, float], list[float]] = {}
    for seed in (611, 612, 613):
        market = undertow.generate("hip3-hype", seed=seed, duration_s=900.0)
        fills = {}
        for case in ((0.0, 0.0), (0.0, 1e9), (0.01, 0.0), (0.1, 0.0), (1.0, 0.0), (0.01, 300.0)):
            requests, volume, fills[case] = _spent(market, *case)
            total = totals.setdefault(case, [0.0, 0.0])
            total[0] += requests
            total[1] += volume
        assert fills[0.0, 0.0] == fills[0.0, 1e9]
    spent = [totals[price, 0.0][0] for price in (0.0, 0.01, 0.1, 1.0)]
    assert all(b < 0.8 * a for a, b in pairwise(spent))
    requests, volume = totals[0.01, 300.0]
    assert requests <= 3 * 300.0 + volume
