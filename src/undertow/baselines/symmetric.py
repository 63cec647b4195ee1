"""The symmetric ladder: the same distances on both sides of the mid, whatever happens.

The least a user could run: no inventory skew, no forecast, a position limit. It says what the
market alone pays and takes.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.baselines.common import ignore, observe_desk
from undertow.baselines.ladder import cancel_others, send_missing
from undertow.compiled import compiled
from undertow.instrument import (
    Instrument,
    price_of,
    qty_of_notional,
    round_price,
    round_size,
    step_ticks,
)
from undertow.kernel.desk import DESK
from undertow.kernel.l2book import Book, has_both_sides, mid_price
from undertow.maker import Maker
from undertow.records import Rec, new_record
from undertow.units import offset_bps, price_at

LADDER: Final = np.dtype([("top", "<i8"), ("gap", "<i8")], align=True)
"""Tick of the best order and ticks between orders (0: no ladder yet)."""

STATE: Final = np.dtype([("desk", DESK), ("bid", LADDER), ("ask", LADDER)], align=True)

PARAMS: Final = np.dtype(
    [
        ("half_spread_bps", "<f8"),
        ("spacing_bps", "<f8"),
        ("requote_bps", "<f8"),
        ("order_usd", "<f8"),
        ("max_position_usd", "<f8"),
        ("levels", "<i8"),
    ],
    align=True,
)


class SymmetricSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`levels` orders a side worth `order_usd` each, the first `half_spread_bps` from the mid and
    the next `spacing_bps` apart. A ladder moves when its first order is more than `requote_bps` from
    where it should be. A side stops at `max_position_usd`.
    """

    half_spread_bps: float = 5.0
    spacing_bps: float = 2.0
    levels: int = 3
    order_usd: float = 100.0
    max_position_usd: float = 1_000.0
    requote_bps: float = 0.5

    def __post_init__(self) -> None:
        ranges = {
            "half_spread_bps": (0.0, 1_000.0),
            "spacing_bps": (1e-3, 1_000.0),
            "levels": (1, 40),
            "order_usd": (1e-9, 1e12),
            "max_position_usd": (0.0, 1e15),
            "requote_bps": (0.0, 1_000.0),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"symmetric ladder: {name} = {value} must lie in {low:g}..{high:g}")


@compiled
def keep_ladder(
    desk: Rec, ladder: Rec, params: Rec, inst: Rec, actions: NDArray[np.void], n: int, side: int, mid: float
) -> int:
    """Keep the ladder of one side, moved only beyond the tolerance; returns the number of actions."""
    top = round_price(inst, price_at(mid, -side * params.half_spread_bps), side)
    tick_bps = offset_bps(mid + price_of(inst, 1), mid)
    if ladder.gap == 0 or abs(top - ladder.top) * tick_bps > params.requote_bps:
        step = step_ticks(inst, top)
        ladder.top = top
        ladder.gap = step * max(1, int(np.round(params.spacing_bps / (tick_bps * step))))
    full = qty_of_notional(inst, mid, params.max_position_usd)
    qty = round_size(inst, qty_of_notional(inst, mid, params.order_usd))
    levels = params.levels if side * desk.position + 0.5 * qty <= full and qty > 0.0 else 0
    n = cancel_others(desk, actions, n, side, ladder.top, ladder.gap, levels)
    return send_missing(desk, actions, n, side, ladder.top, ladder.gap, levels, qty)


@compiled
def on_timer(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Requote both sides around the mid."""
    if not has_both_sides(book):
        return 0
    mid = mid_price(book, inst)
    n = keep_ladder(state.desk, state.bid, params, inst, actions, 0, 1, mid)
    return keep_ladder(state.desk, state.ask, params, inst, actions, n, -1, mid)


@compiled
def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """What the desk knows; the reservation price is the mid."""
    observe_desk(state.desk, inst, book, out)
    out.reservation_px = out.mid


def make_symmetric(instrument: Instrument, settings: SymmetricSettings | None = None) -> Maker:
    """A symmetric ladder for `instrument`."""
    settings = settings or SymmetricSettings()
    if settings.order_usd < instrument.min_notional:
        raise ValueError(
            f"symmetric ladder: order_usd = {settings.order_usd:g} is below {instrument.name}'s minimum"
            f" notional of {instrument.min_notional:g}"
        )
    params = new_record(PARAMS)
    for name in settings.__struct_fields__:
        params[name] = getattr(settings, name)
    return Maker(
        name="symmetric",
        state=new_record(STATE),
        params=params,
        on_book=ignore,
        on_trade=ignore,
        on_fill=ignore,
        on_ack=ignore,
        on_funding=ignore,
        on_timer=on_timer,
        observe=observe,
    )
