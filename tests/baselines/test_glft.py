"""The GLFT grid: its fit on exact exponentials, its formulas, and the sign of its skew.

Expected values: λ(δ) = A·e^(-kδ) sampled exactly; c₁ and c₂ from Guéant, Lehalle and Fernandez-Tapia
(2013), eqs. 4.6-4.7 with ξ = γ, written out here.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.replay.markets import COIN, Stretch, walk

from undertow.baselines.glft_grid import GlftGridSettings, make_glft_grid
from undertow.baselines.glft_math import BINS, coefficients, fit_intensity, grid, spread_of_changes
from undertow.baselines.ladder import rung_of
from undertow.replay import ReplaySettings, replay


def test_fit_recovers_a_and_k() -> None:
    a, k, window_s = 40.0, 0.12, 100_000.0
    # As many cycles reach beyond bin i as λ says, so the bins' counts are exact up to rounding.
    reached = np.round(a * np.exp(-k * (np.arange(60) + 0.5)) * window_s)
    per_bin = reached[:-1] - reached[1:]
    depths = np.repeat((np.arange(1, 60) + 1) * 0.5, per_bin.astype(int))
    # Beyond the last bin nothing: the fit uses the first twenty, where that is a small share.
    fitted_a, fitted_k = fit_intensity(depths, np.zeros(BINS), window_s, 20)
    assert fitted_k == pytest.approx(k, rel=0.02)
    assert fitted_a == pytest.approx(a, rel=0.02)


def test_fit_says_nothing_without_depth() -> None:
    assert all(np.isnan(fit_intensity(np.full(50, -np.inf), np.zeros(BINS), 10.0, 70)))
    assert all(np.isnan(fit_intensity(np.full(50, 0.5), np.zeros(BINS), 10.0, 70)))


def test_coefficients_are_glft() -> None:
    gamma, a, k = 0.05, 2.0, 0.3
    c1, c2 = coefficients(gamma, a, k)
    assert c1 == pytest.approx(math.log(1 + gamma / k) / gamma)
    assert c2 == pytest.approx(math.sqrt(gamma / (2 * a * k) * (1 + gamma / k) ** (1 + k / gamma)))


def test_spread_of_changes_is_the_standard_deviation() -> None:
    changes = np.array([np.nan, 1.0, 2.0, 4.0])
    assert spread_of_changes(changes) == pytest.approx(np.nanstd(changes))


@hypothesis_settings(deadline=None)  # the first example compiles
@given(st.floats(-20, 20), st.floats(0.1, 20), st.floats(1, 60))
def test_inventory_lowers_both_quotes_and_never_improves_the_touch(
    position: float, volatility: float, spread: float
) -> None:
    def quotes(q: float) -> tuple[int, int, int]:
        return grid(10_000.5, 10_000, 10_001, q, spread, 2.0, volatility, 1.0, 1.0, 1)

    bid, ask, gap = quotes(position)
    longer_bid, longer_ask, _ = quotes(position + 3)
    assert longer_bid <= bid <= 10_000
    assert longer_ask <= ask
    assert ask >= 10_001
    assert bid % gap == 0
    assert ask % gap == 0


@pytest.mark.parametrize(("tick", "rung"), [(100, 0), (98, 1), (96, 2), (94, -1), (99, -1), (102, -1)])
def test_rungs_of_a_bid_ladder(tick: int, rung: int) -> None:
    assert rung_of(1, 100, 2, 3, tick) == rung
    assert rung_of(-1, -100, 2, 3, -tick) == rung


def test_grid_quotes_once_its_window_is_full() -> None:
    settings = GlftGridSettings(
        window_cycles=50, update_cycles=10, order_qty=0.1, levels=3, max_orders=5, spread_factor=0.2
    )
    # 1 ms a row on average: 20 s, of which the first 5 s fill the window.
    result = replay(
        Stretch(walk(20_000, 3)),
        make_glft_grid(COIN, settings),
        ReplaySettings(order_latency_ms=5, order_jitter_ms=0, response_latency_ms=5, response_jitter_ms=0),
    )
    assert len(result.fills) > 20
    assert result.fills["sent_ns"].min() >= result.ledger["first_ns"] + 50 * 100_000_000
    # A side stops once the position is full; what already rests may still fill.
    assert result.ledger["max_abs_position"] <= 0.1 * (5 + 3) + 1e-9


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="window_cycles"):
        GlftGridSettings(window_cycles=10_000_000)
