"""Asking the venue about orders in doubt, and about the last fills of orders that ended.

An order is asked about a moment after it came into doubt, so that the stream may answer first. Open orders
are listed where the oid of a modified order is not known, or many are not; single orders are asked for
otherwise, and the fills of the time since last: what they leave unfilled at an order's end did not fill. An
order the venue does not know never was.
Of a round of questions every answer counts, also where others were lost; where none came, the next round
waits longer, until something else gets through to the venue.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Final, TypeGuard, TypeVar

from undertow.clock import Clock
from undertow.events import CANCELED, REJECTED
from undertow.trading.orders.intake import Intake, code_of, final_of
from undertow.trading.orders.notices import Kind, Notices
from undertow.trading.orders.order import Order
from undertow.trading.orders.port import Report, Unanswered, VenuePort

OVERLAP_MS: Final = 10_000
"""How far before the last fill known fills are asked for: a list may lag behind another."""
AT_ONCE: Final = 16
"""Orders asked about at once: one after the other they would take a round trip each."""
LISTED_FROM: Final = 10
"""So many orders of a dex without an oid cost less to list (weight 20) than to ask for one by one (2)."""
T = TypeVar("T")


async def together(questions: Iterable[Awaitable[T]]) -> list[T]:
    """The answers to questions asked at once, in their order. Raises the first failure, once all are over."""
    answers = await asyncio.gather(*questions, return_exceptions=True)
    found: list[T] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        found.append(answer)
    return found


def _came(reply: Report | BaseException | None) -> TypeGuard[Report | None]:
    """Whether an answer came. Raises what is no lost answer."""
    if isinstance(reply, BaseException) and not isinstance(reply, Unanswered):
        raise reply
    return not isinstance(reply, Unanswered)


@dataclass(frozen=True, slots=True)
class Patience:
    """``grace_s`` before asking, ``again_s`` between questions, at most ``times`` while answers disagree.

    ``round_s``: least time between two rounds of questions: one reply with fills answers many orders.
    """

    grace_s: float = 0.5
    again_s: float = 0.5
    round_s: float = 1.0
    times: int = 5


class Inquiry:
    """Keeps the orders to ask about, and asks while there are any."""

    def __init__(
        self,
        port: VenuePort,
        intake: Intake,
        clock: Clock,
        notices: Notices,
        patience: Patience,
    ) -> None:
        self._port, self._intake, self._clock = port, intake, clock
        self._notices, self._patience = notices, patience
        self._due: dict[tuple[str, int], tuple[float, Order]] = {}
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before = 0.0
        self._paused = False
        self._wake = asyncio.Event()

    def add(self, order: Order) -> None:
        """Ask about `order` in a moment, unless it is settled by then."""
        key = (order.coin, order.id)
        loop = asyncio.get_running_loop()
        if key not in self._due:
            self._due[key] = (loop.time() + self._patience.grace_s, order)
        if not self._paused and (self._task is None or self._task.done()):
            self._task = loop.create_task(self._work())

    def pause(self) -> None:
        """The venue cannot be reached: ask nothing until `hurry`. Questions cost weight, answered or not."""
        self._paused = True
        if self._task is not None:
            self._task.cancel()

    def nudge(self) -> None:
        """Something got through to the venue: questions that were lost are asked again, a round at a time."""
        if self._failures:
            self._failures = 0
            self._all_due()
            self._wake.set()

    @property
    def pending(self) -> int:
        """Orders that are still asked about."""
        return sum(order.open_question for _, order in self._due.values())

    def hurry(self) -> None:
        """The venue can be reached again: ask now, not when patience with its silence ends."""
        self._paused = False
        if self._task is not None:
            self._task.cancel()
        self._all_due()
        self._failures, self._not_before = 0, 0.0
        self._task = asyncio.get_running_loop().create_task(self._work())

    def _all_due(self) -> None:
        now = asyncio.get_running_loop().time()
        self._due = {key: (min(at, now), order) for key, (at, order) in self._due.items()}

    async def fills(self) -> None:
        """Book every fill not yet known: from the last on that is, by the venue's own times."""
        ledger = self._intake.ledger
        fills = await self._port.fills_since(ledger.complete_ms - OVERLAP_MS)
        self._intake.fills(fills, self._clock.now_ns())
        ledger.complete_ms = max(ledger.complete_ms, max((fill.time_ms for fill in fills), default=0))
        self._intake.complete()

    async def close(self) -> None:
        """Ask no more."""
        self._due.clear()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._due = {key: entry for key, entry in self._due.items() if entry[1].open_question}
            if not self._due:
                return
            due = min(at for at, _ in self._due.values())
            wait = max(due, self._not_before) - loop.time()
            if wait > 0:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                continue
            orders = [order for at, order in self._due.values() if at <= loop.time()]
            self._not_before = loop.time() + self._patience.round_s
            answered = await self._ask(orders)
            self._failures = 0 if answered else min(self._failures + 1, 5)
            delay = self._patience.again_s * 2**self._failures
            for order in orders:
                self._due[order.coin, order.id] = (loop.time() + delay, order)

    async def _ask(self, orders: list[Order]) -> bool:
        """One round of questions about `orders`; whether any order's was answered to its end."""
        hidden = await self._list_open([order for order in orders if order.oid == 0])
        answers: list[tuple[Order, Report | None]] = []
        open_ones = [order for order in orders if order.open_question and order not in hidden]
        for at in range(0, len(open_ones), AT_ONCE):
            some = open_ones[at : at + AT_ONCE]
            questions = [self._port.order_status(order.oid or order.cloid) for order in some]
            replies = await asyncio.gather(*questions, return_exceptions=True)
            answers += [(order, reply) for order, reply in zip(some, replies, strict=True) if _came(reply)]
        ending = [order for order, report in answers if not self._is_open(order, report)]
        if ending and not await self._fills_came():
            answers = [(order, report) for order, report in answers if self._is_open(order, report)]
        now_ns = self._clock.now_ns()
        for order, report in answers:
            if order.open_question:
                order.asked += 1
                self._conclude(order, report, now_ns)
                self._intake.changed(order, now_ns)
        return bool(answers) or not (open_ones or hidden)

    async def _list_open(self, unknown: list[Order]) -> list[Order]:
        """Find the oids of `unknown` orders among the open orders of their dexes, where that is needed.

        A modified order may stand under the id of the one it replaced: only the list shows it. Returns those
        that cannot be asked about, as it did not come.
        """
        coins, hidden = self._intake.table.coins.by_name, []
        for dex in dict.fromkeys(coins[order.coin].dex for order in unknown):
            there = [order for order in unknown if coins[order.coin].dex == dex]
            renamed = [order for order in there if order.replaces is not None]
            if not renamed and len(there) < LISTED_FROM:
                continue
            try:
                reports = await self._port.open_orders(dex)
            except Unanswered:
                hidden += renamed
            else:
                self._intake.reports(reports, self._clock.now_ns())
        return hidden

    async def _fills_came(self) -> bool:
        """Book the fills not yet known; whether the venue told them."""
        try:
            await self.fills()
        except Unanswered:
            return False
        return True

    def _is_open(self, order: Order, report: Report | None) -> bool:
        return report is not None and code_of(report.status, order.takes) in (0, None)

    def _conclude(self, order: Order, report: Report | None, now_ns: int) -> None:
        """What an answer makes of an order, once the fills up to it are booked."""
        patient = order.asked < self._patience.times
        if report is None:
            never = order.oid == 0 and not order.filled
            order.end(REJECTED if never else CANCELED, order.filled)
            self._say(order, now_ns, "not known to the venue")
            return
        code = code_of(report.status, order.takes)
        if not code:
            self._still_open(order, report, now_ns, patient)
            return
        order.oid = order.oid or report.oid
        stated = final_of(order, report, code)
        if stated > order.filled and patient:
            order.end(code, None)
            return
        if stated > order.filled:
            text = f"order {order.id}: {report.status} with {stated} lots filled, {order.filled} in fills"
            self._notices.tell(now_ns, Kind.ODD, order.coin, text, stated - order.filled)
        order.end(code, order.filled)
        self._say(order, now_ns, report.status)

    def _still_open(self, order: Order, report: Report, now_ns: int, patient: bool) -> None:
        """The venue shows it open. What told us otherwise may be ahead of what answers questions."""
        if order.over:
            if not patient:
                text = f"order {order.id} ended, but is shown {report.status}"
                self._notices.tell(now_ns, Kind.ODD, order.coin, text)
                order.end(order.code, order.filled)
        elif order.asked >= 2 or order.oid == 0:
            order.found(report.oid)
            self._say(order, now_ns, report.status)

    def _say(self, order: Order, now_ns: int, what: str) -> None:
        self._notices.tell(now_ns, Kind.ASKED, order.coin, f"order {order.id}: {what}", order.filled)
