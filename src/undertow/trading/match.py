"""The replay's exchange, stepped from Python: everything behind arrays of one record (see `step`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import EVENT, FILL
from undertow.instrument import Instrument
from undertow.kernel.desk import ACTION, MAX_ACTIONS
from undertow.kernel.l2book import new_book
from undertow.maker import OBSERVATION
from undertow.records import Rec
from undertow.replay.account import last_mid, note_markouts
from undertow.replay.exchange import DONE, NEED_ROOM, run_exchange
from undertow.replay.loop import Local, send
from undertow.replay.settings import ReplaySettings
from undertow.replay.venue import FOREVER, INBOX, Venue, grown, new_venue
from undertow.trading.runner import cell


class Cells(NamedTuple):
    """A `undertow.replay.venue.Venue`, each record an array of one."""

    ex: NDArray[np.void]
    outbox: NDArray[np.void]
    fills: NDArray[np.void]
    horizons_ns: NDArray[np.int64]
    book: NDArray[np.void]
    inst: NDArray[np.void]
    rules: NDArray[np.void]
    standing: NDArray[np.void]


class Desk(NamedTuple):
    """What `undertow.replay.loop.send` wants of the maker's side: actions; the rest is unused."""

    book: NDArray[np.void]
    actions: NDArray[np.void]
    scratch: NDArray[np.void]
    observations: NDArray[np.void]
    captured: NDArray[np.void]


def new_cells(instrument: Instrument, settings: ReplaySettings, *, snapshot_fed: bool) -> Cells:
    """A venue with an empty account."""
    rules = settings.record()
    rules["capture"] = 0
    book = new_book(window_ticks=settings.window_ticks, erode=snapshot_fed)
    v = new_venue(instrument.record(), rules, book)
    standing = np.zeros(1, dtype=v.standing.dtype).view(np.dtype((np.void, v.standing.dtype)))
    return Cells(
        cell(v.ex), v.outbox, v.fills, v.horizons_ns, cell(v.book), cell(v.inst), cell(v.rules), standing
    )


def new_desk(settings: ReplaySettings) -> Desk:
    """The buffers of `post`."""
    return Desk(
        cell(new_book(window_ticks=settings.window_ticks)),
        np.zeros(MAX_ACTIONS, dtype=ACTION),
        np.zeros(1, dtype=EVENT),
        np.zeros(1, dtype=OBSERVATION),
        np.zeros(0, dtype=EVENT),
    )


def more_room(cells: Cells) -> Cells:
    """The same venue with twice the room where it was short of it."""
    records = {name: getattr(cells, name).view(np.recarray)[0] for name in _RECORDS}
    venue = grown(Venue(**{**cells._asdict(), **records}))
    return cells._replace(outbox=venue.outbox, fills=venue.fills)


_RECORDS = ("ex", "book", "inst", "rules", "standing")


@compiled
def next_arrival(ex: Rec) -> int:
    """When the next request that is not done yet arrives."""
    for at in range(ex.inbox_head, ex.inbox_tail):
        request = ex.inbox[at & (INBOX - 1)]
        if request.kind != 0:
            return request.arrival_ns
    return FOREVER


@compiled
def _floor_answers(venue: Venue, told: int, filled: int, known_ns: int) -> None:
    """The answers since `told` were not known before `known_ns`."""
    ex = venue.ex
    mask = venue.outbox.shape[0] - 1
    for at in range(told, ex.outbox_tail):
        row = venue.outbox[at & mask]
        if row.recv_ns < known_ns:
            row.recv_ns = known_ns
            ex.last_answer_ns = max(ex.last_answer_ns, known_ns)
        if row.kind == FILL:
            venue.fills[filled].recv_ns = row.recv_ns
            filled += 1


@compiled
def wake_ns(venue: Venue, settle_ns: int) -> int:
    """When the next arrival must be decided or the next answer is due, whichever is first."""
    ex = venue.ex
    at = next_arrival(ex)
    wake = FOREVER if at == FOREVER else at + settle_ns
    if ex.outbox_head < ex.outbox_tail:
        wake = min(wake, venue.outbox[ex.outbox_head & (venue.outbox.shape[0] - 1)].recv_ns)
    return wake


@compiled
def post(c: Cells, desk: Desk, now_ns: int, n: int) -> int:
    """Put the first `n` actions of `desk` on their way; returns when they arrive."""
    local = Local(desk.book[0], desk.actions, desk.scratch, desk.observations, desk.captured)
    venue = Venue(c.ex[0], c.outbox, c.fills, c.horizons_ns, c.book[0], c.inst[0], c.rules[0], c.standing[0])
    return send(venue, local, now_ns, n)


@compiled
def match_rows(
    c: Cells,
    rows: NDArray[np.void],
    snapshots: NDArray[np.float64],
    at: int,
    recv_ns: int,
    settle_ns: int,
) -> tuple[int, int]:
    """Market rows from `at` on, received at `recv_ns`, and the requests that arrived before them.

    Returns the index to go on from (the number of rows: all done) and when to wake. Short of room it
    stops early: call `more_room` and go on.
    """
    venue = Venue(c.ex[0], c.outbox, c.fills, c.horizons_ns, c.book[0], c.inst[0], c.rules[0], c.standing[0])
    ex = venue.ex
    ex.exch_at = at
    told, filled = ex.outbox_tail, ex.n_fills
    # No request sent from now on can arrive sooner than this, and no row received is younger.
    limit_ns = recv_ns + max(venue.rules.order_latency_ns, 1)
    status = run_exchange(venue, rows, snapshots, limit_ns)
    _floor_answers(venue, told, filled, recv_ns)
    done = rows.shape[0] if status != NEED_ROOM else ex.exch_at
    return done, wake_ns(venue, settle_ns)


@compiled
def settle(
    c: Cells, rows: NDArray[np.void], snapshots: NDArray[np.float64], now_ns: int, settle_ns: int
) -> tuple[int, int, int, int]:
    """Decide every arrival that has waited for `settle_ns` by `now_ns`; `rows` must be empty.

    Returns how many moments of arrival were decided, the last of them, when to wake, and DONE or
    NEED_ROOM.
    """
    venue = Venue(c.ex[0], c.outbox, c.fills, c.horizons_ns, c.book[0], c.inst[0], c.rules[0], c.standing[0])
    ex = venue.ex
    decided, last = 0, -FOREVER
    arrival_ns = next_arrival(ex)
    status = DONE
    while arrival_ns != FOREVER and arrival_ns + settle_ns <= now_ns:
        told, filled = ex.outbox_tail, ex.n_fills
        ex.exch_at = 0
        ex.final = 1
        status = run_exchange(venue, rows, snapshots, arrival_ns + 1)
        ex.final = 0
        _floor_answers(venue, told, filled, arrival_ns + settle_ns)
        if status == NEED_ROOM:
            break
        decided += 1
        last = arrival_ns
        arrival_ns = next_arrival(ex)
    return decided, last, wake_ns(venue, settle_ns), status


@compiled
def close_books(c: Cells) -> None:
    """Note the markouts that are over and the last mid in the ledger."""
    venue = Venue(c.ex[0], c.outbox, c.fills, c.horizons_ns, c.book[0], c.inst[0], c.rules[0], c.standing[0])
    note_markouts(venue, venue.ex.last_exch_ns + 1)
    venue.ex.ledger.last_mid = last_mid(venue)
