"""A venue that does nothing by itself: feeds rows to a maker and lets a test answer its requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from undertow.config import Config
from undertow.events import (
    ACK,
    CANCEL,
    CANCELED,
    END,
    EVENT,
    EXCH,
    FILL,
    LOCAL,
    MAKER,
    MODIFY,
    NEW,
    OPEN,
    SNAPSHOT,
    TIMER,
    TRADE,
)
from undertow.instrument import Instrument, price_of
from undertow.kernel.desk import ACTION, MAX_ACTIONS
from undertow.kernel.l2book import new_book
from undertow.makers import ladder_lines, make_undertow
from undertow.records import Rec, new_record

COIN = Instrument(name="COIN", tick_size=0.01, size_step=0.001, min_notional=10.0, maker_fee_bps=1.5)
START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000


class Session:
    """A maker at a desk, driven row by row. Prices of the book are `mid` ± `half_spread`."""

    def __init__(self, config: Config | None = None, instrument: Instrument = COIN, **settings: float):
        self.instrument = instrument
        self.inst = instrument.record()
        self.maker = make_undertow(config or Config(), instrument, **settings)
        self.dispatch = self.maker.dispatch()
        self.state = self.maker.fresh_state()
        self.book = new_book()
        self.now_ns = START_NS
        self.actions = np.zeros(MAX_ACTIONS, dtype=ACTION).view(np.recarray)
        self.table = np.full((1, 4, 3), np.nan)

    def send(self, **fields: float) -> list[Rec]:
        """Dispatch one row; returns copies of the actions."""
        row = new_record(EVENT)
        row["exch_ns"], row["recv_ns"] = self.now_ns - 1_000_000, self.now_ns
        row["flags"] = EXCH | LOCAL | END
        for name, value in fields.items():
            row[name] = value
        n = self.dispatch(self.state, self.maker.params, self.inst, self.book, row, self.table, self.actions)
        return [self.actions[i].copy() for i in range(n)]

    def show(self, mid: float, half_spread: float = 0.05, qty: float = 5.0) -> list[Rec]:
        """A snapshot of three levels a side."""
        away = half_spread + 0.01 * np.arange(3)
        self.table[0] = [mid - away, np.full(3, qty), mid + away, np.full(3, qty)]
        return self.send(kind=SNAPSHOT, ref=0)

    def trade(self, side: int, px: float, qty: float) -> list[Rec]:
        return self.send(kind=TRADE, side=side, px=px, qty=qty)

    def timer(self) -> list[Rec]:
        self.now_ns += STEP_NS
        return self.send(kind=TIMER)

    def acknowledge(self, actions: Sequence[Rec]) -> None:
        """The venue takes every request."""
        for a in actions:
            if a.kind in (CANCEL, MODIFY):
                self.send(kind=ACK, ref=int(a.target), code=CANCELED)
            if a.kind in (NEW, MODIFY):
                self.send(kind=ACK, ref=int(a.id), code=OPEN, qty=float(a.qty))

    def fill(self, a: Rec, qty: float | None = None) -> list[Rec]:
        """Fill the order that action `a` made."""
        px = price_of(self.inst, int(a.tick))
        amount = float(a.qty) if qty is None else qty
        fee = px * amount * self.instrument.maker_fee_bps * 1e-4
        return self.send(kind=FILL, ref=int(a.id), side=int(a.side), px=px, qty=amount, val=fee, code=MAKER)

    def warm(self, seconds: float = 40.0, mid: float = 100.0, seed: int = 1) -> None:
        """A market of random prints for `seconds`, decisions every 100 ms."""
        rng = np.random.default_rng(seed)
        for _ in range(int(seconds * 10)):
            mid += rng.normal(0.0, 0.004)
            self.show(round(mid, 2))
            if rng.random() < 0.3:
                side = 1 if rng.random() < 0.5 else -1
                depth = 0.05 + rng.exponential(0.03)
                self.trade(side, round(mid + side * depth, 2), round(rng.exponential(2.0) + 0.001, 3))
            self.acknowledge(self.timer())

    def settle(self) -> None:
        """Decide until nothing is sent: what waits for room or an answer goes in a few rounds."""
        for _ in range(8):
            actions = self.send(kind=TIMER)
            if not actions:
                return
            self.acknowledge(actions)
        raise AssertionError("requests do not come to an end")

    def position(self, qty: float) -> None:
        """Give the maker a position, as if filled long ago."""
        self.state.desk.position = qty

    def lines(self) -> list[str]:
        return ladder_lines(self.state, self.instrument)

    def reasons(self, side: int) -> NDArray[np.int64]:
        rungs = self.state.ladder.bid if side > 0 else self.state.ladder.ask
        reasons: NDArray[np.int64] = rungs.reason[: rungs.levels]
        return reasons
