"""Requests sent and followed to their end: answered, refused, or lost and then made sure of.

A lost reply is never answered by sending again. The request's nonce is used up on one that does nothing: if
that succeeds, the lost one was not carried out and never will be; if the nonce had been used already, it was,
and its orders are asked for. Until one or the other is known they count as if they stood.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from undertow.clock import Clock
from undertow.trading.orders.batching import Batch, Deed
from undertow.trading.orders.intake import Intake
from undertow.trading.orders.notices import Kind, Notices
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.port import Unanswered, VenuePort, Why
from undertow.trading.orders.replies import Replies
from undertow.trading.orders.writing import Writing

_BURN_AGAIN_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
_BURNS_AT_ONCE: Final = 8
"""Of many requests lost, so many are made sure of at once: each try costs weight, answered or not."""
EXHAUSTED_S: Final = 10.0
"""An address without requests left may send one action about this often."""
TOO_FAST_S: Final = 1.0
_TOO_FAST_MOST_S: Final = 30.0


@dataclass(slots=True)
class Counts:
    """What was sent: signed requests, and orders, cancels and modifies in them (as the venue counts)."""

    sent: int = 0
    entries: int = 0
    weight: int = 0
    lost: int = 0


class Sender:
    """Sends batches, each in a task of its own."""

    def __init__(
        self,
        port: VenuePort,
        intake: Intake,
        replies: Replies,
        clock: Clock,
        notices: Notices,
        expire_after_s: float | None,
        writing: Writing,
        through: Callable[[], None],
    ) -> None:
        """`through` is told whenever the venue has answered a request."""
        self._port, self._intake, self._replies = port, intake, replies
        self._clock, self._notices, self._writing = clock, notices, writing
        self._expire_ms = None if expire_after_s is None else round(expire_after_s * 1e3)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._nonces: dict[int, int] = {}
        self._serial = 0
        self._hold_until = 0.0
        self._hold_s = TOO_FAST_S
        self._exhausted_until = 0.0
        self._through = through
        self._reachable = asyncio.Event()
        self._burning = asyncio.Semaphore(_BURNS_AT_ONCE)
        self.counts = Counts()

    def hurry(self) -> None:
        """The venue can be reached again: lost requests are made sure of now, not when patience ends."""
        self._reachable.set()
        self._reachable = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests whose fate is not known."""
        return len(self._tasks)

    @property
    def held(self) -> bool:
        """The venue asked for a pause: nothing may be sent."""
        return asyncio.get_running_loop().time() < self._hold_until

    @property
    def exhausted(self) -> bool:
        """The address was found without requests: only cancels and reducing orders may be sent."""
        return asyncio.get_running_loop().time() < self._exhausted_until

    @property
    def muted(self) -> bool:
        """What is sent can no longer be written down: only cancels leave."""
        return self._writing.failed

    def send(self, batch: Batch, reason: str = "maker") -> asyncio.Task[None]:
        """Send `batch`, once it is written down; what comes of it goes to the table.

        Batches sent one after the other are written in one transaction. `reason`: who wants it.
        """
        for order in self._touched(batch):
            order.flying += 1
        self._serial += 1
        self.counts.sent += 1
        self.counts.entries += batch.requests
        self.counts.weight += batch.weight
        serial, nonce = self._serial, self._port.next_nonce()
        self._nonces[serial] = nonce
        self._writing.request(batch, nonce, reason)
        task = asyncio.get_running_loop().create_task(self._carry(batch, nonce))
        self._tasks[serial] = task
        task.add_done_callback(lambda _: self._ended(serial))
        return task

    def _ended(self, serial: int) -> None:
        del self._tasks[serial]
        self._nonces.pop(serial, None)

    @property
    def nonces(self) -> tuple[int, ...]:
        """Nonces of the requests whose fate is not known."""
        return tuple(self._nonces.values())

    def _touched(self, batch: Batch) -> list[Order]:
        """Orders `batch` is about, those it would replace included."""
        table = self._intake.table
        old = [table.get(o.coin, o.replaces) for o in batch.orders if o.replaces is not None]
        if batch.deed == Deed.MODIFY:
            return [*batch.orders, *(order for order in old if order is not None)]
        return list(batch.orders)

    async def _carry(self, batch: Batch, nonce: int) -> None:
        cancels = batch.deed in (Deed.CANCEL, Deed.CANCEL_BY_CLOID)
        if not self._writing.commit() and not cancels:
            self._landed(batch, nonce, "undone")
            self._replies.not_done(batch, self._clock.now_ns())
            return
        expires_ms = None if cancels or self._expire_ms is None else self._port.now_ms() + self._expire_ms
        try:
            reply = await self._port.act(batch, nonce, expires_ms)
        except Exception as lost:  # whatever it was, the request may have left
            self.counts.lost += 1
            what = "" if isinstance(lost, Unanswered) else f"{type(lost).__name__}: "
            text = f"{batch.deed.name} of {len(batch.orders)}: {what}{lost}"
            self._notices.tell(self._clock.now_ns(), Kind.REPLY_LOST, batch.orders[0].coin, text)
            for order in self._touched(batch):
                if order.state != State.RESTING:
                    order.doubt()
            await self._make_sure(batch, nonce)
        else:
            self._landed(batch, nonce, "answered" if reply.refused is None else "refused")
            self.hurry()
            self._through()
            if reply.refused is not None:
                self._heed(reply.refused.why, batch.orders[0].coin, reply.refused.text)
            else:
                self._hold_s = TOO_FAST_S
            self._replies.take(batch, reply, self._clock.now_ns())

    def _landed(self, batch: Batch, nonce: int, how: str) -> None:
        self._writing.landed(nonce, how)
        for order in self._touched(batch):
            order.flying -= 1

    async def _make_sure(self, batch: Batch, nonce: int) -> None:
        """Find out whether a request without a reply was carried out, or see to it that it never is.

        That it has expired is no proof: by whose clock?
        """
        tried = 0
        while True:
            reachable = self._reachable
            try:
                async with self._burning:
                    reply = await self._port.burn(nonce)
            except Unanswered:
                pass
            else:
                self.hurry()
                if reply.refused is None:
                    self._landed(batch, nonce, "undone")
                    self._replies.not_done(batch, self._clock.now_ns())
                    return
                if reply.refused.why in (Why.NONCE_USED, Why.NONCE_LOW):
                    break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BURN_AGAIN_S[min(tried, len(_BURN_AGAIN_S) - 1)]):
                    await reachable.wait()
            tried += 1
        self._landed(batch, nonce, "asked")
        self._replies.doubt(batch, self._clock.now_ns())

    def _heed(self, why: Why, coin: str, text: str) -> None:
        """What a refusal of a whole request asks of those that follow."""
        now = asyncio.get_running_loop().time()
        if why == Why.TOO_FAST:
            self._hold_until = now + self._hold_s
            self._hold_s = min(2.0 * self._hold_s, _TOO_FAST_MOST_S)
        elif why == Why.EXHAUSTED:
            self._exhausted_until = now + EXHAUSTED_S
            self._notices.tell(self._clock.now_ns(), Kind.REQUESTS_EXHAUSTED, coin, text)
        elif why in (Why.NONCE_LOW, Why.NONCE_USED):
            self._port.resync_nonces()

    async def wait(self, patience_s: float) -> None:
        """Wait for what is under way, at most `patience_s`."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=patience_s)

    async def close(self, patience_s: float) -> None:
        """Wait for what is under way, at most `patience_s`, then give it up."""
        await self.wait(patience_s)
        late = list(self._tasks.values())
        for task in late:
            task.cancel()
        if late:
            await asyncio.gather(*late, return_exceptions=True)
