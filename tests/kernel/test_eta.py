"""Risk: γ solved and found again, the box of κη, the chain without a loop, continuity of everything."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from bars.signs import Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from undertow.instrument import Instrument
from undertow.kernel.eta import (
    MAX_KAPPA_ETA,
    RISK,
    RISK_PARAMS,
    gamma_sigma2_of_half_life,
    ladder_eta,
    price_horizon,
    price_risk,
    touch_terms,
    update_gamma,
)
from undertow.kernel.inputs import INPUTS
from undertow.records import Rec, new_record


def inputs(**changed: float) -> Rec:
    x = new_record(INPUTS)
    x.mid, x.lot_qty, x.sigma_effective, x.sigma_clean = 100.0, 1.0, 1.5, 1.2
    x.rate_bid, x.rate_ask, x.kappa_bid, x.kappa_ask = 0.1, 0.06, 0.4, 0.5
    x.aggressor_lots, x.as_touch_bid, x.as_touch_ask = 3.0, 0.5, 0.7
    for name, value in changed.items():
        x[name] = value
    return x


def solved(x: Rec, **rules: float) -> tuple[Rec, Rec]:
    risk, params = new_record(RISK), new_record(RISK_PARAMS)
    params.kappa_eta_base, params.q_max_lots, params.beta = 0.2, 12.0, 4.0
    params.fills_half_life_s, params.variance_half_life_s = 60.0, 3600.0
    for name, value in rules.items():
        params[name] = value
    update_gamma(risk, params, x, 1.5, 1_000_000_000)
    price_horizon(risk, x, 1.5)
    price_risk(risk, params, x, 1.5)
    return risk, params


@settings(max_examples=200, deadline=None)
@given(
    kappa=st.floats(0.1, 3),
    rate=st.floats(0.01, 3),
    lots=st.floats(0.5, 300),
    sigma=st.floats(0.1, 4),
    wanted=st.floats(0.02, 0.6),
)
def test_gamma_solved_from_kappa_eta_gives_that_kappa_eta(
    kappa: float, rate: float, lots: float, sigma: float, wanted: float
) -> None:
    x = inputs(kappa_bid=kappa, kappa_ask=kappa, rate_bid=rate, rate_ask=rate, aggressor_lots=lots)
    x.sigma_effective = sigma
    risk, _ = solved(x, kappa_eta_base=wanted)
    if 1.01e-6 < risk.gamma_base < 0.99:
        assert risk.kappa * risk.eta_base == pytest.approx(wanted, rel=1e-6)
    assert risk.kappa * risk.eta_base <= MAX_KAPPA_ETA * (1 + 1e-9)
    assert 0.0 < risk.rho < risk.fill_slope / risk.kappa
    assert risk.horizon_s <= 600.0


@settings(max_examples=100, deadline=None)
@given(half_life=st.floats(1, 1e4), s2=st.floats(1e-5, 1), kappa=st.floats(0.05, 5), lots=st.floats(0.3, 300))
def test_half_life_is_reached_or_refused(half_life: float, s2: float, kappa: float, lots: float) -> None:
    gs2 = gamma_sigma2_of_half_life(half_life, s2, kappa, lots)
    if math.log(2.0) / half_life >= s2 / kappa:
        assert math.isnan(gs2)
    else:
        rho = gs2 / ladder_eta(gs2, s2, kappa, lots)
        assert math.log(2.0) / rho == pytest.approx(half_life, rel=1e-6)


def test_a_half_life_sets_rho() -> None:
    risk, _ = solved(inputs(), half_life_s=300.0)
    assert math.log(2.0) / risk.rho == pytest.approx(300.0, rel=1e-6)


def test_a_solved_gamma_does_not_undo_a_burst_of_volatility() -> None:
    calm, params = solved(inputs())
    burst = inputs(sigma_effective=3.0)
    risk = calm.copy()
    update_gamma(risk, params, burst, 1.5, 2_000_000_000)
    assert risk.gamma_base < calm.gamma_base  # a second in a first second: it has seen little
    for second in range(3, 600):
        update_gamma(risk, params, inputs(), 1.5, second * 1_000_000_000)
    settled = float(risk.gamma_base)
    update_gamma(risk, params, burst, 1.5, 601_000_000_000)
    assert risk.gamma_base == pytest.approx(settled, rel=0.01)
    price_horizon(risk, burst, 1.5)
    price_risk(risk, params, burst, 1.5)
    assert risk.eta_base > 1.5 * calm.eta_base


def test_a_given_gamma_is_kept() -> None:
    risk, _ = solved(inputs(), gamma=0.03)
    assert risk.gamma_base == 0.03


@pytest.mark.parametrize("xi", [0.0, 1e-13, 1e-11, 1e-6])
def test_small_xi_joins_its_limit(xi: float) -> None:
    c1, thinning = touch_terms(xi, 0.3)
    assert c1 == pytest.approx(1 / 0.3, rel=1e-5)
    assert thinning == pytest.approx(math.exp(-1.0), rel=1e-5)


def test_c1_falls_in_risk_aversion() -> None:
    c1 = [touch_terms(xi, 0.3)[0] for xi in (0.001, 0.01, 0.1, 1.0)]
    assert c1 == sorted(c1, reverse=True)


def test_the_horizon_does_not_depend_on_adverse_selection() -> None:
    """One pass is the fixed point: what AS is read at does not move when AS does."""
    risk, params = solved(inputs())
    horizon, eta = float(risk.horizon_s), float(risk.eta)
    dear = inputs(as_touch_bid=3.0, as_touch_ask=3.0)
    price_horizon(risk, dear, 1.5)
    price_risk(risk, params, dear, 1.5)
    assert risk.horizon_s == horizon
    assert risk.eta > eta


FINE = Instrument(name="FINE", tick_size=1e-9, size_step=1e-6, min_notional=0.01)
PATHS: dict[str, Callable[[Desk, float], None]] = {
    "drift": lambda d, u: d.x.__setattr__("drift", 0.3 * (u - 0.5)),
    "position": lambda d, u: d.x.__setattr__("position_lots", (2 * u - 1) * d.params.risk.q_max_lots),
    "sigma": lambda d, u: d.x.__setattr__("sigma_effective", 0.05 + 4 * u),
    "sigma clean": lambda d, u: d.x.__setattr__("sigma_clean", 0.05 + 4 * u),
    "rate": lambda d, u: d.x.__setattr__("rate_bid", 0.01 + 2 * u),
    "kappa": lambda d, u: d.x.__setattr__("kappa_bid", 0.2 + 2 * u),
    "flow": lambda d, u: d.x.__setattr__("flow_rate_bid", 0.05 + 2 * u),
    "aggressor size": lambda d, u: d.x.__setattr__("aggressor_lots", 0.5 + 50 * u),
    "touch AS": lambda d, u: d.x.__setattr__("as_touch_bid", 3 * u),
    "AS curve": lambda d, u: d.x.as_bid.__setitem__(2, 3 * u),
    "funding": lambda d, u: d.x.funding_bps.__setitem__(0, 4 * (u - 0.5)),
    "time to settlement": lambda d, u: d.x.funding_in_s.__setitem__(0, 1.0 + 3600 * u),
    "fee": lambda d, u: d.inst.__setattr__("maker_fee_bps", 4 * u),
}


def _side(rungs: Rec) -> list[float]:
    """Touch offset (bps), cumulative lots, and lots × depth: what stands where, however it is cut.

    Levels that a clamp brings to one price are merged there, so sizes are compared by price.
    """
    at = rungs.level_of[: rungs.distinct]
    sizes = np.diff(rungs.cumulative_lots[at], prepend=0.0)
    return [float(rungs.touch_offset_bps), float(sizes.sum()), float(sizes @ rungs.depth_bps[at])]


def _walk(desk: Desk, path: Callable[[Desk, float], None], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = []
    for u in grid:
        path(desk, float(u))
        desk.quote()
        seen.append(_side(desk.state.ladder.bid) + _side(desk.state.ladder.ask))
    return np.array(seen)


def _largest_jump(desk: Desk, path: Callable[[Desk, float], None], number: int) -> float:
    """The largest step of one of the numbers along the path, looked at ever more closely."""
    grid = np.linspace(0.0, 1.0, 151)
    for _ in range(6):
        steps = np.abs(np.diff(_walk(desk, path, grid)[:, number]))
        at = int(steps.argmax())
        grid = np.linspace(grid[at], grid[at + 1], 13)
    return float(steps.max())


@pytest.mark.parametrize("name", PATHS)
def test_prices_and_sizes_are_continuous_before_rounding(name: str) -> None:
    """Seen closely enough, no step of price, size or size × depth has a height.

    On a grid so fine that rounding does not show. A jump would keep its height.
    """
    desk = Desk(FINE, 100.0)
    rng = np.random.default_rng(len(name))
    desk.randomise(rng)
    desk.params.ladder.levels = 6
    top, tick = desk.book.top, FINE.tick_size
    top.best_bid, top.best_ask = round(99.99 / tick), round(100.01 / tick)
    desk.x.mid, desk.x.lot_qty = 100.0, 1.0
    for number in range(6):
        assert _largest_jump(desk, PATHS[name], number) < 1e-3


def test_a_settlement_is_a_step_of_its_funding() -> None:
    """The one documented jump of r, and proof that the test above sees jumps."""
    desk = Desk(FINE, 100.0)
    desk.randomise(np.random.default_rng(1))
    desk.book.top.best_bid, desk.book.top.best_ask = 99_990_000_000, 100_010_000_000
    desk.x.mid, desk.x.lot_qty, desk.x.funding_bps[0], desk.x.funding_in_s[0] = 100.0, 1.0, 0.7, 0.0

    def pass_settlement(d: Desk, u: float) -> None:
        d.x.settlements = 1 if u < 0.3 else 0

    assert _largest_jump(desk, pass_settlement, 0) == pytest.approx(0.7)
