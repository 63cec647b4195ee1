"""The client's values become the manager's without loss. Shapes: the recorded frames of the wire tests."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from undertow.instrument import hyperliquid_perp
from undertow.trading.orders.coins import Coin
from undertow.trading.orders.port import Done, Filled, Refused, Resting, Why
from undertow.trading.orders.venue_port import _outcome, fill_of, report_of
from undertow.venue.wire import account as wire
from undertow.venue.wire.replies import decode_reply

BTC = Coin("BTC", 0, hyperliquid_perp("BTC", 5))
FILL = {
    "coin": "BTC", "px": "84143.0", "sz": "0.001", "side": "A", "time": 1790232236546,
    "startPosition": "-0.5", "dir": "Open Short", "closedPnl": "0.0", "hash": "0x00", "oid": 1001,
    "crossed": True, "fee": "0.012621", "tid": 404237815023429, "cloid": None, "feeToken": "USDC",
    "twapId": None,
}  # fmt: skip
UPDATE = {
    "order": {"coin": "BTC", "side": "B", "limitPx": "84143.0", "sz": "0.0004", "oid": 1001, "timestamp": 1,
              "origSz": "0.001", "cloid": "0x" + "ab" * 16},
    "status": "canceled", "statusTimestamp": 2,
}  # fmt: skip


def test_fill_is_exact() -> None:
    fill = fill_of(msgspec.convert(FILL, wire.Fill, strict=False), BTC)
    assert (fill.px, fill.lots, fill.fee) == (Decimal("84143.0"), 100, Decimal("0.012621"))
    assert (fill.side, fill.crossed, fill.start_lots, fill.tid) == (-1, True, -50_000, 404237815023429)


def test_report() -> None:
    update = msgspec.convert(UPDATE, wire.OrderUpdate, strict=False)
    report = report_of(update.order, update.status_text, update.status_time_ms, BTC)
    assert (report.oid, report.side, report.tick, report.lots, report.orig_lots) == (1001, 1, 841430, 40, 100)
    assert (report.status, report.time_ms) == ("canceled", 2)
    assert report_of(update.order, "open", 2, None).lots == 0


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ({"resting": {"oid": 5}}, Resting(5)),
        ({"filled": {"totalSz": "0.02", "avgPx": "1891.4", "oid": 6}}, Filled(6, 2000)),
        ("success", Done()),
    ],
)
def test_outcomes(status: object, outcome: object) -> None:
    assert outcomes(status) == [outcome]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Order was never placed, already canceled, or filled. asset=0", Why.GONE),
        ("Cannot modify canceled or filled order", Why.GONE),
        ("Post only order would have immediately matched, bbo was 1@2. asset=0", Why.WOULD_MATCH),
        ("Order could not immediately match against any resting orders. asset=3", Why.NO_MATCH),
        ("Reduce only order would increase position. asset=3", Why.REDUCE_ONLY),
        ("Only post-only orders allowed immediately after a network upgrade", Why.POST_ONLY_PHASE),
        ("Something nobody has seen", Why.OTHER),
    ],
)
def test_refusals(text: str, why: Why) -> None:
    assert outcomes({"error": text}) == [Refused(why, text)]


def test_a_status_of_a_new_shape_is_no_refusal() -> None:
    assert outcomes({"parked": {}})[0].why == Why.UNREAD


def outcomes(status: object) -> list:
    data = {"status": "ok", "response": {"type": "order", "data": {"statuses": [status]}}}
    return [_outcome(s, BTC) for s in decode_reply(msgspec.json.encode(data), 1).statuses]
