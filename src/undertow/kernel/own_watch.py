"""Which depth every own order was priced at, so that fills and exposure tell how often such orders fill.

After a decision each working order is noted with the depth that forecast its rate: from where the mid was
foreseen, queue included, no nearer than the touch (`kernel.ladder`). Until the next decision the seconds at
the venue go to that depth; a fill, once per order, goes to it too, whatever the market has done since: a
forecast is judged by what it was made for. An order under way is not exposed, for the one it replaces still
stands; its fills count. `kernel.own_intensity` makes the posterior.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.instrument import price_of
from undertow.kernel.aggressor import side_index
from undertow.kernel.desk import IOC, MAX_WORKING, PENDING_NEW
from undertow.kernel.l2book import Book
from undertow.kernel.ladder import reached_rate
from undertow.kernel.own_intensity import own_fill, own_resting, own_resting_at
from undertow.kernel.own_level import add_at
from undertow.kernel.queue_place import depth_behind
from undertow.records import Rec
from undertow.units import depth_bps, seconds_between

LONGEST_S: Final = 10.0
"""Decisions further apart than this have a gap between them: no exposure."""

OWN_WATCH: Final = np.dtype(
    [
        ("id", "<i8", (MAX_WORKING,)),
        ("met_bps", "<f8", (MAX_WORKING,)),  # NaN: filled, counted
        ("touch_bps", "<f8", (MAX_WORKING,)),  # half the market's spread then
        ("rate", "<f8", (MAX_WORKING,)),  # forecast, 1/s
        ("n", "<i8"),
        ("noted_ns", "<i8"),
    ],
    align=True,
)


@compiled
def noted(watch: Rec, order_id: int, first: int) -> int:
    """Place of an order among those noted from place `first` on, −1 if it is not there."""
    for i in range(first, watch.n):
        if watch.id[i] == order_id:
            return i
    return -1


@compiled
def watch_exposure(watch: Rec, own: Rec, rules: Rec, desk: Rec, now_ns: int) -> None:
    """The time since the last decision goes to the depths noted then."""
    elapsed_s = seconds_between(watch.noted_ns, now_ns)
    if watch.n == 0 or not 0.0 < elapsed_s <= LONGEST_S:
        return
    for slot in range(desk.n_working):
        order = desk.working[slot]
        if order.status == PENDING_NEW or order.tif == IOC:
            continue
        i = noted(watch, order.id, 0)
        if i >= 0 and not np.isnan(watch.met_bps[i]):
            index, met = side_index(order.side), watch.met_bps[i]
            own_resting(own, rules, index, met, elapsed_s)
            own_resting_at(own, index, met, watch.touch_bps[i], elapsed_s)


@compiled
def watch_fill(watch: Rec, own: Rec, order_id: int, side: int) -> None:
    """A maker fill of order `order_id`, before the next decision."""
    i = noted(watch, order_id, 0)
    if i >= 0 and not np.isnan(watch.met_bps[i]):
        own_fill(own, side_index(side), watch.met_bps[i])
        add_at(own.node_fills, watch.met_bps[i], watch.touch_bps[i], 1.0)
        watch.met_bps[i] = np.nan


@compiled
def watch_orders(
    watch: Rec, desk: Rec, ladder: Rec, book: Book, inst: Rec, mid: float, queues: bool, now_ns: int
) -> None:
    """After a decision: every order's rate at its own depth and queue place. Filled ones stay filled."""
    n = 0
    for slot in range(desk.n_working):
        order = desk.working[slot]
        if order.tif == IOC:
            continue
        rungs = ladder.bid if order.side > 0 else ladder.ask
        i = noted(watch, order.id, n)  # orders keep the order in which they were sent
        if i >= 0 and order.status == PENDING_NEW:  # priced when it was sent
            met, touch = watch.met_bps[i], watch.touch_bps[i]
        else:
            reach = order.reach_bps
            if order.status == PENDING_NEW:
                reach = depth_bps(price_of(inst, order.tick), mid, order.side)
                if queues:
                    reach = depth_behind(book, inst, mid, order.side, order.tick, reach, np.nan)
            met, touch = max(reach + rungs.soon_bps, rungs.touch_bps), rungs.touch_bps
            order.fill_rate = reached_rate(rungs, met)
            if i >= 0 and np.isnan(watch.met_bps[i]):
                met = np.nan  # counted already
        watch.id[n], watch.rate[n] = order.id, order.fill_rate
        watch.met_bps[n], watch.touch_bps[n] = met, touch
        n += 1
    watch.n = n
    watch.noted_ns = now_ns
