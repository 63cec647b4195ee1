"""A recording behind the exchange: its prints are printed, and what accounts do stays for a while."""

from __future__ import annotations

import numpy as np
from tests.exchange.still import ALICE, START_NS, conserved, fills_of

from undertow.data.memory import InMemoryRecording
from undertow.events import TRADE
from undertow.exchange.core import Exchange
from undertow.exchange.happenings import Traded
from undertow.exchange.listing import Listing
from undertow.exchange.market_recorded import RecordedBackground
from undertow.exchange.numbers import plain
from undertow.exchange.overlay import Overlay
from undertow.instrument import price_of
from undertow.kernel.l2book import apply_row, has_both_sides, new_book
from undertow.synthetic.generate import generate

BLOCK = 70_000_000
SHIFTED_NS = START_NS + 10**15


def tape(style: str, seconds: float = 60.0) -> InMemoryRecording:
    market = generate("hl-btc", 5, seconds, feed=style, start_ns=START_NS)
    return InMemoryRecording("tape", market.instrument, list(market.chunks()), market.snapshot_fed)


def exchange_of(recording: InMemoryRecording) -> Exchange:
    listing = Listing("BTC", lambda start_ns: RecordedBackground(recording, start_ns))
    ex = Exchange([listing], start_ns=SHIFTED_NS)
    ex.deposit(ALICE, 1e6)
    return ex


def test_without_accounts_the_tape_is_printed_as_it_is() -> None:
    recording = tape("full")
    ex = exchange_of(recording)
    ex.advance(SHIFTED_NS + 58 * 10**9)
    printed = [(e.side, e.tick, e.steps) for e in ex.drain() if isinstance(e, Traded)]
    rows = recording.parts[0].rows
    rows = rows[rows["kind"] == TRADE]
    truth = [(int(r["side"]), round(float(r["px"]) * 10), round(float(r["qty"]) * 1e5)) for r in rows]
    assert len(printed) > 20
    start = next(i for i in range(len(truth)) if truth[i : i + 5] == printed[:5])
    assert truth[start : start + len(printed)] == printed


def test_the_book_is_the_tapes_own() -> None:
    for style in ("full", "snapshots"):
        recording = tape(style, 20.0)
        ex = exchange_of(recording)
        coin = ex.state.coins[0]
        ex.advance(SHIFTED_NS + 10 * 10**9)
        book, inst = new_book(erode=recording.snapshot_fed), recording.instrument.record()
        until = ex.now_ns - coin.market._shift_ns
        for row in recording.parts[0].rows.view(np.recarray):
            if row.exch_ns <= until:
                apply_row(book, inst, row, recording.parts[0].snapshots)
        assert has_both_sides(book)
        top = book["top"]
        assert coin.best(1) == round(price_of(inst, top["best_bid"]) * 10)
        assert coin.best(-1) == round(price_of(inst, top["best_ask"]) * 10)


def test_accounts_trade_with_a_tape() -> None:
    ex = exchange_of(tape("full"))
    coin = ex.state.coins[0]
    nonce, passive, crossed = START_NS // 10**6 + 10**9, 0, 0
    for i in range(700):
        if i % 20 == 0:
            side = 1 if i % 40 else -1
            tif = "Ioc" if i % 100 == 0 else "Alo"
            best = coin.best(-side if tif == "Ioc" else side)
            nonce += 1
            order = {"a": 0, "b": side > 0, "p": plain(best // 10 * 10, 1), "s": "0.02", "r": False}
            orders = [{**order, "t": {"limit": {"tif": tif}}}]
            ex.submit(ALICE, {"type": "order", "orders": orders, "grouping": "na"}, nonce)
        ex.advance(ex.now_ns + BLOCK)
        bid, ask = coin.best(1), coin.best(-1)
        assert bid is None or ask is None or bid < ask
        fills = fills_of(ex.drain(), ALICE)
        passive += sum(not f[2] for f in fills)
        crossed += sum(f[2] for f in fills)
    assert passive > 3
    assert crossed > 1
    conserved(ex)


def test_the_tape_ends_and_its_book_stays() -> None:
    ex = exchange_of(tape("full", 5.0))
    ex.advance(SHIFTED_NS + 8 * 10**9)
    coin = ex.state.coins[0]
    assert coin.market.ended
    assert coin.top()[0] is not None


def test_overlay_fades_and_forgets() -> None:
    overlay = Overlay(1_000)
    overlay.add(1, 10, 8, 0)
    overlay.add(-1, 12, -8, 0)
    assert [overlay.left(1, 10, 20, t) for t in (0, 1_000, 2_000)] == [12, 16, 18]
    assert overlay.left(-1, 12, 0, 1_000) == 4
    assert overlay.kept(-1) == [(12, 0)]
    assert overlay.left(1, 10, 0, 2_000) == 0
    assert overlay.left(1, 10, 20, 2_000) == 20  # an emptied level forgets
    overlay.prune(100_000)
    assert len(overlay) == 0
