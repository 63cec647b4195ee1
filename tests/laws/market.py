"""Small markets with known truth, as rows for `drive`: a Brownian mid and Poisson aggressor orders.

Everything is drawn at once from one seed. Units are docs/model.md §1's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.events import BBO, EVENT, TIMER, TRADE

START_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Truth:
    """What the market is made of; orders reach half_spread + an exponential depth."""

    seconds: float = 600.0
    sigma: float = 1.0  # bps/√s
    rate: tuple[float, float] = (1.0, 1.0)  # orders per second that hit the bid, the ask
    kappa: tuple[float, float] = (0.5, 0.5)  # 1/bp
    half_spread: float = 0.5  # bps
    jump_rate: float = 0.0  # 1/s
    jump_bps: float = 0.0  # standard deviation of a jump
    prints: int = 1  # per order
    px: float = 1024.0
    step_s: float = 0.1


def path(truth: Truth, rng: np.random.Generator) -> NDArray[np.float64]:
    """Log-mid in bps at the end of every step, first step included."""
    n = round(truth.seconds / truth.step_s)
    steps = rng.normal(0.0, truth.sigma * np.sqrt(truth.step_s), n)
    jumps = rng.poisson(truth.jump_rate * truth.step_s, n)
    return np.cumsum(steps + np.sqrt(jumps) * truth.jump_bps * rng.normal(size=n))


def _orders(truth: Truth, mid: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.void]:
    """Prints: every order is `prints` rows of one time, the deepest first."""
    parts = []
    for index, maker in ((0, 1), (1, -1)):
        at = np.sort(rng.uniform(0.0, truth.seconds, rng.poisson(truth.rate[index] * truth.seconds)))
        depth = truth.half_spread + rng.exponential(1.0 / truth.kappa[index], len(at))
        # A grid of sizes that are powers of two keeps sums exact in any order.
        qty = np.ceil(rng.exponential(64.0, len(at))) / 64.0
        step = np.minimum((at / truth.step_s).astype(np.int64), len(mid) - 1)
        at_ns = START_NS + step * round(truth.step_s * 1e9) + round(truth.step_s * 5e8)
        # Two orders of one side in one step would be one order: they share its time.
        for k in range(truth.prints):
            rows = np.zeros(len(at), dtype=EVENT)
            rows["exch_ns"] = rows["recv_ns"] = at_ns
            rows["kind"], rows["side"], rows["qty"] = TRADE, -maker, qty
            rows["px"] = mid[step] * (1.0 - maker * depth / (k + 1) * 1e-4)
            parts.append(rows)
    return np.concatenate(parts)


def rows(truth: Truth, seed: int, log_mid: NDArray[np.float64] | None = None) -> NDArray[np.void]:
    """The market as rows in order of time: book, prints half a step later, timer at the step's end."""
    rng = np.random.default_rng(seed)
    log_mid = path(truth, rng) if log_mid is None else log_mid
    mid = truth.px * np.exp(1e-4 * log_mid)
    step_ns = round(truth.step_s * 1e9)
    book = np.zeros(len(mid), dtype=EVENT)
    book["exch_ns"] = book["recv_ns"] = START_NS + np.arange(len(mid)) * step_ns
    book["kind"], book["px"], book["val"] = BBO, mid, truth.half_spread
    timer = np.zeros(len(mid), dtype=EVENT)
    timer["exch_ns"] = timer["recv_ns"] = book["recv_ns"] + step_ns - 1
    timer["kind"] = TIMER
    both = np.concatenate([book, _orders(truth, mid, rng), timer])
    return both[np.argsort(both["recv_ns"], kind="stable")]
