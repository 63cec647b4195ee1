"""What a move or a cancel must gain: the free boundary it stands for, its limits and signs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import fsolve

from undertow.kernel.desk import WORKING
from undertow.kernel.inputs import INPUTS
from undertow.kernel.keeping import DEAREST, gain_needed, worth_canceling, worth_moving
from undertow.kernel.ladder import RUNGS, level_value
from undertow.records import Rec, new_record

ETA = 0.05
prices = st.floats(1e-6, 1e3)


def earned(y: float) -> float:
    """What an order `y`/κ deeper than the best depth earns, in units of the most."""
    return (1.0 + y) * math.exp(-y)


def boundaries(cheap: float, dear: float) -> list[tuple[float, float, float]]:
    """π and both thresholds of the gain, from V''/2 + 1 − (1 + y)e^(−y) = g, for rising π.

    Unknown are where to move from (−a, b) and to (y₀), g and V'(0): V' is 0 at all three, V is π
    higher at both ends than at y₀.
    """

    def slope(y: float, g: float, v0: float) -> float:
        return 2.0 * (g * y - (y - 2.0 + (2.0 + y) * math.exp(-y))) + v0

    def value(y: float, g: float, v0: float) -> float:
        return g * y * y - 2.0 * (0.5 * y * y - 2.0 * y + 3.0 - (3.0 + y) * math.exp(-y)) + v0 * y

    found = []
    guess = np.array([0.25 * math.log(12e-5), 0.25 * math.log(12e-5), 0.0, math.sqrt(12e-5) / 6.0, 0.0])
    for pi in np.geomspace(1e-5, dear, 60):

        def conditions(u: np.ndarray, pi: float = pi) -> list[float]:
            a, b, y0, g, v0 = math.exp(u[0]), math.exp(u[1]), *u[2:]
            there = value(y0, g, v0) + pi
            flat = [slope(y, g, v0) for y in (-a, b, y0)]
            return [*flat, value(-a, g, v0) - there, value(b, g, v0) - there]

        guess, _, success, text = fsolve(conditions, guess, full_output=True)
        assert success == 1, text
        best = earned(guess[2])
        if pi >= cheap:
            found.append((pi, best - earned(-math.exp(guess[0])), best - earned(math.exp(guess[1]))))
    return found


def test_the_gain_asked_for_is_that_of_the_free_boundary() -> None:
    """For an order that earns f·(1 + y)·e^(−y) of a best depth that diffuses."""
    solved = boundaries(1e-4, 1.0)
    assert len(solved) > 30
    for pi, nearer, deeper in solved:
        for scale, pace in ((1.0, 1.0), (0.03, 1.4)):
            price = pi * scale / pace
            assert gain_needed(price, pace, scale, True) == pytest.approx(scale * nearer, rel=0.10)
            assert gain_needed(price, pace, scale, False) == pytest.approx(scale * deeper, rel=0.10)


def test_cheap_requests_make_the_band_the_geometric_mean_of_its_causes() -> None:
    for nearer in (True, False):
        got = gain_needed(1e-9, 2.0, 0.5, nearer)
        assert got == pytest.approx(math.sqrt(3.0 * 1e-9 * 2.0 * 0.5), rel=1e-3)


@given(prices, prices, st.floats(1e-4, 100.0), st.floats(1e-6, 10.0), st.booleans())
def test_dearer_requests_ask_for_more(p: float, q: float, pace: float, scale: float, nearer: bool) -> None:
    low, high = sorted((p, q))
    assert 0.0 < gain_needed(low, pace, scale, nearer) <= gain_needed(high, pace, scale, nearer)
    assert gain_needed(0.0, pace, scale, nearer) == 0.0
    assert gain_needed(math.inf, pace, scale, nearer) == math.inf
    assert gain_needed(low, pace, scale, True) > scale * math.sqrt(3.0 * low * pace / scale) * 0.999
    assert gain_needed(low, pace, scale, False) >= low * pace / DEAREST


@given(prices, st.floats(1e-4, 100.0), st.floats(1e-6, 10.0))
def test_protection_is_asked_for_more_late_but_never_never(price: float, pace: float, scale: float) -> None:
    """The threshold of an order too near stays finite: some loss is always worth a request."""
    nearer = gain_needed(price, pace, scale, True)
    assert nearer <= 1.35 * math.sqrt(3.0 * price * pace * scale) * (1.0 + 1e-9)


def market(levels: list[tuple[float, float]], fair_bps: float = 0.0) -> tuple[Rec, Rec]:
    """Bids at (depth, lots): κ = .5, A = .2, σ = 2; the reservation price `fair_bps` above the mid."""
    rungs, x = new_record(RUNGS), new_record(INPUTS)
    x.mid, x.lot_qty, x.aggressor_lots, x.sigma_effective = 100.0, 1.0, 5.0, 2.0
    rungs.sign, rungs.kappa, rungs.rate, rungs.levels, rungs.distinct = 1, 0.5, 0.2, len(levels), len(levels)
    placed = 0.0
    for k, (depth, lots) in enumerate(levels):
        rungs.depth_bps[k], rungs.margin_bps[k], rungs.qty[k] = depth, depth + fair_bps, lots
        rungs.reach_rate[k] = 0.2 * math.exp(-0.5 * depth)
        rungs.expected_pnl[k] = rungs.reach_rate[k] * level_value(rungs, ETA, 5.0, k, placed, placed + lots)
        placed += lots
    return rungs, x


def order(depth: float, lots: float = 1.0) -> Rec:
    found = new_record(WORKING)
    found.side, found.qty, found.leaves = 1, lots, lots
    found.depth_bps = found.reach_bps = depth
    return found


@given(st.floats(0.0, 30.0), st.floats(0.1, 3.0), prices, prices)
def test_who_moves_at_a_price_moves_at_every_lower_one(depth: float, lots: float, p: float, q: float) -> None:
    low, high = sorted((p, q))
    rungs, x = market([(3.0, 1.0)], fair_bps=-1.0)
    there = order(depth, lots)
    assert worth_moving(rungs, there, x, ETA, 0, 0.0, low) >= worth_moving(rungs, there, x, ETA, 0, 0.0, high)


@pytest.mark.parametrize("price", [0.01, 1.0, 100.0])
def test_an_order_on_the_wrong_side_of_a_drift_is_moved_once_it_loses_enough(price: float) -> None:
    """r falls: the bid stands ever further above where it is wanted, whatever a request costs."""
    decided = []
    for fall in np.linspace(0.0, 60.0, 121):
        rungs, x = market([(3.0 + fall, 1.0)], fair_bps=-fall)
        decided.append(worth_moving(rungs, order(3.0), x, ETA, 0, 0.0, price))
    assert not decided[0]
    first = decided.index(True) if True in decided else len(decided)
    assert all(decided[first:])
    if price <= 1.0:
        assert first < len(decided)


def test_chasing_the_market_is_asked_for_more_than_fleeing_it() -> None:
    """What is lost by standing too deep is bounded: from a price on, nobody follows."""
    rungs, x = market([(3.0, 1.0)])
    far, dear = order(40.0), 14.5 * 0.2 * math.exp(-1.5) * 5.0 * (1.0 - math.exp(-0.2)) / 0.5
    assert worth_moving(rungs, far, x, ETA, 0, 0.0, 0.1)
    assert not worth_moving(rungs, far, x, ETA, 0, 0.0, 2.0 * dear)


def test_an_order_no_level_wants_stays_while_it_does_not_lose() -> None:
    rungs, x = market([(3.0, 1.0), (5.0, 0.0)])
    assert not worth_canceling(rungs, order(5.0), x, ETA, 0.001)
    losing, _ = market([(12.0, 1.0), (14.0, 0.0)], fair_bps=-10.0)
    assert worth_canceling(losing, order(3.0), x, ETA, 0.001)
    assert not worth_canceling(losing, order(3.0), x, ETA, 100.0)
    assert worth_canceling(losing, order(3.0), x, ETA, 0.01) >= worth_canceling(
        losing, order(3.0), x, ETA, 1.0
    )


def test_free_requests_none_left_or_nothing_priced_cancel_what_no_level_wants() -> None:
    rungs, x = market([(3.0, 1.0)])
    for price in (0.0, math.inf):
        assert worth_canceling(rungs, order(5.0), x, ETA, price)
    rungs.distinct = 0
    assert worth_canceling(rungs, order(5.0), x, ETA, 0.01)
