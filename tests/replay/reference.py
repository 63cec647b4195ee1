"""A slow, obvious matcher: what docs/replay.md says, in plain Python, written for the tests alone.

It shares no code with the engine. Quantities are whole numbers of size steps, prices whole ticks;
only what stands ahead of an order may be a fraction. One moment at a time it lets requests that go
first act, then the market's rows, then the other requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import chain

BID, ASK = 1, -1


@dataclass
class Row:
    """A market row: kind is one of depth, trade, snapshot, bbo, funding."""

    ns: int
    kind: str
    side: int = 0
    tick: int = 0
    qty: int = 0
    levels: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    rate: float = 0.0


@dataclass
class Request:
    """What the maker asks for; `kind` is new, cancel or modify."""

    ns: int
    kind: str
    id: int
    target: int = -1
    side: int = BID
    tick: int = 0
    qty: int = 0
    tif: str = "post_only"
    reduce_only: bool = False

    @property
    def goes_first(self) -> bool:
        return self.kind != "new" or self.tif == "post_only"


@dataclass
class Order:
    """A resting order."""

    request: Request
    leaves: int
    ahead: float | None  # None: the feed has never shown its level
    traded: int = 0
    shrunk: bool = False

    @property
    def side(self) -> int:
        return self.request.side

    @property
    def tick(self) -> int:
        return self.request.tick


class PublicBook:
    """Levels of both sides; levels beyond the last one of a snapshot are unknown."""

    def __init__(self, erodes: bool) -> None:
        self.levels: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self.end: dict[int, float] = {BID: -math.inf, ASK: math.inf}
        self.erodes = erodes
        self.image_ns = -1

    def best(self, side: int) -> float:
        ticks = self.levels[side]
        if not ticks:
            return -math.inf * side
        return max(ticks) if side == BID else min(ticks)

    def shown(self, side: int, tick: int) -> int | None:
        known = tick >= self.end[BID] if side == BID else tick <= self.end[ASK]
        return self.levels[side].get(tick, 0) if known else None

    def set(self, side: int, tick: int, qty: int) -> None:
        self.levels[side].pop(tick, None)
        if qty == 0:
            return
        self.levels[side][tick] = qty
        self.end[side] = min(self.end[BID], tick) if side == BID else max(self.end[ASK], tick)
        self.void(-side, tick)

    def void(self, side: int, through: int) -> None:
        """Levels of `side` from its touch through a price are gone."""
        self.levels[side] = {t: q for t, q in self.levels[side].items() if (through - t) * side > 0}

    def take_in(self, row: Row) -> None:
        if row.kind == "depth":
            self.set(row.side, row.tick, row.qty)
        elif row.kind == "bbo":
            self.image_ns = row.ns
            if row.qty == 0:
                self.levels[row.side] = {}
                return
            self.void(row.side, row.tick + row.side)
            self.set(row.side, row.tick, row.qty)
        elif row.kind == "snapshot":
            self.image_ns = row.ns
            for side in (BID, ASK):
                self.levels[side] = dict(row.levels[side])
                ticks = [tick for tick, _ in row.levels[side]]
                self.end[side] = min(ticks) if side == BID else max(ticks)
        elif row.kind == "trade" and self.erodes and row.ns > self.image_ns:
            self.erode(-row.side, row.tick, row.qty)

    def erode(self, side: int, tick: int, qty: int) -> None:
        if (self.best(side) - tick) * side < 0:
            return
        self.void(side, tick + side)
        if tick in self.levels[side]:
            self.set(side, tick, max(0, self.levels[side][tick] - qty))


@dataclass
class Rules:
    """The settings that matter here."""

    order_latency_ns: int
    response_latency_ns: int
    queue_model: str = "risk_averse"
    power: float = 3.0
    block_rule: bool = True
    erodes: bool = False
    min_notional_ticks: float = 0.0  # tick times steps


class ReferenceExchange:
    """Runs rows and requests and keeps `fills` and `acks`."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.book = PublicBook(rules.erodes)
        self.orders: list[Order] = []  # in order of arrival
        self.position = 0
        self.funding = 0.0  # in ticks times steps
        self.now = 0
        self.fills: list[tuple[int, int, int, int, int, str]] = []
        self.acks: list[tuple[int, int, str, int]] = []

    def run(self, rows: list[Row], requests: list[Request]) -> None:
        arrivals = [(r.ns + self.rules.order_latency_ns, r) for r in requests]
        for ns in sorted({r.ns for r in rows} | {ns for ns, _ in arrivals}):
            self.now = ns
            here = [r for at, r in arrivals if at == ns]
            first = [r for r in here if r.goes_first] if self.rules.block_rule else []
            later = [r for r in here if r not in first]
            for request in first:
                self.handle(request)
            for row in rows:
                if row.ns == ns:
                    self.see(row)
            for request in later:
                self.handle(request)

    # ---- the market ----

    def see(self, row: Row) -> None:
        if row.kind == "funding":
            self.funding -= self.position * row.tick * row.rate
        elif row.kind == "trade":
            self.match_print(-row.side, row.tick, row.qty)
            self.book.take_in(row)
        else:
            self.meet_new_levels(row)
            before = {id(o): self.book.shown(o.side, o.tick) for o in self.orders}
            self.book.take_in(row)
            for order in self.orders:
                concerned = row.kind != "depth" or (row.side, row.tick) == (order.side, order.tick)
                if concerned:
                    self.move_queue(order, before[id(order)], self.book.shown(order.side, order.tick))

    def meet_new_levels(self, row: Row) -> None:
        """Size that newly appears on the other side at or through our prices would have met us."""
        if row.kind == "snapshot":
            shown = [(-s, t, q) for s in (ASK, BID) for t, q in row.levels[s]]
        else:
            shown = [(-row.side, row.tick, row.qty)]
        for side, tick, qty in shown:
            self.spend(side, tick, qty - (self.book.shown(-side, tick) or 0))
            self.trim()

    def match_print(self, side: int, tick: int, qty: int) -> None:
        left = self.spend(side, tick + side, qty)
        for order in [o for o in self.orders if o.side == side and o.tick == tick]:
            if order.ahead is None:
                continue
            beyond = left - order.ahead
            order.ahead = max(0.0, order.ahead - left)
            if not self.rules.erodes:
                order.traded += qty
            if beyond > 0:
                filled = math.floor(min(beyond, self.may_fill(order)) + 1e-6)
                left -= filled
                self.fill(order, filled)
        self.trim()

    def spend(self, side: int, tick: int, budget: int) -> int:
        """Fill orders at `tick` or better from `budget`: price, then time. Returns the rest."""
        crossed = [o for o in self.orders if o.side == side and (o.tick - tick) * side >= 0]
        for order in sorted(crossed, key=lambda o: -o.tick * side):
            filled = min(budget, self.may_fill(order))
            if filled > 0:
                budget -= filled
                order.ahead = 0.0
                self.fill(order, filled)
        return budget

    def may_fill(self, order: Order) -> int:
        if order.request.reduce_only:
            return min(order.leaves, max(0, -order.side * self.position))
        return order.leaves

    def fill(self, order: Order, qty: int) -> None:
        if qty == 0:
            return
        order.leaves -= qty
        self.position += order.side * qty
        self.fills.append((self.now, order.request.id, order.side, order.tick, qty, "maker"))
        if order.leaves == 0:
            self.orders.remove(order)
            if order.shrunk:
                self.ack(order.request.id, "filled", 0)

    def trim(self) -> None:
        """Reduce-only orders never exceed the position."""
        for order in sorted(self.orders, key=lambda o: -o.side):
            if order.request.reduce_only:
                room = -order.side * self.position
                if room <= 0:
                    self.orders.remove(order)
                    self.ack(order.request.id, "expired", order.leaves)
                elif order.leaves > room:
                    order.leaves, order.shrunk = room, True

    def move_queue(self, order: Order, before: int | None, after: int | None) -> None:
        if after is None:
            return
        traded, order.traded = order.traded, 0
        if order.ahead is None:
            order.ahead = after
        elif before is None or self.rules.queue_model == "risk_averse":
            order.ahead = min(order.ahead, after)
        else:
            vanished = before - after - traded
            if vanished >= 0:
                order.ahead = self.after_cancels(order.ahead, before, vanished)
            order.ahead = min(order.ahead, after)

    def after_cancels(self, front: float, before: int, vanished: int) -> float:
        """Queue ahead once `vanished` has left from before and behind us."""
        back = before - front
        if self.rules.queue_model == "power":
            if before == 0:
                return math.inf  # nothing was shown: what is shown now decides
            behind = 1 - (front / before) ** self.rules.power
        else:
            f, b = (front / 100, back / 100)  # the formula is not free of scale: 0.01 coins a step
            if f <= -1 or b <= -1 or math.log(1 + f) + math.log(1 + b) == 0:
                return math.inf
            behind = math.log(1 + b) / (math.log(1 + b) + math.log(1 + f))
        return front - (1 - behind) * vanished + min(back - behind * vanished, 0.0)

    # ---- requests ----

    def handle(self, request: Request) -> None:
        if request.kind == "cancel":
            self.cancel(request)
        elif request.kind == "new":
            self.enter(request)
        elif not self.obeys(request):
            self.ack(request.target, "cancel_rejected", 0)
            self.ack(request.id, "rejected", request.qty)
        elif self.cancel(request):
            self.enter(request)
        else:
            self.ack(request.id, "rejected", request.qty)

    def cancel(self, request: Request) -> bool:
        for order in self.orders:
            if order.request.id == request.target and order.side == request.side:
                self.orders.remove(order)
                self.ack(request.target, "canceled", order.leaves)
                return True
        self.ack(request.target, "cancel_rejected", 0)
        return False

    def obeys(self, request: Request) -> bool:
        if request.qty <= 0 or request.tick <= 0:
            return False
        if request.reduce_only and request.qty >= abs(self.position):
            return True
        return request.tick * request.qty >= self.rules.min_notional_ticks

    def enter(self, request: Request) -> None:
        qty, shrunk = request.qty, False
        if not self.obeys(request):
            self.ack(request.id, "rejected", qty)
            return
        if request.reduce_only:
            room = -request.side * self.position
            if room <= 0:
                self.ack(request.id, "expired", qty)
                return
            qty, shrunk = min(qty, room), qty > room
        if request.tif == "post_only":
            if self.meets(request):
                self.ack(request.id, "rejected", qty)
            else:
                self.rest(request, qty, shrunk)
            return
        left = self.take(request, qty)
        self.trim()
        if left and request.tif == "gtc":
            self.rest(request, left, shrunk)
        elif left:
            self.ack(request.id, "expired", left)
        elif shrunk:
            self.ack(request.id, "filled", 0)

    def meets(self, request: Request) -> bool:
        others = [o.tick for o in self.orders if o.side == -request.side]
        return any(
            (request.tick - t) * request.side >= 0
            for t in chain(others, [self.book.best(-request.side)])
            if math.isfinite(t)
        )

    def rest(self, request: Request, qty: int, shrunk: bool) -> None:
        ahead = self.book.shown(request.side, request.tick)
        self.orders.append(Order(request, qty, ahead, shrunk=shrunk))
        self.ack(request.id, "open", qty)

    def take(self, request: Request, qty: int) -> int:
        """Walk the other side's levels; own orders met on the way are canceled."""
        if not self.meets(request):
            return qty
        levels = self.book.levels[-request.side]
        for tick in sorted(levels, key=lambda t: t * request.side):
            if qty == 0 or (request.tick - tick) * request.side < 0:
                break
            self.cancel_own(-request.side, tick)
            traded = min(qty, levels[tick])
            self.position += request.side * traded
            self.fills.append((self.now, request.id, request.side, tick, traded, "taker"))
            qty -= traded
            self.book.set(-request.side, tick, levels[tick] - traded)
        if qty:
            self.cancel_own(-request.side, request.tick)
        return qty

    def cancel_own(self, side: int, through: int) -> None:
        for order in list(self.orders):
            if order.side == side and (order.tick - through) * side >= 0:
                self.orders.remove(order)
                self.ack(order.request.id, "canceled", order.leaves)

    def ack(self, order_id: int, status: str, qty: int) -> None:
        self.acks.append((self.now, order_id, status, qty))
