"""A maker driven row by row (`tests.kernel.session`) with a `SessionWatch` over its records."""

from __future__ import annotations

import functools

from tests.kernel.session import COIN, Session

from undertow.config import Config
from undertow.events import ACK, CANCELED, EVENT, FILL, MAKER
from undertow.instrument import Instrument, price_of
from undertow.monitor.facts import SessionFacts
from undertow.monitor.view import CoinView, SessionView
from undertow.monitor.watch import SessionWatch
from undertow.records import Rec, copy_record, new_record

NAME = "COIN"


class Watched(Session):
    """A `Session` that is watched; `facts` are a session whose link is up."""

    def __init__(
        self, config: Config | None = None, instrument: Instrument = COIN, **settings: float
    ) -> None:
        super().__init__(config, instrument, **settings)
        self.facts = SessionFacts(session="s1", started_ns=self.now_ns, market="by hand")
        self.facts.connection.state = "up"
        self.watch = SessionWatch(self.facts)
        self.watch.add_coin(NAME, self.maker, self.state, self.maker.params, self.instrument, self.book)

    def view(self) -> SessionView:
        return self.watch.view(self.now_ns, fresh=True)

    def coin(self) -> CoinView:
        return self.view().coins[0]

    @property
    def why(self) -> str:
        return self.coin().why

    @property
    def code(self) -> str:
        return self.coin().why_code

    def filled(self, order: Rec, qty: float | None = None) -> None:
        """Fill a working order and tell the watch."""
        px = price_of(self.inst, int(order["tick"]))
        amount = float(order["leaves"]) if qty is None else qty
        row = new_record(EVENT)
        row["exch_ns"], row["recv_ns"] = self.now_ns - 1_000_000, self.now_ns
        row["ref"], row["side"], row["px"], row["qty"] = order["id"], order["side"], px, amount
        row["val"], row["code"] = px * amount * self.instrument.maker_fee_bps * 1e-4, MAKER
        self.fill_row(row)

    def fill_row(self, row: Rec) -> None:
        fields = {name: row[name] for name in ("ref", "side", "px", "qty", "val", "code")}
        self.watch.on_fill(NAME, row)
        self.send(kind=FILL, **fields)

    def working(self, side: int) -> list[Rec]:
        """Copies of the working orders of a side."""
        desk = self.state.desk
        return [desk.working[i].copy() for i in range(desk.n_working) if desk.working[i].side == side]

    def lose_orders(self) -> None:
        """The venue cancels every order."""
        for side in (1, -1):
            for order in self.working(side):
                self.send(kind=ACK, ref=int(order["id"]), code=CANCELED)


@functools.cache
def _warm() -> Watched:
    s = Watched()
    s.warm(40.0)
    s.settle()
    return s


def quoting() -> Watched:
    """A session that quotes on both sides, forty seconds old."""
    warm, s = _warm(), Watched()
    s.state, s.book, s.now_ns = copy_record(warm.state), copy_record(warm.book), warm.now_ns
    s.watch.add_coin(NAME, s.maker, s.state, s.maker.params, s.instrument, s.book)
    return s
