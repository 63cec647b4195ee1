"""What the book and cross-market estimators cost, compiled, warm: ``python -m benchmarks.book_features``.

Nanoseconds per call in one compiled loop, the processor time of an empty loop subtracted; best of
several runs. Books are full (every price step occupied) at the steps that venues have.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from benchmarks.estimators import _best
from undertow.instrument import Instrument, hyperliquid_perp, step_ticks, tick_near
from undertow.kernel.book_shape import BOOK_SHAPE, book_shape_look, book_shape_params, init_book_shape
from undertow.kernel.cross import (
    CROSS,
    basis_change_bps,
    cross_look,
    cross_open_interest,
    cross_params,
    cross_reference,
    init_cross,
    lead_bps,
    open_interest_signal,
)
from undertow.kernel.funding import FUNDING_STATE, funding_params, funding_predicted, funding_settled
from undertow.kernel.funding_view import funding_feature
from undertow.kernel.l2book import Book, apply_snapshot, new_book, set_level
from undertow.kernel.microprice import MICROPRICE, init_microprice, microprice_look, microprice_params
from undertow.kernel.queue_time import QUEUE_TIME, queue_time_params, queue_time_print, queued_depth
from undertow.kernel.trend import TREND, init_trend, trend_continuation, trend_look, trend_params, trend_see
from undertow.records import Rec, new_record

STEP_NS = 100_000_000
START_NS = 10**18


@nb.njit(cache=True)
def _nothing(mid: NDArray[np.float64]) -> float:
    total = 0.0
    for i in range(len(mid)):
        total += mid[i]
    return total


@nb.njit(cache=True)
def _shape(state: Rec, params: Rec, inst: Rec, book: Book, mid: NDArray[np.float64]) -> None:
    for i in range(len(mid)):
        book_shape_look(state, params, inst, book, START_NS + i * STEP_NS)


@nb.njit(cache=True)
def _queue(state: Rec, params: Rec, inst: Rec, book: Book, mid: NDArray[np.float64]) -> None:
    bid, ask = book.top.best_bid, book.top.best_ask
    for i in range(len(mid)):
        at_ns = START_NS + (i // 3) * STEP_NS
        queue_time_print(state, params, -1, at_ns, at_ns, bid, 1.0, bid, ask)


@nb.njit(cache=True)
def _depth(inst: Rec, book: Book, mid: NDArray[np.float64]) -> float:
    total = 0.0
    for i in range(len(mid)):
        total += queued_depth(book, inst, mid[0], 1, book.top.best_bid - (i & 7), 1.0, np.nan, 64)
    return total


@nb.njit(cache=True)
def _micro(state: Rec, params: Rec, mid: NDArray[np.float64]) -> None:
    for i in range(len(mid)):
        lean = ((i * 7919) % 1000) / 500.0 - 1.0
        microprice_look(state, params, START_NS + i * STEP_NS, mid[i], 0.5, lean, 0.5 * lean, -lean)


@nb.njit(cache=True)
def _trend(state: Rec, params: Rec, mid: NDArray[np.float64]) -> float:
    total = 0.0
    for i in range(len(mid)):
        trend_look(state, params, START_NS + i * STEP_NS, mid[i], 1.0)
        total += trend_continuation(state, params)
    return total


@nb.njit(cache=True)
def _trend_message(state: Rec, params: Rec, mid: NDArray[np.float64]) -> None:
    for i in range(len(mid)):
        trend_see(state, params, START_NS + i * STEP_NS // 10, mid[i])


@nb.njit(cache=True)
def _cross_messages(state: Rec, params: Rec, mid: NDArray[np.float64]) -> None:
    for i in range(len(mid)):
        cross_reference(state, params, START_NS + i * STEP_NS, mid[i])
        cross_look(state, params, START_NS + i * STEP_NS, mid[i])


@nb.njit(cache=True)
def _cross_read(state: Rec, params: Rec, mid: NDArray[np.float64]) -> float:
    total, now_ns = 0.0, state.seen_ns[0]
    for i in range(len(mid)):
        total += lead_bps(state, params, now_ns + i) + basis_change_bps(state, params, now_ns + i)
        total += open_interest_signal(state, params, now_ns + i, 1.0)
    return total


@nb.njit(cache=True)
def _funding(state: Rec, params: Rec, inst: Rec, mid: NDArray[np.float64]) -> float:
    total = 0.0
    for i in range(len(mid)):
        total += funding_feature(state, params, inst, START_NS + i)
    return total


def full_book(inst: Rec, px: float, steps: int, *, snapshot: bool = False) -> Book:
    """`steps` occupied price steps on both sides; as a snapshot nothing is known beyond."""
    book, rng = new_book(), np.random.default_rng(1)
    center = tick_near(inst, px)
    step = step_ticks(inst, center)
    center -= center % step
    if snapshot:
        away = np.arange(1, steps + 1) * step
        tick = inst["tick_num"] / inst["tick_den"]
        sizes = rng.exponential(1.0, (2, steps))
        apply_snapshot(
            book, inst, np.stack([(center - away) * tick, sizes[0], (center + away) * tick, sizes[1]])
        )
        return book
    for k in range(1, steps + 1):
        set_level(book, 1, center - k * step, float(rng.exponential()))
        set_level(book, -1, center + k * step, float(rng.exponential()))
    return book


def _state(dtype: np.dtype[np.void], init: Any, params: Rec) -> Rec:
    state = new_record(dtype)
    if init is not None:
        init(state, params)
    return state


def measure(n: int = 100_000) -> dict[str, float]:
    """Nanoseconds per call."""
    mid = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 3e-5, n)))
    empty = _best(_nothing, mid)

    def ns(call: Any, *arguments: Any, rounds: int = n) -> float:
        return (_best(call, *arguments, mid[:rounds]) - empty * rounds / n) / rounds * 1e9

    out: dict[str, float] = {}
    shape = book_shape_params()
    hyperliquid = hyperliquid_perp("BTC", 5).record()
    fine = Instrument(name="fine", tick_size=0.1, size_step=0.001).record()
    for name, inst, px, steps, snapshot in (
        ("book shape, 20 levels shown", hyperliquid, 110_000.0, 20, True),
        ("book shape, .09 bps steps to 50 bps", hyperliquid, 110_000.0, 600, False),
        ("book shape, .017 bps steps to 50 bps", fine, 60_000.0, 3_100, False),
    ):
        book = full_book(inst, px, steps, snapshot=snapshot)
        state = lambda: _state(BOOK_SHAPE, init_book_shape, shape)  # noqa: E731
        out[name] = ns(lambda i, b, m, s=state: _shape(s(), shape, i, b, m), inst, book, rounds=n // 10)
    book = full_book(hyperliquid, 110_000.0, 100)
    queue = queue_time_params()
    out["print (queue time)"] = ns(lambda m: _queue(new_record(QUEUE_TIME), queue, hyperliquid, book, m))
    out["effective depth of one order"] = ns(_depth, hyperliquid, book)
    micro, trend, cross = microprice_params(), trend_params(), cross_params()
    out["microprice, look and learn"] = ns(
        lambda m: _micro(_state(MICROPRICE, init_microprice, micro), micro, m)
    )
    out["trend, look and read"] = ns(lambda m: _trend(_state(TREND, init_trend, trend), trend, m))
    out["trend, book message"] = ns(lambda m: _trend_message(_state(TREND, init_trend, trend), trend, m))
    out["cross, reference and book message"] = ns(
        lambda m: _cross_messages(_state(CROSS, init_cross, cross), cross, m)
    )
    state = _state(CROSS, init_cross, cross)
    _cross_messages(state, cross, mid[:10_000])
    for i in range(400):
        cross_open_interest(state, cross, START_NS + (6_000 + 10 * i) * STEP_NS, 1e4 + i)
    out["cross, read three"] = ns(_cross_read, state, cross)
    funding, rules = new_record(FUNDING_STATE), funding_params()
    for k in range(30):
        funding_settled(funding, rules, hyperliquid, 1e-5 * (k % 3), START_NS + (k - 30) * 3600 * 10**9)
    funding_predicted(funding, rules, 3e-5, START_NS + 3600 * 10**9)
    out["funding z-score"] = ns(_funding, funding, rules, hyperliquid)
    return out


def main() -> None:
    """Print the table."""
    for name, ns in measure().items():
        print(f"{name:40s} {ns:8.1f} ns")


if __name__ == "__main__":
    main()
