"""A small venue in memory, on virtual time, that loses, delays, repeats and reorders what it says.

Not the local exchange: just enough of a book (one price process, one order of ours after another) to be
right about what the order manager must be right about, in a few hundred lines that can be read.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from undertow.clock import Clock
from undertow.kernel.desk import IOC, POST_ONLY
from undertow.trading.orders.batching import Batch, Deed, action_of
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.ledger import Fill
from undertow.trading.orders.port import (
    Done,
    Filled,
    Outcome,
    Refused,
    Reply,
    Report,
    Resting,
    Unanswered,
    Why,
)


@dataclass
class Placed:
    """An order as the venue has it."""

    coin: str
    oid: int
    cloid: str
    side: int
    tick: int
    lots: int
    tif: int
    reduce_only: bool
    filled: int = 0
    status: str = "open"
    time_ms: int = 0


@dataclass(frozen=True)
class Faults:
    """Probabilities per request, question or frame; seconds of delay."""

    lost_request: float = 0.0
    lost_reply: float = 0.0
    late_request: float = 0.0
    refused: float = 0.0
    lost_answer: float = 0.0
    lost_frame: float = 0.0
    repeated_frame: float = 0.0
    jitter_s: float = 0.0
    keeps_cloid: bool = False
    own_cancels: float = 0.0


@dataclass
class Model:
    """The venue. `listener` has the manager's ``on_reports``, ``on_fills`` and ``on_canceled``."""

    coins: Coins
    clock: Clock
    rng: random.Random
    faults: Faults
    listener: object = None
    mids: dict[str, int] = field(default_factory=dict)
    orders: dict[int, Placed] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    position: dict[str, int] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    connected: bool = True
    phase: str = ""
    on_act: Callable[[Batch], None] | None = None
    _nonce: int = 0
    _oid: int = 1000
    _tid: int = 5000

    # ---- VenuePort ---------------------------------------------------------------------------

    def next_nonce(self) -> int:
        self._nonce = max(self._nonce + 1, self.clock.now_ns() // 1_000_000)
        return self._nonce

    def resync_nonces(self) -> None:
        self._nonce = max(self._nonce, self.clock.now_ns() // 1_000_000)

    async def act(self, batch: Batch, nonce: int, expires_ms: int | None) -> Reply:
        action_of(batch, self.coins)  # it can be written
        if self.on_act:
            self.on_act(batch)
        entries = [replace(order) for order in batch.orders]
        orders = batch._replace(orders=tuple(entries))
        return await self._request(lambda: self._execute(orders, nonce, expires_ms))

    async def burn(self, nonce: int) -> Reply:
        return await self._request(lambda: self._burn(nonce))

    async def open_orders(self, dex: str) -> list[Report]:
        return await self._ask(lambda: [self._report(o) for o in self.open()])

    async def order_status(self, key: int | str) -> Report | None:
        return await self._ask(lambda: self._status(key))

    async def fills_since(self, start_ms: int) -> list[Fill]:
        return await self._ask(lambda: [fill for fill in self.fills if fill.time_ms >= start_ms])

    async def positions(self, dex: str) -> dict[str, int]:
        return await self._ask(lambda: {name: self.position.get(name, 0) for name in self.coins.by_name})

    # ---- the network -------------------------------------------------------------------------

    def _chance(self, p: float) -> bool:
        return p > 0.0 and self.rng.random() < p

    def _delay(self) -> float:
        return 0.05 + self.rng.random() * (0.05 + self.faults.jitter_s)

    async def _request(self, execute: Callable[[], Reply]) -> Reply:
        loop = asyncio.get_running_loop()
        if self._chance(self.faults.lost_request):
            if self._chance(self.faults.late_request):
                loop.call_later(self.rng.uniform(0.5, 12.0), execute)
            await asyncio.sleep(self.rng.uniform(0.5, 3.0))
            raise Unanswered("request lost")
        await asyncio.sleep(self._delay())
        reply = execute()
        if self._chance(self.faults.lost_reply):
            await asyncio.sleep(self.rng.uniform(0.5, 3.0))
            raise Unanswered("reply lost")
        await asyncio.sleep(self._delay())
        return reply

    async def _ask(self, answer):
        await asyncio.sleep(self._delay())
        value = answer()
        if self._chance(self.faults.lost_answer):
            raise Unanswered("answer lost")
        await asyncio.sleep(self._delay())
        return value

    def _say(self, method: str, items: list[object]) -> None:
        if not self.connected:
            return
        for _ in range(2 if self._chance(self.faults.repeated_frame) else 1):
            if not self._chance(self.faults.lost_frame):
                asyncio.get_running_loop().call_later(self._delay(), self._arrive, method, items)

    def _arrive(self, method: str, items: list[object]) -> None:
        if self.connected and self.listener is not None:
            getattr(self.listener, method)(items)

    # ---- rules -------------------------------------------------------------------------------

    def now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000

    async def read_time(self) -> None:
        await asyncio.sleep(self._delay())

    def open(self) -> list[Placed]:
        return [order for order in self.orders.values() if order.status == "open"]

    def _burn(self, nonce: int) -> Reply:
        if nonce in self.used:
            return Reply(Refused(Why.NONCE_USED, f"Invalid nonce: duplicate nonce {nonce}"), [])
        self.used.add(nonce)
        return Reply(None, [Done()])

    def _execute(self, batch: Batch, nonce: int, expires_ms: int | None) -> Reply:
        if nonce in self.used:
            return Reply(Refused(Why.NONCE_USED, f"Invalid nonce: duplicate nonce {nonce}"), [])
        if expires_ms is not None and self.now_ms() > expires_ms:
            return Reply(Refused(Why.EXPIRED, "Action already expired"), [])
        if self._chance(0.3 * self.faults.refused):
            why = self.rng.choice([Why.TOO_FAST, Why.EXHAUSTED, Why.OTHER, Why.NONCE_LOW])
            return Reply(Refused(why, f"refused: {why}"), [])
        self.used.add(nonce)
        if batch.deed in (Deed.CANCEL, Deed.CANCEL_BY_CLOID):
            return Reply(None, [self._cancel(order.oid, order.cloid) for order in batch.orders])
        if batch.deed == Deed.MODIFY:
            pairs = zip(batch.targets, batch.orders, strict=True)
            return Reply(None, [self._modify(target, order) for target, order in pairs])
        return Reply(None, [self._place(order, order.cloid) for order in batch.orders])

    def _cancel(self, oid: int, cloid: str) -> Outcome:
        found = [o for o in self.open() if (o.oid == oid if oid else o.cloid == cloid)]
        if not found:
            text = "Order was never placed, already canceled, or filled. asset=0"
            return Refused(Why.GONE, text)
        self._end(found[0], "canceled")
        return Done()

    def _modify(self, target: int, order) -> Outcome:
        old = self.orders.get(target)
        if old is None or old.status != "open":
            return Refused(Why.GONE, "Cannot modify canceled or filled order")
        self._end(old, "canceled")
        return self._place(order, old.cloid if self.faults.keeps_cloid else order.cloid)

    def touch(self, coin: str, side: int) -> int:
        """The price an order of `side` meets."""
        return self.mids[coin] + side

    def _place(self, order, cloid: str) -> Outcome:
        self._oid += 1
        placed = Placed(
            order.coin, self._oid, cloid, order.side, order.tick, order.lots, order.tif, order.reduce_only
        )
        placed.time_ms = self.now_ms()
        self.orders[placed.oid] = placed
        crosses = (placed.tick - self.touch(order.coin, order.side)) * order.side >= 0
        if crosses and placed.tif == POST_ONLY:
            self._end(placed, "badAloPxRejected")
            text = "Post only order would have immediately matched, bbo was 1@2. asset=0"
            return Refused(Why.WOULD_MATCH, text)
        if self._chance(self.faults.refused):
            self._end(placed, "perpMarginRejected")
            return Refused(Why.OTHER, "Insufficient margin to place order. asset=0")
        if crosses:
            self._trade(placed, self.touch(order.coin, order.side), self.rng.randint(1, placed.lots), True)
        if placed.tif == IOC:
            if placed.filled == 0:
                self._end(placed, "iocCancelRejected")
                return Refused(Why.NO_MATCH, "Order could not immediately match. asset=0")
            if placed.status == "open":
                self._end(placed, "canceled")
            return Filled(placed.oid, placed.filled)
        if placed.status == "filled":
            return Filled(placed.oid, placed.filled)
        self._say("on_reports", [self._report(placed)])
        return Resting(placed.oid)

    def _end(self, order: Placed, status: str) -> None:
        order.status, order.time_ms = status, self.now_ms()
        self._say("on_reports", [self._report(order)])

    def _trade(self, order: Placed, tick: int, lots: int, crossed: bool) -> None:
        lots = min(lots, order.lots - order.filled)
        self._tid += 1
        coin = self.coins.by_name[order.coin]
        px = tick * coin.tick_size
        fee = (px * lots * coin.lot_size * Decimal("0.00015")).quantize(Decimal("0.000001"))
        held = self.position.get(order.coin, 0)
        fill = Fill(
            order.coin,
            order.oid,
            self._tid,
            order.cloid,
            order.side,
            px,
            lots,
            fee,
            crossed,
            self.now_ms(),
            held,
        )
        self.fills.append(fill)
        order.filled += lots
        self.position[order.coin] = held + order.side * lots
        self._say("on_fills", [fill])
        if order.filled == order.lots:
            self._end(order, "filled")

    def move(self, coin: str, to: int) -> None:
        """The mid moves to `to`; resting orders it meets trade, in part or whole."""
        self.mids[coin] = to
        for order in self.open():
            if order.coin == coin and (order.tick - self.touch(coin, order.side)) * order.side >= 0:
                whole = order.lots - order.filled
                through = (order.tick - to) * order.side >= 0
                self._trade(order, order.tick, whole if through else self.rng.randint(1, whole), False)
            elif order.coin == coin and self._chance(self.faults.own_cancels):
                self._end(order, "marginCanceled")

    def _report(self, order: Placed) -> Report:
        return Report(
            order.coin,
            order.oid,
            order.cloid,
            order.side,
            order.tick,
            order.lots - order.filled,
            order.lots,
            order.status,
            order.time_ms,
            order.reduce_only,
        )

    def _status(self, key: int | str) -> Report | None:
        found = [o for o in self.orders.values() if key in (o.oid, o.cloid)]
        if not found:
            return None
        # By a cloid that two legs share the venue may answer with the dead one.
        return self._report(found[0])
