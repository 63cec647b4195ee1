"""Rows of the market feed: fields, order, repeats, gaps, references, settlements, staleness.

Frames: tests/data/hyperliquid_wire_examples.json (shapes from the venue's documentation and clients'
recordings; values invented)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.venue.market_sim import COIN, Way, session

from undertow.data.convert import convert
from undertow.data.source import Options
from undertow.events import (
    BBO,
    END,
    FUNDING,
    FUNDING_RATE,
    GAP,
    INFERRED,
    LOCAL,
    MARK,
    OPEN_INTEREST,
    ORACLE,
    REFERENCE,
    REPAIRED,
    SNAPSHOT,
    TRADE,
)
from undertow.venue.feed import MarketFeed
from undertow.venue.received import Received
from undertow.venue.wire.subscriptions import BboSub, L2BookSub

EXAMPLES = json.loads((Path(__file__).parent.parent / "data" / "hyperliquid_wire_examples.json").read_text())
T0 = 1_790_232_240_000
MS = 1_000_000
HOUR_MS = 3_600_000


def frame(channel: str, data: Any) -> bytes:
    return json.dumps({"channel": channel, "data": data}).encode()


def level(px: float, sz: float = 1.0) -> dict[str, Any]:
    return {"px": str(px), "sz": str(sz), "n": 1}


def bbo(at: int, bid: float | None = 99.0, ask: float | None = 101.0, coin: str = "BTC") -> bytes:
    quotes = [None if px is None else level(px) for px in (bid, ask)]
    return frame("bbo", {"coin": coin, "time": at, "bbo": quotes})


def book(at: int, bids: list[float], asks: list[float], fast: bool = False, coin: str = "BTC") -> bytes:
    data: dict[str, Any] = {"coin": coin, "time": at, "levels": [[level(p) for p in s] for s in (bids, asks)]}
    return frame("l2Book", {**data, "fast": True} if fast else data)


def trades(*prints: tuple[int, str, float, int], coin: str = "BTC") -> bytes:
    rows = [
        {"coin": coin, "side": s, "px": str(px), "sz": "0.5", "time": t, "hash": "0x", "tid": i}
        for t, s, px, i in prints
    ]
    return frame("trades", rows)


def context(funding: str = "0.00001", oracle: str = "100.5", coin: str = "BTC") -> bytes:
    ctx = {
        "funding": funding,
        "openInterest": "12.5",
        "prevDayPx": "90",
        "dayNtlVlm": "1",
        "premium": None,
        "oraclePx": oracle,
        "markPx": "100.25",
        "midPx": None,
        "impactPxs": None,
    }
    return frame("activeAssetCtx", {"coin": coin, "ctx": ctx})


def kinds(received: list[Received]) -> list[int]:
    return [int(k) for r in received for k in r.rows["kind"]]


def started(**options: Any) -> MarketFeed:
    feed = MarketFeed(["BTC"], **options)
    feed.on_frame(bbo(T0), (T0 + 200) * MS)
    return feed


def test_every_recorded_frame_gives_rows_or_is_counted() -> None:
    feed = MarketFeed(["BTC"])
    frames = [e["msg"] for e in EXAMPLES if isinstance(e.get("msg"), dict) and "channel" in e["msg"]]
    seen: set[int] = set()
    for k, message in enumerate(frames):
        seen |= set(kinds(feed.on_frame(json.dumps(message).encode(), (T0 + k) * MS)))
    assert feed.stats.frames == len(frames)
    assert feed.stats.malformed == 0
    assert {SNAPSHOT, BBO, MARK, ORACLE, OPEN_INTEREST, FUNDING_RATE} <= seen


def test_first_book_is_a_snapshot_with_its_time_after_the_prints_of_its_block() -> None:
    feed = MarketFeed(["BTC"])
    (received,) = feed.on_frame(book(T0, [99, 98], [101]), (T0 + 300) * MS)
    (row,) = received.rows
    assert (row["kind"], row["exch_ns"], row["recv_ns"]) == (SNAPSHOT, T0 * MS + 1, (T0 + 300) * MS)
    assert row["flags"] & (LOCAL | END) == LOCAL | END
    assert received.snapshots.shape == (1, 4, 26)
    assert received.snapshots[0, :, 0].tolist() == [99, 1, 101, 1]
    assert received.snapshots[0, 0, 1] == 98
    assert np.isnan(received.snapshots[0, 2, 1])


def test_unchanged_books_are_heartbeats() -> None:
    feed = started()
    (again,) = feed.on_frame(book(T0 + 500, [99], [101], fast=True), (T0 + 700) * MS)
    assert kinds([again]) == [BBO, BBO]
    assert feed.ages("BTC", (T0 + 1700) * MS).book == 1.0
    assert feed.on_frame(book(T0 + 500, [99], [101], fast=True), (T0 + 900) * MS) == []
    assert feed.stats.outdated == 1
    assert feed.ages("BTC", (T0 + 1700) * MS).book == 1.0, "a repeated message is no sign of life"


def test_prints_before_the_session_are_history_and_none_comes_twice() -> None:
    feed = MarketFeed(["BTC"])
    replay = trades(*[(T0 - 900 + k * 10, "B", 101.0, k) for k in range(30)])
    assert feed.on_frame(replay, (T0 + 100) * MS) == []
    assert kinds(feed.on_frame(bbo(T0), (T0 + 150) * MS)) == [SNAPSHOT]
    assert feed.on_frame(replay, (T0 + 160) * MS) == []
    live = trades((T0 + 70, "B", 101.0, 77))
    assert kinds(feed.on_frame(live, (T0 + 200) * MS)) == [TRADE]
    assert feed.on_frame(live, (T0 + 210) * MS) == []
    assert (feed.coin("BTC").prints.old, feed.coin("BTC").prints.repeated) == (30, 31)


def test_after_a_gap_missed_prints_come_after_the_book_and_erode_nothing() -> None:
    feed = started()
    feed.on_frame(trades((T0 + 10, "B", 101.0, 1)), (T0 + 210) * MS)
    feed.on_down()
    assert feed.stale("BTC", 1, (T0 + 5000) * MS) == "no book since the feed was lost"
    replay = trades((T0 - 50, "B", 101.0, 0), (T0 + 10, "B", 101.0, 1), (T0 + 3000, "B", 101.0, 2))
    assert feed.on_frame(replay, (T0 + 5100) * MS) == []
    (back,) = feed.on_frame(bbo(T0 + 5000), (T0 + 5200) * MS)
    assert kinds([back]) == [GAP, SNAPSHOT, TRADE]
    gap, _, late = back.rows
    assert gap["val"] == pytest.approx(4.99)
    assert (late["ref"], late["exch_ns"]) == (2, (T0 + 5000) * MS + 1)
    assert late["flags"] & REPAIRED
    assert feed.coin("BTC").fusion.levels(-1)[0].qty == 1.0
    assert feed.stale("BTC", 1, (T0 + 5300) * MS) is None


def test_silence_is_a_gap_even_where_the_connection_stood() -> None:
    feed = started(gap_s=5.0)
    assert kinds(feed.on_frame(bbo(T0 + 6000, 98), (T0 + 6100) * MS)) == [GAP, BBO, BBO]


def test_exchange_times_never_run_backward() -> None:
    feed = MarketFeed([COIN])
    way = Way({"bbo": 400.0, "fast": 900.0, "slow": 3000.0, "trades": 600.0}, 0.1, 0.1)
    rows = np.concatenate(
        [r.rows for m in session(5, 400, way) for r in feed.on_frame(m.data, m.recv_ms * MS)]
    )
    assert np.all(np.diff(rows["exch_ns"]) >= 0)
    assert np.all(np.diff(rows["recv_ns"]) >= 0)
    assert np.all(rows["recv_ns"] >= rows["exch_ns"])
    moved = rows["flags"] & REPAIRED != 0
    assert feed.coin(COIN).repaired > 0
    assert moved.any()


def test_a_clock_behind_the_venues_is_put_right() -> None:
    feed = MarketFeed(["BTC"])
    (first,) = feed.on_frame(bbo(T0), (T0 - 2000) * MS)
    (second,) = feed.on_frame(bbo(T0 + 100, 98), (T0 - 1850) * MS)
    for received in (first, second):
        assert np.all(received.rows["recv_ns"] >= received.rows["exch_ns"])
    assert feed.lead_ns == 2001 * MS
    assert feed.stale("BTC", 1, (T0 - 1850) * MS) is None


def test_context_rows_and_the_settlement_between_two_contexts() -> None:
    feed = started()
    hour = (T0 // HOUR_MS + 1) * HOUR_MS
    (first,) = feed.on_frame(context("0.00002", "100.5"), (hour - 400) * MS)
    assert kinds([first]) == [GAP, MARK, ORACLE, OPEN_INTEREST, FUNDING_RATE]
    assert first.rows["ref"][-1] == hour * MS
    (second,) = feed.on_frame(context("0.00009", "200"), (hour + 600) * MS)
    assert kinds([second]) == [FUNDING, MARK, ORACLE, OPEN_INTEREST, FUNDING_RATE]
    settled = second.rows[0]
    assert (settled["qty"], settled["px"], settled["ref"]) == (0.00002, 100.5, hour * MS)
    assert settled["flags"] & (INFERRED | END) == INFERRED | END
    assert np.all(second.rows["flags"] & INFERRED)
    feed.on_down()
    feed.on_frame(context(), (hour + 2 * HOUR_MS) * MS)
    assert feed.coin("BTC").settlements.unknown == 1


def test_settlements_are_those_of_a_recording_of_the_same_frames(tmp_path: Path) -> None:
    feed, lines, live = MarketFeed(["BTC"]), [], []
    hour = (T0 // HOUR_MS + 1) * HOUR_MS
    for k in range(20):
        at = hour - 4_700 + 500 * k
        for data in (bbo(at - 100, 99 - k / 10), context(f"0.0000{k + 1}", str(100 + k))):
            lines.append(b"%d %s" % (at * MS, data))
            live += [r.rows for r in feed.on_frame(data, at * MS)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    (chunk,) = convert("hyperliquid-ws", [path], mode="strict", options=Options(coin="BTC")).chunks()
    recorded = chunk.rows[chunk.rows["flags"] & LOCAL != 0]
    rows = np.concatenate(live)
    for kind in (FUNDING, MARK, ORACLE, OPEN_INTEREST, FUNDING_RATE):
        fields = ["px", "qty", "ref", "recv_ns"]
        assert (
            rows[rows["kind"] == kind][fields].tolist() == recorded[recorded["kind"] == kind][fields].tolist()
        )


def test_references_are_mids_of_other_coins() -> None:
    feed = MarketFeed(["BTC", "ETH"], references={"ETH": ["BTC", "@107"]})
    assert BboSub("@107") in feed.subscriptions()
    out = feed.on_frame(bbo(T0, 99, 101), (T0 + 100) * MS)
    assert [(r.coin, kinds([r])) for r in out] == [("BTC", [SNAPSHOT]), ("ETH", [REFERENCE])]
    (spot,) = feed.on_frame(bbo(T0, 10, 12, coin="@107"), (T0 + 200) * MS)
    (row,) = spot.rows
    assert (spot.coin, row["px"], row["asset"]) == ("ETH", 11.0, 2)
    assert feed.on_frame(bbo(T0 + 1, 10, None, coin="@107"), (T0 + 300) * MS) == []
    assert set(feed.ages("ETH", (T0 + 300) * MS).references) == {1, 2}


def test_a_reference_does_not_move_the_clock_of_the_coin() -> None:
    feed = MarketFeed(["ETH"], references={"ETH": ["BTC"]})
    feed.on_frame(bbo(T0, coin="ETH"), (T0 + 100) * MS)
    feed.on_frame(bbo(T0 + 90), (T0 + 150) * MS)
    (own,) = feed.on_frame(bbo(T0 + 70, 98, coin="ETH"), (T0 + 160) * MS)
    assert own.rows["exch_ns"].tolist() == [(T0 + 70) * MS + 1] * 2


@pytest.mark.parametrize(
    ("change", "side", "reason"),
    [
        (lambda feed: None, 1, None),
        (lambda feed: feed.on_frame(bbo(T0 + 100, None), (T0 + 300) * MS), 1, "no bid is known"),
        (lambda feed: feed.on_frame(bbo(T0 + 100, None), (T0 + 300) * MS), -1, None),
        (
            lambda feed: feed.on_frame(trades((T0 + 100, "B", 105.0, 1)), (T0 + 300) * MS),
            -1,
            "no ask is known",
        ),
    ],
)
def test_a_side_that_cannot_be_seen_is_stale(change: Any, side: int, reason: str | None) -> None:
    feed = started()
    change(feed)
    assert feed.stale("BTC", side, (T0 + 400) * MS) == reason


def test_a_silent_or_late_book_is_stale_whatever_else_is_heard() -> None:
    feed = started()
    for k in range(1, 6):
        feed.on_frame(context(), (T0 + 200 + 1000 * k) * MS)
    assert feed.stale("BTC", 1, (T0 + 3100) * MS) is None
    assert feed.stale("BTC", 1, (T0 + 3300) * MS) == "the book is silent for 3.1 s"
    feed.on_frame(bbo(T0 + 1000, 98), (T0 + 5600) * MS)
    assert feed.stale("BTC", -1, (T0 + 5700) * MS) == "the book came 4.6 s late"
    feed.on_frame(book(T0 + 5700, [98], [101], fast=True), (T0 + 6000) * MS)
    assert feed.stale("BTC", -1, (T0 + 6100) * MS) is None, "the fast book speaks for a silent bbo"


def test_subscriptions_that_fell_silent_are_named() -> None:
    feed = started()
    feed.on_frame(book(T0 + 100, [99], [101], fast=True), (T0 + 300) * MS)
    assert feed.silent((T0 + 5200) * MS) == []
    assert feed.silent((T0 + 5400) * MS) == [L2BookSub("BTC", fast=True)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        bbo(T0 + 10, 101, 99),
        book(T0 + 10, [99, 99.5], [101]),
        book(T0 + 10, [99, 99], [101]),
        book(T0 + 10, [99], [98]),
        bbo(T0 + 10**9),
        book(T0 + 10**9, [99], [101]),
        trades((T0 + 10**9, "B", 101.0, 5)),
        frame("bbo", {"coin": "BTC", "time": T0, "bbo": [{"px": "NaN", "sz": "1", "n": 1}, None]}),
        frame("l2Book", {"coin": "BTC", "time": -1, "levels": [[], []]}),
        frame("trades", [{"coin": "BTC"}]),
        frame("activeAssetCtx", {"coin": "BTC", "ctx": {}}),
    ],
)
def test_malformed_messages_change_nothing(data: bytes) -> None:
    feed = started()
    before = feed.coin("BTC").fusion.levels(1)
    assert feed.on_frame(data, (T0 + 300) * MS) == []
    assert feed.stats.malformed == 1
    assert feed.coin("BTC").fusion.levels(1) == before
    assert feed.lead_ns == 0


def test_wrong_wishes_are_refused_with_their_field() -> None:
    with pytest.raises(ValueError, match="coins"):
        MarketFeed(["BTC", "BTC"])
    with pytest.raises(ValueError, match="references names \\['SOL'\\]"):
        MarketFeed(["BTC"], references={"SOL": ["BTC"]})
    with pytest.raises(ValueError, match="fast or the slow"):
        MarketFeed(["BTC"], fast=False, slow=False)
