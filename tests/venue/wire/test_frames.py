"""Frames of `data/wire_examples.json`: right type, right contents, right text again."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest
from tests.venue.wire_data import examples

from undertow.venue.statuses import OrderStatus
from undertow.venue.wire import frames as f
from undertow.venue.wire.market import FastCtx
from undertow.venue.wire.messages import PING, Ping, PostMessage, Subscribe, decode_message
from undertow.venue.wire.outward import encode_frame
from undertow.venue.wire.posts import PostedAction, PostedError, PostedInfo
from undertow.venue.wire.scalars import WireError
from undertow.venue.wire.subscriptions import L2BookSub

USER = "0x1a642f0e3c3af545e7acbd38b07251b3990914f1"
CLOID = "0x" + "ab" * 16


def frame_of(name: str) -> Any:
    return f.decode_frame(json.dumps(examples()[name]).encode())


INCOMING = sorted(n for n, m in examples().items() if isinstance(m, dict) and "channel" in m)


@pytest.mark.parametrize("name", INCOMING)
def test_decoded_and_written_again(name: str) -> None:
    frame = frame_of(name)
    assert not isinstance(frame, f.UnknownFrame)
    again = json.loads(encode_frame(frame))
    if name == "fastAssetCtxs":
        assert f.decode_frame(encode_frame(frame)) == frame
    else:
        assert again == examples()[name]


def test_every_example_is_read_somewhere() -> None:
    """57 messages: frames and errors here, replies in test_replies and test_info, one request in both."""
    names = set(examples())
    other = {n for n in names if n.startswith(("http ", "info "))}
    here = set(INCOMING) | {"ws subscribe", "ping/pong", "ws error", "ws post action request"}
    assert names == other | here
    assert len(names) + len(examples()["ws error"]) - 1 == 57


def test_books() -> None:
    book = frame_of("l2Book default (20/side, ~5.4 s)").data
    assert (book.coin, book.time_ms, book.fast, book.spread) == ("BTC", 1790232236546, False, None)
    (bid,), (ask,) = book.levels
    assert (bid.px, bid.sz, bid.n, ask.px, ask.sz, ask.n) == (84143.0, 10.25923, 36, 84144.0, 50.66449, 18)
    table = np.zeros((4, 3))
    book.fill(table)
    np.testing.assert_array_equal(table[:, 0], [84143.0, 10.25923, 84144.0, 50.66449])
    assert np.isnan(table[:, 1:]).all()
    assert frame_of("l2Book fast (5/side, ~0.54 s)").data.fast is True
    assert frame_of("l2Book aggregated").data.spread == 1.0
    assert frame_of("l2Book delisted").data.levels == ([], [])


def test_filling_cuts_at_the_table() -> None:
    levels = [{"px": str(100 - i), "sz": str(i + 1), "n": 1} for i in range(20)]
    text = {"channel": "l2Book", "data": {"coin": "X", "time": 1, "levels": [levels, []]}}
    table = np.zeros((4, 5))
    book = f.decode_frame(json.dumps(text).encode()).data
    book.fill(table)
    np.testing.assert_array_equal(table[0], [100, 99, 98, 97, 96])
    np.testing.assert_array_equal(table[1], [1, 2, 3, 4, 5])
    assert np.isnan(table[2:]).all()
    text["data"]["levels"][1] = [{"px": str(101 + i), "sz": str(i + 7), "n": 1} for i in range(9)]
    f.decode_frame(json.dumps(text).encode()).data.fill(table)
    np.testing.assert_array_equal(table[2:], [[101, 102, 103, 104, 105], [7, 8, 9, 10, 11]])
    np.testing.assert_array_equal(table[:2], [[100, 99, 98, 97, 96], [1, 2, 3, 4, 5]])


def test_bbo_and_trades() -> None:
    bid, ask = frame_of("bbo").data.bbo
    assert (bid.px, ask.px) == (84143.0, 84144.0)
    one_sided = frame_of("bbo one-sided").data
    assert (one_sided.coin, one_sided.time_ms, one_sided.bbo[1]) == ("xyz:LOW", 1, None)
    (trade,) = frame_of("trades").data
    assert (trade.coin, trade.side, trade.sign, trade.px, trade.sz) == ("BTC", "A", -1, 84143.0, 0.00036)
    assert (trade.tid, trade.time_ms) == (1045359869404765, 1790232216193)
    assert trade.users == ("0x" + "9a" * 20, "0x" + "82" * 20)


def test_contexts() -> None:
    assert frame_of("allMids main").data.mids == {"BTC": 84143.5, "@107": 45.1, "PURR/USDC": 0.067131}
    assert frame_of("allMids main").data.dex is None
    assert frame_of("allMids dex").data.dex == "xyz"
    ctx = frame_of("activeAssetCtx").data.ctx
    assert (ctx.funding, ctx.oracle_px, ctx.mark_px, ctx.mid_px) == (1.25e-05, 84198.0, 84148.0, 84143.5)
    assert (ctx.premium, ctx.impact_pxs) == (-0.0006413454, (84143.0, 84144.0))
    candle = frame_of("candle").data
    assert (candle.coin, candle.interval, candle.open_ms, candle.close_ms) == (
        "BTC",
        "1m",
        1790232180000,
        1790232239999,
    )
    assert (candle.high_px, candle.low_px, candle.volume, candle.trades) == (84144.0, 84143.0, 14.27847, 114)


def test_contexts_of_a_dead_market_are_null() -> None:
    message = json.loads(json.dumps(examples()["activeAssetCtx"]))
    message["data"]["ctx"].update(premium=None, midPx=None, impactPxs=None)
    ctx = f.decode_frame(json.dumps(message).encode()).data.ctx
    assert (ctx.premium, ctx.mid_px, ctx.impact_pxs) == (None, None, None)


def test_fast_contexts_are_inflated() -> None:
    text = examples()["fastAssetCtxs"]["data"]
    plain = json.loads(zlib.decompress(base64.b64decode(text), wbits=-15))
    assert plain
    found = frame_of("fastAssetCtxs").data
    assert set(found) == set(plain)
    for coin, ctx in plain.items():
        want = [float(ctx[k]) if k in ctx else None for k in ("markPx", "midPx")]
        assert [found[coin].mark_px, found[coin].mid_px] == want


def test_a_bomb_is_refused() -> None:
    deflater = zlib.compressobj(wbits=-15)
    bomb = deflater.compress(b" " * (9 << 20)) + deflater.flush()
    for text in (base64.b64encode(bomb).decode(), "!!!!", "AAAA", base64.b64encode(b"\x03\x00").decode()):
        with pytest.raises(WireError, match="fastAssetCtxs"):
            f.inflate_ctxs(text)
    assert f.inflate_ctxs(f.deflate_ctxs(b'{"BTC":{"midPx":"1.5"}}')) == {"BTC": FastCtx(mid_px=1.5)}


def test_orders_and_fills() -> None:
    both = frame_of("orderUpdates open+filled in one frame").data
    assert [u.status for u in both] == [OrderStatus.OPEN, OrderStatus.FILLED]
    assert [u.order.sz for u in both] == [0.001, 0.0]
    assert {(u.order.oid, u.order.cloid, u.order.sign, u.order.orig_sz) for u in both} == {
        (1001, CLOID, 1, 0.001)
    }
    (rejected,) = frame_of("orderUpdates rejected").data
    assert rejected.status is OrderStatus.MIN_TRADE_NTL_REJECTED
    assert rejected.status.terminal
    (gone,) = frame_of("orderUpdates canceled").data
    assert (gone.status, gone.status_time_ms) == (OrderStatus.CANCELED, 2)
    snapshot, update = (frame_of(f"userFills {kind}").data for kind in ("snapshot", "update"))
    assert (snapshot.is_snapshot, update.is_snapshot) == (True, False)
    assert snapshot.fills == update.fills
    (fill,) = update.fills
    assert (fill.key, fill.sign, fill.px, fill.sz, fill.fee) == (
        (1001, 404237815023429),
        1,
        84143.0,
        0.001,
        0.012621,
    )
    assert (fill.crossed, fill.cloid, fill.twap_id, fill.liquidation) == (False, CLOID, None, None)
    (order,) = frame_of("openOrders").data.orders
    assert (order.oid, order.tif, order.limit_px, order.reduce_only) == (1001, "Alo", 84143.0, False)


def test_events() -> None:
    fills = frame_of("userEvents fills (channel is 'user')").data
    assert [x.oid for x in fills.fills] == [1001]
    assert (fills.funding, fills.liquidation, fills.non_user_cancel) == (None, None, None)
    funding = frame_of("userEvents funding").data.funding
    assert (funding.usdc, funding.szi, funding.funding_rate) == (0.000021, 0.00004, -0.0000079506)
    (cancelled,) = frame_of("userEvents nonUserCancel").data.non_user_cancel
    assert (cancelled.coin, cancelled.oid) == ("BTC", 1001)
    assert frame_of("userEvents liquidation").data.liquidation.liquidated_user == USER
    payments = frame_of("userFundings").data
    assert payments.is_snapshot
    assert (payments.fundings[0].coin, payments.fundings[0].usdc) == ("xyz:SILVER", -0.000794)


def test_account() -> None:
    message = frame_of("clearinghouseState").data
    assert (message.dex, message.user) == ("", USER)
    state = message.clearinghouse_state
    assert (state.withdrawable, state.margin_summary.account_value) == (991.5857, 1000.0)
    (held,) = state.asset_positions
    position = held.position
    assert (position.coin, position.szi, position.entry_px, position.liquidation_px) == (
        "BTC",
        0.001,
        84143.0,
        None,
    )
    assert (position.leverage.type, position.leverage.value, position.leverage.raw_usd) == ("cross", 20, None)
    assert frame_of("webData3").data.user_state.server_time_ms == 1
    assert frame_of("notification").data.notification.startswith("Resting order filled")


def test_acknowledgements_and_posts() -> None:
    ack = frame_of("ws ack").data
    assert (ack.method, ack.key) == ("subscribe", L2BookSub("BTC", fast=True))
    reply = frame_of("ws post action reply").data
    assert reply.id == 256
    assert isinstance(reply.response, PostedAction)
    assert json.loads(bytes(reply.response.payload))["status"] == "ok"
    unknown = frame_of("ws post info unknown coin").data.response
    assert isinstance(unknown, PostedInfo)
    assert bytes(unknown.payload.data) == b"null"
    failed = frame_of("ws post error").data.response
    assert isinstance(failed, PostedError)
    assert failed.payload == "429 Too Many Requests"
    ping, pong = examples()["ping/pong"]
    assert json.loads(PING) == ping
    assert isinstance(decode_message(PING), Ping)
    assert isinstance(f.decode_frame(json.dumps(pong).encode()), f.PongFrame)
    for message in examples()["ws error"]:
        frame = f.decode_frame(json.dumps(message).encode())
        assert frame == f.ErrorFrame(message["data"])


def test_what_a_client_sends() -> None:
    sent = decode_message(json.dumps(examples()["ws subscribe"]).encode())
    assert isinstance(sent, Subscribe)
    posted = decode_message(json.dumps(examples()["ws post action request"]).encode())
    assert isinstance(posted, PostMessage)
    assert (posted.id, posted.request.type) == (256, "action")
    for bad in (b"", b"null", b'{"method":"x"}', b'{"method":"post","id":"1"}', b"[" * 50_000, b'"\xff"'):
        with pytest.raises(WireError):
            decode_message(bad)


def test_the_unknown_and_the_greeting() -> None:
    raw = b'{"channel":"newThing","data":{"a":[1,2]}}'
    assert f.decode_frame(raw) == f.UnknownFrame("newThing", raw)
    assert isinstance(f.decode_frame(f.GREETING), f.GreetingFrame)
    assert f.decode_frame(memoryview(b'{"channel":"pong"}')) == f.PongFrame()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"{}",
        b'{"channel":1}',
        b'{"channel":"l2Book"}',
        b'{"channel":"bbo","data":{"coin":"BTC","time":-1,"bbo":[null,null]}}',
        b'{"channel":"bbo","data":{"coin":"BTC","time":1,"bbo":[{"px":"nan","sz":"1","n":1},null]}}',
        b'{"channel":"bbo","data":{"coin":"BTC","time":1,"bbo":[{"px":"inf","sz":"1","n":1},null]}}',
        b'{"channel":"bbo","data":{"coin":"BTC","time":1,"bbo":[{"px":"-1","sz":"1","n":1},null]}}',
        b'{"channel":"bbo","data":{"coin":"BTC","time":1,"bbo":[{"px":"1","sz":"-1","n":1},null]}}',
        b'{"channel":"bbo","data":{"coin":"BTC","time":1e300,"bbo":[null,null]}}',
        b'{"channel":"bbo","data":{"coin":"BTC","time":9300000000000,"bbo":[null,null]}}',
        b'{"channel":"trades","data":[{"coin":"BTC","side":"X"}]}',
        b'{"channel":"pong"',
        b"[" * 100_000,
        b'{"channel":' * 100_000,
        b'{"channel":"\xff"}',
        b'{"channel":"\\ud800"}',
        b'{"channel":"l2Book","data":{"coin":"\xff"}}',
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(WireError) as caught:
        f.decode_frame(data)
    assert len(str(caught.value)) < 600
