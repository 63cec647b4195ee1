from __future__ import annotations

import math

import numpy as np
import pytest

from undertow.events import BBO, EVENT, MARK, SNAPSHOT
from undertow.instrument import hyperliquid_perp
from undertow.trading.orders.coins import Coin
from undertow.trading.orders.limits import Breach, Gate, Limits
from undertow.trading.orders.mids import Mids
from undertow.trading.orders.order import Order
from undertow.trading.seams import Received

COIN = Coin("BTC", 0, hyperliquid_perp("BTC", 3))
MID = 100.0


def gate(**limits: float) -> Gate:
    return Gate(COIN, Limits(**{"max_position_qty": 0.01, **limits}))


def order(side: int = 1, tick: int = 100_000, lots: int = 1) -> Order:
    return Order("BTC", 1, "0x", side, tick, lots, 0, False, 0)


@pytest.mark.parametrize(
    ("side", "position", "exposure", "breach"),
    [
        (1, 0, 10, None),
        (1, 0, 11, Breach.POSITION),
        (1, 5, 5, None),
        (1, 5, 6, Breach.POSITION),
        (-1, 5, 15, None),
        (-1, 5, 16, Breach.POSITION),
        (-1, -10, 1, Breach.POSITION),
        (1, -30, 40, None),
    ],
)
def test_position_with_everything_on_the_side(side: int, position: int, exposure: int, breach) -> None:
    assert gate().breach(order(side), position, exposure, MID, 0) == breach


def test_other_limits() -> None:
    assert gate(max_order_usd=0.1).breach(order(), 0, 1, MID, 0) is None
    assert gate(max_order_usd=0.0999).breach(order(), 0, 1, MID, 0) == Breach.NOTIONAL
    assert gate(band=0.01).breach(order(tick=99_000), 0, 1, MID, 0) is None
    assert gate(band=0.01).breach(order(tick=98_900), 0, 1, MID, 0) == Breach.BAND
    assert gate().breach(order(), 0, 1, math.nan, 0) == Breach.NO_PRICE
    assert gate().breach(order(lots=0), 0, 0, MID, 0) == Breach.FORM
    assert gate().breach(order(tick=0), 0, 1, MID, 0) == Breach.FORM


def test_rate_counts_what_left_in_any_second() -> None:
    subject = gate(orders_per_s=2)
    times = [0, 10, 20, 999_999_999, 1_000_000_000, 1_000_000_005, 1_000_000_010]
    found = [subject.breach(order(), 0, 1, MID, at) is None for at in times]
    assert found == [True, True, False, False, True, False, True]
    assert subject.refused == {Breach.RATE: 3}


@pytest.mark.parametrize("name", ["max_position_qty", "max_order_usd", "band", "orders_per_s"])
def test_limits_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{"max_position_qty": 1.0, name: 0})


def see(mids: Mids, *rows: tuple[int, int, float, float], table: np.ndarray | None = None) -> float:
    out = np.zeros(len(rows), dtype=EVENT)
    for row, (kind, side, px, qty) in zip(out, rows, strict=True):
        row["kind"], row["side"], row["px"], row["qty"] = kind, side, px, qty
    mids.see(Received("BTC", out, np.empty((0, 4, 1)) if table is None else table))
    return mids.of("BTC")


def test_mids() -> None:
    mids = Mids()
    assert math.isnan(mids.of("BTC"))
    assert see(mids, (MARK, 0, 99.0, 0.0)) == 99.0
    assert see(mids, (BBO, 1, 100.0, 1.0), (BBO, -1, 102.0, 1.0)) == 101.0
    assert see(mids, (BBO, 1, 100.5, 1.0)) == 101.25
    table = np.array([[[10.0, 9.0], [1.0, 1.0], [12.0, 13.0], [1.0, 1.0]]])
    assert see(mids, (SNAPSHOT, 0, 0.0, 0.0), table=table) == 11.0
    assert see(mids, (BBO, 1, 0.0, 0.0)) == 99.0
