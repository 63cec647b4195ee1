"""Paper execution: the replay's matcher on a live feed.

Requests travel for the order latency, are accepted in exchange time among the rows by ``exch_ns``, and
answers travel back: what `undertow.replay` does, with one difference. A replay knows the recording;
here an arrival at exchange time A is decided once a row that happened after A has been received, or
`settle_ms` after A where the market is quiet. No answer reaches the maker before the moment at which
it could be known. docs/live.md says when this and a replay of the same rows agree fill by fill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.events import CANCEL, EVENT, empty_snapshots
from undertow.instrument import Instrument
from undertow.kernel.desk import ACTION, MAX_ACTIONS
from undertow.records import Rec, copy_record
from undertow.replay.exchange import NEED_ROOM
from undertow.replay.settings import ReplaySettings
from undertow.replay.venue import FOREVER, INBOX
from undertow.trading import match
from undertow.trading.paper_limits import PaperLimits
from undertow.trading.runner import plain
from undertow.trading.seams import Deliver, Received

SETTLE_MS: Final = 500.0
_DROP_AT: Final = 2_048
"""Fills whose markouts are complete are forgotten when so many have gathered."""


class PaperMarket(NamedTuple):
    """A coin to be matched: its rules and how its book is fed (as of a `Recording`)."""

    coin: str
    instrument: Instrument
    snapshot_fed: bool = True


class PaperExecution:
    """An `undertow.trading.seams.Execution` that fills against the feed, a venue per coin.

    `settings` are those of a replay; ``fifo`` is refused, a live feed has no order ids. `keep_fills`
    keeps the whole fill log in memory (else only what still awaits markouts). `limits` refuse what a real
    account's order manager would.
    """

    def __init__(
        self,
        markets: Sequence[PaperMarket],
        settings: ReplaySettings | None = None,
        *,
        settle_ms: float = SETTLE_MS,
        keep_fills: bool = False,
        limits: PaperLimits | None = None,
    ) -> None:
        settings = settings or ReplaySettings()
        if settings.queue_model == "fifo":
            raise ValueError("queue_model = 'fifo' needs order ids, which a live feed lacks: use 'power'")
        self.matchers = {m.coin: _Matcher(m, settings, round(settle_ms * 1e6), keep_fills) for m in markets}
        self.limits = limits
        self._deliver: Deliver | None = None
        self._now_ns = -FOREVER

    async def start(self, deliver: Deliver) -> None:
        """Make ready; rows may be delivered from now on."""
        self.begin(deliver)

    def begin(self, deliver: Deliver) -> None:
        """`start`, for those who drive a session without an event loop."""
        self._deliver = deliver

    def send(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> None:
        """Put a batch on its way, as far as the limits let it."""
        if self.limits is not None:
            actions = self.limits.pass_on(coin, now_ns, actions)
        if len(actions):
            self.matchers[coin].send(now_ns, actions)

    def on_market(self, received: Received) -> None:
        """Match what was received."""
        self._now_ns = max(self._now_ns, int(received.rows["recv_ns"][-1]))
        self.matchers[received.coin].market(received)
        if self.limits is not None:
            self.limits.on_market(received)

    def on_time(self, now_ns: int) -> None:
        """Decide what has waited long enough; deliver the answers due by `now_ns`."""
        self._now_ns = max(self._now_ns, now_ns)
        if self.limits is not None and self._deliver is not None:
            for refused in self.limits.refusals():
                self._deliver(refused)
        for matcher in self.matchers.values():
            while matcher.wake_ns <= now_ns:
                rows = matcher.due(now_ns)
                if self.limits is not None:
                    self.limits.answered(matcher.coin, rows)
                if len(rows) and self._deliver is not None:
                    self._deliver(Received(matcher.coin, rows, empty_snapshots()))

    def cancel_all(self, now_ns: int) -> None:
        """Cancel every order that rests or is on its way."""
        for matcher in self.matchers.values():
            matcher.cancel_all(now_ns)

    @property
    def is_idle(self) -> bool:
        """Whether no order rests and nothing is on its way, in either direction."""
        return all(matcher.is_idle for matcher in self.matchers.values())

    async def stop(self) -> None:
        """Cancel every working order; returns when none is left. The session's clock must go on."""
        self.cancel_all(self._now_ns)
        while not self.is_idle:
            await asyncio.sleep(0.05)
        self._deliver = None

    def account(self, coin: str) -> tuple[NDArray[np.void], Rec]:
        """The venue's fill log of `coin` (FILL_LOG; see `keep_fills`) and its ledger (LEDGER)."""
        return self.matchers[coin].account()


class _Matcher:
    """One coin's venue."""

    def __init__(self, market: PaperMarket, settings: ReplaySettings, settle_ns: int, keep: bool) -> None:
        self.coin, self.settle_ns, self.keep = market.coin, settle_ns, keep
        self.cells = match.new_cells(market.instrument, settings, snapshot_fed=market.snapshot_fed)
        self.settled = self.late = 0  # arrivals decided by time; rows that came after all
        self.wake_ns = FOREVER
        """When the next arrival must be decided or the next answer is due, whichever is first."""
        self._settled_ns = -FOREVER
        self._desk = match.new_desk(settings)
        self._nothing = np.zeros(0, dtype=EVENT), empty_snapshots()

    def send(self, now_ns: int, actions: NDArray[np.void]) -> None:
        ex = self.cells.ex
        if int(ex["inbox_tail"][0] - ex["inbox_head"][0]) + len(actions) > INBOX:
            raise RuntimeError(f"{self.coin}: more than {INBOX} requests on their way")
        self._desk.actions[: len(actions)] = actions
        arrival_ns = int(match.post(self.cells, self._desk, now_ns, len(actions)))
        self.wake_ns = min(self.wake_ns, arrival_ns + self.settle_ns)

    def market(self, received: Received) -> None:
        ex, rows, table = self.cells.ex, plain(received.rows), received.snapshots
        recv_ns, first_exch_ns = int(rows["recv_ns"][-1]), int(rows["exch_ns"][0])
        ledger = ex["ledger"]
        if ledger["rows"][0] == 0:
            ledger["first_ns"] = min(first_exch_ns, int(rows["recv_ns"][0]))
        ledger["rows"] += len(rows)
        ledger["last_ns"] = recv_ns
        if first_exch_ns <= self._settled_ns:
            self.late += int(np.count_nonzero(rows["exch_ns"] <= self._settled_ns))
        at, self.wake_ns = match.match_rows(self.cells, rows, table, 0, recv_ns, self.settle_ns)
        while at < len(rows):
            self.cells = match.more_room(self.cells)
            at, self.wake_ns = match.match_rows(self.cells, rows, table, at, recv_ns, self.settle_ns)
        if not self.keep and int(ex["markout_at"][0, -1]) >= _DROP_AT:
            self._drop_complete()

    def due(self, now_ns: int) -> NDArray[np.void]:
        """The next answers that have arrived by `now_ns`, those of one moment; empty: there are none."""
        self._settle(now_ns)
        ex, outbox = self.cells.ex, self.cells.outbox
        times, mask = outbox["recv_ns"], len(outbox) - 1
        head, tail = int(ex["outbox_head"][0]), int(ex["outbox_tail"][0])
        at = head
        if at < tail and times[at & mask] <= now_ns:
            while at < tail and times[at & mask] == times[head & mask]:
                at += 1
            ex["outbox_head"] = at
        self._settle(now_ns)
        return outbox[np.arange(head, at) & mask]

    def _settle(self, now_ns: int) -> None:
        """Decide the arrivals that no row has decided for so long that none is expected to."""
        status = NEED_ROOM
        while status == NEED_ROOM:
            decided, last, wake, status = match.settle(self.cells, *self._nothing, now_ns, self.settle_ns)
            self.wake_ns = wake
            if decided:
                self.settled += decided
                self._settled_ns = last
            if status == NEED_ROOM:
                self.cells = match.more_room(self.cells)

    def cancel_all(self, now_ns: int) -> None:
        ex = self.cells.ex[0]
        ids: list[tuple[int, int]] = []
        for orders, n in ((ex["bid_orders"], ex["bids"]), (ex["ask_orders"], ex["asks"])):
            ids += [(int(o["id"]), int(o["side"])) for o in orders[: int(n)]]
        for at in range(int(ex["inbox_head"]), int(ex["inbox_tail"])):
            request = ex["inbox"][at & (INBOX - 1)]
            if request["kind"] not in (0, CANCEL):
                ids.append((int(request["id"]), int(request["side"])))
        actions = np.zeros(len(ids), dtype=ACTION)
        actions["id"] = actions["target"] = [order_id for order_id, _ in ids]
        actions["side"] = [side for _, side in ids]
        actions["kind"] = CANCEL
        for start in range(0, len(actions), MAX_ACTIONS):
            self.send(now_ns, actions[start : start + MAX_ACTIONS])

    @property
    def is_idle(self) -> bool:
        ex = self.cells.ex
        return int(ex["bids"][0] + ex["asks"][0]) == 0 and self.wake_ns == FOREVER

    def account(self) -> tuple[NDArray[np.void], Rec]:
        match.close_books(self.cells)
        ex = self.cells.ex
        return self.cells.fills[: int(ex["n_fills"][0])].copy(), copy_record(ex["ledger"][0])

    def _drop_complete(self) -> None:
        """Forget the fills whose every markout is known."""
        ex, fills = self.cells.ex, self.cells.fills
        done, n = int(ex["markout_at"][0, -1]), int(ex["n_fills"][0])
        fills[: n - done] = fills[done:n].copy()
        ex["n_fills"] -= done
        ex["markout_at"] -= done
