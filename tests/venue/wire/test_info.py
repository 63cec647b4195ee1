"""Replies of /info: the examples, and what mainnet answered the official SDK's own tests.

The recordings (2023-03 to 2025-08) are cut to three items a list and not part of this project.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.venue.wire_data import cassettes, examples

from undertow.venue.statuses import OrderStatus
from undertow.venue.wire import info as i
from undertow.venue.wire.info_replies import OrderFound, OrderNotFound
from undertow.venue.wire.outward import to_wire
from undertow.venue.wire.posts import InfoAnswer
from undertow.venue.wire.scalars import WireError

USER = "0x1a642f0e3c3af545e7acbd38b07251b3990914f1"
REQUEST_OF = {
    "info meta (HIP-3)": i.MetaRequest(dex="xyz"),
    "info perpDexs": i.PerpDexsRequest(),
    "info userRateLimit": i.UserRateLimitRequest(user=USER),
    "info fundingHistory": i.FundingHistoryRequest(coin="BTC", start_time=0),
    "info predictedFundings": i.PredictedFundingsRequest(),
    "info clearinghouseState": i.ClearinghouseStateRequest(user=USER),
    "info frontendOpenOrders": i.FrontendOpenOrdersRequest(user=USER),
    "info openOrders": i.OpenOrdersRequest(user=USER),
    "info exchangeStatus": i.ExchangeStatusRequest(),
}


def reply_to(name: str) -> Any:
    return i.decode_info(REQUEST_OF[name], json.dumps(examples()[name]).encode())


def _holds(written: Any, sent: Any) -> bool:
    """Whether `written` says all that `sent` said, numbers by value; it may say more (defaults)."""
    if isinstance(sent, dict):
        missing = {k for k in sent if k not in written}
        assert not missing - UNREAD, missing
        return all(_holds(written[k], v) for k, v in sent.items() if k not in missing)
    if isinstance(sent, list):
        return len(written) == len(sent) and all(_holds(w, s) for w, s in zip(written, sent, strict=True))
    if isinstance(sent, str) and isinstance(written, str) and written != sent:
        return float(written) == float(sent)
    return bool(written == sent)


UNREAD = {"maxTradeSzs", "lastGrowthModeChangeTime"}
"""Fields we do not read."""


@pytest.mark.parametrize("name", REQUEST_OF)
def test_example(name: str) -> None:
    assert _holds(to_wire(reply_to(name)), examples()[name])


def test_examples_by_value() -> None:
    meta = reply_to("info meta (HIP-3)")
    (asset,) = meta.universe
    assert (asset.name, asset.sz_decimals, asset.margin_mode, asset.growth_mode) == (
        "xyz:XYZ100",
        4,
        "strictIsolated",
        "enabled",
    )
    ((table_id, table),) = meta.margin_tables
    assert (table_id, [t.lower_bound for t in table.margin_tiers]) == (51, [0.0, 3e6])
    main, dex = reply_to("info perpDexs")
    assert (main, dex.name, dex.deployer_fee_scale) == (None, "xyz", 1.0)
    limit = reply_to("info userRateLimit")
    assert (limit.n_requests_used, limit.n_requests_cap, limit.cum_vlm) == (2890, 2864574, 2854574.593578)
    assert reply_to("info predictedFundings")[0][1][0][1].funding_rate == 1.25e-05


def test_order_status() -> None:
    found, missing = examples()["info orderStatus"]
    request = i.OrderStatusRequest(user=USER, oid=1001)
    reply = i.decode_info(request, json.dumps(found).encode())
    assert isinstance(reply, OrderFound)
    assert (reply.order.order.oid, reply.order.status) == (1001, OrderStatus.OPEN)
    assert to_wire(reply) == found
    assert i.decode_info(request, json.dumps(missing).encode()) == OrderNotFound()


def test_books_by_post() -> None:
    answers = [
        examples()[name]["data"]["response"]["payload"]
        for name in ("ws post info reply", "ws post info unknown coin")
    ]
    request = i.L2BookRequest(coin="BTC")
    book, none = (
        i.decode_posted(request, InfoAnswer(a["type"], i.msgspec.Raw(json.dumps(a["data"]).encode())))
        for a in answers
    )
    assert book is not None
    assert (book.coin, book.levels[0][0].px) == ("BTC", 84143.0)
    assert none is None


def test_every_cassette() -> None:
    found = cassettes()
    assert len(found) >= 24
    for name, asked, reply in found:
        request = i.decode_request(json.dumps(asked).encode())
        value = i.decode_info(request, json.dumps(reply).encode())
        assert _holds(to_wire(value), reply), name


def test_cassettes_by_value() -> None:
    by_name = {
        name: i.decode_info(i.decode_request(json.dumps(asked).encode()), json.dumps(reply).encode())
        for name, asked, reply in cassettes()
    }
    state: Any = by_name["test_get_user_state"]
    assert state.asset_positions[0].position.szi == -0.00785
    assert state.asset_positions[1].position.liquidation_px is None
    fills: Any = by_name["test_get_user_fills"]
    assert (fills[0].sign, fills[0].px, fills[0].start_position, fills[0].crossed) == (
        -1,
        1.3189,
        4623.5,
        True,
    )
    orders: Any = by_name["test_get_frontend_open_orders"]
    assert [c.oid for c in orders[2].children] == [3184595906, 3184595907]
    history: Any = by_name["test_historical_orders"]
    assert history[0].status is OrderStatus.IOC_CANCEL_REJECTED
    limit: Any = by_name["test_user_rate_limit"]
    assert limit.n_requests_used == 36589831368
    funding: Any = by_name["test_user_funding_history_with_end_time"]
    assert (funding[0].payment.coin, funding[0].payment.usdc) == ("APE", 0.145796)
    agents: Any = by_name["test_extra_agents"]
    assert [agent.name for agent in agents] == ["ok", "new"]
    book: Any = by_name["test_get_l2_snapshot"]
    assert (book.levels[0][0].px, book.levels[1][0].px, book.time_ms) == (2.111, 2.1124, 1689630203930)


def test_weights() -> None:
    assert i.info_weight(i.MetaRequest()) == 20
    assert i.info_weight(i.L2BookRequest(coin="BTC")) == 2
    assert i.info_weight(i.ClearinghouseStateRequest(user=USER)) == 2
    assert i.info_weight(i.UserFillsRequest(user=USER), 2000) == 120
    span = i.CandleSpan("BTC", "1m", 0, 1)
    assert i.info_weight(i.CandleSnapshotRequest(req=span), 5000) == 20 + 83


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"type":"x"}', b"{}", b'{"type":1}', b'{"type":"l2Book"}', b"\xff"]
)
def test_not_requests(body: bytes) -> None:
    with pytest.raises(WireError):
        i.decode_request(body)


def test_a_malformed_reply_names_its_request() -> None:
    with pytest.raises(WireError, match="reply to meta"):
        i.decode_info(i.MetaRequest(), b'{"universe":1}')
