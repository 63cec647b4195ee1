"""The symmetric ladder: where it quotes, when it moves, when a side stops."""

from __future__ import annotations

import numpy as np
import pytest
from tests.replay.markets import COIN

from undertow.baselines.symmetric import SymmetricSettings, make_symmetric, on_timer
from undertow.events import CANCEL, EVENT, NEW, TIMER
from undertow.instrument import hyperliquid_perp, step_ticks
from undertow.kernel.desk import ACTION, LIVE, MAX_ACTIONS
from undertow.kernel.l2book import Book, new_book, set_level
from undertow.maker import Maker
from undertow.records import Rec, new_record

SETTINGS = SymmetricSettings(
    half_spread_bps=5, spacing_bps=2, levels=3, order_usd=100, max_position_usd=1_000, requote_bps=2.5
)


def book_at(bid: int, ask: int) -> Book:
    book = new_book()
    set_level(book, 1, bid, 1.0)
    set_level(book, -1, ask, 1.0)
    return book


def cycle(maker: Maker, state: Rec, book: Book, inst: Rec) -> list[tuple[int, int, int, float]]:
    """One timer: (kind, side, tick, qty) of what it sends; the desk sees every order go live."""
    actions, row = np.zeros(MAX_ACTIONS, dtype=ACTION), new_record(EVENT)
    row["kind"] = TIMER
    n = on_timer(state, maker.params, inst, book, row, actions)
    desk = state["desk"]
    desk["working"]["status"][: int(desk["n_working"])] = LIVE
    return [(int(a["kind"]), int(a["side"]), int(a["tick"]), float(a["qty"])) for a in actions[:n]]


def test_ladder_is_even_and_on_both_sides() -> None:
    maker = make_symmetric(COIN, SETTINGS)
    sent = cycle(maker, maker.fresh_state(), book_at(9_999, 10_001), COIN.record())
    # mid 1000.0, 5 bps = 0.5 = 5 ticks, 2 bps = 0.2 = 2 ticks, 100 USD = 0.1 coins
    assert sent == [
        *[(NEW, 1, 9_995 - 2 * k, 0.1) for k in range(3)],
        *[(NEW, -1, 10_005 + 2 * k, 0.1) for k in range(3)],
    ]


def test_small_moves_leave_it_and_large_ones_move_it() -> None:
    maker = make_symmetric(COIN, SETTINGS)
    state, inst = maker.fresh_state(), COIN.record()
    cycle(maker, state, book_at(9_999, 10_001), inst)
    assert cycle(maker, state, book_at(10_000, 10_002), inst) == []  # a tick is one bp
    sent = cycle(maker, state, book_at(10_019, 10_021), inst)
    assert {kind for kind, *_ in sent} == {NEW, CANCEL}
    assert max(t for kind, side, t, _ in sent if kind == NEW and side > 0) == 10_014


@pytest.mark.parametrize("side", [1, -1])
def test_a_side_stops_at_the_position_limit(side: int) -> None:
    maker = make_symmetric(COIN, SETTINGS)
    state = maker.fresh_state()
    state["desk"]["position"] = side * 1.0
    sent = cycle(maker, state, book_at(9_999, 10_001), COIN.record())
    assert {s for _, s, _, _ in sent} == {-side}


def test_prices_obey_significant_figures() -> None:
    btc = hyperliquid_perp("BTC", 5)
    maker, inst = make_symmetric(btc, SETTINGS), btc.record()
    sent = cycle(maker, maker.fresh_state(), book_at(1_000_000, 1_000_010), inst)
    assert len(sent) == 6
    for _, _, tick, _ in sent:
        assert tick % step_ticks(inst, tick) == 0


@pytest.mark.parametrize(("field", "value"), [("levels", 0), ("half_spread_bps", -1.0), ("order_usd", 0.0)])
def test_settings_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        SymmetricSettings(**{field: value})


def test_orders_below_the_minimum_are_refused() -> None:
    with pytest.raises(ValueError, match="minimum notional"):
        make_symmetric(COIN, SymmetricSettings(order_usd=0.5))
