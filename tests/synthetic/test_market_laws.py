"""Laws every generated market obeys, whatever its preset, feed and seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from undertow.events import BBO, DEPTH, END, EXCH, LOCAL, ORDER_ADD, REFERENCE, SNAPSHOT, TRADE
from undertow.instrument import price_of, step_ticks, tick_near
from undertow.kernel.l2book import apply_row, new_book
from undertow.synthetic.generate import GeneratedMarket, generate
from undertow.synthetic.params import FEEDS, Feed
from undertow.synthetic.presets import preset_names

PRESETS = preset_names()
Rows = Callable[[GeneratedMarket], np.ndarray]


def _resolved(market: GeneratedMarket) -> tuple[np.ndarray, np.ndarray]:
    """Rows and snapshots as one table, ``ref`` of SNAPSHOT rows counted over the whole market."""
    rows, tables, before = [], [], 0
    for chunk in market.chunks():
        part = chunk.rows.copy()
        part["ref"][part["kind"] == SNAPSHOT] += before
        before += len(chunk.snapshots)
        rows.append(part)
        tables.append(chunk.snapshots)
    return np.concatenate(rows), np.concatenate(tables)


def test_same_seed_same_bytes(all_rows: Rows) -> None:
    first, second = (all_rows(generate("hl-btc", 3, 120.0)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != all_rows(generate("hl-btc", 4, 120.0)).tobytes()


@pytest.mark.parametrize("feed", FEEDS)
def test_chunk_size_changes_nothing(feed: Feed) -> None:
    whole, table = _resolved(generate("hl-btc", 3, 300.0, feed=feed, chunk_rows=1_000_000))
    cut_market = generate("hl-btc", 3, 300.0, feed=feed, chunk_rows=1)
    cut, cut_table = _resolved(cut_market)
    assert sum(1 for _ in cut_market.chunks()) > 1
    assert whole.tobytes() == cut.tobytes()
    np.testing.assert_array_equal(table, cut_table)


def test_extent_is_that_of_the_chunks(all_rows: Rows) -> None:
    measured, read = generate("hl-btc", 3, 60.0), generate("hl-btc", 3, 60.0)
    rows = all_rows(read)
    for market in (measured, read):
        assert market.n_rows == len(rows)
        assert market.span_ns == (rows["recv_ns"][0], rows["recv_ns"][-1])


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_times_sizes_and_prices_are_valid(preset: str, feed: Feed, all_rows: Rows) -> None:
    market = generate(preset, 5, 120.0, feed=feed)
    rows, tables = _resolved(market)
    assert np.all(rows["recv_ns"] >= rows["exch_ns"])
    assert np.all(np.diff(rows["exch_ns"]) >= 0)
    assert np.all(np.diff(rows["recv_ns"]) >= 0)
    assert np.all(rows["flags"] & (EXCH | LOCAL) == EXCH | LOCAL)
    inst = market.instrument.record()
    quotes = rows[np.isin(rows["kind"], (BBO, DEPTH, TRADE))]
    bids, asks = (
        tables[:, 0:2].transpose(1, 0, 2).reshape(2, -1),
        tables[:, 2:4].transpose(1, 0, 2).reshape(2, -1),
    )
    px = np.concatenate([quotes["px"], bids[0], asks[0]])
    qty = np.concatenate([quotes["qty"], bids[1], asks[1]])
    shown = ~np.isnan(px)
    assert np.array_equal(shown, ~np.isnan(qty))
    px, qty = px[shown], qty[shown]
    steps = qty / market.instrument.size_step
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
    removed = np.isin(quotes["kind"], (DEPTH,)) & (quotes["qty"] == 0)
    assert np.all(qty[len(quotes) :] > 0)
    assert np.all(quotes["qty"][~removed] > 0)
    for p in np.unique(px):
        tick = tick_near(inst, p)
        assert price_of(inst, tick) == p
        assert tick % step_ticks(inst, tick) == 0


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("preset", PRESETS)
def test_books_are_never_crossed(preset: str, feed: Feed) -> None:
    market = generate(preset, 6, 180.0, feed=feed)
    inst, book, seen = market.instrument.record(), new_book(erode=False), 0
    for chunk in market.chunks():
        for row in chunk.rows:
            if row["kind"] == TRADE or row["kind"] >= ORDER_ADD:
                continue
            apply_row(book, inst, row, chunk.snapshots)
            if row["kind"] <= BBO and row["flags"] & END:
                seen += 1
                assert book.top["best_bid"] < book.top["best_ask"]
        tables = chunk.snapshots
        if len(tables):
            assert np.all(tables[:, 0, 0] < tables[:, 2, 0])
            assert not np.any(np.diff(tables[:, 0], axis=1) >= 0)
            assert not np.any(np.diff(tables[:, 2], axis=1) <= 0)
    assert seen > 100


@pytest.mark.parametrize("preset", PRESETS)
def test_prints_take_what_the_full_feed_shows(preset: str, all_rows: Rows) -> None:
    """Every print is at the best price shown and no larger than what is left there."""
    book: dict[int, dict[float, float]] = {1: {}, -1: {}}
    prints = 0
    for row in all_rows(generate(preset, 7, 900.0, feed="full")):
        kind, side, px, qty = int(row["kind"]), int(row["side"]), float(row["px"]), float(row["qty"])
        if kind == DEPTH:
            book[side][px] = qty
            if qty == 0:
                del book[side][px]
        elif kind == TRADE:
            prints += 1
            resting = book[-side]
            assert px == (min(resting) if side > 0 else max(resting))
            left = resting[px] - qty
            assert left > -1e-9
            resting[px] = left
            if left < 1e-9:
                del resting[px]
    assert prints > 50


def test_a_leading_reference_and_context_are_published(all_rows: Rows) -> None:
    from undertow.events import FUNDING, FUNDING_RATE, MARK, OPEN_INTEREST, ORACLE

    rows = all_rows(generate("hl-btc", 8, 7300.0))
    settled = rows[rows["kind"] == FUNDING]
    assert len(settled) == 2
    assert np.all(settled["ref"] % 3_600_000_000_000 == 0)
    assert np.all(np.abs(settled["qty"]) < 0.04)
    for kind in (MARK, ORACLE, OPEN_INTEREST, FUNDING_RATE):
        assert 7200 < np.sum(rows["kind"] == kind) < 7400
    expected = rows[rows["kind"] == FUNDING_RATE]
    assert np.all(expected["ref"] > expected["exch_ns"] - 100_000_000)
    assert np.all(rows["asset"] == (rows["kind"] == REFERENCE))
    oracle = rows["px"][rows["kind"] == ORACLE]
    mark = rows["px"][rows["kind"] == MARK]
    assert np.all(np.abs(mark / oracle - 1.0) < 0.01)


def test_prices_stay_valid_where_the_price_step_changes(all_rows: Rows) -> None:
    """HYPE around 100: five significant figures are 0.001 below and 0.01 above."""
    import msgspec

    base = generate("hip3-hype", 1, 1.0).params
    params = msgspec.structs.replace(
        base, start_px=99.2, price=msgspec.structs.replace(base.price, sigma_bps=20.0)
    )
    market = generate(params, 3, 600.0, feed="full")
    inst = market.instrument.record()
    rows = all_rows(market)
    prices = np.unique(rows["px"][np.isin(rows["kind"], (DEPTH, TRADE))])
    assert prices.min() < 98.0 < 100.5 < prices.max()
    for p in prices:
        tick = tick_near(inst, p)
        assert tick % step_ticks(inst, tick) == 0
