"""What the estimators cost per row, compiled, warm: ``python -m benchmarks.estimators``.

Rows are generated (Poisson prints in blocks, a random-walk mid), shown in one compiled loop; the
processor time of an empty loop over the same rows is subtracted. Best of several runs.
"""

from __future__ import annotations

import time
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.events import BBO, EVENT, TIMER, TRADE
from undertow.instrument import Instrument
from undertow.kernel.desk import DESK, LIVE
from undertow.kernel.estimators import (
    ESTIMATORS,
    estimator_params,
    init_estimators,
    read_inputs,
    see_book,
    see_cycle,
    see_trade,
)
from undertow.kernel.inputs import INPUTS
from undertow.kernel.markout import adverse_selection_bps
from undertow.kernel.scorecard import SCORECARD, init_scorecard, score_cycle, scorecard_params
from undertow.records import Rec, new_record

RUNS = 7


@nb.njit(cache=True)
def _nothing(rows: NDArray[np.void]) -> float:
    total = 0.0
    for i in range(rows.shape[0]):
        total += rows[i].px + rows[i].recv_ns
    return total


@nb.njit(cache=True)
def _books(state: Rec, params: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        see_book(state, params, rows[i].exch_ns, rows[i].recv_ns, rows[i].px, rows[i].val)


@nb.njit(cache=True)
def _trades(state: Rec, params: Rec, inst: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        see_trade(state, params, inst, rows[i], rows[i].val, rows[i].exch_ns - 1, 0, 0)


@nb.njit(cache=True)
def _cycles(state: Rec, params: Rec, inst: Rec, inputs: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        see_cycle(state, params, inst, rows[i].recv_ns, rows[i].px, 1.0)
        read_inputs(state, params, inst, rows[i].recv_ns, 0.001, inputs)


@nb.njit(cache=True)
def _curve(state: Rec, params: Rec, rows: NDArray[np.void]) -> float:
    total = 0.0
    for i in range(rows.shape[0]):
        total += adverse_selection_bps(state, params, 1, (i & 7) * 0.7, 20.0 + (i & 3), 1.1, 2.0)
    return total


@nb.njit(cache=True)
def _scores(state: Rec, params: Rec, desk: Rec, inst: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        score_cycle(state, params, desk, inst, rows[i].recv_ns, rows[i].px)


def _rows(n: int, kind: int, gap_ns: int) -> NDArray[np.void]:
    """`n` rows of one kind, `gap_ns` apart; prints come in blocks of three."""
    rng = np.random.default_rng(1)
    rows = np.zeros(n, dtype=EVENT)
    mid = np.round(100_000.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-6, n))), 0)
    at = (np.arange(n) // 3 * 3 if kind == TRADE else np.arange(n)) * gap_ns + 10**18
    rows["exch_ns"] = rows["recv_ns"] = at
    rows["kind"] = kind
    rows["side"] = rng.choice([-1, 1], n // 3 + 1).repeat(3)[:n]
    rows["qty"] = rng.exponential(0.01, n)
    rows["px"], rows["val"] = mid, 0.05
    if kind == TRADE:
        rows["px"] = mid * (1.0 + rows["side"] * rng.exponential(1e-5, n))
        rows["val"] = mid
    return rows


def _best(call: Any, *arguments: Any) -> float:
    call(*arguments)
    times = []
    for _ in range(RUNS):
        started = time.process_time()
        call(*arguments)
        times.append(time.process_time() - started)
    return min(times)


def measure(n: int = 300_000) -> dict[str, float]:
    """Nanoseconds per row of each kind."""
    inst = Instrument(name="bench", tick_size=1.0, size_step=1e-5).record()
    params, inputs = estimator_params(), new_record(INPUTS)
    score, score_params, desk = new_record(SCORECARD), scorecard_params(), new_record(DESK)
    init_scorecard(score, score_params)
    desk["n_working"] = 12
    desk["working"]["status"] = LIVE
    desk["working"]["side"] = np.where(np.arange(128) % 2, 1, -1)
    desk["working"]["tick"] = 100_000

    def state() -> Rec:
        fresh = new_record(ESTIMATORS)
        init_estimators(fresh, params)
        return fresh

    books, trades, cycles = _rows(n, BBO, 10**7), _rows(n, TRADE, 10**7), _rows(n, TIMER, 10**8)

    def busy(rows: NDArray[np.void], call: Any, *arguments: Any) -> float:
        def run() -> None:
            call(state(), *arguments, rows)

        return (_best(run) - _best(_nothing, rows)) / len(rows) * 1e9

    return {
        "book message": busy(books, _books, params),
        "trade": busy(trades, _trades, params, inst),
        "cycle (advance and read)": busy(cycles, _cycles, params, inst, inputs),
        "adverse selection of one level": busy(
            cycles, lambda s, p, r: _curve(s["markout"], p["markout"], r), params
        ),
        "scorecard of 12 orders": busy(
            cycles, lambda s, r: _scores(score.copy(), score_params, desk, inst, r)
        ),
    }


def main() -> None:
    """Print the table."""
    for name, ns in measure().items():
        print(f"{name:34s} {ns:8.1f} ns")


if __name__ == "__main__":
    main()
