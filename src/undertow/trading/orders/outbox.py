"""Rows on their way to the makers: ACK and FILL, in the order in which they were learned."""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np

from undertow.clock import Clock
from undertow.events import ACK, EVENT, FILL, LOCAL, MAKER, TAKER, empty_snapshots
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.ledger import Fill
from undertow.trading.orders.order import Order
from undertow.trading.orders.writing import Writing
from undertow.trading.seams import Deliver, Received

FOREIGN: Final = -1
"""``ref`` of a fill of an order that no desk of this session knows."""

_Row = tuple[int, int, float, float, float, int, int, int, int, int, int]


class Outbox:
    """Collects rows and delivers them once the event loop is back, or at `flush`.

    Never from inside `undertow.trading.seams.Execution.send`: nobody there calls `flush`. What is delivered
    has been written down before.
    """

    def __init__(self, coins: Coins, clock: Clock, writing: Writing) -> None:
        self._coins, self._clock, self._writing = coins, clock, writing
        self._deliver: Deliver | None = None
        self._waiting: dict[str, list[_Row]] = {}
        self._latest: dict[str, int] = dict.fromkeys(coins.by_name, 0)
        self._scheduled = False
        self._snapshots = empty_snapshots()

    def open(self, deliver: Deliver) -> None:
        """Rows go to `deliver` from now on."""
        self._deliver = deliver

    def close(self) -> None:
        """Deliver what waits, then nothing more."""
        self.flush()
        self._deliver = None

    def saw_market(self, received: Received) -> None:
        """Market rows passed by: no row of ours may be older at the exchange."""
        if len(received.rows):
            last = int(received.rows["exch_ns"][-1])
            if last > self._latest[received.coin]:
                self._latest[received.coin] = last

    def ack(self, order: Order, code: int, lots: int, exch_ns: int) -> None:
        """An answer about `order`; `lots` what is left of it."""
        qty = self._coins.by_name[order.coin].qty_of(lots)
        self._put(order.coin, exch_ns, 0.0, qty, 0.0, order.id, ACK, order.side, code)

    def refuse(self, coin: str, order_id: int, side: int, code: int, qty: float, exch_ns: int) -> None:
        """An answer about an order that never left."""
        self._put(coin, exch_ns, 0.0, qty, 0.0, order_id, ACK, side, code)

    def fill(self, fill: Fill, order_id: int) -> None:
        """A fill of the order the desk calls `order_id` (`FOREIGN`: of none)."""
        qty = self._coins.by_name[fill.coin].qty_of(fill.lots)
        code = TAKER if fill.crossed else MAKER
        px, fee = float(fill.px), float(fill.fee)
        self._put(fill.coin, fill.time_ms * 1_000_000, px, qty, fee, order_id, FILL, fill.side, code)

    def _put(
        self,
        coin: str,
        exch_ns: int,
        px: float,
        qty: float,
        val: float,
        ref: int,
        kind: int,
        side: int,
        code: int,
    ) -> None:
        row = (exch_ns, 0, px, qty, val, ref, kind, side, LOCAL, 0, code)
        self._waiting.setdefault(coin, []).append(row)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Deliver what waits, coin by coin."""
        self._scheduled = False
        self._writing.commit()
        while self._waiting and self._deliver is not None:
            coin = next(iter(self._waiting))
            waiting = self._waiting.pop(coin)
            rows = np.array(waiting, dtype=EVENT)
            recv_ns = self._clock.now_ns()
            rows["recv_ns"] = recv_ns
            # Never after its receipt, never before what the coin has seen of the exchange already.
            exch_ns = np.maximum(np.minimum(rows["exch_ns"], recv_ns), self._latest[coin])
            rows["exch_ns"] = np.maximum.accumulate(exch_ns)
            self._latest[coin] = int(rows["exch_ns"][-1])
            self._deliver(Received(coin, rows, self._snapshots))
