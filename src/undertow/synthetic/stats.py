"""Statistics of a recording: what a generated market has to have in common with a recorded one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.recording import Recording
from undertow.synthetic.observe import FROM_STEPS, Observations, observe
from undertow.synthetic.params import DEPTH_QUANTILES, SIZE_QUANTILES

SIGMA_HORIZONS_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
MARKOUT_HORIZONS_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
TAIL_DEPTHS_BPS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_GRID_NS: Final = 100_000_000
_MOST_GAP_S: Final = 5.0
_BATCHES: Final = 16

Floats = NDArray[np.float64]


class DepthProfile(msgspec.Struct, frozen=True, kw_only=True):
    """The book by distance from the touch in price steps; bins begin at `from_steps`."""

    from_steps: list[int]
    occupancy: list[float]
    changes_per_s: list[float]
    """Rate at which one level's size changes."""
    size_quantiles: list[list[float]]
    """At `undertow.synthetic.params.DEPTH_QUANTILES`."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of a recording. Moments come with their standard error from batches of time."""

    name: str
    span_s: float
    start_px: float
    moments: dict[str, float]
    standard_errors: dict[str, float]
    size_quantiles: list[float]
    """Aggressor order sizes at `undertow.synthetic.params.SIZE_QUANTILES`."""
    mean_order_qty: float
    distance_quantiles_bps: list[float]
    """Deepest print's distance from the mid before the order, at 1, 5, 25, 50, 75, 90, 95, 99 %."""
    spread_quantiles_bps: list[float]
    """Touch spread, time-weighted, at the same probabilities."""
    depth: DepthProfile
    latency_ms: list[float]
    """Receive minus exchange time of book messages at 1, 10, 50, 90, 99 %."""
    block_ms: float
    """Median spacing of distinct exchange times of book messages."""
    snapshot_s: float
    """Median spacing of snapshots; 0 where there are none."""
    messages_per_s: dict[str, float]


DISTANCE_PROBS: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


class _Series:
    """Observations on a common clock, ready to be cut into batches."""

    def __init__(self, seen: Observations) -> None:
        if len(seen.touches) < 2 or len(seen.takers) < 2:
            raise ValueError("a recording needs quotes and at least two aggressor orders to be measured")
        self.t = seen.touches["exch_ns"]
        self.mid = seen.touches["mid"]
        self.spread_bps = seen.touches["spread_bps"]
        self.spread_steps = seen.touches["spread_steps"]
        takers = seen.takers
        inside = (takers["exch_ns"] > self.t[0]) & (takers["exch_ns"] <= seen.touches["exch_ns"][-1])
        self.takers = takers[inside]
        before = np.searchsorted(self.t, self.takers["exch_ns"], side="left") - 1
        self.mid_before = self.mid[before]
        self.half_before = 0.5 * self.spread_bps[before]
        self.side = self.takers["side"].astype(float)
        self.distance = self.side * (self.takers["far_px"] / self.mid_before - 1.0) * 1e4
        self.first, self.last = int(self.t[0]), int(self.t[-1])

    def mids_at(self, times: NDArray[np.int64]) -> Floats:
        """Mid as of `times`."""
        return self.mid[np.searchsorted(self.t, times, side="right") - 1]


def _returns(s: _Series, horizon_s: float, lo: int, hi: int) -> Floats:
    grid = np.arange(lo, hi, _GRID_NS)
    path = 1e4 * np.log(s.mids_at(grid))
    k = round(horizon_s * 1e9 / _GRID_NS)
    return path[k:] - path[:-k] if len(path) > k else np.empty(0)


def _volatility(s: _Series, lo: int, hi: int, out: dict[str, float]) -> None:
    for h in SIGMA_HORIZONS_S:
        r = _returns(s, h, lo, hi)
        if len(r) > 2:
            out[f"sigma_{h:g}s"] = float(np.sqrt(np.mean(r * r) / h))
            if h in (0.5, 5.0, 30.0):
                rms = float(np.sqrt(np.mean(r * r)))
                out[f"abs_over_rms_{h:g}s"] = float(np.mean(np.abs(r)) / rms) if rms > 0 else 1.0


def _touch(s: _Series, lo: int, hi: int, out: dict[str, float]) -> None:
    a, b = np.searchsorted(s.t, (lo, hi))
    if b - a < 3:
        return
    held = np.diff(s.t[a:b]).astype(float)
    held = np.minimum(held, _MOST_GAP_S * 1e9)
    total = held.sum()
    spread, steps = s.spread_bps[a : b - 1], s.spread_steps[a : b - 1]
    out["spread_mean_bps"] = float((spread * held).sum() / total)
    out["spread_one_step_share"] = float(held[steps <= 1.5].sum() / total)
    out["touch_moves_per_s"] = float((b - a) / (hi - lo) * 1e9)
    out["mid_move_rms_steps"] = float(
        np.sqrt(np.mean(np.diff(s.mid[a:b]) ** 2)) / (s.mid[a] * 1e-4 * np.median(spread / steps))
    )


def _orders(s: _Series, lo: int, hi: int, out: dict[str, float]) -> None:
    inside = (s.takers["exch_ns"] >= lo) & (s.takers["exch_ns"] < hi)
    o, side, distance = s.takers[inside], s.side[inside], s.distance[inside]
    n = len(o)
    out["orders_per_s"] = n / (hi - lo) * 1e9
    if n < 10:
        return
    out["prints_per_order"] = float(o["prints"].mean())
    out["walk_share"] = float(np.mean(o["far_px"] != o["near_px"]))
    walked = o["levels"][o["levels"] > 1]
    out["levels_per_walk"] = float(walked.mean()) if len(walked) > 3 else 1.0
    out["distance_mean_bps"] = float(np.mean(np.maximum(distance, 0.0)))
    for d in TAIL_DEPTHS_BPS:
        out[f"deeper_{d:g}bps_per_s"] = float((distance > d).sum() / (hi - lo) * 1e9)
    beyond = distance - s.half_before[inside]
    beyond = beyond[beyond > 0.02]
    out["beyond_touch_mean_bps"] = float(beyond.mean()) if len(beyond) > 3 else 0.0
    out["side_autocorrelation"] = float(np.mean(side[1:] * side[:-1]) - side.mean() ** 2)
    counts_1s = np.histogram(o["exch_ns"], np.arange(lo, hi, 1_000_000_000))[0]
    for width in (1, 5, 30):
        m = len(counts_1s) // width
        c = counts_1s[: m * width].reshape(m, width).sum(axis=1)
        if m > 2 and c.mean() > 0:
            out[f"dispersion_{width}s"] = float(c.var() / c.mean())


def _markouts(s: _Series, lo: int, hi: int, out: dict[str, float]) -> None:
    times = s.takers["exch_ns"]
    for h in MARKOUT_HORIZONS_S:
        inside = (times >= lo) & (times < hi) & (times + int(h * 1e9) <= s.last)
        if inside.sum() < 10:
            continue
        later = s.mids_at(times[inside] + int(h * 1e9))
        move = s.side[inside] * (later / s.mid_before[inside] - 1.0) * 1e4
        out[f"markout_{h:g}s_bps"] = float(move.mean())
        qty = s.takers["qty"][inside]
        large = qty >= np.quantile(qty, 0.9)
        out[f"markout_large_{h:g}s_bps"] = float(move[large].mean())


_PARTS: Final[tuple[Callable[[_Series, int, int, dict[str, float]], None], ...]] = (
    _volatility,
    _touch,
    _orders,
    _markouts,
)


def _moments(s: _Series, lo: int, hi: int) -> dict[str, float]:
    out: dict[str, float] = {}
    for part in _PARTS:
        part(s, lo, hi, out)
    return out


def _standard_errors(s: _Series, whole: dict[str, float]) -> dict[str, float]:
    edges = np.linspace(s.first, s.last, _BATCHES + 1).astype(np.int64)
    batches = [_moments(s, int(a), int(b)) for a, b in pairwise(edges)]
    errors = {}
    for name in whole:
        values = np.array([batch[name] for batch in batches if name in batch])
        if len(values) >= 4:
            errors[name] = float(values.std(ddof=1) / np.sqrt(len(values)))
    return errors


def _depth(seen: Observations) -> DepthProfile:
    c, qty = seen.cursor, seen.probes["qty"]
    starts, occupancy, changes, sizes = [], [], [], []
    for b, start in enumerate(FROM_STEPS):
        values = qty[:, b, :].ravel()
        values = values[~np.isnan(values)]
        shown = values[values > 0]
        if len(values) < 0.02 * max(qty[:, 0, :].size, 1) or len(shown) < 50:
            break
        starts.append(start)
        occupancy.append(1.0 if start == 0 else float(len(shown) / len(values)))
        same = (c["same"][b] + 0.5) / (c["compared"][b] + 1.0)
        elapsed = c["compared_s"][b] / max(c["compared"][b], 1.0)
        changes.append(float(-np.log(min(same, 0.999)) / elapsed) if elapsed > 0 else 0.0)
        sizes.append([float(q) for q in np.quantile(shown, DEPTH_QUANTILES)])
    return DepthProfile(from_steps=starts, occupancy=occupancy, changes_per_s=changes, size_quantiles=sizes)


def _spread_quantiles(s: _Series) -> list[float]:
    held = np.minimum(np.diff(s.t), int(_MOST_GAP_S * 1e9)).astype(float)
    order = np.argsort(s.spread_bps[:-1])
    weight = np.cumsum(held[order]) / held.sum()
    return [float(s.spread_bps[:-1][order][np.searchsorted(weight, p)]) for p in DISTANCE_PROBS]


def _messages(seen: Observations, span_s: float) -> dict[str, float]:
    from undertow.events import KIND_NAMES

    counts = seen.cursor["messages"]
    return {KIND_NAMES[k]: float(counts[k]) / span_s for k in KIND_NAMES if counts[k]}


def measure(recording: Recording, *, errors: bool = True) -> Statistics:
    """Statistics of `recording` in one pass. `errors` False skips the standard errors.

    Raises `ValueError` for a recording without quotes or trades whose aggressor is known.
    """
    seen = observe(recording)
    s = _Series(seen)
    span_s = (s.last - s.first) * 1e-9
    whole = _moments(s, s.first, s.last)
    whole["touch_changes_per_s"] = float(seen.cursor["touch_changes"]) / span_s
    moves = max(int(seen.cursor["imbalance_n"]), 1)
    whole["imbalance_before_move"] = float(seen.cursor["imbalance_sum"]) / moves
    qty = s.takers["qty"]
    spacing = np.diff(np.unique(seen.book_times_ns)) * 1e-6
    probes = np.diff(seen.probes["exch_ns"]) * 1e-9
    latency = seen.latency_ns * 1e-6
    return Statistics(
        name=recording.name,
        span_s=span_s,
        start_px=float(s.mid[0]),
        moments=whole,
        standard_errors=_standard_errors(s, whole) if errors else {},
        size_quantiles=[float(q) for q in np.quantile(qty, SIZE_QUANTILES)],
        mean_order_qty=float(qty.mean()),
        distance_quantiles_bps=[float(q) for q in np.quantile(s.distance, DISTANCE_PROBS)],
        spread_quantiles_bps=_spread_quantiles(s),
        depth=_depth(seen),
        latency_ms=[float(q) for q in np.quantile(latency, (0.01, 0.1, 0.5, 0.9, 0.99))],
        block_ms=float(np.median(spacing)) if len(spacing) else 0.0,
        snapshot_s=float(np.median(probes)) if recording.snapshot_fed and len(probes) else 0.0,
        messages_per_s=_messages(seen, span_s),
    )
