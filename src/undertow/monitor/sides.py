"""The two sides of a coin as views: wanted ladder, own orders and the market's levels, by price."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from undertow.kernel.desk import IOC, LIVE, PENDING_CANCEL, PENDING_MODIFY, PENDING_NEW
from undertow.kernel.l2book import NO_ASK, NO_BID
from undertow.kernel.ladder import LIMIT, MERGED, MINIMUM, POOLED, QUOTED, REASON_NAMES, VALUE
from undertow.monitor.view import LevelView, SideView
from undertow.records import Rec

MARKET_LEVELS: Final = 10
SCAN_TICKS: Final = 2_048
_OWN: Final = {PENDING_NEW: "new", LIVE: "live", PENDING_CANCEL: "canceling", PENDING_MODIFY: "moving"}
_NEARNESS: Final = {VALUE: 0, MINIMUM: 1, LIMIT: 2, POOLED: 3, MERGED: 5}
"""Reasons by how near a level that has it is to quoting; the others stand in the middle."""


class Own(NamedTuple):
    """A working order: what a person sees of it."""

    side: int
    tick: int
    leaves: float
    status: int
    tif: int
    ahead: float
    level: int


def own_orders(desk: Any) -> list[Own]:
    """The working orders of a `DESK`, in the order they were sent."""
    working = desk["working"][: int(desk["n_working"])]
    fields = ("side", "tick", "leaves", "status", "tif", "ahead", "level")
    return [Own(*order) for order in zip(*(working[name].tolist() for name in fields), strict=True)]


def market_levels(book: Rec, side: int) -> list[tuple[int, float]]:
    """(tick, size) of the market's best levels of a side that the feed speaks for, nearest first."""
    top = np.void.__getitem__(book, "top")
    best = int(top["best_bid"] if side > 0 else top["best_ask"])
    if best in (NO_BID, NO_ASK):
        return []
    ring = np.void.__getitem__(book, "bid" if side > 0 else "ask")
    low, n = int(top["window_low"]), len(ring)
    if side > 0:
        span = best - max(low, int(top["bid_known"]))
    else:
        span = min(low + n - 1, int(top["ask_known"])) - best
    ticks = best - side * np.arange(min(span + 1, SCAN_TICKS))
    sizes = ring[ticks & (n - 1)]
    shown = np.flatnonzero(sizes > 0.0)[:MARKET_LEVELS]
    return list(zip(ticks[shown].tolist(), sizes[shown].tolist(), strict=True))


class _Wanted(NamedTuple):
    """A level of the wanted ladder."""

    level: int
    tick: int
    qty: float
    reason: int
    number: float
    pnl: float


def _wanted(rungs: Any | None) -> Iterator[_Wanted]:
    """The levels of a `RUNGS` record, nearest first."""
    if rungs is None:
        return
    n = int(rungs["levels"])
    fields = ("tick", "qty", "reason", "reason_value", "expected_pnl")
    columns = (rungs[name][:n].tolist() for name in fields)
    for k, values in enumerate(zip(*columns, strict=True)):
        yield _Wanted(k + 1, *values)


def _levels(
    sign: int,
    wanted: list[_Wanted],
    own: list[Own],
    market: list[tuple[int, float]],
    px_of: Callable[[int], float],
) -> tuple[LevelView, ...]:
    """Prices with anything on them, nearest first.

    A wanted level that an order elsewhere stands for (not worth a request to move) is shown at that
    order, unless another wanted level is there; one whose price is not known (tick 0) or shared with a
    nearer level is left out.
    """
    rows: dict[int, dict[str, Any]] = {tick: {"market_qty": qty} for tick, qty in market}
    stands_for: dict[int, int] = {}
    for order in own:
        row = rows.setdefault(order.tick, {})
        row["own_qty"] = row.get("own_qty", 0.0) + order.leaves
        row["own"] = _OWN.get(order.status, "")
        row["ahead"] = order.ahead if math.isfinite(order.ahead) else None
        if order.status in (PENDING_NEW, LIVE):
            stands_for.setdefault(order.level + 1, order.tick)
    exact = {order.tick for order in own}
    taken = {w.tick for w in wanted if w.reason == QUOTED}
    for w in wanted:
        if w.tick == 0 or w.reason == MERGED:
            continue
        at = w.tick
        if w.reason == QUOTED and w.tick not in exact and stands_for.get(w.level) not in taken:
            at = stands_for.get(w.level, w.tick)
            taken.add(at)
        row = rows.setdefault(at, {})
        if row.get("level") and w.reason != QUOTED:
            continue
        row["level"], row["wanted_qty"], row["wanted_px"] = w.level, w.qty, px_of(w.tick)
        if w.reason == QUOTED:
            row["worth"], row["reason"], row["number"] = w.number, "", None
        else:
            row["reason"], row["number"] = REASON_NAMES[w.reason], w.number
    ticks = sorted(rows, reverse=sign > 0)
    return tuple(LevelView(side=sign, px=px_of(tick), **rows[tick]) for tick in ticks)


def side_view(
    sign: int,
    rungs: Any | None,
    own: list[Own],
    market: list[tuple[int, float]],
    px_of: Callable[[int], float],
    position: float,
    dust: float,
    lot_usd: float,
) -> SideView:
    """A side (`sign` +1 bid, -1 ask); `rungs` is its `RUNGS` record or None where a maker has no ladder."""
    mine = [order for order in own if order.side == sign]
    live = [order for order in mine if order.status in (LIVE, PENDING_MODIFY) and order.tif != IOC]
    wanted = list(_wanted(rungs))
    quoted = [w for w in wanted if w.reason == QUOTED]
    reasons: dict[str, int] = {}
    numbers: dict[str, float] = {}
    for w in sorted(wanted, key=lambda w: _NEARNESS.get(w.reason, 4)):
        if w.reason != QUOTED:
            name = REASON_NAMES[w.reason]
            reasons[name] = reasons.get(name, 0) + 1
            better = w.reason == VALUE and w.number > numbers.get(name, -math.inf)
            if name not in numbers or better:
                numbers[name] = w.number
    nearest = (max if sign > 0 else min)((order.tick for order in live), default=None)
    return SideView(
        sign=sign,
        has_ladder=rungs is not None,
        wanted=len(quoted),
        wanted_qty=sum(w.qty for w in quoted),
        live=len(live),
        live_qty=sum(order.leaves for order in live),
        flying=sum(order.status == PENDING_NEW for order in mine),
        canceling=sum(order.status == PENDING_CANCEL for order in mine),
        best_px=None if nearest is None else px_of(nearest),
        reduces=sign * position < -dust,
        at_limit=REASON_NAMES[LIMIT] in reasons and not quoted,
        expected_usd_per_h=sum(w.pnl for w in quoted) * lot_usd * 1e-4 * 3600.0
        if rungs is not None
        else None,
        reasons=reasons,
        numbers=numbers,
        levels=_levels(sign, wanted, mine, market, px_of),
    )
