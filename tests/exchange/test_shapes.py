"""Every message the exchange sends has the shape of those in tests/venue/data/wire_examples.json."""

from __future__ import annotations

import asyncio
import base64
import json
import zlib
from functools import cache
from typing import Any

import pytest
from tests.exchange.drive import OTHER_KEY, START_MS, USER, Session, limit_order, subscribe, virtual
from tests.exchange.shape import differences, kind_of
from tests.venue.wire_data import cassettes, examples

from undertow.exchange.happenings import FundingPaid, Liquidated, NonUserCancel

OPTIONAL = frozenset({"cloid", "reduceOnly", "isSnapshot", "liquidation", "builderFee"})
NULLABLE = frozenset(
    {"midPx", "premium", "impactPxs", "cloid", "liquidationPx", "agentAddress", "agentValidUntil"}
)
CLOID = "0x" + "ab" * 16
SUBSCRIPTIONS: list[dict[str, Any]] = [
    {"type": "l2Book", "coin": "BTC"},
    {"type": "bbo", "coin": "BTC"},
    {"type": "trades", "coin": "BTC"},
    {"type": "candle", "coin": "BTC", "interval": "1m"},
    {"type": "activeAssetCtx", "coin": "BTC"},
    {"type": "fastAssetCtxs"},
    {"type": "orderUpdates", "user": USER},
    {"type": "userFills", "user": USER},
    {"type": "userEvents", "user": USER},
    {"type": "userFundings", "user": USER},
    {"type": "clearinghouseState", "user": USER},
    {"type": "openOrders", "user": USER},
    {"type": "notification", "user": USER},
    {"type": "webData3", "user": USER},
]


class Seen:
    """One session in which everything happens once: its frames by channel, and replies by request."""

    def __init__(self) -> None:
        self.frames: dict[str, list[Any]] = {}
        self.replies: dict[str, Any] = {}
        self.info: dict[str, Any] = {}


async def _trade(session: Session, seen: Seen) -> None:
    book = await session.info(type="l2Book", coin="BTC")
    bid, ask = (float(side[0]["px"]) for side in book["levels"])
    rest = limit_order(0, True, f"{round(bid * 0.99)}", "0.01", "Alo", c=CLOID)
    seen.replies["resting"] = await session.act(rest)
    seen.replies["filled"] = await session.act(
        limit_order(0, True, f"{round(ask * 1.01)}", "0.01", "Ioc", c=CLOID)
    )
    crossing = limit_order(0, True, f"{round(ask * 1.01)}", "0.01", "Alo")
    seen.replies["crossing"] = await session.act(crossing)
    seen.replies["small"] = await session.act(limit_order(0, True, f"{round(bid)}", "0.00001"))
    inside = limit_order(0, False, f"{round(bid) + 1}", "0.02", "Gtc", c=CLOID)
    await session.act(inside)
    await session.act(limit_order(0, True, f"{round(bid * 1.01)}", "0.02", "Ioc"), key=OTHER_KEY)
    oid = seen.replies["resting"]["response"]["data"]["statuses"][0]["resting"]["oid"]
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": oid}, {"a": 0, "o": 1}]}
    modify = {"type": "modify", "oid": oid, "order": rest["orders"][0] | {"p": f"{round(bid * 0.98)}"}}
    seen.info["orderStatus"] = await session.info(type="orderStatus", user=USER, oid=oid)
    seen.info["frontendOpenOrders"] = await session.info(type="frontendOpenOrders", user=USER)
    seen.info["openOrders"] = await session.info(type="openOrders", user=USER)
    seen.replies["modify"] = await session.act(modify)
    oid = (await session.info(type="openOrders", user=USER))[0]["oid"]
    batch = {
        "type": "batchModify",
        "modifies": [{"oid": oid, "order": rest["orders"][0]}, {"oid": 1, "order": rest["orders"][0]}],
    }
    seen.replies["batchModify"] = await session.act(batch)
    oid = (await session.info(type="openOrders", user=USER))[0]["oid"]
    cancel["cancels"][0]["o"] = oid
    seen.replies["cancel"] = await session.act(cancel)
    seen.replies["leverage"] = await session.act(
        {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 10}
    )
    seen.replies["schedule"] = await session.act({"type": "scheduleCancel", "time": START_MS + 60_000})


@cache
def seen() -> Seen:
    async def body(session: Session) -> Seen:
        found = Seen()
        await asyncio.sleep(70.0)
        socket, heard = await session.open()
        for wanted in SUBSCRIPTIONS:
            subscribe(socket, **({"kind": wanted["type"]} | {k: v for k, v in wanted.items() if k != "type"}))
        subscribe(socket, "l2Book", coin="BTC", fast=True)
        subscribe(socket, "l2Book", coin="BTC", nSigFigs=4)
        subscribe(socket, "allMids")
        subscribe(socket, "allMids", dex="hyna")
        await asyncio.sleep(1.0)
        await _trade(session, found)
        state = session.exchange.state
        coin = state.by_name["BTC"]
        state.events.append(FundingPaid(USER, coin, -21, 4, -79506, state.now_ms))
        state.events.append(NonUserCancel(USER, coin, 1001, state.now_ms))
        state.events.append(Liquidated(1, USER, USER, 10**6, 10**6, False, state.now_ms))
        session.exchange.account(USER).fundings.append(FundingPaid(USER, coin, -21, 4, -79506, state.now_ms))  # type: ignore[union-attr]
        await asyncio.sleep(8.0)
        for request in ("meta", "perpDexs", "metaAndAssetCtxs", "predictedFundings", "exchangeStatus"):
            found.info[request] = await session.info(type=request)
        for request in ("userFills", "clearinghouseState", "userRateLimit", "historicalOrders", "userRole"):
            found.info[request] = await session.info(type=request, user=USER)
        found.info["userFunding"] = await session.info(type="userFunding", user=USER, startTime=0)
        found.info["unknown"] = await session.info(type="orderStatus", user=USER, oid=7)
        found.info["l2Book"] = await session.info(type="l2Book", coin="BTC")
        for _, frame in heard.frames:
            if "data" in frame:
                found.frames.setdefault(frame["channel"], []).append(frame)
        return found

    return virtual(body)


def example(name: str) -> Any:
    return examples()[name]


def check(got: Any, wanted: Any, *, maybe: frozenset[str] = OPTIONAL) -> None:
    assert differences(got, wanted, maybe=maybe, free=NULLABLE) == []


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("bbo", "bbo"),
        ("trades", "trades"),
        ("activeAssetCtx", "activeAssetCtx"),
        ("fastAssetCtxs", "fastAssetCtxs"),
        ("candle", "candle"),
        ("userFundings", "userFundings"),
        ("clearinghouseState", "clearinghouseState"),
        ("openOrders", "openOrders"),
        ("notification", "notification"),
        ("webData3", "webData3"),
    ],
)
def test_frames(channel: str, name: str) -> None:
    frames = seen().frames[channel]
    for frame in frames:
        check(frame, example(name))
    if channel == "clearinghouseState":
        check(next(f for f in frames if f["data"]["clearinghouseState"]["assetPositions"]), example(name))
    if channel == "openOrders":
        assert any(f["data"]["orders"] for f in frames)


def test_books_of_each_kind() -> None:
    frames = seen().frames["l2Book"]
    fast = [f for f in frames if "fast" in f["data"]]
    merged = [f for f in frames if "spread" in f["data"]]
    plain = [f for f in frames if "fast" not in f["data"] and "spread" not in f["data"]]
    for group, name, depth in (
        (fast, "l2Book fast (5/side, ~0.54 s)", 5),
        (merged, "l2Book aggregated", 20),
        (plain, "l2Book default (20/side, ~5.4 s)", 20),
    ):
        assert group
        for frame in group:
            check(frame, example(name))
            assert all(1 <= len(side) <= depth for side in frame["data"]["levels"])


def test_mids_of_the_main_dex_and_of_a_builder_dex() -> None:
    main = [f["data"] for f in seen().frames["allMids"] if "dex" not in f["data"]]
    dex = [f["data"] for f in seen().frames["allMids"] if "dex" in f["data"]]
    assert main[0].keys() == {"mids"}
    assert list(main[0]["mids"]) == ["BTC"]
    assert dex[0]["dex"] == "hyna"
    assert list(dex[0]["mids"]) == ["hyna:HYPE"]


def test_fast_contexts_unpack_to_what_changed() -> None:
    packed = [f["data"] for f in seen().frames["fastAssetCtxs"]]
    values = [json.loads(zlib.decompress(base64.b64decode(data), wbits=-15)) for data in packed]
    assert values[0].keys() == {"BTC", "hyna:HYPE"}
    assert values[0]["BTC"].keys() == {"markPx", "midPx"}
    known = values[0]
    for later in values[1:]:
        for coin, changed in later.items():
            assert changed
            assert all(known[coin][name] != value for name, value in changed.items())
            known[coin] |= changed


def test_the_first_trades_frame_replays_old_prints_without_saying_so() -> None:
    first = seen().frames["trades"][0]["data"]
    assert 2 <= len(first) <= 30
    times = [trade["time"] for trade in first]
    assert times == sorted(times, reverse=True)
    assert times[0] - times[-1] > 1000, "they are old"
    assert "isSnapshot" not in seen().frames["trades"][0]


def test_order_updates() -> None:
    frames = seen().frames["orderUpdates"]
    statuses = [update["status"] for frame in frames for update in frame["data"]]
    assert {"open", "filled", "canceled", "badAloPxRejected", "minTradeNtlRejected"} <= set(statuses)
    both = [f for f in frames if [u["status"] for u in f["data"]][:2] == ["open", "filled"]]
    for frame in frames:
        check(frame, example("orderUpdates open"))
    for frame in both:
        check(frame, example("orderUpdates open+filled in one frame"))


def test_user_fills_flag_only_the_snapshot() -> None:
    frames = seen().frames["userFills"]
    assert frames[0]["data"]["isSnapshot"] is True
    assert len(frames) >= 3
    assert all(not frame["data"].get("isSnapshot", False) for frame in frames[1:])
    assert all(frame["data"]["user"] == USER for frame in frames)
    for frame in frames[1:]:
        check(frame, example("userFills update"))
    crossed = {fill["crossed"] for frame in frames for fill in frame["data"]["fills"]}
    assert crossed == {True, False}


def test_user_events_come_on_the_channel_user() -> None:
    frames = seen().frames["user"]
    for key, name in (
        ("fills", "userEvents fills (channel is 'user')"),
        ("funding", "userEvents funding"),
        ("nonUserCancel", "userEvents nonUserCancel"),
        ("liquidation", "userEvents liquidation"),
    ):
        mine = [frame for frame in frames if key in frame["data"]]
        assert mine, key
        for frame in mine:
            check(frame, example(name))


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ("modify", "http modify (single)"),
        ("leverage", "http scheduleCancel/updateLeverage/updateIsolatedMargin/noop/reserveRequestWeight"),
        ("schedule", "http whole-request error"),
    ],
)
def test_plain_replies(reply: str, name: str) -> None:
    check(seen().replies[reply], example(name))


def test_replies_of_orders() -> None:
    statuses = example("http order ok")["response"]["data"]["statuses"]
    for name, wanted in (("resting", statuses[0]), ("filled", statuses[1]), ("crossing", statuses[2])):
        reply = seen().replies[name]
        check(reply | {"response": None}, example("http order ok") | {"response": None})
        check(reply["response"]["data"]["statuses"][0], wanted)
    text = seen().replies["crossing"]["response"]["data"]["statuses"][0]["error"]
    assert text.startswith("Post only order would have immediately matched, bbo was ")
    assert text.endswith(" asset=0")


def test_replies_of_cancels_and_modifies() -> None:
    for name, wanted in (("cancel", "http cancel"), ("batchModify", "http batchModify")):
        got = seen().replies[name]["response"]["data"]["statuses"]
        for one, other in zip(got, example(wanted)["response"]["data"]["statuses"], strict=True):
            check(one, other)
            if isinstance(other, dict) and "error" in other:
                assert one["error"].startswith(other["error"].split(" asset=")[0])


@pytest.mark.parametrize(
    ("request_type", "name"),
    [
        ("frontendOpenOrders", "info frontendOpenOrders"),
        ("openOrders", "info openOrders"),
        ("clearinghouseState", "info clearinghouseState"),
        ("userRateLimit", "info userRateLimit"),
        ("predictedFundings", "info predictedFundings"),
        ("exchangeStatus", "info exchangeStatus"),
    ],
)
def test_info(request_type: str, name: str) -> None:
    check(seen().info[request_type], example(name))


def test_order_status() -> None:
    known, unknown = example("info orderStatus")
    check(seen().info["orderStatus"], known)
    check(seen().info["unknown"], unknown)


def test_meta_and_dexes() -> None:
    wanted = example("info meta (HIP-3)")
    optional = frozenset(
        {"onlyIsolated", "marginMode", "growthMode", "lastGrowthModeChangeTime", "isDelisted"}
    )
    check(seen().info["meta"], wanted, maybe=optional)
    check(seen().info["metaAndAssetCtxs"][0], wanted, maybe=optional)
    check(seen().info["metaAndAssetCtxs"][1][0], example("activeAssetCtx")["data"]["ctx"])
    assert seen().info["perpDexs"][0] is None
    check(seen().info["perpDexs"][1], example("info perpDexs")[1], maybe=frozenset())


def test_the_same_shapes_as_the_recorded_replies_of_the_official_sdk() -> None:
    recorded = {request["type"]: reply for _, request, reply in cassettes()}
    newer = (
        frozenset({"crossMaintenanceMarginUsed", "time", "maxLeverage", "cumFunding", "maxTradeSzs"})
        | OPTIONAL
    )
    newer |= {"tid", "feeToken", "twapId", "nRequestsSurplus", "origSz"}
    for request, free in (
        ("clearinghouseState", NULLABLE),
        ("userFills", NULLABLE),
        ("historicalOrders", NULLABLE),
        ("userRateLimit", NULLABLE),
        ("userFunding", NULLABLE | {"nSamples"}),
        ("userRole", NULLABLE),
        ("l2Book", NULLABLE),
        ("openOrders", NULLABLE),
    ):
        assert differences(seen().info[request], recorded[request], maybe=newer, free=free) == [], request


def test_kinds_of_values_are_told_apart() -> None:
    assert [kind_of(v) for v in ("1.0", "BTC", "0x1", 1, True, None)] == [
        "decimal",
        "text",
        "text",
        "int",
        "bool",
        "null",
    ]
    assert differences({"a": 1}, {"a": "1"}) == ["$.a: int where decimal is due"]
    assert differences({"a": 1}, {"b": 1}) == ["$: lacks b", "$: has a"]
