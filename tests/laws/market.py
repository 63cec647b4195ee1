"""Small markets with known truth, as rows for `drive`: a Brownian mid and Poisson aggressor orders.

Everything is drawn at once from one seed. Units are docs/model.md §1's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.events import (
    BBO,
    EVENT,
    FUNDING,
    FUNDING_RATE,
    OPEN_INTEREST,
    ORACLE,
    REFERENCE,
    TIMER,
    TRADE,
)

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


def other_prices(truth: Truth, seed: int, market: NDArray[np.void]) -> NDArray[np.void]:
    """What other markets say beside `market`, as rows of their own, a second apart.

    A reference asset a tenth as volatile again that moves with the mid two seconds ahead of it, an
    oracle that follows it by five, open interest as a random walk; at the start, four hours of settled
    funding and the rate that is expected next.
    """
    rng = np.random.default_rng([seed, 1])
    book = market[market["kind"] == BBO]
    every = round(1.0 / truth.step_s)
    at = np.arange(5 * every, len(book) - 2 * every, every)
    own, noise = np.log(book["px"]), np.cumsum(rng.normal(0.0, 3e-5 * truth.sigma, len(at)))
    interest = np.exp(np.cumsum(rng.normal(0.0, 1e-4, len(at))))
    parts = []
    for kind, field, values in (
        (REFERENCE, "px", 64.0 * np.exp(own[at + 2 * every] - own[0] + noise)),
        (ORACLE, "px", np.exp(own[at - 5 * every])),
        (OPEN_INTEREST, "qty", 4096.0 * interest),
    ):
        rows = np.zeros(len(at), dtype=EVENT)
        rows["kind"], rows[field] = kind, values
        rows["asset"] = kind == REFERENCE
        rows["exch_ns"] = rows["recv_ns"] = book["recv_ns"][at] + 1_000_000
        parts.append(rows)
    start = int(book["recv_ns"][0])
    funding = np.zeros(5, dtype=EVENT)
    funding["kind"], funding["qty"] = FUNDING, 1e-5 * np.array([1.0, 1.5, 0.5, 2.0, 4.0])
    funding["exch_ns"] = start - np.arange(4, -1, -1) * 3600 * 10**9
    funding["recv_ns"] = start
    funding["kind"][4], funding["ref"][4] = FUNDING_RATE, start + 10**12
    return np.concatenate([funding, *parts])
