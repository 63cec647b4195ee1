"""The desk never knows more than a real maker could: pending until acknowledged, gone when ended."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.events import (
    ACK,
    CANCEL,
    CANCEL_REJECTED,
    CANCELED,
    EVENT,
    FILL,
    FUNDING,
    MODIFY,
    NEW,
    OPEN,
    REJECTED,
)
from undertow.instrument import hyperliquid_perp
from undertow.kernel.desk import (
    ACTION,
    DESK,
    LIVE,
    MAX_WORKING,
    PENDING_CANCEL,
    PENDING_MODIFY,
    PENDING_NEW,
    POST_ONLY,
    desk_row,
    find_working,
    put_cancel,
    put_modify,
    put_new,
)
from undertow.records import Rec, new_record

INST = hyperliquid_perp("BTC", 5).record()


def _row(kind: int, **fields: float) -> Rec:
    row = new_record(EVENT)
    row.kind = kind
    for name, value in fields.items():
        setattr(row, name, value)
    return row


def _desk_with_one(side: int = 1, qty: float = 0.5) -> tuple[Rec, np.ndarray]:
    desk, actions = new_record(DESK), np.zeros(MAX_WORKING, dtype=ACTION)
    assert put_new(desk, actions, 0, side, 1000, qty, POST_ONLY, False, 2, 0.1, 1.5) == 1
    return desk, actions


def test_new_order_is_pending_until_acknowledged() -> None:
    desk, actions = _desk_with_one()
    assert (actions[0]["kind"], actions[0]["side"], actions[0]["tick"]) == (NEW, 1, 1000)
    assert desk.working[0].status == PENDING_NEW
    desk_row(desk, INST, _row(ACK, ref=0, code=OPEN))
    assert desk.working[0].status == LIVE
    assert desk.requests == 1


def test_partial_fills_reduce_and_the_last_one_removes() -> None:
    desk, _ = _desk_with_one(side=-1)
    desk_row(desk, INST, _row(FILL, ref=0, side=-1, px=100.0, qty=0.2, val=0.003))
    assert desk.working[0].leaves == pytest.approx(0.3)
    desk_row(desk, INST, _row(FILL, ref=0, side=-1, px=100.0, qty=0.3, val=0.0045))
    assert desk.n_working == 0
    assert desk.position == pytest.approx(-0.5)
    assert desk.cash == pytest.approx(50.0)
    assert desk.fees == pytest.approx(0.0075)
    assert (desk.fills, desk.volume) == (2, pytest.approx(50.0))


def test_fill_while_a_cancel_is_under_way_counts() -> None:
    desk, actions = _desk_with_one()
    assert put_cancel(desk, actions, 1, 0) == 2
    assert (actions[1]["kind"], actions[1]["target"]) == (CANCEL, 0)
    assert desk.working[0].status == PENDING_CANCEL
    assert put_cancel(desk, actions, 2, 0) == 2, "a cancel is sent once"
    desk_row(desk, INST, _row(FILL, ref=0, side=1, px=100.0, qty=0.5))
    desk_row(desk, INST, _row(ACK, ref=0, code=CANCEL_REJECTED))
    assert (desk.n_working, desk.position) == (0, 0.5)


def test_late_cancel_leaves_the_order_live() -> None:
    desk, actions = _desk_with_one()
    put_cancel(desk, actions, 1, 0)
    desk_row(desk, INST, _row(ACK, ref=0, code=CANCEL_REJECTED))
    assert desk.working[0].status == LIVE


def test_modify_is_a_new_order_in_the_place_of_the_old() -> None:
    desk, actions = _desk_with_one()
    assert put_modify(desk, actions, 1, 0, 1010, 0.4, 2, 0.1, 1.0) == 2
    action = actions[1]
    assert (action["kind"], action["target"], action["id"], action["side"]) == (MODIFY, 0, 1, 1)
    assert [desk.working[i].status for i in range(2)] == [PENDING_MODIFY, PENDING_NEW]
    assert desk.requests == 2
    desk_row(desk, INST, _row(ACK, ref=0, code=CANCELED))
    assert (desk.n_working, desk.working[0].id) == (1, 1)


def test_reject_ends_the_order_and_is_counted() -> None:
    desk, _ = _desk_with_one()
    desk_row(desk, INST, _row(ACK, ref=0, code=REJECTED))
    assert (desk.n_working, desk.rejects) == (0, 1)


def test_late_cancel_is_not_a_reject() -> None:
    desk, actions = _desk_with_one()
    put_cancel(desk, actions, 1, 0)
    desk_row(desk, INST, _row(ACK, ref=0, code=CANCEL_REJECTED))
    assert desk.rejects == 0


def test_orders_keep_the_order_they_were_sent_in() -> None:
    desk, actions = new_record(DESK), np.zeros(MAX_WORKING, dtype=ACTION)
    for k in range(5):
        put_new(desk, actions, k, 1, 1000 + k, 1.0, POST_ONLY, False, k, 0.0, 0.0)
    desk_row(desk, INST, _row(ACK, ref=2, code=CANCELED))
    assert [int(desk.working[i].id) for i in range(desk.n_working)] == [0, 1, 3, 4]
    assert find_working(desk, 3) == 2
    assert find_working(desk, 2) == -1


def test_full_desk_sends_nothing_more() -> None:
    desk, actions = new_record(DESK), np.zeros(2 * MAX_WORKING, dtype=ACTION)
    n = 0
    for k in range(MAX_WORKING + 3):
        n = put_new(desk, actions, n, 1, 1000 + k, 1.0, POST_ONLY, False, k, 0.0, 0.0)
    assert n == desk.n_working == desk.requests == MAX_WORKING


@pytest.mark.parametrize(
    ("position", "rate", "received"), [(2.0, 1e-4, -0.02), (-2.0, 1e-4, 0.02), (2.0, -1e-4, 0.02)]
)
def test_longs_pay_positive_funding(position: float, rate: float, received: float) -> None:
    desk = new_record(DESK)
    desk.position = position
    desk_row(desk, INST, _row(FUNDING, px=100.0, qty=rate))
    assert desk.funding == pytest.approx(received)
