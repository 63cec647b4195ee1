"""The replay loop: two clocks over one stream of rows, and the maker inlined between them.

`run` is a template (ADR 1): ``dispatch`` and ``observe`` stand for a maker's own.

The exchange may run ahead of the maker by the constant part of the order latency, the maker ahead
of the exchange by that of the response latency: nothing the other side does meanwhile can arrive
sooner. Within these bounds each side runs through its rows in a tight loop.

At one moment of the maker's clock the order is: market rows, answers and fills, the timer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.events import FILL, LOCAL, ORDER, SNAPSHOT, TIMER
from undertow.instrument import price_of
from undertow.kernel.desk import find_working
from undertow.kernel.dispatch import unheard
from undertow.kernel.l2book import Book
from undertow.records import Rec
from undertow.replay.exchange import DONE, NEED_ROOM, NEED_ROWS, run_exchange
from undertow.replay.latency import ORDERS, delay_ns
from undertow.replay.venue import FOREVER, INBOX, Venue


class Local(NamedTuple):
    """The maker's side: its book, its action buffer, a scratch row, and what is written down."""

    book: Book
    actions: NDArray[np.void]
    scratch: NDArray[np.void]
    observations: NDArray[np.void]
    captured: NDArray[np.void]


def dispatch(
    state: Rec,
    params: Rec,
    inst: Rec,
    book: Book,
    row: Rec,
    snapshots: NDArray[np.float64],
    actions: NDArray[np.void],
) -> int:
    """Placeholder for the maker's dispatch."""
    raise AssertionError("dispatch was not bound")


def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """Placeholder for the maker's observe."""
    raise AssertionError("observe was not bound")


@compiled
def send(venue: Venue, local: Local, now_ns: int, n: int) -> int:
    """Put the maker's `n` actions on their way; returns when the first may arrive.

    One draw of the latency per batch: what a maker sends at one moment travels together.
    """
    ex, rules = venue.ex, venue.rules
    delay = delay_ns(rules.order_latency_ns, rules.order_jitter_ns, rules.seed, ORDERS, ex.order_draws)
    ex.order_draws += 1
    arrival_ns = max(ex.last_arrival_ns, now_ns + delay)
    if rules.block_interval_ns > 0:
        interval = rules.block_interval_ns
        arrival_ns = (arrival_ns + interval - 1) // interval * interval
    ex.last_arrival_ns = arrival_ns
    for k in range(n):
        action = local.actions[k]
        request = ex.inbox[ex.inbox_tail & (INBOX - 1)]
        ex.inbox_tail += 1
        request.arrival_ns = arrival_ns
        request.sent_ns = now_ns
        request.id = action.id
        request.target = action.target
        request.tick = action.tick
        request.qty = action.qty
        request.kind = action.kind
        request.side = action.side
        request.tif = action.tif
        request.reduce_only = action.reduce_only
        request.level = action.level
        if action.kind == 1:
            ex.ledger.new_orders += 1
        elif action.kind == 2:
            ex.ledger.cancels += 1
        else:
            ex.ledger.modifies += 1
        if rules.capture:
            _capture_order(venue, local, now_ns, k)
    return arrival_ns


@compiled
def capture(venue: Venue, local: Local, row: Rec) -> None:
    """Keep a row the maker sees; a snapshot's reference is made to count from the recording's first."""
    ex = venue.ex
    out = local.captured[ex.n_captured]
    ex.n_captured += 1
    out.exch_ns, out.recv_ns = row.exch_ns, row.recv_ns
    out.px, out.qty, out.val = row.px, row.qty, row.val
    out.ref = row.ref + ex.snapshot_base if row.kind == SNAPSHOT else row.ref
    out.kind, out.side, out.flags = row.kind, row.side, row.flags
    out.asset, out.code = row.asset, row.code


@compiled
def _capture_order(venue: Venue, local: Local, now_ns: int, k: int) -> None:
    ex, action = venue.ex, local.actions[k]
    out = local.captured[ex.n_captured]
    ex.n_captured += 1
    out.exch_ns, out.recv_ns = now_ns, now_ns
    out.px, out.qty = price_of(venue.inst, action.tick), action.qty
    out.val, out.ref = float(action.target), action.id
    out.kind, out.side, out.flags, out.asset, out.code = ORDER, action.side, LOCAL, 0, action.kind


@compiled
def note_forecast(venue: Venue, desk: Rec, row: Rec) -> None:
    """Copy the maker's forecasts into the fill log as a FILL row reaches it."""
    ex = venue.ex
    log = venue.fills[ex.fills_told]
    ex.fills_told += 1
    slot = find_working(desk, row.ref)
    if slot >= 0:
        log.fill_rate = desk.working[slot].fill_rate
        log.edge_bps = desk.working[slot].edge_bps


@compiled
def timer_row(venue: Venue, local: Local) -> Rec:
    """The TIMER row that is due; schedules the next."""
    ex = venue.ex
    row = local.scratch[0]
    row.exch_ns = ex.next_timer_ns
    row.recv_ns = ex.next_timer_ns
    row.kind = TIMER
    row.flags = LOCAL
    ex.next_timer_ns += venue.rules.cycle_interval_ns
    ex.ledger.cycles += 1
    return row


@compiled
def has_room(venue: Venue, local: Local) -> bool:
    """Whether an observation and the rows of one event can still be written down."""
    ex = venue.ex
    if ex.n_observations >= local.observations.shape[0]:
        return False
    return not venue.rules.capture or ex.n_captured + 1_024 < local.captured.shape[0]


@compiled
def next_local(at: int, rows: NDArray[np.void]) -> int:
    """Index of the first row at or after `at` that the maker sees."""
    while at < rows.shape[0] and not rows[at].flags & LOCAL:
        at += 1
    return at


@compiled
def next_answer(venue: Venue) -> int:
    """When the next answer reaches the maker; never, if only after the session's end."""
    ex = venue.ex
    if ex.outbox_head >= ex.outbox_tail:
        return FOREVER
    recv_ns = venue.outbox[ex.outbox_head & (venue.outbox.shape[0] - 1)].recv_ns
    return recv_ns if recv_ns <= ex.end_ns else FOREVER


def sample(venue: Venue, local: Local, state: Rec, params: Rec) -> None:
    """Write down an observation of the maker as of ``next_sample_ns``."""
    ex = venue.ex
    out = local.observations[ex.n_observations]
    out.time_ns = ex.next_sample_ns
    observe(state, params, venue.inst, local.book, out)
    ex.n_observations += 1
    ex.next_sample_ns += venue.rules.sample_interval_ns


def run(
    venue: Venue,
    local: Local,
    state: Rec,
    params: Rec,
    rows: NDArray[np.void],
    snapshots: NDArray[np.float64],
) -> int:
    """Replay `rows` until they are used up; returns what is needed to go on (DONE: nothing).

    Each turn lets the exchange run as far as it may, then takes the maker's next event: a stretch
    of market rows, an answer, a timer or an observation, in this order where times are equal.
    """
    ex, rules, inst, book, actions = venue.ex, venue.rules, venue.inst, local.book, local.actions
    n = rows.shape[0]
    mask = venue.outbox.shape[0] - 1
    while True:
        at = next_local(ex.local_at, rows)
        ex.local_at = at
        if at >= n and not ex.final:
            return NEED_ROWS
        if not has_room(venue, local):
            return NEED_ROOM
        row_ns = rows[at].recv_ns if at < n else FOREVER
        timer_ns = ex.next_timer_ns if ex.next_timer_ns < ex.end_ns else FOREVER
        sample_ns = ex.next_sample_ns if ex.next_sample_ns <= ex.end_ns else FOREVER
        now_ns = min(min(row_ns, next_answer(venue)), min(timer_ns, sample_ns))
        status = run_exchange(venue, rows, snapshots, min(now_ns + rules.order_latency_ns, FOREVER))
        if status != DONE:
            return status
        if now_ns == FOREVER and next_answer(venue) == FOREVER:
            return DONE
        answer_ns = next_answer(venue)
        horizon_ns = min(ex.next_exch_ns + rules.response_latency_ns, FOREVER)
        settled_ns = horizon_ns if rules.block_rule else horizon_ns - 1
        bound_ns = min(min(answer_ns, timer_ns), min(horizon_ns, sample_ns))
        if row_ns <= bound_ns:
            while at < n:
                row = rows[at]
                if row.flags & LOCAL:
                    if row.recv_ns > bound_ns or (rules.capture and not has_room(venue, local)):
                        break
                    if rules.capture:
                        capture(venue, local, row)
                    if unheard(state.desk, inst, book, row):
                        at += 1
                        continue
                    sent = dispatch(state, params, inst, book, row, snapshots, actions)
                    if sent > 0:
                        arrival_ns = send(venue, local, row.recv_ns, sent)
                        bound_ns = min(bound_ns, arrival_ns + rules.response_latency_ns)
                at += 1
            ex.local_at = at
            continue
        if answer_ns < row_ns and answer_ns <= min(timer_ns, sample_ns):
            row = venue.outbox[ex.outbox_head & mask]
            ex.outbox_head += 1
            if row.kind == FILL:
                note_forecast(venue, state.desk, row)
        elif timer_ns < min(row_ns, answer_ns) and timer_ns <= min(sample_ns, settled_ns):
            row = timer_row(venue, local)
        else:
            if sample_ns < min(row_ns, min(answer_ns, timer_ns)) and sample_ns <= settled_ns:
                sample(venue, local, state, params)
            continue
        if rules.capture:
            capture(venue, local, row)
        sent = dispatch(state, params, inst, book, row, snapshots, actions)
        if sent > 0:
            send(venue, local, row.recv_ns, sent)
