"""What the venue has, made what we know: at the start and after every break of the stream.

Open orders are listed: ours are found again, or canceled where no maker knows them; orders of ours that are
not listed are asked about. Fills since the last known one are booked once. The position is then proven
against the venue's own. Nothing new is sent before all that is done. Everything is done in one order, so the
same answers give the same end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from undertow.clock import Clock
from undertow.trading.orders.inquiry import Inquiry, together
from undertow.trading.orders.intake import Intake
from undertow.trading.orders.memory import Memory
from undertow.trading.orders.notices import Kind, Notices
from undertow.trading.orders.order import State
from undertow.trading.orders.port import Report, Unanswered, VenuePort
from undertow.trading.orders.stray import Strays
from undertow.trading.orders.writing import Writing

LOOK_BACK_MS: Final = 600_000
"""Fills older than this at the start of a session belong to the position it found."""
_AGAIN_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
_PROBE_S: Final = 0.5
_PROOFS: Final = 4


class Recovery:
    """Brings table and ledger in line with the venue."""

    def __init__(
        self,
        port: VenuePort,
        intake: Intake,
        inquiry: Inquiry,
        strays: Strays,
        clock: Clock,
        notices: Notices,
        writing: Writing,
    ) -> None:
        self._port, self._intake, self._inquiry, self._strays = port, intake, inquiry, strays
        self._clock, self._notices, self._writing = clock, notices, writing
        self._table, self._ledger = intake.table, intake.ledger

    async def start(self, memory: Memory | None) -> None:
        """Before the first order: no order of ours left unknown, the position found or proven.

        With `memory` (already in table and ledger) what was filled since its last fill is booked, and the
        nonces under way then are used up; else the venue's position is where the session starts.
        """
        await self._patiently(self._port.read_time)
        for nonce in memory.nonces if memory is not None else ():
            await self._patiently(lambda nonce=nonce: self._port.burn(nonce))  # type: ignore[misc]
            self._writing.landed(nonce, "asked")
        await self._patiently(self._clear)
        if memory is None:
            await self._patiently(self._open)
        await self.again()

    async def again(self) -> None:
        """After a break of the stream: orders found, fills booked, position proven."""
        self._inquiry.hurry()
        await self._patiently(self._once)
        while self._inquiry.pending:
            await asyncio.sleep(_AGAIN_S[0])
        await self._patiently(self.prove)

    async def _patiently(self, step: Callable[[], Awaitable[object]]) -> None:
        """Do `step` until the venue answers all of its questions."""
        tried = 0
        while True:
            try:
                await step()
                return
            except Unanswered:
                await self._rest(_AGAIN_S[min(tried, len(_AGAIN_S) - 1)])
                tried += 1

    async def _rest(self, most_s: float) -> None:
        """Wait `most_s`, or until a venue that did not answer the cheapest of questions answers it again."""
        loop = asyncio.get_running_loop()
        until, silent = loop.time() + most_s, False
        while (left_s := until - loop.time()) > 0.0:
            await asyncio.sleep(min(left_s, _PROBE_S))
            if left_s <= _PROBE_S:
                return
            try:
                await self._port.positions(self._table.coins.dexes[0])
            except Unanswered:
                silent = True
            else:
                if silent:
                    return

    async def open_reports(self) -> list[Report]:
        """Open orders on the session's coins, dex by dex."""
        names = self._table.coins.by_name
        listed = await together(self._port.open_orders(dex) for dex in self._table.coins.dexes)
        return [report for reports in listed for report in reports if report.coin in names]

    async def _clear(self) -> None:
        """Cancel what earlier sessions left, until it is gone."""
        tried = 0
        while True:
            left = [r for r in await self.open_reports() if self._table.find(r.oid, r.cloid) is None]
            being_canceled = [self._strays.see(report) for report in left]
            if not any(being_canceled):
                return
            await asyncio.sleep(_AGAIN_S[min(tried, len(_AGAIN_S) - 1)])
            tried += 1

    async def _open(self) -> None:
        """Start from the venue's position: the one between two equal lists of fills."""
        since_ms = self._port.now_ms() - LOOK_BACK_MS
        fills = await self._port.fills_since(since_ms)
        while True:
            positions = await self._positions()
            again = await self._port.fills_since(since_ms)
            if len(again) == len(fills):
                break
            fills = again
        for fill in fills:
            self._ledger.note_old(fill)
        self._ledger.ignore_before_ms = since_ms
        self._ledger.complete_ms = max((fill.time_ms for fill in fills), default=since_ms)
        for coin, lots in positions.items():
            self._ledger.open_with(coin, lots)
        self._writing.opening(positions, [(fill.oid, fill.tid) for fill in fills], since_ms)
        self._writing.watermark(self._ledger.complete_ms)
        self._writing.commit()

    async def _positions(self) -> dict[str, int]:
        found = await together(self._port.positions(dex) for dex in self._table.coins.dexes)
        return {coin: lots for positions in found for coin, lots in positions.items()}

    async def _once(self) -> None:
        resting = [o for o in self._table.in_state(State.RESTING, State.DOUBT) if not o.flying]
        reports = await self.open_reports()
        listed = {report.oid for report in reports}
        now_ns = self._clock.now_ns()
        for report in reports:
            self._found(report, now_ns)
        await self._inquiry.fills()
        for order in self._table.standing():
            if order.open_question:  # of a process before this one
                self._intake.changed(order, self._clock.now_ns())
        for order in resting:
            if order.oid not in listed and not order.over and not order.flying:
                order.doubt()
                self._intake.changed(order, self._clock.now_ns())

    def _found(self, report: Report, now_ns: int) -> None:
        """An order is open at the venue."""
        order = self._table.find(report.oid, report.cloid)
        if order is None:
            self._strays.see(report)
        elif order.over:  # ended since the list was made, or wrongly thought to have ended
            self._strays.cancel(report)
        elif order.state == State.DOUBT and not order.flying:
            order.found(report.oid)
            self._intake.changed(order, now_ns)
        else:
            self._intake.reports([report], now_ns)

    async def audit(self) -> None:
        """What `again` does, in passing: a frame may be lost without the stream breaking.

        Given up where the venue does not answer.
        """
        with contextlib.suppress(Unanswered):
            await self._once()
            await self.prove()

    async def prove(self) -> None:
        """Compare the venue's position with the ledger's; what no fill explains is told, not corrected.

        The venue's is of some moment between question and answer: it must be one that the ledger went
        through, once the fills up to the answer are booked. They are asked for only where it is not yet.
        """
        wrong: dict[str, int] = {}
        for attempt in range(_PROOFS):
            with self._ledger.trace() as positions:
                found = await self._positions()
                if any(lots not in positions[coin] for coin, lots in found.items()):
                    await self._inquiry.fills()
            wrong = {coin: lots for coin, lots in found.items() if lots not in positions[coin]}
            if not wrong:
                return
            await asyncio.sleep(_AGAIN_S[min(attempt, len(_AGAIN_S) - 1)])
        for coin, lots in wrong.items():
            ours = self._ledger.accounts[coin].lots
            text = f"the venue holds {lots} lots, the fills make {ours}"
            self._notices.tell(self._clock.now_ns(), Kind.POSITION, coin, text, lots - ours)
