"""The GLFT grid: the market maker most users start from.

A grid of post-only orders around the reservation price of Guéant, Lehalle and Fernandez-Tapia, with
A, k and σ measured over a rolling window, as hftbacktest's tutorial builds it (`glft_math`). Its
ticks are the venue's price steps at the mid, so it also runs where prices are coarser than the
finest tick.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.baselines.common import ignore, observe_desk
from undertow.baselines.glft_math import BINS, coefficients, fit_intensity, grid, spread_of_changes
from undertow.baselines.ladder import cancel_others, send_missing
from undertow.compiled import compiled
from undertow.instrument import Instrument, price_of, qty_of_notional, round_size, step_ticks, tick_near
from undertow.kernel.desk import DESK
from undertow.kernel.l2book import Book, has_both_sides, mid_price
from undertow.maker import Maker
from undertow.records import Rec, new_record

MAX_WINDOW: Final = 6_000
LEAST_K: Final = 1e-6
"""Decay below which a fit says nothing (one deep print in an empty window), 1/step."""

STATE: Final = np.dtype(
    [
        ("desk", DESK),
        ("cycle", "<i8"),
        ("mid", "<f8"),  # steps
        ("step", "<i8"),  # venue price step at the mid, ticks
        ("depth", "<f8"),  # deepest print since the last cycle, steps from its mid
        ("a", "<f8"),
        ("k", "<f8"),
        ("volatility", "<f8"),  # steps/√s
        ("qty", "<f8"),
        ("reservation", "<f8"),  # steps
        ("depths", "<f8", (MAX_WINDOW,)),
        ("changes", "<f8", (MAX_WINDOW,)),
        ("counts", "<f8", (BINS,)),
    ],
    align=True,
)

PARAMS: Final = np.dtype(
    [
        ("gamma", "<f8"),
        ("spread_factor", "<f8"),
        ("skew_factor", "<f8"),
        ("order_qty", "<f8"),  # 0: from order_usd
        ("order_usd", "<f8"),
        ("max_orders", "<f8"),
        ("cycle_s", "<f8"),
        ("levels", "<i8"),
        ("least_gap_ticks", "<i8"),
        ("window_cycles", "<i8"),
        ("update_cycles", "<i8"),
        ("bins_used", "<i8"),
    ],
    align=True,
)


class GlftGridSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the grid; the defaults are the tutorial's.

    ``gamma``: risk aversion per tick and order. ``spread_factor`` and ``skew_factor`` scale
    half-spread and skew. ``levels`` orders a side of ``order_qty`` (venue's unit; 0: worth
    ``order_usd`` at the first mid) each; a side stops at ``max_orders`` orders of inventory. A, k and
    σ are fitted over ``window_cycles`` cycles every ``update_cycles``; ``cycle_s`` must be the
    replay's cycle interval.
    """

    gamma: float = 0.05
    spread_factor: float = 1.0
    skew_factor: float = 0.05
    levels: int = 20
    order_qty: float = 0.0
    order_usd: float = 100.0
    max_orders: float = 20.0
    least_gap_ticks: int = 1
    window_cycles: int = 6_000
    update_cycles: int = 50
    bins_used: int = 70
    cycle_s: float = 0.1

    def __post_init__(self) -> None:
        ranges = {
            "gamma": (1e-9, 1e3),
            "spread_factor": (0.0, 1e3),
            "skew_factor": (0.0, 1e3),
            "levels": (1, 40),
            "order_qty": (0.0, 1e12),
            "order_usd": (1e-9, 1e12),
            "max_orders": (0.0, 1e9),
            "least_gap_ticks": (1, 1_000_000),
            "window_cycles": (10, MAX_WINDOW),
            "update_cycles": (1, 1_000_000),
            "bins_used": (3, BINS),
            "cycle_s": (1e-4, 3_600.0),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"glft grid: {name} = {value} must lie in {low:g}..{high:g}")


@compiled
def on_trade(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Note how far from the last cycle's mid the print reached; a print of unknown side as a sell."""
    if np.isnan(state.mid):
        return 0
    tick = tick_near(inst, row.px) / state.step
    depth = tick - state.mid if row.side > 0 else state.mid - tick
    if depth > state.depth:
        state.depth = depth
    return 0


@compiled
def measure(state: Rec, params: Rec, book: Book) -> None:
    """Once a cycle: note arrival depth and mid change; refit A, k and σ when it is time."""
    at = state.cycle % params.window_cycles
    state.depths[at] = np.nan if np.isnan(state.mid) else state.depth
    state.depth = -np.inf
    mid = 0.5 * (book.top.best_bid + book.top.best_ask) / state.step
    state.changes[at] = mid - state.mid
    state.mid = mid
    if state.cycle % params.update_cycles == 0 and state.cycle >= params.window_cycles - 1:
        n = params.window_cycles
        a, k = fit_intensity(state.depths[:n], state.counts, n * params.cycle_s, params.bins_used)
        if np.isfinite(a) and k > LEAST_K:
            state.a, state.k = a, k
        state.volatility = spread_of_changes(state.changes[:n]) * np.sqrt(1.0 / params.cycle_s)
    state.cycle += 1


@compiled
def on_timer(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Measure, then move the grid."""
    if not has_both_sides(book):
        return 0
    desk, top = state.desk, book.top
    if state.step == 0:
        state.step = step_ticks(inst, top.best_bid)
        px = mid_price(book, inst)
        state.qty = params.order_qty
        if state.qty == 0.0:
            state.qty = round_size(inst, qty_of_notional(inst, px, params.order_usd))
    measure(state, params, book)
    if np.isnan(state.k) or np.isnan(state.volatility) or state.qty <= 0.0:
        return 0
    step = state.step
    position = desk.position / state.qty
    c1, c2 = coefficients(params.gamma, state.a, state.k)
    state.reservation = state.mid - c2 * state.volatility * params.skew_factor * position
    bid, ask, gap = grid(
        state.mid,
        top.best_bid // step,
        -(-top.best_ask // step),
        position,
        c1,
        c2,
        state.volatility,
        params.spread_factor,
        params.skew_factor,
        params.least_gap_ticks,
    )
    bids = params.levels if position < params.max_orders else 0
    asks = params.levels if -position < params.max_orders else 0
    n = cancel_others(desk, actions, 0, 1, bid * step, gap * step, bids)
    n = cancel_others(desk, actions, n, -1, ask * step, gap * step, asks)
    n = send_missing(desk, actions, n, 1, bid * step, gap * step, bids, state.qty)
    return send_missing(desk, actions, n, -1, ask * step, gap * step, asks, state.qty)


@compiled
def observe(state: Rec, params: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """Reservation price, σ and κ = k in bps, both sides alike."""
    observe_desk(state.desk, inst, book, out)
    if state.step > 0 and np.isfinite(state.k):
        out.reservation_px = price_of(inst, 1) * state.step * state.reservation
        step_bps = price_of(inst, state.step) / out.mid * 1e4
        out.sigma_bps_per_sqrt_s = state.volatility * step_bps
        out.kappa_bid_per_bp = out.kappa_ask_per_bp = state.k / step_bps


def make_glft_grid(instrument: Instrument, settings: GlftGridSettings | None = None) -> Maker:
    """A GLFT grid for `instrument`."""
    settings = settings or GlftGridSettings()
    params, state = new_record(PARAMS), new_record(STATE)
    for name in settings.__struct_fields__:
        params[name] = getattr(settings, name)
    for name in ("mid", "a", "k", "volatility", "reservation", "depths", "changes"):
        state[name] = np.nan
    state["depth"] = -np.inf
    return Maker(
        name="glft_grid",
        state=state,
        params=params,
        on_book=ignore,
        on_trade=on_trade,
        on_fill=ignore,
        on_ack=ignore,
        on_funding=ignore,
        on_timer=on_timer,
        observe=observe,
    )
