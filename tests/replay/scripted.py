"""A maker that sends a given list of requests at given times, and nothing else."""

from __future__ import annotations

from typing import Final

import numba as nb
import numpy as np
from numpy.typing import NDArray
from tests.replay.reference import Request

from undertow.baselines.common import ignore, observe_desk
from undertow.events import CANCEL, MODIFY, NEW
from undertow.kernel.desk import DESK, GTC, IOC, POST_ONLY
from undertow.kernel.l2book import Book
from undertow.maker import Maker
from undertow.records import Rec, new_record

MAX_PLAN: Final = 64

PLANNED: Final = np.dtype(
    [
        ("due_ns", "<i8"),
        ("id", "<i8"),
        ("target", "<i8"),
        ("tick", "<i8"),
        ("qty", "<f8"),
        ("kind", "u1"),
        ("side", "i1"),
        ("tif", "u1"),
        ("reduce_only", "u1"),
    ],
    align=True,
)
STATE: Final = np.dtype([("desk", DESK), ("at", "<i8")], align=True)
PARAMS: Final = np.dtype([("planned", "<i8"), ("plan", PLANNED, (MAX_PLAN,))], align=True)
_KINDS: Final = {"new": NEW, "cancel": CANCEL, "modify": MODIFY}
_TIFS: Final = {"post_only": POST_ONLY, "gtc": GTC, "ioc": IOC}


@nb.njit(cache=True)
def on_timer(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    n = 0
    while state.at < params.planned and params.plan[state.at].due_ns <= row.recv_ns:
        planned, action = params.plan[state.at], actions[n]
        action.id, action.target, action.tick = planned.id, planned.target, planned.tick
        action.qty, action.kind, action.side = planned.qty, planned.kind, planned.side
        action.tif, action.reduce_only, action.level = planned.tif, planned.reduce_only, 0
        state.at += 1
        n += 1
    return n


@nb.njit(cache=True)
def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    observe_desk(state.desk, inst, book, out)


def scripted(requests: list[Request], size_step: float) -> Maker:
    """The maker of a plan; quantities of `requests` are whole steps."""
    params = new_record(PARAMS)
    params["planned"] = len(requests)
    for at, request in enumerate(requests):
        params["plan"][at] = (
            request.ns,
            request.id,
            request.target,
            request.tick,
            round(request.qty * size_step, 12),
            _KINDS[request.kind],
            request.side,
            _TIFS[request.tif],
            request.reduce_only,
        )
    entrances = dict.fromkeys(("on_book", "on_trade", "on_fill", "on_ack", "on_funding"), ignore)
    return Maker(
        name="scripted",
        state=new_record(STATE),
        params=params,
        **entrances,
        on_timer=on_timer,
        observe=observe,
    )
