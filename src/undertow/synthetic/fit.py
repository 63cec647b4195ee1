"""From the statistics of a recording to the parameters of a market that has them.

Two steps. *Direct estimators* read off what needs no model: sizes, depth profile, latency, block
time. The rest (volatility and its clustering, jumps, the makers' lag, informed share, branching,
refill, sweeps) is fitted by the *simulated method of moments* (McFadden, Econometrica 1989): simulate
with common random numbers, compare the moments through the same feed and the same measurement,
and move the parameters by damped Gauss-Newton steps until the weighted misfit stops falling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.instrument import Instrument
from undertow.synthetic.generate import generate
from undertow.synthetic.params import (
    DepthParams,
    Feed,
    FeedParams,
    FlowParams,
    MarketParams,
    PriceParams,
    QuoteParams,
)
from undertow.synthetic.stats import Statistics, measure

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Knob:
    """A parameter the fit may move: where it stands, its range, and its scale (log or share)."""

    part: str
    field: str
    low: float
    high: float

    def get(self, market: MarketParams) -> float:
        """Position of the parameter on an unbounded scale."""
        value = getattr(getattr(market, self.part), self.field)
        share = math.log(min(max(value, self.low * 1.001), self.high * 0.999) / self.low)
        share /= math.log(self.high / self.low)
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
    Knob("price", "jump_rate_per_s", 1e-4, 0.1),
    Knob("price", "jump_mean_bps", 0.1, 30.0),
    Knob("price", "drift_sd_bps_per_s", 1e-4, 0.5),
    Knob("quotes", "requote_idle_per_s", 1e-3, 20.0),
    Knob("quotes", "requote_react_per_s", 0.01, 200.0),
    Knob("quotes", "requote_share", 0.1, 1.0),
    Knob("quotes", "half_spread_steps", 0.002, 60.0),
    Knob("quotes", "refill_per_s", 0.2, 100.0),
    Knob("quotes", "impact_bps", 1e-4, 2.0),
    Knob("flow", "order_rate_per_s", 0.01, 100.0),
    Knob("flow", "branching", 0.01, 0.9),
    Knob("flow", "hawkes_decay_per_s", 0.02, 10.0),
    Knob("flow", "informed_share", 0.005, 0.95),
    Knob("flow", "informed_size_ratio", 0.2, 30.0),
    Knob("flow", "sweep_share", 1e-4, 0.5),
    Knob("flow", "sweep_mean_bps", 0.01, 20.0),
    Knob("flow", "resting_order_qty", 1e-5, 1e6),
)

TOLERANCES: Final[Mapping[str, float]] = {
    "sigma_0.5s": 0.03,
    "sigma_1s": 0.03,
    "sigma_5s": 0.03,
    "sigma_30s": 0.04,
    "abs_over_rms_0.5s": 0.1,
    "abs_over_rms_5s": 0.05,
    "abs_over_rms_30s": 0.05,
    "orders_per_s": 0.02,
    "prints_per_order": 0.05,
    "spread_mean_bps": 0.04,
    "touch_moves_per_s": 0.08,
    "walk_share": 0.1,
    "beyond_touch_mean_bps": 0.1,
    "deeper_0.5bps_per_s": 0.15,
    "deeper_1bps_per_s": 0.2,
    "dispersion_5s": 0.1,
    "dispersion_30s": 0.15,
    "side_autocorrelation": 0.05,
    "markout_0.5s_bps": 0.1,
    "markout_1s_bps": 0.1,
    "markout_5s_bps": 0.1,
    "markout_10s_bps": 0.15,
    "markout_30s_bps": 0.3,
    "markout_large_1s_bps": 0.2,
    "markout_large_5s_bps": 0.25,
}
"""Moments matched and the relative misfit (absolute for `side_autocorrelation`) that counts as one."""
_ABSOLUTE: Final = frozenset({"side_autocorrelation"})


def direct(
    seen: Statistics, instrument: Instrument, *, name: str, feed: Feed, window_levels: int = 48
) -> MarketParams:
    """Parameters read off without a model, with starting values for the rest."""
    m = seen.moments
    floor, typical = seen.latency_ms[0], seen.latency_ms[2]
    spread = math.log(max(seen.latency_ms[3] - floor, 1.0) / max(typical - floor, 0.5)) / 1.2816
    sizes = _positive(seen.size_quantiles, instrument.size_step)
    depth = seen.depth
    return MarketParams(
        name=name,
        instrument=instrument,
        start_px=seen.start_px,
        price=PriceParams(
            sigma_bps=0.8 * m["sigma_30s"],
            log_vol_sd=0.5,
            jump_rate_per_s=0.01,
            jump_mean_bps=2.0 * m["sigma_5s"],
            drift_sd_bps_per_s=0.05 * m["sigma_30s"],
        ),
        quotes=QuoteParams(
            requote_idle_per_s=0.05,
            requote_react_per_s=0.5 / m["sigma_5s"] ** 2,
            requote_share=0.8,
            half_spread_steps=0.05,
            impact_bps=0.02 * m["sigma_1s"],
        ),
        flow=FlowParams(
            order_rate_per_s=m["orders_per_s"],
            informed_share=0.3,
            informed_size_ratio=2.0,
            size_quantiles=sizes,
            sweep_share=0.02,
            sweep_mean_bps=max(m["beyond_touch_mean_bps"], 0.05),
            resting_order_qty=seen.mean_order_qty / max(m["prints_per_order"] - 1.0, 0.2),
        ),
        depth=DepthParams(
            from_steps=tuple(depth.from_steps),
            occupancy=tuple(depth.occupancy),
            events_per_s=tuple(depth.changes_per_s),
            size_quantiles=tuple(_positive(row, instrument.size_step) for row in depth.size_quantiles),
            window_levels=window_levels,
        ),
        feed=FeedParams(
            style=feed,
            block_ms=70.0 if feed.startswith("snapshots") else 10.0,
            snapshot_s=seen.snapshot_s or 0.54,
            latency_floor_ms=floor,
            latency_median_ms=max(typical - floor, 0.5),
            latency_log_sd=max(spread, 0.05),
        ),
    )


def _positive(sizes: list[float], size_step: float) -> tuple[float, ...]:
    return tuple(float(s) for s in np.maximum.accumulate(np.maximum(sizes, size_step)))


def misfit(targets: Mapping[str, float], moments: Mapping[str, float]) -> dict[str, float]:
    """Error of each moment: generated / recorded - 1, or the difference where that is meaningless."""
    errors = {}
    for name, target in targets.items():
        value = moments.get(name, 0.0)
        if name in _ABSOLUTE:
            errors[name] = value - target
        else:
            errors[name] = value / target - 1.0
    return errors


def chosen_targets(seen: Mapping[str, float]) -> dict[str, float]:
    """The moments of a recording that the fit matches (those it has, and are not 0)."""
    return {name: seen[name] for name in TOLERANCES if name in seen and seen[name] != 0.0}


def simulated_moments(market: MarketParams, seeds: tuple[int, ...], duration_s: float) -> dict[str, float]:
    """Moments of generated markets, averaged over `seeds`."""
    runs = [measure(generate(market, seed, duration_s), errors=False).moments for seed in seeds]
    return {
        name: float(np.mean([run[name] for run in runs])) for name in runs[0] if all(name in r for r in runs)
    }


@dataclass
class Fit:
    """A fitted market, its targets, its moments and how the misfit fell."""

    market: MarketParams
    targets: dict[str, float]
    moments: dict[str, float]
    losses: list[float]

    @property
    def errors(self) -> dict[str, float]:
        """See `misfit`."""
        return misfit(self.targets, self.moments)


class MomentFit:
    """Damped Gauss-Newton on the knobs; evaluations share their random numbers."""

    def __init__(
        self,
        targets: Mapping[str, float],
        knobs: tuple[Knob, ...],
        *,
        seeds: tuple[int, ...] = (101, 102),
        duration_s: float = 10_800.0,
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.targets = dict(targets)
        self.knobs = knobs
        self.seeds = seeds
        self.duration_s = duration_s
        self.progress = progress

    def run(self, market: MarketParams, iterations: int = 8) -> Fit:
        """Fit from `market` on."""
        position = np.array([knob.get(market) for knob in self.knobs])
        residual, moments = self._residual(market, position)
        losses, damping = [float(residual @ residual)], 0.3
        slope: Vector | None = None
        for iteration in range(iterations):
            fresh = slope is None or iteration % 3 == 0
            if fresh:
                slope = self._slope(market, position, residual)
            assert slope is not None
            moved = False
            for _ in range(4):
                step = _damped_step(slope, residual, damping)
                trial, trial_moments = self._residual(market, position + step)
                slope += np.outer(trial - residual - slope @ step, step) / float(step @ step)
                if trial @ trial < residual @ residual:
                    position, residual, moments = position + step, trial, trial_moments
                    damping, moved = damping * 0.4, True
                    break
                damping *= 4.0
            losses.append(float(residual @ residual))
            self.progress(f"iteration {iteration + 1}: misfit {losses[-1]:.2f}")
            if not moved and fresh:
                break
            if not moved or losses[-1] > 0.97 * losses[-2]:
                slope = None
        return Fit(self._market(market, position), self.targets, moments, losses)

    def _market(self, market: MarketParams, position: Vector) -> MarketParams:
        for knob, x in zip(self.knobs, position, strict=True):
            market = knob.put(market, float(x))
        return market

    def _residual(self, market: MarketParams, position: Vector) -> tuple[Vector, dict[str, float]]:
        moments = simulated_moments(self._market(market, position), self.seeds, self.duration_s)
        errors = misfit(self.targets, moments)
        scaled = [_compressed(errors[name], name) / TOLERANCES[name] for name in self.targets]
        return np.array(scaled), moments

    def _slope(self, market: MarketParams, position: Vector, residual: Vector) -> Vector:
        columns = []
        for k in range(len(self.knobs)):
            moved = position.copy()
            moved[k] += 0.25
            columns.append((self._residual(market, moved)[0] - residual) / 0.25)
        return np.stack(columns, axis=1)


def _compressed(error: float, name: str) -> float:
    """Relative errors on the log scale, so that twice and half weigh alike; bounded."""
    if name in _ABSOLUTE:
        return error
    return math.log(min(max(1.0 + error, 0.05), 20.0))


def _damped_step(slope: Vector, residual: Vector, damping: float) -> Vector:
    gram = slope.T @ slope
    ridge = damping * (np.diag(gram) + 1e-3 * float(np.trace(gram)) / len(gram))
    step = np.linalg.solve(gram + np.diag(ridge + 1e-9), -slope.T @ residual)
    bounded: Vector = np.clip(step, -1.5, 1.5).astype(np.float64)
    return bounded


def as_plain(value: Any) -> Any:
    """Structs as plain data, floats rounded to six significant digits."""
    plain = msgspec.to_builtins(value)
    if isinstance(plain, float):
        return float(f"{plain:.6g}")
    if isinstance(plain, dict):
        return {key: as_plain(item) for key, item in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [as_plain(item) for item in plain]
    return plain
