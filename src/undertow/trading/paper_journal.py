"""A paper execution that writes down what it sends and what it answers, as the order manager does.

The matcher lives in this process: orders on paper end with it. A session taken up again therefore begins with
its positions and without orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.clock import Clock
from undertow.events import (
    ACK,
    CANCEL,
    CANCEL_REJECTED,
    CANCELED,
    EXCH,
    FILL,
    FUNDING,
    MODIFY,
    NEW,
    OPEN,
    TAKER,
)
from undertow.journal import rows as journal_rows
from undertow.journal.rows import Ack, FillRow, Intent, Opening, PaymentRow
from undertow.kernel.desk import IOC
from undertow.records import Rec
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.outbox import Outbox
from undertow.trading.orders.recollect import Recollection
from undertow.trading.orders.writing import JournalPort, Writing
from undertow.trading.paper import PaperExecution
from undertow.trading.seams import Deliver, Received

_DEEDS: Final = {NEW: journal_rows.PLACE, CANCEL: journal_rows.CANCEL, MODIFY: journal_rows.MODIFY}
_MS: Final = 1_000_000


class JournaledPaper:
    """`paper` with `journal`; ``remembered``: what a session taken up again knows (None: it begins)."""

    def __init__(
        self,
        paper: PaperExecution,
        journal: JournalPort,
        coins: Coins,
        clock: Clock,
        remembered: Recollection | None = None,
    ) -> None:
        self._paper, self._journal, self._coins, self._clock = paper, journal, coins, clock
        self._remembered, self._tid = remembered, 0
        self._lots = dict.fromkeys(coins.by_name, 0)
        if remembered is not None:
            self._tid = max((tid for _, tid in remembered.memory.fills), default=0)
            self._lots = {coin: account.lots for coin, account in remembered.memory.accounts.items()}

    @property
    def positions(self) -> Mapping[str, float]:
        """What the makers begin with; nothing, for their desks know it."""
        return {}

    async def start(self, deliver: Deliver) -> None:
        """See `Execution.start`."""
        self.begin(deliver)

    def begin(self, deliver: Deliver) -> None:
        """`start`, for those who drive a session without an event loop."""

        def written(received: Received) -> None:
            for row in received.rows.view(np.recarray):
                self._answer(received.coin, row)
            self._journal.commit()
            deliver(received)

        self._paper.begin(written)
        if self._remembered is None:
            now_ns = self._clock.now_ns()
            self._journal.opening([Opening(now_ns, coin, 0, 0) for coin in self._coins.by_name], ())
        else:
            self._end_orders(self._remembered)
            self._tell(self._remembered, deliver)
        self._journal.commit()

    def send(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> None:
        """Write the requests down, then put them on their way."""
        terms = self._coins.by_name[coin]
        self._journal.intents(
            Intent(
                now_ns,
                0,
                journal_rows.TAKE if a["tif"] == IOC and a["kind"] == NEW else _DEEDS[int(a["kind"])],
                coin,
                int(a["id"]),
                0,
                "",
                int(a["side"]),
                int(a["tick"]),
                terms.lots_near(float(a["qty"])),
                int(a["tif"]),
                bool(a["reduce_only"]),
                int(a["target"]) if a["kind"] == MODIFY else None,
                "maker",
            )
            for a in actions
        )
        self._journal.commit()
        self._paper.send(coin, now_ns, actions)

    def on_market(self, received: Received) -> None:
        """See `Execution.on_market`; notes what funding was paid."""
        self._paper.on_market(received)
        settled = (received.rows["kind"] == FUNDING) & (received.rows["flags"] & EXCH != 0)
        if settled.any():
            self._pay(received.coin, received.rows[settled].view(np.recarray)[-1])

    def on_time(self, now_ns: int) -> None:
        """See `Execution.on_time`."""
        self._paper.on_time(now_ns)

    async def stop(self) -> None:
        """See `Execution.stop`."""
        await self._paper.stop()

    def _answer(self, coin: str, row: Rec) -> None:
        terms, order_id = self._coins.by_name[coin], int(row.ref)
        if row.kind == FILL:
            self._tid += 1
            px, fee = Decimal(repr(float(row.px))), Decimal(repr(float(row.val)))
            lots, side, taker = terms.lots_near(float(row.qty)), int(row.side), row.code == TAKER
            self._lots[coin] += side * lots
            self._journal.fill(
                FillRow(
                    int(row.recv_ns),
                    coin,
                    order_id,
                    self._tid,
                    order_id,
                    None,
                    side,
                    px,
                    lots,
                    fee,
                    bool(taker),
                    int(row.exch_ns) // _MS,
                )
            )
        elif row.kind == ACK:
            standing = row.code in (OPEN, CANCEL_REJECTED)
            code = 0 if standing else int(row.code)
            self._journal.ack(Ack(int(row.recv_ns), coin, order_id, order_id, code, None, not standing))

    def _pay(self, coin: str, row: Rec) -> None:
        """A settlement: a long pays the rate on its value at the oracle's price, as on the desk."""
        held, px, rate = self._lots[coin], Decimal(repr(float(row.px))), Decimal(repr(float(row.qty)))
        if held:
            usd = -held * self._coins.by_name[coin].lot_size * px * rate
            self._journal.payment(PaymentRow(int(row.recv_ns), coin, int(row.exch_ns) // _MS, usd))
            self._journal.commit()

    def _end_orders(self, remembered: Recollection) -> None:
        """The orders of before ended with their matcher."""
        now_ns = self._clock.now_ns()
        for order in remembered.memory.orders:
            self._journal.ack(Ack(now_ns, order.coin, order.id, order.oid, CANCELED, order.filled, True))

    def _tell(self, remembered: Recollection, deliver: Deliver) -> None:
        """Fills that were written down but never shown."""
        outbox = Outbox(self._coins, self._clock, Writing(None, self._clock, lambda _: None))
        outbox.open(deliver)
        for fill, order_id in remembered.memory.untold:
            outbox.fill(fill, order_id)
        outbox.flush()
