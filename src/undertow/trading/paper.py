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

from undertow.events import CANCEL, EVENT, FILL, empty_snapshots
from undertow.instrument import Instrument
from undertow.kernel.desk import ACTION, MAX_ACTIONS
from undertow.kernel.l2book import new_book
from undertow.maker import OBSERVATION
from undertow.records import Rec, copy_record
from undertow.replay import loop
from undertow.replay.account import last_mid, note_markouts
from undertow.replay.exchange import NEED_ROOM, run_exchange
from undertow.replay.settings import ReplaySettings
from undertow.replay.venue import FOREVER, INBOX, Venue, grown, new_venue
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
    keeps the whole fill log in memory (else only what still awaits markouts).
    """

    def __init__(
        self,
        markets: Sequence[PaperMarket],
        settings: ReplaySettings | None = None,
        *,
        settle_ms: float = SETTLE_MS,
        keep_fills: bool = False,
    ) -> None:
        settings = settings or ReplaySettings()
        if settings.queue_model == "fifo":
            raise ValueError("queue_model = 'fifo' needs order ids, which a live feed lacks: use 'power'")
        self.matchers = {m.coin: _Matcher(m, settings, round(settle_ms * 1e6), keep_fills) for m in markets}
        self._deliver: Deliver | None = None
        self._now_ns = -FOREVER

    async def start(self, deliver: Deliver) -> None:
        """Make ready; rows may be delivered from now on."""
        self.begin(deliver)

    def begin(self, deliver: Deliver) -> None:
        """`start`, for those who drive a session without an event loop."""
        self._deliver = deliver

    def send(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> None:
        """Put a batch on its way."""
        self.matchers[coin].send(now_ns, actions)

    def on_market(self, received: Received) -> None:
        """Match what was received."""
        self._now_ns = max(self._now_ns, int(received.rows["recv_ns"][-1]))
        self.matchers[received.coin].market(received)

    def on_time(self, now_ns: int) -> None:
        """Decide what has waited long enough; deliver the answers due by `now_ns`."""
        self._now_ns = max(self._now_ns, now_ns)
        for matcher in self.matchers.values():
            while (rows := matcher.due(now_ns)) is not None:
                if self._deliver is not None:
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
        rules = settings.record()
        rules["capture"] = 0
        book = new_book(window_ticks=settings.window_ticks, erode=market.snapshot_fed)
        self.coin, self.settle_ns, self.keep = market.coin, settle_ns, keep
        self.venue: Venue = new_venue(market.instrument.record(), rules, book)
        self.settled = self.late = 0  # arrivals decided by time; rows that came after all
        self._settled_ns = -FOREVER
        self._latency_ns = max(int(rules["order_latency_ns"]), 1)
        self._nothing = np.zeros(0, dtype=EVENT), empty_snapshots()
        self._local = loop.Local(
            book=new_book(window_ticks=settings.window_ticks, erode=market.snapshot_fed),
            actions=np.zeros(MAX_ACTIONS, dtype=ACTION),
            scratch=np.zeros(1, dtype=EVENT),
            observations=np.zeros(1, dtype=OBSERVATION),
            captured=np.zeros(0, dtype=EVENT),
        )

    def send(self, now_ns: int, actions: NDArray[np.void]) -> None:
        ex = self.venue.ex
        if int(ex["inbox_tail"] - ex["inbox_head"]) + len(actions) > INBOX:
            raise RuntimeError(f"{self.coin}: more than {INBOX} requests on their way")
        self._local.actions[: len(actions)] = actions
        loop.send(self.venue, self._local, now_ns, len(actions))

    def market(self, received: Received) -> None:
        ex, rows = self.venue.ex, received.rows
        recv_ns = int(rows["recv_ns"][-1])
        ledger = ex["ledger"]
        if ledger["rows"] == 0:
            ledger["first_ns"] = min(int(rows["exch_ns"][0]), int(rows["recv_ns"][0]))
        ledger["rows"] += len(rows)
        ledger["last_ns"] = recv_ns
        if int(rows["exch_ns"][0]) <= self._settled_ns:
            self.late += int(np.count_nonzero(rows["exch_ns"] <= self._settled_ns))
        self._run(rows, received.snapshots, recv_ns + self._latency_ns, recv_ns)
        if not self.keep and int(ex["markout_at"][-1]) >= _DROP_AT:
            self._drop_complete()

    def due(self, now_ns: int) -> NDArray[np.void] | None:
        """The next answers that have arrived by `now_ns`, those of one moment; None: there are none."""
        self._settle(now_ns)
        venue = self.venue
        ex, mask = venue.ex, len(venue.outbox) - 1
        head, tail = int(ex["outbox_head"]), int(ex["outbox_tail"])
        if head == tail or (recv_ns := int(venue.outbox["recv_ns"][head & mask])) > now_ns:
            return None
        at = head
        while at < tail and int(venue.outbox["recv_ns"][at & mask]) == recv_ns:
            at += 1
        ex["outbox_head"] = at
        return venue.outbox[np.arange(head, at) & mask]

    def _settle(self, now_ns: int) -> None:
        """Decide the arrivals that no row has decided for so long that none is expected to."""
        while (arrival_ns := self._next_arrival()) + self.settle_ns <= now_ns:
            ex = self.venue.ex
            ex["final"] = 1
            self._run(*self._nothing, arrival_ns + 1, arrival_ns + self.settle_ns)
            ex["final"] = 0
            self.settled += 1
            self._settled_ns = arrival_ns

    def _next_arrival(self) -> int:
        ex = self.venue.ex
        inbox = ex["inbox"]
        for at in range(int(ex["inbox_head"]), int(ex["inbox_tail"])):
            request = inbox[at & (INBOX - 1)]
            if request["kind"] != 0:
                return int(request["arrival_ns"])
        return FOREVER

    def _run(
        self, rows: NDArray[np.void], snapshots: NDArray[np.float64], limit_ns: int, known_ns: int
    ) -> None:
        """Run the exchange up to `limit_ns`; what it answers was not known before `known_ns`."""
        ex = self.venue.ex
        ex["exch_at"] = 0
        told, filled = int(ex["outbox_tail"]), int(ex["n_fills"])
        while run_exchange(self.venue, rows, snapshots, limit_ns) == NEED_ROOM:
            self.venue = grown(self.venue)
        outbox, mask = self.venue.outbox, len(self.venue.outbox) - 1
        for at in range(told, int(ex["outbox_tail"])):
            row = outbox[at & mask]
            if row["recv_ns"] < known_ns:
                row["recv_ns"] = known_ns
                ex["last_answer_ns"] = max(int(ex["last_answer_ns"]), known_ns)
            if row["kind"] == FILL:
                self.venue.fills["recv_ns"][filled] = row["recv_ns"]
                filled += 1

    def cancel_all(self, now_ns: int) -> None:
        ex = self.venue.ex
        ids: list[tuple[int, int]] = []
        for orders, n in ((ex["bid_orders"], ex["bids"]), (ex["ask_orders"], ex["asks"])):
            ids += [(int(o["id"]), int(o["side"])) for o in orders[: int(n)]]
        for at in range(int(ex["inbox_head"]), int(ex["inbox_tail"])):
            request = ex["inbox"][at & (INBOX - 1)]
            if request["kind"] not in (0, CANCEL):
                ids.append((int(request["id"]), int(request["side"])))
        if not ids:
            return
        actions = np.zeros(len(ids), dtype=ACTION)
        actions["id"] = actions["target"] = [order_id for order_id, _ in ids]
        actions["side"] = [side for _, side in ids]
        actions["kind"] = CANCEL
        for start in range(0, len(actions), MAX_ACTIONS):
            self.send(now_ns, actions[start : start + MAX_ACTIONS])

    @property
    def is_idle(self) -> bool:
        ex = self.venue.ex
        resting = int(ex["bids"]) + int(ex["asks"])
        return resting == 0 and self._next_arrival() == FOREVER and ex["outbox_head"] == ex["outbox_tail"]

    def account(self) -> tuple[NDArray[np.void], Rec]:
        ex = self.venue.ex
        note_markouts(self.venue, int(ex["last_exch_ns"]) + 1)
        ex["ledger"]["last_mid"] = last_mid(self.venue)
        return self.venue.fills[: int(ex["n_fills"])].copy(), copy_record(ex["ledger"])

    def _drop_complete(self) -> None:
        """Forget the fills whose every markout is known."""
        ex, fills = self.venue.ex, self.venue.fills
        done, n = int(ex["markout_at"][-1]), int(ex["n_fills"])
        fills[: n - done] = fills[done:n].copy()
        ex["n_fills"] -= done
        ex["markout_at"] -= done
