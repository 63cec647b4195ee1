"""Markout curves, calibration and session statistics on sessions whose answers are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from undertow.account.calibration import edge_groups, fill_rates
from undertow.account.decomposition import decompose
from undertow.account.markouts import curve, curves_by_depth, curves_by_side, depth_bps
from undertow.account.session import (
    MIN_ROUND_TRIPS,
    inventory_half_life_s,
    max_drawdown,
    on_grid,
    round_trips,
    sharpe,
)
from undertow.instrument import Instrument
from undertow.replay.log import FILL_LOG, MARKOUT_HORIZONS_S

Make = Callable[..., tuple[np.ndarray, np.void]]
SECOND = 1_000_000_000


def test_curve_ties_to_the_decomposition(make_session: Make, instrument: Instrument) -> None:
    """Loss in bps × volume is the loss in USD, up to the mid's drift over the session."""
    fills, ledger = make_session(instrument, 300, seed=5)
    known = np.isfinite(fills["mid_after"][:, 4])
    parts = decompose(fills, ledger, instrument, 10.0)
    c = curve("all", fills, instrument, known)
    loss_usd = (parts.markout_loss * parts.usd_rate)[known].sum()
    from_curve = c.loss_bps[4] * 1e-4 * parts.volume[known].sum()
    assert from_curve == pytest.approx(loss_usd, rel=0.02, abs=1e-7 * parts.volume.sum())
    assert c.counts[4] == known.sum()


def test_signs_of_the_curve(instrument: Instrument) -> None:
    fills = np.zeros(2, dtype=FILL_LOG)
    fills["side"], fills["qty"], fills["mid"] = [1, -1], 1.0, 100.0
    fills["px"] = [99.99, 100.01]
    fills["mid_after"] = 99.98  # fell 2 bps: bad for the buy, good for the sell
    buys, sells = curves_by_side(fills, instrument)
    assert buys.spread_bps == pytest.approx(1.0, rel=1e-3)
    assert sells.spread_bps == pytest.approx(1.0, rel=1e-3)
    assert buys.loss_bps[0] == pytest.approx(2.0, rel=1e-3)
    assert sells.loss_bps[0] == pytest.approx(-2.0, rel=1e-3)
    assert buys.edge_bps[0] == pytest.approx(-1.0, rel=1e-3)


def test_depth_groups_hold_every_fill_once(make_session: Make, instrument: Instrument) -> None:
    fills, _ = make_session(instrument, 203, seed=6)
    groups = curves_by_depth(fills, instrument)
    assert sum(g.fills for g in groups) == 203
    assert curves_by_depth(fills[:30], instrument) == []
    assert np.isfinite(depth_bps(fills, instrument)).all()


def test_horizons_beyond_the_recording_are_left_out(make_session: Make, instrument: Instrument) -> None:
    fills, _ = make_session(instrument, 80, seed=8)
    c = curve("all", fills, instrument)
    assert c.counts == np.isfinite(fills["mid_after"]).sum(axis=0).tolist()
    assert len(c.loss_bps) == len(MARKOUT_HORIZONS_S)


def test_forecasts_that_are_true_are_covered() -> None:
    rng = np.random.default_rng(0)
    edges = np.linspace(0, 20, 201)
    exposure = np.full((2, 200), 1000.0)
    predicted = exposure * rng.uniform(0.001, 0.05, exposure.shape)
    rates = fill_rates(edges, exposure, predicted, rng.poisson(predicted).astype(float))
    assert len(rates) == 400
    assert 0.93 < np.mean([r.covered for r in rates]) <= 0.99
    doubled = fill_rates(edges, exposure, predicted, rng.poisson(2 * predicted).astype(float))
    assert np.mean([r.covered for r in doubled]) < 0.3


def test_depths_never_quoted_are_left_out() -> None:
    exposure = np.array([[10.0, 0.0], [0.0, 10.0]])
    rates = fill_rates(np.array([0.0, 1.0, 2.0]), exposure, exposure * 0.1, np.zeros((2, 2)))
    assert [(r.side, r.depth_low_bps) for r in rates] == [(1, 0.0), (-1, 1.0)]
    assert all(r.low == 0.0 for r in rates)


def test_edge_deciles_recover_a_true_forecast(make_session: Make, instrument: Instrument) -> None:
    fills, ledger = make_session(instrument, 500, seed=9)
    parts = decompose(fills, ledger, instrument)
    fills["edge_bps"] = parts.fill_pnl * parts.usd_rate / parts.volume * 1e4
    groups = edge_groups(fills, parts)
    assert len(groups) == 10
    assert sum(g.fills for g in groups) == 500
    assert [g.realised_bps for g in groups] == pytest.approx([g.predicted_bps for g in groups])
    assert [g.realised_bps for g in groups] == sorted(g.realised_bps for g in groups)


def test_no_forecast_no_deciles(make_session: Make, instrument: Instrument) -> None:
    fills, ledger = make_session(instrument, 50)
    fills["edge_bps"] = 0.0
    assert edge_groups(fills, decompose(fills, ledger, instrument)) == []
    fills["edge_bps"] = np.nan
    assert edge_groups(fills, decompose(fills, ledger, instrument)) == []


@pytest.mark.parametrize(
    ("positions", "trips"),
    [([], 0), ([1, 2, 3], 0), ([1, 0], 1), ([1, 0, 1, 0], 2), ([1, -1, 1], 2), ([1, 1e-9, -1], 1)],
)
def test_round_trips(positions: list[float], trips: int) -> None:
    assert round_trips(np.array(positions, dtype=float), 0.001) == trips


def test_drawdown_counts_from_zero() -> None:
    assert max_drawdown(np.array([0.0, 5.0, 2.0, 4.0, 1.0, 9.0])) == 4.0
    assert max_drawdown(np.array([-3.0, -1.0])) == 3.0
    assert max_drawdown(np.array([np.nan])) == 0.0


def test_half_life_of_an_ou_position() -> None:
    """An AR(1) position with half-life 30 s; seed 3, six hours of seconds."""
    rng = np.random.default_rng(3)
    a = 0.5 ** (1 / 30.0)
    x = np.zeros(21_600)
    for i in range(1, len(x)):
        x[i] = a * x[i - 1] + rng.normal()
    times = np.arange(len(x)) * SECOND
    assert inventory_half_life_s(times, x) == pytest.approx(30.0, rel=0.15)
    assert math.isnan(inventory_half_life_s(times, np.zeros(len(x))))
    assert math.isnan(inventory_half_life_s(times, np.ones(len(x))))


def test_values_are_held_between_samples() -> None:
    times = np.array([0, 3, 4], dtype=np.int64) * SECOND
    assert on_grid(times, np.array([1.0, 2.0, 5.0]), 1.0).tolist() == [1.0, 1.0, 1.0, 2.0, 5.0]


def test_sharpe_says_how_it_was_sampled() -> None:
    rng = np.random.default_rng(2)
    times = np.arange(7201) * SECOND
    equity = np.cumsum(rng.normal(0.01, 1.0, 7201))
    s = sharpe(times, equity, MIN_ROUND_TRIPS - 1)
    assert s is not None
    assert (s.sampling_s, s.samples, s.trusted) == (60.0, 120, False)
    minutes = np.diff(equity[::60])
    assert s.value == pytest.approx(minutes.mean() / minutes.std(ddof=1) * math.sqrt(525_960))
    assert s.error == pytest.approx(math.sqrt(525_960 / 120), rel=0.05)
    trusted = sharpe(times, equity, MIN_ROUND_TRIPS)
    assert trusted is not None
    assert trusted.trusted
    assert sharpe(times, np.zeros(7201), 5) is None
    assert sharpe(times[:1], equity[:1], 5) is None
