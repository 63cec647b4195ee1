"""The light account agrees with the full one, and its blocks with its PnL."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.account.build import account_of
from undertow.account.measures import measure
from undertow.account.session import position_usd
from undertow.baselines.symmetric import SymmetricSettings, make_symmetric
from undertow.replay import ReplayResult, replay
from undertow.replay.log import MARKOUT_HORIZONS_S
from undertow.synthetic.generate import generate


@pytest.fixture(scope="module")
def result() -> ReplayResult:
    market = generate("hl-btc", seed=3, duration_s=300.0)
    settings = SymmetricSettings(half_spread_bps=0.3, spacing_bps=0.3, levels=3, order_usd=500.0)
    return replay(market, make_symmetric(market.instrument, settings))


def test_measures_are_the_accounts(result: ReplayResult) -> None:
    mine = measure(result)
    full = account_of(result.fills, result.observations, result.ledger, result.instrument)
    assert mine.fills == len(full.fills) > 20
    assert mine.totals == full.parts.total_usd
    assert (mine.pnl_usd, mine.volume_usd) == (full.pnl_usd, full.volume_usd)
    assert (mine.max_drawdown_usd, mine.max_abs_usd) == (full.max_drawdown_usd, full.max_position_usd)
    assert mine.mean_abs_usd == pytest.approx(full.mean_abs_position_usd)
    assert (mine.requests, mine.round_trips) == (full.requests.total, full.round_trips)
    losses = [1e4 * a / b if b else np.nan for a, b in zip(mine.loss_usd, mine.known_usd, strict=True)]
    assert losses == pytest.approx(full.everything.loss_bps, nan_ok=True)
    held = position_usd(result.observations, result.instrument)
    held = held[np.isfinite(held)]
    assert mine.inventory_sd_usd == pytest.approx(np.sqrt(np.mean(held**2)))


def test_blocks_add_up_to_the_pnl(result: ReplayResult) -> None:
    mine = measure(result, MARKOUT_HORIZONS_S[0], block_s=60.0)
    assert len(mine.blocks_usd) == 5
    assert sum(mine.blocks_usd) == pytest.approx(mine.pnl_usd)
    times = result.observations["time_ns"]
    first = result.observations["equity"][times <= result.ledger["first_ns"] + 60_000_000_000][-1]
    assert mine.blocks_usd[0] == pytest.approx(first)
    assert len(measure(result, block_s=1e9).blocks_usd) == 1
