"""The record agrees with itself: fills, positions, mids, losses, money."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.scenarios import record
from undertow.scenarios.record import FILLS, MIDS, ORDERS, seconds_of


def test_positions_are_the_running_sum_of_the_fills() -> None:
    held = np.cumsum([fill.side * fill.size for fill in FILLS])
    assert held == pytest.approx([fill.position_after for fill in FILLS], abs=0.005)
    assert len(FILLS) == 12
    assert record.FINAL_POSITION == 6.94


def test_losses_are_what_the_mids_did() -> None:
    for fill in FILLS:
        loss = -fill.side * (fill.mid_5s / fill.mid_at_placement - 1.0) * 1e4
        assert loss == pytest.approx(fill.loss_5s_bps, abs=0.1)  # mids are rounded to half a step
    assert pytest.approx(4.247, abs=5e-4) == record.MEAN_LOSS_5S_BPS


def test_mids_are_those_of_the_fills_and_in_order() -> None:
    times = [seconds_of(clock) for clock, _ in MIDS]
    assert times == sorted(times)
    known = dict(MIDS)
    assert all(known[fill.clock] == fill.mid_at_placement for fill in FILLS)
    later = [fill.mid_5s for fill in FILLS if fill.mid_5s in known.values()]
    assert len(later) >= 9
    fall = (known["22:21:32.346"] / known["22:10:43.799"] - 1.0) * 1e4
    assert fall == pytest.approx(-61.4, abs=0.1)


def test_orders_gather_the_fills_of_a_moment() -> None:
    assert len(ORDERS) == 9
    assert sum(order.size for order in ORDERS) == pytest.approx(7.86)
    assert {order.side for order in ORDERS[1:]} == {-1}


def test_the_last_mid_and_the_fee_follow_from_the_money() -> None:
    cost = sum(fill.side * fill.size * fill.mid_at_placement for fill in FILLS)
    bought = [f for f in FILLS if f.side > 0]
    # distances are unsigned: with bids below and the ask above the mid, cash comes out at
    edge = sum(f.size * f.mid_at_placement * f.from_mid_bps * 1e-4 for f in FILLS)
    low, high = (record.FINAL_POSITION * px - cost + edge for px in record.LAST_MID)
    assert low <= -0.84 + 0.02 + 0.03
    assert high >= -0.84 + 0.02 - 0.03
    traded = sum(f.size * f.mid_at_placement for f in FILLS)
    assert len(bought) == 11
    assert 0.005 <= record.MAKER_FEE_BPS * 1e-4 * traded <= 0.035
