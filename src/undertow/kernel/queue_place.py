"""Where own orders stand in their queues, and the depth at which that makes them fill.

An order joins behind what its level displays when the venue reports it open; prints at its price
shorten the queue, prints beyond it empty it, and it is never longer than the level displays:

    ahead ← shown at the ack,   ahead ← max(ahead − print, 0),   ahead ← min(ahead, shown)

The last happens once per decision, so a queue that shrank and grew again in between is missed.
Whoever passes a whole level reaches at least one price step further, so an order behind a share u
of its level is reached like a front order u steps deeper (`kernel.queue_time.effective_depth`):

    Λ = A·e^(−κ·max(δ + u·step, touch)),   u = ahead/shown; 1 for a new order, 0 at an empty level

A step to the next *price*, not to the next displayed level: so Λ cannot rise in depth, whatever
levels are empty. A level the feed does not show leaves δ. docs/model.md §3, §7.
"""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.instrument import price_of, step_ticks
from undertow.kernel.book_shape import queue_ahead
from undertow.kernel.desk import LIVE
from undertow.kernel.l2book import Book
from undertow.kernel.queue_time import effective_depth
from undertow.records import Rec
from undertow.units import depth_bps


@compiled
def depth_behind(
    book: Book, inst: Rec, mid: float, side: int, tick: int, depth: float, ahead: float
) -> float:
    """Depth (bps) of a front order that fills as often as one at `tick` with `ahead` before it.

    `depth` is that of `tick`; `ahead` NaN is a new order: behind all that is displayed.
    """
    shown = queue_ahead(book, side, tick)
    if not shown > 0.0:
        return depth
    share = 1.0 if np.isnan(ahead) else ahead / shown
    beyond = tick - side * step_ticks(inst, tick - 1 if side > 0 else tick)
    return effective_depth(depth, depth_bps(price_of(inst, beyond), mid, side), share)


@compiled
def place_in_queues(rungs: Rec, book: Book, inst: Rec, mid: float) -> None:
    """Fill ``queue_bps``: how much deeper a new order at each level of the ladder stands for Λ."""
    for k in range(rungs.levels):
        depth = rungs.depth_bps[k]
        rungs.queue_bps[k] = depth_behind(book, inst, mid, rungs.sign, rungs.tick[k], depth, np.nan) - depth


@compiled
def join_queue(desk: Rec, book: Book, slot: int) -> None:
    """The order in `slot` is open: it stands behind all that its level displays (NaN: unknown)."""
    order = desk.working[slot]
    order.ahead = queue_ahead(book, order.side, order.tick)


@compiled
def print_queues(desk: Rec, inst: Rec, aggressor: int, px: float, qty: float) -> None:
    """A print by `aggressor` (±1): consumes the queue of own orders at `px`, and all nearer ones'."""
    if aggressor == 0 or not (0.0 < qty < np.inf):
        return
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.side == aggressor or order.status != LIVE:
            continue
        beyond = (price_of(inst, order.tick) - px) * order.side / inst.tick_num * inst.tick_den
        if beyond > 0.5:
            order.ahead = 0.0
        elif beyond > -0.5:
            order.ahead = max(order.ahead - qty, 0.0) if order.ahead >= 0.0 else order.ahead


@compiled
def look_at_queues(desk: Rec, book: Book, inst: Rec, mid: float, aware: bool) -> None:
    """Once per decision: no queue is longer than displayed; fill the depths of live orders."""
    for i in range(desk.n_working):
        order = desk.working[i]
        if order.status != LIVE:
            continue
        shown = queue_ahead(book, order.side, order.tick)
        if not order.ahead <= shown:
            order.ahead = shown if shown >= 0.0 else order.ahead
        order.depth_bps = order.reach_bps = depth_bps(price_of(inst, order.tick), mid, order.side)
        if aware and shown > 0.0:
            order.reach_bps = depth_behind(
                book, inst, mid, order.side, order.tick, order.depth_bps, order.ahead
            )
