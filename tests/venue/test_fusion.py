"""The fused book against one computed from the messages anew, and the kernel's book against the fused."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.venue.market_sim import COIN, DEPTH, Message, Way, session

from undertow.events import BBO, END, SNAPSHOT, TRADE
from undertow.instrument import hyperliquid_perp, price_of, tick_near
from undertow.kernel.l2book import NO_ASK, NO_BID, apply_row, level_qty, new_book
from undertow.records import Rec
from undertow.venue.feed import MarketFeed
from undertow.venue.received import Received

INSTRUMENT = hyperliquid_perp(COIN, 2)
WINDOW = 65_536


class Reference:
    """All messages heard; every answer is worked out from them, with no state in between."""

    def __init__(self) -> None:
        self.latest: dict[str, dict[str, Any]] = {}
        self.prints: dict[int, tuple[int, str, float, float]] = {}

    def take(self, message: Message) -> None:
        data = json.loads(message.data)["data"]
        if message.what == "trades":
            for t in data:
                self.prints.setdefault(t["tid"], (t["time"], t["side"], float(t["px"]), float(t["sz"])))
            return
        old = self.latest.get(message.what)
        if old is None or old["time"] < data["time"]:
            self.latest[message.what] = data

    def _levels(self, what: str, index: int) -> tuple[list[tuple[float, float]], float]:
        """Levels of a source after later prints, and how far (as a distance from the touch) it speaks."""
        data = self.latest[what]
        shown = [data["bbo"][index]] if what == "bbo" else data["levels"][index]
        levels = [(float(x["px"]), float(x["sz"])) for x in shown if x is not None]
        sign = -1.0 if index == 0 else 1.0
        full = len(levels) >= DEPTH.get(what, 1)
        edge = sign * levels[-1][0] if full else math.inf
        for at, side, px, qty in self.prints.values():
            if at <= data["time"] or (side == "B") != (index == 1):
                continue
            if not levels or sign * px < sign * levels[0][0]:
                continue
            levels = [(p, q) for p, q in levels if sign * p >= sign * px]
            if levels and levels[0][0] == px:
                left = levels[0][1] - qty
                levels = [(px, left), *levels[1:]] if left > 0 else levels[1:]
        return levels, edge

    def side(self, index: int) -> dict[float, float]:
        """Price to size: at each price the newest source that speaks of it."""
        sign = -1.0 if index == 0 else 1.0
        sources = sorted(self.latest, key=lambda what: -self.latest[what]["time"])
        out: dict[float, float] = {}
        spoken = -math.inf
        for what in sources:
            levels, edge = self._levels(what, index)
            out.update({p: q for p, q in levels if sign * p > spoken})
            spoken = max(spoken, edge)
        return out


def kernel_levels(book: Rec) -> tuple[dict[int, float], dict[int, float]]:
    """Ticks to sizes of the kernel's book, where it says it knows them."""
    top = book.top
    sides = []
    for ring, side in ((book.bid, 1), (book.ask, -1)):
        low = top.window_low
        found = {}
        for at in np.flatnonzero(np.asarray(ring)).tolist():
            tick = low + (at - low) % WINDOW
            qty = level_qty(book, side, tick)
            if qty > 0:
                found[tick] = float(qty)
        sides.append(found)
    return sides[0], sides[1]


def check(feed: MarketFeed, book: Rec, inst: Rec, reference: Reference) -> None:
    fusion = feed.coin(COIN).fusion
    kernel = kernel_levels(book)
    for index, side in ((0, 1), (1, -1)):
        fused = {level.px: level.qty for level in fusion.levels(side)}
        assert fused == reference.side(index)
        assert {tick_near(inst, px): qty for px, qty in fused.items()} == kernel[index]
        known = book.top.bid_known if side > 0 else book.top.ask_known
        if abs(known) < NO_ASK:
            assert fusion.covers(side, price_of(inst, known)), "the kernel knows more than it was told"
    top = book.top
    if top.best_bid != NO_BID and top.best_ask != NO_ASK:
        assert top.best_bid < top.best_ask


def drive(messages: list[Message]) -> tuple[MarketFeed, list[Received]]:
    """A whole session through the feed into a kernel's book, checked after every message."""
    feed = MarketFeed([COIN])
    reference, inst = Reference(), INSTRUMENT.record()
    book = new_book(window_ticks=WINDOW, erode=True)
    out: list[Received] = []
    clock = 0
    for message in messages:
        reference.take(message)
        for received in feed.on_frame(message.data, message.recv_ms * 1_000_000):
            rows = received.rows.view(np.recarray)
            for row in rows:
                apply_row(book, inst, row, received.snapshots)
            assert rows["exch_ns"][0] >= clock
            assert np.all(np.diff(rows["exch_ns"]) >= 0)
            clock = rows["exch_ns"][-1]
            assert rows["flags"][-1] & END
            out.append(received)
        check(feed, book, inst, reference)
    return feed, out


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    bbo=st.sampled_from([10.0, 200.0, 2000.0]),
    fast=st.sampled_from([10.0, 300.0, 3000.0]),
    slow=st.sampled_from([10.0, 600.0, 6000.0]),
    trades=st.sampled_from([1.0, 10.0, 1000.0]),
    lose=st.sampled_from([0.0, 0.1, 0.4]),
    twice=st.sampled_from([0.0, 0.2]),
)
def test_fused_and_kernel_books_follow_the_newest_information(
    seed: int, bbo: float, fast: float, slow: float, trades: float, lose: float, twice: float
) -> None:
    way = Way({"bbo": bbo, "fast": fast, "slow": slow, "trades": trades}, lose, twice)
    drive(session(seed, 120, way))


def test_a_quiet_line_needs_few_snapshots_and_no_repairs() -> None:
    way = Way({"bbo": 0.0, "fast": 0.0, "slow": 0.0, "trades": 0.0})
    feed, out = drive(session(7, 400, way))
    kinds = np.concatenate([r.rows["kind"] for r in out])
    assert feed.stats.malformed == feed.stats.outdated == 0
    assert np.count_nonzero(kinds == TRADE) > 50
    assert np.count_nonzero(kinds == BBO) > np.count_nonzero(kinds == SNAPSHOT)
