"""What the estimators say of real recordings, against figures measured independently.

Expected: the data folder's README and docs/model.md §§3, 5 (Hyperliquid BTC: naive κ 6 per bp, 1.4
beyond 1 bp, σ .37–.71 bps/√s from .5 to 30 s, loss .25σ√h at 5 s, 1.1 aggressor orders/s, touch spread
.09 bps). Those are averages over 35 minutes; ours are of the last window or hour, hence the width.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tests.laws.drive import drive_book, fresh

from undertow.data.convert import convert
from undertow.data.source import Options
from undertow.kernel.estimators import estimator_params
from undertow.kernel.flow import flow_rates
from undertow.kernel.intensity import COUNT, EXCESS, NAIVE, QUOTED, intensity_params
from undertow.kernel.l2book import new_book
from undertow.kernel.markout import markout_curve_bps, markout_sigma_ref
from undertow.kernel.reaction import reaction_params
from undertow.kernel.volatility import SLOW, sigma_clean, sigma_total
from undertow.records import Rec


@pytest.fixture(scope="module")
def btc(recordings: Path) -> tuple[Rec, Rec]:
    folder = recordings / "hyperliquid_2025-09-04"
    conversion = convert("hyperliquid-csv", [folder], options=Options(coin="BTC"))
    state, params = fresh(
        estimator_params(intensity=intensity_params(quoted_bps=1.0), reaction=reaction_params(fixed_s=0.0))
    )
    book, inst = new_book(erode=True), conversion.instrument.record()
    for chunk in conversion.chunks():
        drive_book(state, params, inst, book, chunk.rows, chunk.snapshots, 100_000_000)
    return state, params


def test_volatility(btc: tuple[Rec, Rec]) -> None:
    state, params = btc
    assert 0.37 < sigma_total(state.volatility, params.volatility, SLOW) < 0.75
    assert 0.3 < sigma_clean(state.volatility, params.volatility, SLOW) < 0.75
    assert 0.37 < markout_sigma_ref(state.markout) < 0.8
    assert state.clock.ticks > 200
    assert state.clock.gaps == 1


def test_intensity(btc: tuple[Rec, Rec]) -> None:
    state, _ = btc
    it = state.intensity
    orders = it.hour[:, NAIVE, COUNT].sum() / it.hour_s
    naive, deep = (it.hour[:, fit, COUNT].sum() / it.hour[:, fit, EXCESS].sum() for fit in (NAIVE, QUOTED))
    assert orders == pytest.approx(1.1, abs=0.15)
    assert naive == pytest.approx(6.0, rel=0.25)
    assert deep == pytest.approx(1.4, rel=0.3)
    assert it.touch_bps == pytest.approx(0.045, rel=0.5)
    assert it.chosen != NAIVE
    rates = flow_rates(state.flow, btc[1].flow)
    assert 0.5 < sum(rates) < 2.0


def test_adverse_selection(btc: tuple[Rec, Rec]) -> None:
    """At 5 s .25σ√h = .3 bps for all orders, much more for those that reach a bp; and no trend in it."""
    state, _ = btc
    level = 0.25 * markout_sigma_ref(state.markout) * math.sqrt(5.0)
    both = [markout_curve_bps(state.markout, i, 0.0, 5.0) for i in (0, 1)]
    assert np.mean(both) == pytest.approx(level, rel=0.4)
    for index in (0, 1):
        depths = [markout_curve_bps(state.markout, index, d, 5.0) for d in (0.0, 0.25, 0.75, 1.5)]
        assert depths == sorted(depths)
        assert 1.2 < depths[-1] < 4.0
        assert abs(markout_curve_bps(state.markout, index, 0.0, 600.0)) < 0.6
    assert state.markout.public.dropped[:4].sum() <= 30  # what matured inside the 18 s gap


def test_drift(btc: tuple[Rec, Rec]) -> None:
    state, params = btc
    assert abs(state.belief.drift.mu) < 0.1
    assert (
        params.belief.drift.floor_variance
        <= state.belief.drift.variance
        <= params.belief.drift.initial_variance
    )
    assert 0.3 < state.belief.drift.noise_ratio < 1.5
    assert state.belief.drift.observations > 1900
