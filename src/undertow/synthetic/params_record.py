"""The parameters as the flat record compiled code reads, with toxicity and liquidity applied."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.records import Rec, new_record
from undertow.synthetic.params import DEPTH_QUANTILES, MAX_BINS, SIZE_QUANTILES, MarketParams

PARAMS: Final = np.dtype(
    [
        # hidden price
        ("sigma", "<f8"),
        ("log_vol_sd", "<f8"),
        ("vol_reversion", "<f8"),
        ("drift_sd", "<f8"),
        ("drift_reversion", "<f8"),
        ("jump_rate", "<f8"),
        ("jump_size", "<f8"),
        ("jump_warning_s", "<f8"),
        # quotes
        ("requote_idle", "<f8"),
        ("requote_react", "<f8"),
        ("requote_share", "<f8"),
        ("requote_after_order", "<f8"),
        ("half_spread", "<f8"),
        ("half_spread_sd", "<f8"),
        ("half_spread_reversion", "<f8"),
        ("refill_rate", "<f8"),  # 1/s; infinite at toxicity 0
        ("stale_share", "<f8"),
        ("stale_rank", "<f8"),
        ("fresh_rank", "<f8"),
        ("stale_clear", "<f8"),
        ("thinning", "<f8"),
        ("impact", "<f8"),
        # flow
        ("immigrants", "<f8"),  # uninformed immigrants per side, 1/s
        ("informed", "<f8"),  # informed immigrants, both sides, 1/s
        ("excite_self", "<f8"),
        ("excite_cross", "<f8"),
        ("hawkes_decay", "<f8"),
        ("informed_convexity", "<f8"),
        ("informed_horizon", "<f8"),
        ("informed_size_power", "<f8"),
        ("informed_fraction", "<f8"),  # of all orders, long-run
        ("order_sizes", "<f8", (len(SIZE_QUANTILES),)),  # ln of size
        ("order_probs", "<f8", (len(SIZE_QUANTILES),)),
        ("mean_order_qty", "<f8"),
        ("sweep_share", "<f8"),
        ("sweep_depth", "<f8"),
        ("resting_qty", "<f8"),
        # book
        ("n_bins", "<i8"),
        ("from_steps", "<i8", (MAX_BINS + 1,)),
        ("occupancy", "<f8", (MAX_BINS,)),
        ("event_rate", "<f8"),  # of a whole side, 1/s
        ("event_cdf", "<f8", (MAX_BINS,)),
        ("level_sizes", "<f8", (MAX_BINS, len(DEPTH_QUANTILES))),  # ln of size
        ("level_probs", "<f8", (len(DEPTH_QUANTILES),)),
        ("rank_step", "<f8"),
        ("window", "<i8"),
        ("liquidity", "<f8"),
        # feed
        ("block_ns", "<f8"),
        ("resolution_ns", "<i8"),
        ("snapshot_ns", "<i8"),
        ("slow_snapshot_ns", "<i8"),
        ("diff_ns", "<i8"),
        ("context_ns", "<i8"),
        ("reference_ns", "<i8"),
        ("reference_noise", "<f8"),
        ("reference_reveals", "<f8"),  # 1: the efficient price, 0: only where the quotes are
        ("latency_floor_ns", "<f8"),
        ("latency_median_ns", "<f8"),
        ("latency_sd", "<f8"),
        # context
        ("premium", "<f8"),
        ("premium_sd", "<f8"),
        ("premium_reversion", "<f8"),
        ("open_interest", "<f8"),
        ("start_px", "<f8"),
        ("wants_diffs", "u1"),
        ("wants_orders", "u1"),
        ("wants_bbo", "u1"),
        ("wants_snapshots", "u1"),  # 0 none, 1 twenty levels, 2 five fast and twenty slow
    ],
    align=True,
)


def _price_and_quotes(rec: Rec, market: MarketParams) -> None:
    p, q, toxicity = market.price, market.quotes, market.toxicity
    hides = min(toxicity, 1.0)
    rec["sigma"], rec["log_vol_sd"] = p.sigma_bps, p.log_vol_sd
    rec["vol_reversion"] = p.vol_reversion_per_s
    rec["drift_sd"], rec["drift_reversion"] = p.drift_sd_bps_per_s * toxicity, p.drift_reversion_per_s
    rec["jump_rate"], rec["jump_size"] = p.jump_rate_per_s, p.jump_mean_bps
    rec["jump_warning_s"] = p.jump_warning_s
    rec["requote_idle"], rec["requote_react"] = q.requote_idle_per_s, q.requote_react_per_s
    rec["requote_share"] = 1.0 - hides * (1.0 - q.requote_share)
    rec["requote_after_order"] = q.requote_after_order
    rec["half_spread"], rec["half_spread_sd"] = q.half_spread_steps, q.half_spread_log_sd
    rec["half_spread_reversion"] = q.half_spread_reversion_per_s
    rec["refill_rate"] = q.refill_per_s / hides if hides > 0 else math.inf
    rec["thinning"], rec["impact"] = q.thinning * toxicity, q.impact_bps * toxicity
    rec["stale_share"], rec["stale_rank"] = hides * q.stale_share, q.stale_rank
    rec["stale_clear"], rec["fresh_rank"] = q.stale_clear_per_s, q.fresh_rank
    rec["reference_reveals"] = hides


def _flow(rec: Rec, market: MarketParams) -> None:
    f = market.flow
    immigrants = f.order_rate_per_s * (1.0 - f.branching)
    rec["immigrants"] = 0.5 * immigrants * (1.0 - f.informed_share) * market.liquidity
    rec["informed"] = immigrants * f.informed_share * market.toxicity
    rec["excite_self"] = f.branching * (1.0 - f.cross_share) * f.hawkes_decay_per_s
    rec["excite_cross"] = f.branching * f.cross_share * f.hawkes_decay_per_s
    rec["hawkes_decay"] = f.hawkes_decay_per_s
    rec["informed_convexity"] = f.informed_convexity
    rec["informed_horizon"], rec["informed_size_power"] = f.informed_horizon_s, f.informed_size_power
    all_immigrants = float(2.0 * rec["immigrants"] + rec["informed"])
    rec["informed_fraction"] = (1.0 - f.branching) * float(rec["informed"]) / all_immigrants
    rec["order_sizes"], rec["order_probs"] = np.log(f.size_quantiles), SIZE_QUANTILES
    rec["mean_order_qty"] = table_mean(f.size_quantiles, SIZE_QUANTILES)
    rec["sweep_share"], rec["sweep_depth"] = f.sweep_share, f.sweep_mean_bps
    rec["resting_qty"] = f.resting_order_qty


def _depth(rec: Rec, market: MarketParams) -> None:
    d = market.depth
    inside = [k for k, start in enumerate(d.from_steps) if start < d.window_levels]
    n = len(inside)
    edges = [*(d.from_steps[k] for k in inside), d.window_levels]
    rec["n_bins"], rec["window"], rec["rank_step"] = n, d.window_levels, d.rank_step
    rec["from_steps"][: n + 1] = edges
    rec["occupancy"][:n] = d.occupancy[:n]
    per_level = [d.touch_events_per_s, *d.events_per_s[1:]]
    rates = np.array([per_level[k] * (edges[k + 1] - edges[k]) for k in inside])
    rec["event_rate"] = rates.sum()
    rec["event_cdf"][:n] = np.cumsum(rates) / max(float(rates.sum()), 1e-12)
    rec["level_sizes"][:n] = np.log(d.size_quantiles[:n])
    rec["level_probs"] = DEPTH_QUANTILES
    rec["liquidity"] = market.liquidity


def _feed(rec: Rec, market: MarketParams) -> None:
    f, c = market.feed, market.context
    rec["block_ns"], rec["resolution_ns"] = f.block_ms * 1e6, round(f.time_resolution_ms * 1e6)
    rec["snapshot_ns"], rec["slow_snapshot_ns"] = round(f.snapshot_s * 1e9), round(f.slow_snapshot_s * 1e9)
    rec["diff_ns"] = round(f.diff_ms * 1e6) if f.style == "diffs" else 0
    rec["context_ns"], rec["reference_ns"] = round(f.context_s * 1e9), round(f.reference_ms * 1e6)
    rec["reference_noise"] = f.reference_noise_bps
    rec["latency_floor_ns"], rec["latency_median_ns"] = f.latency_floor_ms * 1e6, f.latency_median_ms * 1e6
    rec["latency_sd"] = f.latency_log_sd
    rec["premium"], rec["premium_sd"] = c.premium_bps, c.premium_sd_bps
    rec["premium_reversion"], rec["open_interest"] = c.premium_reversion_per_s, c.open_interest
    rec["start_px"] = market.start_px
    rec["wants_diffs"] = f.style in ("diffs", "full", "orders")
    rec["wants_orders"] = f.style == "orders"
    rec["wants_bbo"] = f.style not in ("full", "orders")
    rec["wants_snapshots"] = {"snapshots": 1, "snapshots-2026": 2}.get(f.style, 0)


def table_mean(sizes: tuple[float, ...], probabilities: tuple[float, ...]) -> float:
    """Expectation of a size whose logarithm is linear between the quantiles of a table."""
    low, high = np.asarray(sizes[:-1]), np.asarray(sizes[1:])
    width = np.log(high / low)
    flat = width < 1e-9
    segment = np.where(flat, low, (high - low) / np.where(flat, 1.0, width))
    return float(np.sum(np.diff(probabilities) * segment))


def params_record(market: MarketParams) -> Rec:
    """`market` as a `PARAMS` record, with toxicity and liquidity applied."""
    rec = new_record(PARAMS)
    for part in (_price_and_quotes, _flow, _depth, _feed):
        part(rec, market)
    return rec
