"""The rows of a session through a maker's dispatch, and through the verbs by hand: the same bytes.

What replay, paper and live share is `undertow.kernel.dispatch`; the verbs of `kernel.estimators` say in
words what each row is to the estimators. Neither may add, drop or reorder anything.
"""

from __future__ import annotations

import numpy as np
from tests.kernel.session import Session
from tests.laws.test_estimator_laws import NAMES, part

from undertow.events import FUNDING_RATE, ORACLE, REFERENCE, SNAPSHOT, TIMER, TRADE
from undertow.instrument import price_of, qty_of_notional
from undertow.kernel import estimators as verbs
from undertow.kernel.l2book import apply_row, mid_price, new_book
from undertow.records import Rec, copy_record
from undertow.units import depth_bps


class ByHand:
    """The estimators alone, with a book of their own."""

    def __init__(self, session: Session) -> None:
        self.state = copy_record(session.state.estimators)
        self.params, self.inst, self.book = session.maker.params, session.inst, new_book()

    def show(self, row: Rec, table: np.ndarray) -> None:  # type: ignore[type-arg]
        state, rules, inst, book = self.state, self.params.estimators, self.inst, self.book
        top = book.top
        if row.kind == TRADE:
            mid = mid_price(book, inst)
            verbs.see_trade(state, rules, inst, row, mid, top.exch_ns, top.best_bid, top.best_ask)
        apply_row(book, inst, row, table)
        mid = mid_price(book, inst)
        if row.kind == SNAPSHOT:
            half_bps = depth_bps(price_of(inst, top.best_bid), mid, 1)
            verbs.see_book(state, rules, row.exch_ns, row.recv_ns, mid, half_bps)
        elif row.kind == TIMER:
            lot_qty = qty_of_notional(inst, mid, self.params.risk.lot_usd)
            verbs.see_shape(state, rules, inst, book, row.recv_ns)
            verbs.see_cycle(state, rules, inst, row.recv_ns, mid, lot_qty)
        elif row.kind in (FUNDING_RATE, ORACLE, REFERENCE):
            verbs.see_other(state, rules, inst, row)


class Twice(Session):
    """A session whose rows are also shown by hand."""

    def dispatch_both(self) -> ByHand:
        by_hand, dispatch = ByHand(self), self.dispatch

        def both(state, params, inst, book, row, table, actions):  # type: ignore[no-untyped-def]
            by_hand.show(row, table)
            return dispatch(state, params, inst, book, row, table, actions)

        self.dispatch = both
        return by_hand


def test_dispatch_shows_the_estimators_every_row_in_order() -> None:
    session = Twice()
    by_hand = session.dispatch_both()
    rng = np.random.default_rng(4)
    mid = 100.0
    session.send(kind=FUNDING_RATE, qty=3e-5, ref=session.now_ns + 10**12)
    for step in range(400):
        mid += rng.normal(0.0, 0.01)
        session.show(round(mid, 2))
        if rng.random() < 0.4:
            side = 1 if rng.random() < 0.5 else -1
            session.trade(side, round(mid + side * (0.05 + rng.exponential(0.03)), 2), 1.5)
        if step % 10 == 0:
            session.send(kind=REFERENCE, asset=1, px=50.0 + rng.normal(0.0, 0.01))
            session.send(kind=ORACLE, px=mid)
        session.timer()
    untouched = session.maker.fresh_state().estimators
    for name in NAMES:
        if name.startswith("own_"):
            continue  # of orders and their time, not of rows
        assert part(by_hand.state, name).tobytes() == part(session.state.estimators, name).tobytes(), name
    for name in ("signals.book_shape", "signals.microprice", "signals.cross", "intensity", "belief.drift"):
        assert part(by_hand.state, name).tobytes() != part(untouched, name).tobytes(), name
