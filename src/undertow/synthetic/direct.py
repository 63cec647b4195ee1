"""Direct estimators: the parameters that need no model, read off a recording's statistics."""

from __future__ import annotations

import math

import numpy as np

from undertow.instrument import Instrument
from undertow.synthetic.params import (
    DepthParams,
    Feed,
    FeedParams,
    FlowParams,
    MarketParams,
    PriceParams,
    QuoteParams,
)
from undertow.synthetic.stats import Statistics

_SNAPSHOT_BLOCK_MS = 70.0
"""Hyperliquid's block time (its documentation: about 70 ms); best quotes come at most once a block."""
_DIFF_BLOCK_MS = 5.0
"""Time step for venues without blocks; their times are whole milliseconds."""
_Z_90 = 1.2816
_SLOW_LAG_S = 0.1


def quote_lag_s(sigma_short: float, sigma_long: float, horizon_s: float) -> float:
    """Time in which quotes follow the price, read off the volatility signature.

    Quotes that close a gap at rate 1/τ show the share 1 − (1 − e^(−x))/x, x = h/τ, of the variance at
    horizon h. Solved by bisection between 10 ms and 100 s; 10 ms where the signature does not rise.
    """
    share = (sigma_short / sigma_long) ** 2
    low, high = horizon_s / 100.0, horizon_s / 0.01
    for _ in range(60):
        x = math.sqrt(low * high)
        low, high = (x, high) if 1.0 - (1.0 - math.exp(-x)) / x < share else (low, x)
    return horizon_s / math.sqrt(low * high)


def direct(
    seen: Statistics, instrument: Instrument, *, name: str, feed: Feed, window_levels: int
) -> MarketParams:
    """Parameters read off `seen`, with starting values for those the method of moments will fit."""
    m = seen.moments
    return MarketParams(
        name=name,
        instrument=instrument,
        start_px=seen.start_px,
        price=PriceParams(
            sigma_bps=0.5 * m["sigma_30s"],
            log_vol_sd=0.5,
            vol_reversion_per_s=0.03,
            jump_rate_per_s=0.1,
            jump_mean_bps=1.4 * m["sigma_30s"],
            jump_warning_s=0.5,
            drift_sd_bps_per_s=0.04 * m["sigma_30s"],
        ),
        quotes=_quotes(seen),
        flow=_flow(seen, instrument),
        depth=_depth(seen, instrument, window_levels),
        feed=_feed(seen, feed),
    )


def _quotes(seen: Statistics) -> QuoteParams:
    m = seen.moments
    steps = m["spread_mean_bps"] / max(seen.spread_quantiles_bps[0], 1e-9)
    slow = quote_lag_s(m["sigma_0.5s"], m["sigma_30s"], 0.5) > _SLOW_LAG_S
    return QuoteParams(
        requote_idle_per_s=0.05 if slow else 2.0,
        requote_react_per_s=(0.7 if slow else 100.0) / m["sigma_5s"] ** 2,
        requote_share=0.35 if slow else 0.9,
        requote_after_order=0.15,
        stale_share=0.95,
        stale_rank=0.08,
        stale_clear_per_s=10.0 if slow else 200.0,
        fresh_rank=0.3,
        refill_per_s=6.0 if slow else 300.0,
        half_spread_steps=0.03 if steps < 2.0 else 0.5 * steps,
        impact_bps=0.05 * m["sigma_1s"],
    )


def _flow(seen: Statistics, instrument: Instrument) -> FlowParams:
    m = seen.moments
    # Counts over a long window have variance/mean 1/(1 - n)² in a Hawkes process of branching n.
    dispersion = max(m.get("dispersion_30s", m["dispersion_5s"]), 1.05)
    return FlowParams(
        order_rate_per_s=m["orders_per_s"],
        branching=min(1.0 - 1.0 / math.sqrt(dispersion), 0.9),
        hawkes_decay_per_s=0.3 if dispersion < 10.0 else 4.0,
        cross_share=0.4,
        informed_share=0.25,
        informed_size_power=3.0,
        size_quantiles=_positive(seen.size_quantiles, instrument.size_step),
        sweep_share=0.02,
        sweep_mean_bps=max(m["beyond_touch_mean_bps"], 0.05),
        resting_order_qty=seen.mean_order_qty / max(m["prints_per_order"] - 1.0, 0.2),
    )


def _depth(seen: Statistics, instrument: Instrument, window_levels: int) -> DepthParams:
    depth = seen.depth
    return DepthParams(
        from_steps=tuple(depth.from_steps),
        occupancy=tuple(depth.occupancy),
        events_per_s=tuple(depth.changes_per_s),
        touch_events_per_s=max(0.5 * seen.moments["touch_changes_per_s"], depth.changes_per_s[0]),
        size_quantiles=tuple(_positive(row, instrument.size_step) for row in depth.size_quantiles),
        window_levels=window_levels,
    )


def _feed(seen: Statistics, feed: Feed) -> FeedParams:
    floor, typical, late = seen.latency_ms[0], seen.latency_ms[2], seen.latency_ms[3]
    spread = math.log(max(late - floor, 0.1) / max(typical - floor, 0.05)) / _Z_90
    snapshots = feed.startswith("snapshots")
    diffs_per_s = seen.messages_per_s.get("depth", 0.0)
    return FeedParams(
        style=feed,
        block_ms=_SNAPSHOT_BLOCK_MS if snapshots else _DIFF_BLOCK_MS,
        snapshot_s=seen.snapshot_s or 0.54,
        diff_ms=1e3 / diffs_per_s if diffs_per_s > 0 else 0.0,
        latency_floor_ms=floor,
        latency_median_ms=max(typical - floor, 0.05),
        latency_log_sd=min(max(spread, 0.05), 1.5),
    )


def _positive(sizes: list[float], size_step: float) -> tuple[float, ...]:
    return tuple(float(s) for s in np.maximum.accumulate(np.maximum(sizes, size_step)))
