"""The simulated method of moments: parameters under which a generated market has recorded moments.

What `undertow.synthetic.direct` cannot read off a recording (volatility and its clustering, jumps,
the makers' lag, informed share, branching, refill, sweeps) is fitted as McFadden (Econometrica 57,
1989) proposed: simulate with common random numbers, compare moments measured by the same code on
the same kind of rows, and move the parameters by damped Gauss-Newton steps (Levenberg-Marquardt with
Broyden updates of the slope) until the weighted misfit stops falling. Errors are then reported on
seeds the fit has not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.synthetic.generate import generate
from undertow.synthetic.params import MarketParams, Target
from undertow.synthetic.stats import measure

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Knob:
    """A parameter the fit may move within a range; its scale is the logit of its log."""

    part: str
    field: str
    low: float
    high: float

    def value(self, market: MarketParams) -> float:
        """The parameter's value."""
        return float(getattr(getattr(market, self.part), self.field))

    def get(self, market: MarketParams) -> float:
        """Position of the parameter on an unbounded scale."""
        inside = min(max(self.value(market), self.low * 1.001), self.high * 0.999)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return math.log(share / (1.0 - share))

    def put(self, market: MarketParams, position: float) -> MarketParams:
        """`market` with the parameter at `position`."""
        share = 1.0 / (1.0 + math.exp(-position))
        value = self.low * (self.high / self.low) ** share
        part = msgspec.structs.replace(getattr(market, self.part), **{self.field: value})
        return msgspec.structs.replace(market, **{self.part: part})


KNOBS: Final = (
    Knob("price", "sigma_bps", 0.02, 10.0),
    Knob("price", "log_vol_sd", 0.02, 1.2),
    Knob("price", "vol_reversion_per_s", 0.002, 1.0),
    Knob("price", "jump_rate_per_s", 1e-4, 0.3),
    Knob("price", "jump_mean_bps", 0.1, 30.0),
    Knob("price", "jump_warning_s", 0.05, 10.0),
    Knob("price", "drift_sd_bps_per_s", 1e-4, 0.5),
    Knob("quotes", "requote_idle_per_s", 1e-3, 20.0),
    Knob("quotes", "requote_react_per_s", 0.01, 5000.0),
    Knob("quotes", "requote_share", 0.1, 1.0),
    Knob("quotes", "requote_after_order", 0.005, 1.0),
    Knob("quotes", "half_spread_steps", 0.002, 60.0),
    Knob("quotes", "half_spread_log_sd", 0.02, 1.5),
    Knob("quotes", "refill_per_s", 0.2, 2000.0),
    Knob("quotes", "stale_share", 0.02, 1.0),
    Knob("quotes", "stale_rank", 0.005, 1.0),
    Knob("quotes", "fresh_rank", 0.002, 0.9),
    Knob("quotes", "stale_clear_per_s", 0.05, 2000.0),
    Knob("quotes", "thinning", 0.01, 3.0),
    Knob("quotes", "impact_bps", 1e-4, 2.0),
    Knob("flow", "order_rate_per_s", 0.01, 100.0),
    Knob("flow", "branching", 0.01, 0.94),
    Knob("flow", "cross_share", 0.02, 0.98),
    Knob("flow", "hawkes_decay_per_s", 0.02, 20.0),
    Knob("flow", "informed_share", 0.005, 0.95),
    Knob("flow", "informed_convexity", 0.5, 6.0),
    Knob("flow", "informed_horizon_s", 0.1, 60.0),
    Knob("flow", "informed_size_power", 1.0, 50.0),
    Knob("flow", "sweep_share", 1e-4, 0.5),
    Knob("flow", "sweep_mean_bps", 0.01, 20.0),
    Knob("flow", "resting_order_qty", 1e-5, 1e6),
    Knob("depth", "touch_events_per_s", 0.05, 500.0),
)

HEADLINES: Final[Mapping[str, float]] = {
    "sigma_0.5s": 0.03,
    "sigma_1s": 0.03,
    "sigma_5s": 0.03,
    "sigma_30s": 0.03,
    "orders_per_s": 0.02,
    "spread_mean_bps": 0.03,
}
"""Moments held to these relative tolerances however uncertain the recording leaves them."""
OTHERS: Final[Mapping[str, float]] = {
    "abs_over_rms_0.5s": 0.08,
    "abs_over_rms_5s": 0.05,
    "abs_over_rms_30s": 0.05,
    "prints_per_order": 0.05,
    "spread_one_step_share": 0.02,
    "touch_moves_per_s": 0.08,
    "mid_move_rms_steps": 0.08,
    "touch_changes_per_s": 0.08,
    "imbalance_before_move": 0.1,
    "walk_share": 0.1,
    "beyond_touch_mean_bps": 0.1,
    "deeper_0.5bps_per_s": 0.1,
    "deeper_1bps_per_s": 0.1,
    "deeper_2bps_per_s": 0.15,
    "deeper_4bps_per_s": 0.2,
    "deeper_8bps_per_s": 0.2,
    "dispersion_1s": 0.1,
    "dispersion_5s": 0.1,
    "dispersion_30s": 0.1,
    "side_autocorrelation": 0.03,
    "markout_0.5s_bps": 0.06,
    "markout_1s_bps": 0.06,
    "markout_2s_bps": 0.06,
    "markout_5s_bps": 0.06,
    "markout_10s_bps": 0.06,
    "markout_30s_bps": 0.1,
    "markout_60s_bps": 0.1,
    "markout_large_1s_bps": 0.1,
    "markout_large_5s_bps": 0.1,
}
"""Moments held to these, or to their standard error in the recording where that is larger."""
_ABSOLUTE: Final = frozenset({"side_autocorrelation", "imbalance_before_move", "spread_one_step_share"})


def targets_of(moments: Mapping[str, float], standard_errors: Mapping[str, float]) -> dict[str, Target]:
    """The moments of a recording that the fit matches (those it has, and are not 0)."""
    chosen = {}
    for name, least in {**HEADLINES, **OTHERS}.items():
        value = moments.get(name, 0.0)
        if value == 0.0:
            continue
        scale = 1.0 if name in _ABSOLUTE else abs(value)
        doubt = standard_errors.get(name, 0.0) / scale
        chosen[name] = Target(value=value, tolerance=least if name in HEADLINES else max(least, doubt))
    return chosen


def misfit(name: str, target: float, value: float) -> float:
    """Generated / recorded - 1; for shares and correlations the difference."""
    return value - target if name in _ABSOLUTE else value / target - 1.0


def simulated_moments(market: MarketParams, seeds: tuple[int, ...], duration_s: float) -> dict[str, float]:
    """Moments of generated markets, averaged over `seeds`.

    Diffs are left out where best quotes say the same: every moment matched is one of touch and prints.
    """
    if market.feed.style == "diffs":
        feed = msgspec.structs.replace(market.feed, style="snapshots", snapshot_s=60.0)
        market = msgspec.structs.replace(market, feed=feed)
    runs = [measure(generate(market, seed, duration_s), errors=False).moments for seed in seeds]
    shared = set(runs[0]).intersection(*runs[1:])
    return {name: float(np.mean([run[name] for run in runs])) for name in sorted(shared)}


@dataclass
class Fit:
    """A fitted market, its moments on the fitted seeds, and how the misfit fell."""

    market: MarketParams
    moments: dict[str, float]
    losses: list[float]


class MomentFit:
    """Damped Gauss-Newton on the knobs; all evaluations share their random numbers."""

    def __init__(
        self,
        targets: Mapping[str, Target],
        knobs: tuple[Knob, ...] = KNOBS,
        *,
        seeds: tuple[int, ...] = (101, 102),
        duration_s: float = 7200.0,
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.targets = dict(targets)
        self.knobs = knobs
        self.seeds = seeds
        self.duration_s = duration_s
        self.progress = progress

    def run(self, market: MarketParams, iterations: int = 12, screen: int = 48) -> Fit:
        """Fit from the best of `screen` random places around `market`, for at most `iterations` steps."""
        position = self._screen(market, screen)
        residual, moments = self._residual(market, position)
        losses, damping = [float(residual @ residual)], 0.3
        slope: Vector | None = None
        for iteration in range(iterations):
            fresh = slope is None
            if slope is None:
                slope = self._slope(market, position, residual)
            moved = False
            for _ in range(5):
                step = _damped_step(slope, residual, damping)
                trial, trial_moments = self._residual(market, position + step)
                slope += np.outer(trial - residual - slope @ step, step) / float(step @ step)
                if trial @ trial < residual @ residual:
                    position, residual, moments = position + step, trial, trial_moments
                    damping, moved = max(damping * 0.4, 1e-3), True
                    break
                damping *= 3.0
            losses.append(float(residual @ residual))
            self.progress(f"step {iteration + 1} of {iterations}: misfit {losses[-1]:.1f}")
            if fresh and losses[-1] > 0.99 * losses[-2]:
                break
            if not moved or losses[-1] > 0.95 * losses[-2]:
                slope, damping = None, min(damping, 0.3)
        return Fit(self._market(market, position), moments, losses)

    def _screen(self, market: MarketParams, places: int) -> Vector:
        """The best of `places` random positions around `market`'s, the first being its own."""
        start = np.array([knob.get(market) for knob in self.knobs])
        random = np.random.default_rng(self.seeds[0])
        best, least = start, math.inf
        for place in range(max(places, 1)):
            trial = start if place == 0 else start + 0.7 * random.standard_normal(len(start))
            residual, _ = self._residual(market, trial)
            if residual @ residual < least:
                best, least = trial, float(residual @ residual)
        self.progress(f"best of {places} starting places: misfit {least:.1f}")
        return best

    def _market(self, market: MarketParams, position: Vector) -> MarketParams:
        for knob, x in zip(self.knobs, position, strict=True):
            market = knob.put(market, float(x))
        return market

    def _residual(self, market: MarketParams, position: Vector) -> tuple[Vector, dict[str, float]]:
        moments = simulated_moments(self._market(market, position), self.seeds, self.duration_s)
        scaled = [_scaled(name, t, moments.get(name, 0.0)) for name, t in self.targets.items()]
        return np.array(scaled), moments

    def _slope(self, market: MarketParams, position: Vector, residual: Vector) -> Vector:
        columns = []
        for k in range(len(self.knobs)):
            moved = position.copy()
            moved[k] += 0.2
            columns.append((self._residual(market, moved)[0] - residual) / 0.2)
        return np.stack(columns, axis=1)


def _scaled(name: str, target: Target, value: float) -> float:
    """Misfit in tolerances; ratios on the log scale, so that twice and half weigh alike."""
    error = misfit(name, target.value, value)
    if name not in _ABSOLUTE:
        error = math.log(min(max(1.0 + error, 0.05), 20.0))
    return error / target.tolerance


def _damped_step(slope: Vector, residual: Vector, damping: float) -> Vector:
    gram = slope.T @ slope
    ridge = damping * (np.diag(gram) + 1e-3 * float(np.trace(gram)) / len(gram)) + 1e-9
    step = np.linalg.solve(gram + np.diag(ridge), -slope.T @ residual)
    bounded: Vector = np.clip(step, -1.0, 1.0).astype(np.float64)
    return bounded
