"""The six-gate maker: its price, and each of its protections at the order that reaches the venue."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from undertow.baselines.six_gate import make_six_gate, on_timer, on_trade
from undertow.baselines.six_gate_rules import SixGateSettings
from undertow.events import EVENT, NEW, TIMER
from undertow.instrument import hyperliquid_perp
from undertow.kernel.desk import ACTION, LIVE, MAX_ACTIONS
from undertow.kernel.l2book import Book, new_book, set_level
from undertow.maker import Maker
from undertow.records import Rec, new_record
from undertow.synthetic.presets import load_preset

HYPE = load_preset("hip3-hype").market.instrument
INST = HYPE.record()
TICKS = 10_000  # per unit of price
MID = 290_000
STEP_BPS = 10.0 / MID * 1e4
PLAIN: dict[str, Any] = {
    "drift": False,
    "size_cut": False,
    "gate": False,
    "zones": False,
    "order_usd": 29.0,
    "max_orders": 10.0,
    "early_limit": 1.0,
    "cycle_s": 5.5,
}


def book_at(mid: int) -> Book:
    book = new_book()
    set_level(book, 1, mid - 80, 5.0)
    set_level(book, -1, mid + 80, 5.0)
    return book


def maker_of(**changes: Any) -> tuple[Maker, Rec]:
    maker = make_six_gate(HYPE, SixGateSettings(**{**PLAIN, **changes}))
    return maker, maker.fresh_state()


def cycle(maker: Maker, state: Rec, second: float, mid: int = MID) -> dict[int, list[tuple[int, float]]]:
    """One timer at `second`: (tick, qty) of the new orders by side, on a desk emptied beforehand."""
    desk = state["desk"]
    desk["n_working"] = 0
    desk["now_ns"] = int(second * 1e9) + 10**18
    actions, row = np.zeros(MAX_ACTIONS, dtype=ACTION), new_record(EVENT)
    row["kind"], row["recv_ns"] = TIMER, desk["now_ns"]
    n = on_timer(state, maker.params, INST, book_at(mid), row, actions)
    desk["working"]["status"][: int(desk["n_working"])] = LIVE
    sent: dict[int, list[tuple[int, float]]] = {1: [], -1: []}
    for a in actions[:n]:
        assert a["kind"] == NEW
        sent[int(a["side"])].append((int(a["tick"]), float(a["qty"])))
    return sent


def depth_bps(orders: list[tuple[int, float]], side: int, mid: int = MID) -> float:
    """Distance of the best order from the mid."""
    best = max(tick * side for tick, _ in orders) * side
    return -side * (best / mid - 1.0) * 1e4


def hold(maker: Maker, state: Rec, contracts: float) -> None:
    """Give the desk a position bought at the mid."""
    state["desk"]["position"] = contracts
    state["desk"]["cash"] = -contracts * MID / TICKS


def test_half_spread_is_one_over_kappa_and_gamma_is_inert() -> None:
    depths = []
    for gamma in (0.01, 0.15, 3.0):
        maker, state = maker_of(gamma=gamma)
        sent = cycle(maker, state, 0.0)
        assert len(sent[1]) == len(sent[-1]) == 6
        depths.append((depth_bps(sent[1], 1), depth_bps(sent[-1], -1)))
    assert len(set(depths)) == 1  # the documents' γ changes nothing, not even a tick
    assert depths[0][0] == pytest.approx(1 / 0.1287, abs=STEP_BPS)
    assert depths[0][1] == pytest.approx(1 / 0.1287, abs=STEP_BPS)


def test_kappa_follows_the_distances_of_the_tape() -> None:
    maker, state = maker_of(prior_prints=1.0)
    row, actions = new_record(EVENT), np.zeros(MAX_ACTIONS, dtype=ACTION)
    for k in range(400):
        row["recv_ns"], row["side"], row["qty"] = k * 10**9, 1 if k % 2 else -1, 1.0
        row["px"] = MID / TICKS * (1.0 + (1 if k % 2 else -1) * 3e-4)
        on_trade(state, maker.params, INST, book_at(MID), row, actions)
    assert depth_bps(cycle(maker, state, 0.0)[1], 1) == pytest.approx(3.0, abs=2 * STEP_BPS)


def test_it_decides_every_cycle_and_not_in_between() -> None:
    maker, state = maker_of()
    assert cycle(maker, state, 0.0)[1]
    assert not any(cycle(maker, state, 5.4).values())
    assert cycle(maker, state, 5.5)[1]


def falling(state: Rec, maker: Maker, cycles: int = 40, per_cycle: int = -40) -> dict[int, Any]:
    """Cycles in a steady trend; the orders of the last one and its mid."""
    mid, sent = MID, {}
    for k in range(cycles):
        mid += per_cycle
        sent = cycle(maker, state, 5.5 * k, mid)
    return {**sent, 0: mid}


@pytest.mark.parametrize("trend", [-40, 40])
def test_the_drift_is_clamped_and_its_sign_at_the_order_price_is_the_switch(trend: int) -> None:
    moved = {}
    for inverted in (True, False):
        maker, state = maker_of(drift=True, drift_inverted=inverted, stuck_s=0.0)
        sent = falling(state, maker, per_cycle=trend)
        moved[inverted] = [depth_bps(sent[side], side, sent[0]) for side in (1, -1)]
    accumulating = 0 if trend < 0 else 1
    half = 1 / 0.1287
    assert moved[False][accumulating] == pytest.approx(half + 3.0, abs=STEP_BPS)
    assert moved[False][1 - accumulating] == pytest.approx(half - 3.0, abs=STEP_BPS)
    # as recorded: the side that buys into the trend stands nearer
    assert moved[True][accumulating] == pytest.approx(half - 3.0, abs=STEP_BPS)
    maker, state = maker_of(drift=True, drift_inverted=False, clamp=False, stuck_s=0.0)
    sent = falling(state, maker, per_cycle=trend)
    side = 1 if trend < 0 else -1
    assert depth_bps(sent[side], side, sent[0]) > half + 6.0


def test_the_drift_is_stuck_bullish_at_first() -> None:
    maker, state = maker_of(drift=True, drift_inverted=False, stuck_s=86.0)
    for second in (0.0, 80.0):
        sent = cycle(maker, state, second)
        assert depth_bps(sent[1], 1) == pytest.approx(1 / 0.1287 - 3.0, abs=STEP_BPS)
    sent = cycle(maker, state, 90.0)
    assert depth_bps(sent[1], 1) == pytest.approx(1 / 0.1287, abs=STEP_BPS)


@pytest.mark.parametrize("side", [1, -1])
def test_quote_gate_and_zones_take_the_accumulating_side(side: int) -> None:
    maker, state = maker_of(gate=True)
    for share, quotes in ((0.49, True), (0.51, False)):
        hold(maker, state, side * 10.0 * share)
        sent = cycle(maker, state, 100.0 * share * 10)
        assert bool(sent[side]) == quotes
        assert sent[-side]
    maker, state = maker_of(zones=True)
    half, seen = 1 / 0.1287, {}
    for k, share in enumerate((0.5, 0.7, 0.9, 1.1)):
        hold(maker, state, side * 10.0 * share)
        sent = cycle(maker, state, 10.0 * k)
        assert bool(sent[side]) == (share < 0.8)
        seen[share] = depth_bps(sent[-side], -side)
    assert seen[0.5] == pytest.approx(half, abs=STEP_BPS)
    assert seen[0.7] == pytest.approx(1.5 * half, abs=STEP_BPS)
    assert seen[0.9] == pytest.approx(2.0 * half + 10.0, abs=STEP_BPS)
    assert seen[1.1] == pytest.approx(2.0 * half + 10.0, abs=STEP_BPS)


def test_toxicity_cuts_sizes_by_three_to_seventeen_per_cent_of_the_side_that_is_hit() -> None:
    maker, state = maker_of(size_cut=True)
    for sold, kept in ((0.524, 0.98), (0.61, 0.89), (0.95, 0.83), (0.4, 1.0)):
        state["sold"], state["bought"] = sold, 1.0 - sold
        state["cycles"] = 0
        sent = cycle(maker, state, 0.0)
        assert [qty for _, qty in sent[1]] == pytest.approx([kept] * 6, abs=0.011)
        other = 1.0 - 1.05 * max(1.0 - sold - 0.505, 0.0)
        assert [qty for _, qty in sent[-1]] == pytest.approx([max(other, 0.83)] * 6, abs=0.011)


def test_signal_weight_and_smoothed_drift_are_dead_at_zero_and_act_otherwise() -> None:
    for weight, quotes in ((0.0, True), (1.0, False)):
        maker, state = maker_of(gate=True, signal_weight=weight)
        hold(maker, state, 3.0)
        assert bool(falling(state, maker)[1]) == quotes
    depths = []
    for weight in (0.0, 1.0):
        maker, state = maker_of(drift=True, clamp=False, stuck_s=0.0, smoothed_drift_weight=weight)
        sent = falling(state, maker)
        depths.append(depth_bps(sent[-1], -1, sent[0]))
    assert depths[1] > depths[0] + 0.5


def test_a_loss_reduces_the_limit_for_good() -> None:
    maker, state = maker_of(gate=True, early_limit=2.0, reduce_at_loss=0.28)
    hold(maker, state, 6.0)
    assert cycle(maker, state, 0.0)[1]  # 6 of 20
    lost = MID - 480  # 6 contracts · 0.048 USD
    assert not cycle(maker, state, 6.0, lost)[1]  # 6 of 10
    assert not cycle(maker, state, 12.0, MID)[1]


@pytest.mark.parametrize("name", ["gamma", "levels", "prior_kappa_per_bp", "trend_cycles"])
def test_settings_out_of_range_are_refused(name: str) -> None:
    for value in (-1, math.nan, 1e9):
        with pytest.raises(ValueError, match=name):
            SixGateSettings(**{name: value})


def test_it_is_a_maker_for_any_instrument() -> None:
    maker = make_six_gate(hyperliquid_perp("BTC", 5))
    assert maker.name == "six-gate"
