"""The judge of forecasts, and the maker that asks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import undertow
from undertow.config import Config
from undertow.research.probe_maker import N_BINS, make_probes, probe_depth
from undertow.research.probes import Seen, depth_deciles, slope_of


def _seen(rate: float, truth: float, seed: int = 1) -> Seen:
    rng = np.random.default_rng(seed)
    exposure = np.full(N_BINS, 1000.0)
    predicted = rate * exposure * np.exp(-np.arange(N_BINS) / 20.0)
    fills = rng.poisson(truth * predicted).astype(float)
    none = np.empty(0)
    return Seen(none, none, none, 6.0, exposure, predicted, fills)


def test_slope_of_a_true_forecast_and_of_one_twice_too_bold() -> None:
    rng = np.random.default_rng(3)
    expected = rng.normal(-1.0, 2.0, 4000)
    time_s = np.sort(rng.uniform(0, 86_400, 4000))
    realised = expected + rng.normal(0, 5.0, 4000)
    fit = slope_of(expected, realised, time_s)
    assert abs(fit.slope - 1.0) < 3 * fit.error
    assert fit.error == pytest.approx(5.0 / 2.0 / np.sqrt(4000), rel=0.15)
    assert slope_of(2 * expected, realised, time_s).slope == pytest.approx(fit.slope / 2)
    low, high = fit.interval
    assert low < fit.slope < high


def test_errors_grow_with_what_fills_of_a_minute_share() -> None:
    rng = np.random.default_rng(4)
    block = np.repeat(np.arange(200), 20)
    expected = np.repeat(rng.normal(0, 1, 200), 20)
    realised = expected + np.repeat(rng.normal(0, 1, 200), 20)
    fit = slope_of(expected, realised, block * 60.0)
    assert fit.error == pytest.approx(1 / np.sqrt(200), rel=0.3)


@pytest.mark.parametrize(("truth", "agrees"), [(1.0, True), (1.6, False), (0.6, False)])
def test_deciles_tell_a_true_rate_from_a_wrong_one(truth: float, agrees: bool) -> None:
    groups = depth_deciles(_seen(2.0, truth))
    assert 8 <= len(groups) <= 10
    assert sum(g.fills for g in groups) > 0
    assert all(a.to_bps == b.from_bps for a, b in pairwise(groups))
    met = sum(g.met for g in groups)
    assert met == len(groups) if agrees else met <= 1


def test_probes_keep_to_their_strips_and_do_not_follow_the_market() -> None:
    market = undertow.generate("hl-btc", seed=5, duration_s=600.0)
    maker = make_probes(Config(), market.instrument, deepest_bps=8.0, lot_usd=12.0)
    depths = np.array(
        [[probe_depth(maker.params.probe, 8, k, 1, t * 10**9) for k in range(8)] for t in range(0, 3600, 7)]
    )
    assert (depths >= np.arange(8)).all()
    assert (depths < np.arange(1, 9)).all()
    assert np.abs(depths.mean(axis=0) - np.arange(8) - 0.5).max() < 0.12
    session = undertow.run(market, maker, extent="off")
    tally = session.result.maker_state.probed
    assert tally.exposure_s.sum() > 8 * 2 * 300
    assert session.account.fills.size > 5
    assert set(session.account.fills["side"]) == {-1, 1}


def test_what_cannot_be_is_named() -> None:
    instrument = undertow.generate("hl-btc", seed=5, duration_s=60.0).instrument
    with pytest.raises(ValueError, match="deepest_bps = 0"):
        make_probes(Config(), instrument, deepest_bps=0.0, lot_usd=12.0)
    with pytest.raises(ValueError, match="lot_usd = 1 is below"):
        make_probes(Config(), instrument, deepest_bps=1.0, lot_usd=1.0)
