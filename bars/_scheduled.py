"""A maker that follows a timetable of orders whatever it sees, so that two feeds can be compared."""

from __future__ import annotations

from typing import Final

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.baselines.common import ignore, observe_desk
from undertow.events import CANCEL, NEW
from undertow.kernel.desk import DESK, POST_ONLY
from undertow.kernel.l2book import Book
from undertow.maker import Maker
from undertow.records import Rec, new_record

MAX_PLANNED: Final = 16_384

PLANNED: Final = np.dtype(
    [("due_ns", "<i8"), ("id", "<i8"), ("tick", "<i8"), ("qty", "<f8"), ("kind", "<i4"), ("side", "<i4")],
    align=True,
)
STATE: Final = np.dtype([("desk", DESK), ("at", "<i8")], align=True)
PARAMS: Final = np.dtype([("planned", "<i8"), ("plan", PLANNED, (MAX_PLANNED,))], align=True)


@nb.njit(cache=True)
def on_timer(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Send what is due."""
    n = 0
    while state.at < params.planned and params.plan[state.at].due_ns <= row.recv_ns and n < actions.shape[0]:
        planned, action = params.plan[state.at], actions[n]
        action.id, action.target = planned.id, planned.id
        action.tick, action.qty = planned.tick, planned.qty
        action.kind, action.side = planned.kind, planned.side
        action.tif, action.reduce_only, action.level = POST_ONLY, 0, 0
        state.at += 1
        n += 1
    return n


@nb.njit(cache=True)
def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """What the desk knows."""
    observe_desk(state.desk, inst, book, out)


def scheduled(orders: NDArray[np.void], live_ns: int) -> Maker:
    """A maker that sends each of `orders` (`PLANNED`) when due and cancels it `live_ns` later."""
    cancels = orders.copy()
    cancels["kind"] = CANCEL
    cancels["due_ns"] += live_ns
    orders["kind"] = NEW
    plan = np.concatenate([orders, cancels])
    plan = plan[np.argsort(plan["due_ns"], kind="stable")]
    if len(plan) > MAX_PLANNED:
        raise ValueError(f"{len(plan)} planned requests exceed {MAX_PLANNED}")
    params = new_record(PARAMS)
    params["planned"] = len(plan)
    params["plan"][: len(plan)] = plan
    entrances = dict.fromkeys(("on_book", "on_trade", "on_fill", "on_ack", "on_funding"), ignore)
    return Maker(
        name="scheduled",
        state=new_record(STATE),
        params=params,
        **entrances,
        on_timer=on_timer,
        observe=observe,
    )
