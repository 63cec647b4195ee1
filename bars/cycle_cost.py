"""What a decision costs: market inputs to requests, 2 × 6 levels, over batches of cycles.

The mid walks by ticks, prints arrive, the maker decides at every step and the venue answers at once,
all inside one compiled loop. Timed beside it is the same loop without the decision; the difference is
the cycle. Two cases: every cycle moves the whole ladder (worst), and a market that is mostly still.
"""

from __future__ import annotations

import time

import numba as nb
import numpy as np
from numpy.typing import NDArray

from bars import Figure
from undertow.config import Config, Ladder, Quoting, Risk
from undertow.events import EVENT, TIMER, TRADE
from undertow.instrument import hyperliquid_perp, price_of
from undertow.kernel import cycle
from undertow.kernel.desk import ACTION, LIVE, MAX_ACTIONS, PENDING_CANCEL
from undertow.kernel.l2book import new_book, set_level
from undertow.makers import make_undertow
from undertow.records import Rec, new_record

TITLE = "Cost of a decision (2 x 6 levels)"
SEED = 5
CYCLES = 20_000
BATCHES = 15
SHOWN = 5.0


@nb.njit(cache=True)
def answer(desk: Rec) -> None:
    """The venue takes every request at once."""
    kept = 0
    for i in range(desk.n_working):
        if desk.working[i].status >= PENDING_CANCEL:
            continue
        if kept != i:
            desk.working[kept] = desk.working[i]
        desk.working[kept].status = LIVE
        kept += 1
    desk.n_working = kept


@nb.njit(cache=True)
def move_touch(book: Rec, ticks: int) -> None:
    """Shift both best levels, the only ones, with what they display."""
    mask = book.bid.shape[0] - 1
    top = book.top
    book.bid[top.best_bid & mask] = book.ask[top.best_ask & mask] = 0.0
    top.best_bid += ticks
    top.best_ask += ticks
    book.bid[top.best_bid & mask] = book.ask[top.best_ask & mask] = SHOWN


@nb.njit(cache=True)
def run_cycles(
    state: Rec,
    params: Rec,
    inst: Rec,
    book: Rec,
    row: Rec,
    moves: NDArray[np.int64],
    prints: NDArray[np.float64],
    actions: NDArray[np.void],
    decide: bool,
) -> int:
    """Walk the touch by `moves` ticks, one decision each; returns the requests sent."""
    sent = 0
    for i in range(moves.shape[0]):
        state.desk.now_ns += 100_000_000
        row.recv_ns = row.exch_ns = state.desk.now_ns
        book.top.recv_ns = book.top.exch_ns = row.recv_ns
        move_touch(book, moves[i])
        cycle.on_book(state, params, inst, book, row, actions)
        if prints[i] != 0.0:
            row.side = 1 if prints[i] > 0.0 else -1
            touch = book.top.best_ask if prints[i] > 0.0 else book.top.best_bid
            row.px = price_of(inst, touch) * (1.0 + prints[i])
            row.qty = 0.05
            row.kind = TRADE
            cycle.on_trade(state, params, inst, book, row, actions)
        if decide:
            row.kind = TIMER
            sent += cycle.on_timer(state, params, inst, book, row, actions)
            answer(state.desk)
    return sent


def _case(step_ticks: int, still: float) -> tuple[float, dict[str, float]]:
    """Median µs per decision over batches, and what goes with it."""
    rng = np.random.default_rng(SEED)
    instrument = hyperliquid_perp("BTC", 5)
    # room, and requests free and without end, so that all twelve levels stand and any gain moves one
    config = Config(
        risk=Risk(lot_usd=1000.0, q_max_lots=100.0),
        ladder=Ladder(request_price_bps_lots=0.0),
        quoting=Quoting(request_budget=0.0),
    )
    maker = make_undertow(config, instrument)
    state, inst, book = maker.fresh_state(), instrument.record(), new_book()
    set_level(book, 1, 1_100_000, SHOWN)
    set_level(book, -1, 1_100_010, SHOWN)
    actions = np.zeros(MAX_ACTIONS, dtype=ACTION)
    row = new_record(EVENT)
    state.desk.now_ns = 1_700_000_000_000_000_000

    def batch(n: int, decide: bool) -> tuple[float, int]:
        moves = rng.integers(-step_ticks, step_ticks + 1, n) * 10 * (rng.random(n) > still)
        prints = np.where(rng.random(n) < 0.2, rng.choice([-1.0, 1.0], n) * rng.exponential(1e-4, n), 0.0)
        start = time.process_time()  # not the clock on the wall: others may share the machine
        sent = run_cycles(state, maker.params, inst, book, row, moves, prints, actions, decide)
        return (time.process_time() - start) / n * 1e6, sent

    batch(3_000, True)
    costs, rows, requests = [], [], 0
    for _ in range(BATCHES):
        without, _ = batch(CYCLES, False)
        rows.append(without)
        cost, sent = batch(CYCLES, True)
        costs.append(cost - without)
        requests += sent
    return float(np.median(costs)), {
        "requests per cycle": round(requests / (BATCHES * CYCLES), 2),
        "working orders": float(state.desk.n_working),
        "cycles per batch": CYCLES,
        "a book message and 0.2 prints, us": round(float(np.median(rows)), 3),
    }


def measure() -> list[Figure]:
    """Median over batches of the mean cycle, for a ladder that moves and one that mostly stands."""
    figures = []
    for name, step, still in (("every level moves", 15, 0.0), ("market mostly still", 2, 0.8)):
        cost, detail = _case(step, still)
        figures.append(Figure(f"decision, {name}, us", round(cost, 2), "<= 5", cost <= 5.0, [SEED], detail))
    return figures
