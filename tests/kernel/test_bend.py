"""The bend: an inverse pair, its limits, the exact solutions it was taken from, and its order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from tests.kernel.test_ladder import rungs_of

from undertow.kernel.bend import bend_of, inventory_lots, inventory_price, response_shift
from undertow.kernel.ladder import level_value, lots_price, price_lots, solve_sizes, sweep_value

CASES = {
    "kappa_eta": st.floats(1e-3, 3.0),
    "ratio": st.floats(0.2, 5.0),
    "size": st.one_of(st.floats(1e-3, 1e3), st.just(math.inf)),
    "lots": st.floats(-30.0, 30.0),
}


def bent(kappa_eta: float, ratio: float, size: float) -> tuple[float, float, float]:
    bid, ask = 1.0 / math.sqrt(ratio), math.sqrt(ratio)
    return (kappa_eta, *bend_of(kappa_eta, 1.0, bid, ask, size))


@settings(max_examples=300, deadline=None)
@given(**CASES)
def test_price_and_lots_are_inverse(kappa_eta: float, ratio: float, size: float, lots: float) -> None:
    eta, s, c = bent(kappa_eta, ratio, size)
    price = inventory_price(eta, s, c, lots)
    assert inventory_lots(eta, s, c, price) == pytest.approx(lots, rel=1e-9, abs=1e-9)
    assert price == 0.0 or math.copysign(1.0, price) == math.copysign(1.0, lots)
    assert inventory_price(eta, s, c, lots + 0.01) > price


@settings(max_examples=300, deadline=None)
@given(**CASES)
def test_a_mirrored_market_has_the_mirrored_price(
    kappa_eta: float, ratio: float, size: float, lots: float
) -> None:
    here, there = bent(kappa_eta, ratio, size), bent(kappa_eta, 1.0 / ratio, size)
    assert inventory_price(*there, -lots) == pytest.approx(-inventory_price(*here, lots), rel=1e-9)
    shift = [response_shift(kappa_eta, 1.0, *pair, size) for pair in ((1.0, ratio), (ratio, 1.0))]
    assert shift[0] == pytest.approx(-shift[1])
    assert abs(shift[0]) <= abs(math.log(ratio)) / (1.0 + ratio) * (1 + 1e-12)


@settings(max_examples=200, deadline=None)
@given(kappa_eta=st.floats(1e-3, 3.0), size=CASES["size"], ratio=CASES["ratio"], lots=st.floats(0.1, 30))
def test_more_risk_costs_more(kappa_eta: float, size: float, ratio: float, lots: float) -> None:
    low = inventory_price(*bent(kappa_eta, ratio, size), lots)
    assert inventory_price(*bent(1.01 * kappa_eta, ratio, size), lots) > low


def test_few_lots_are_straight() -> None:
    for size in (1e-3, 1.0, math.inf):
        eta, s, c = bent(0.3, 1.0, size)
        assert inventory_price(eta, s, c, 1e-4) == pytest.approx(eta * 1e-4, rel=1e-7)


def test_endless_aggressors_have_the_exact_price() -> None:
    """γσ²q = F₀·(e^(κ_a·P) − e^(−κ_b·P)), F₀ the income of a side where both earn the same."""
    for ratio in (1.0, 1.4):
        bid, ask = 1.0 / math.sqrt(ratio), math.sqrt(ratio)
        kappa = 0.5 * (bid + ask)  # the price bends with this mean; η's κ is the harmonic one, 4 % below
        s, c = bend_of(0.4, kappa, bid, ask, math.inf)
        for lots in (-5.0, -1.0, 0.5, 4.0):
            p = inventory_price(0.4, s, c, lots)
            assert (math.exp(ask * p) - math.exp(-bid * p)) / (2 * kappa) == pytest.approx(0.4 * lots)


def test_endless_aggressors_balance_income() -> None:
    shift = response_shift(0.4, 1.0, 0.8, 1.2, math.inf)
    assert math.exp(-1.2 * shift) / 1.2 == pytest.approx(math.exp(0.8 * shift) / 0.8)
    assert response_shift(0.4, 1.0, 0.8, 1.2, 1e-6) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_bent_sizes_are_the_optimum_found_by_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, eta, room = int(rng.integers(2, 6)), float(rng.uniform(0.1, 0.5)), 9.0
    margins = list(np.cumsum(rng.uniform(0.2, 1.0, n)) + rng.uniform(0.2, 2.0))
    rates = list(np.exp(-0.6 * np.asarray(margins)))
    rungs = rungs_of(margins, rates, room)
    rungs.held_lots = rng.uniform(-4.0, 4.0)
    rungs.bend, rungs.tilt = bend_of(eta, 1.0, 0.9, 1.1, rng.choice([1.0, math.inf]))
    rungs.held_bps = inventory_price(eta, rungs.bend, rungs.tilt, rungs.held_lots)
    solve_sizes(rungs, eta)
    depth = np.linspace(0.0, room, 4001)
    price = np.array([lots_price(rungs, eta, s) for s in depth])
    lost = np.concatenate([[0.0], np.cumsum(0.5 * (price[1:] + price[:-1]) * np.diff(depth))])

    def value(sizes: np.ndarray) -> float:
        ends = np.maximum.accumulate(np.clip(sizes, 0.0, room))
        cost = np.interp(ends, depth, lost)
        return float(np.sum(rates * (margins * np.diff(ends, prepend=0.0) - np.diff(cost, prepend=0.0))))

    ours = value(rungs.cumulative_lots[:n])
    for _ in range(3):
        start = np.sort(rng.uniform(0.0, room, n))
        fit = minimize(lambda sizes: -value(sizes), start, method="Nelder-Mead", options={"maxiter": 4000})
        assert ours >= -fit.fun - 1e-5 * abs(ours)
    for s in (0.3, 4.0):
        assert price_lots(rungs, eta, lots_price(rungs, eta, s)) == pytest.approx(s)


def test_straight_rungs_value_a_level_as_the_sweep_does() -> None:
    rungs = rungs_of([3.0, 4.0], [0.1, 0.05])
    assert level_value(rungs, 0.5, 3.0, 1, 1.0, 2.5) == pytest.approx(sweep_value(4.0, 0.5, 3.0, 1.0, 2.5))
    assert level_value(rungs, 0.5, 3.0, 1, 2.0, 2.0) == 0.0
