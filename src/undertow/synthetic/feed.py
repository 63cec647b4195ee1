"""What the market publishes: prints, best quotes, snapshots or diffs, reference and context."""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.events import (
    BBO,
    CLEAR,
    DEPTH,
    END,
    EXCH,
    FUNDING,
    FUNDING_RATE,
    LOCAL,
    MARK,
    OPEN_INTEREST,
    ORACLE,
    REFERENCE,
    SNAPSHOT,
    SUMMED,
)
from undertow.instrument import price_of
from undertow.synthetic.book import best, best_from, bottom, size_at
from undertow.synthetic.hidden import price_of_offset
from undertow.synthetic.order_flow import forget_orders, reconcile_orders
from undertow.synthetic.rng import normal
from undertow.synthetic.rows import level_px, put_row, qty_of
from undertow.synthetic.world import FAST_LEVELS, SNAPSHOT_LEVELS, Out, World

_BOTH = EXCH | LOCAL
_DAMPING_CAP = 5e-4
_INTEREST_8H = 1e-4
_ORACLE_LAG_S = 3.0
_MARK_MEMORY_S = 150.0
_EIGHT_HOURS_NS = 8 * 3600 * 1_000_000_000


@compiled
def arrival_ns(w: World) -> int:
    """When a message sent now arrives: floor + log-normal latency, never before an earlier message."""
    s, p = w.state, w.params
    latency = p.latency_floor_ns + p.latency_median_ns * np.exp(p.latency_sd * normal(s.feed_rng))
    s.recv_ns = max(s.recv_ns, s.now_ns + int(latency))
    return s.recv_ns


@compiled
def flush_diffs(w: World, out: Out) -> None:
    """Publish every level that changed since the last flush, as one message."""
    s = w.state
    if s.n_dirty == 0 and not s.regridded:
        return
    recv_ns = arrival_ns(w)
    if s.regridded:
        s.regridded = 0
        put_row(w, out, CLEAR, 0, np.nan, 0.0, 0, recv_ns, _BOTH)
        forget_orders(w)
    for i in range(s.n_dirty):
        k, m = w.dirty_levels[i, 0], w.dirty_levels[i, 1]
        w.dirty[k, m & (w.sizes.shape[1] - 1)] = 0
        shown = size_at(w, k, m) if bottom(w, k) <= m <= s.top[k] else 0
        if w.params.wants_orders:
            reconcile_orders(w, out, k, m, shown, recv_ns)
        put_row(w, out, DEPTH, 1 - 2 * k, level_px(w, k, m), qty_of(w, shown), 0, recv_ns, _BOTH)
        if w.params.wants_orders:
            out.rows[out.count.rows - 1].code = SUMMED
    s.n_dirty = 0
    out.rows[out.count.rows - 1].flags |= END


@compiled
def publish_best(w: World, out: Out) -> None:
    """Publish bid and ask, if either changed since last published."""
    s = w.state
    bid, ask = best(w, 0), best(w, 1)
    bid_qty, ask_qty = size_at(w, 0, bid), size_at(w, 1, ask)
    if (
        bid == s.bbo_level[0]
        and ask == s.bbo_level[1]
        and bid_qty == s.bbo_qty[0]
        and ask_qty == s.bbo_qty[1]
    ):
        return
    s.bbo_level[0], s.bbo_level[1] = bid, ask
    s.bbo_qty[0], s.bbo_qty[1] = bid_qty, ask_qty
    recv_ns = arrival_ns(w)
    put_row(w, out, BBO, 1, level_px(w, 0, bid), qty_of(w, bid_qty), 0, recv_ns, _BOTH)
    put_row(w, out, BBO, -1, level_px(w, 1, ask), qty_of(w, ask_qty), 0, recv_ns, _BOTH | END)


@compiled
def publish_snapshot(w: World, out: Out, levels: int) -> None:
    """Publish the best `levels` levels of both sides."""
    table = out.snapshots[out.count.snapshots]
    table[:] = np.nan
    for k in range(2):
        m = best(w, k)
        for i in range(min(levels, SNAPSHOT_LEVELS)):
            if m < bottom(w, k):
                break
            table[2 * k, i] = level_px(w, k, m)
            table[2 * k + 1, i] = qty_of(w, size_at(w, k, m))
            m = best_from(w, k, m - 1)
    put_row(w, out, SNAPSHOT, 0, np.nan, 0.0, out.count.snapshots, arrival_ns(w), _BOTH | END)
    out.count.snapshots += 1


@compiled
def publish_books(w: World, out: Out) -> None:
    """Publish the book in the feed's style at the end of a block."""
    s, p = w.state, w.params
    if p.wants_diffs and s.now_ns >= s.next_diff_ns:
        s.next_diff_ns = s.now_ns + p.diff_ns
        flush_diffs(w, out)
    if p.wants_bbo:
        publish_best(w, out)
    if p.wants_snapshots and s.now_ns >= s.next_snapshot_ns:
        s.next_snapshot_ns += p.snapshot_ns
        slow = p.wants_snapshots == 1 or s.now_ns >= s.next_slow_ns
        if slow and p.wants_snapshots == 2:
            s.next_slow_ns += p.slow_snapshot_ns
        publish_snapshot(w, out, SNAPSHOT_LEVELS if slow else FAST_LEVELS)


@compiled
def publish_context(w: World, out: Out, dt_s: float) -> None:
    """Reference price, oracle, mark, expected funding, open interest, and settlements."""
    s, p = w.state, w.params
    revealed = s.center + p.reference_reveals * (s.v - s.center)
    s.oracle_x += (1.0 - np.exp(-dt_s / _ORACLE_LAG_S)) * (revealed - s.oracle_x)
    decay = np.exp(-p.premium_reversion * dt_s)
    s.premium = s.premium * decay + p.premium_sd * np.sqrt(1.0 - decay * decay) * normal(s.context_rng)
    if s.now_ns >= s.next_reference_ns:
        s.next_reference_ns += p.reference_ns
        px = _on_tick(w, price_of_offset(w, revealed + p.reference_noise * normal(s.context_rng)))
        put_row(w, out, REFERENCE, 0, px, 0.0, 0, arrival_ns(w), _BOTH)
    if s.now_ns < s.next_context_ns and s.now_ns < s.next_funding_ns:
        return
    oracle = _on_tick(w, price_of_offset(w, s.oracle_x - p.premium - s.premium))
    mid = 0.5 * (level_px(w, 0, best(w, 0)) + level_px(w, 1, best(w, 1)))
    basis = 1e4 * (mid / oracle - 1.0)
    if s.now_ns >= s.next_context_ns:
        s.next_context_ns += p.context_ns
        s.premium_sum += basis
        s.premium_n += 1
        s.mark_basis += (1.0 - np.exp(-1e-9 * p.context_ns / _MARK_MEMORY_S)) * (basis - s.mark_basis)
        mark = _on_tick(w, _median(oracle * (1.0 + 1e-4 * s.mark_basis), mid, price_of_offset(w, revealed)))
        recv_ns = arrival_ns(w)
        put_row(w, out, MARK, 0, mark, 0.0, 0, recv_ns, _BOTH)
        put_row(w, out, ORACLE, 0, oracle, 0.0, 0, recv_ns, _BOTH)
        put_row(w, out, FUNDING_RATE, 0, np.nan, _funding_rate(w), s.next_funding_ns, recv_ns, _BOTH)
        put_row(w, out, OPEN_INTEREST, 0, np.nan, s.open_interest, 0, recv_ns, _BOTH)
    if s.now_ns >= s.next_funding_ns:
        put_row(w, out, FUNDING, 0, oracle, _funding_rate(w), s.next_funding_ns, arrival_ns(w), _BOTH)
        s.next_funding_ns += w.inst.funding_interval_ns
        s.premium_sum = 0.0
        s.premium_n = 0


@compiled
def _funding_rate(w: World) -> float:
    """Hyperliquid's formula: F8h = P + clamp(1 bp − P, ±5 bps), of which the interval's part is paid."""
    s = w.state
    premium = 1e-4 * s.premium_sum / s.premium_n if s.premium_n > 0 else 0.0
    rate_8h = premium + min(max(_INTEREST_8H - premium, -_DAMPING_CAP), _DAMPING_CAP)
    return rate_8h * w.inst.funding_interval_ns / _EIGHT_HOURS_NS


@compiled
def _on_tick(w: World, px: float) -> float:
    return price_of(w.inst, int(px * w.inst.tick_den / w.inst.tick_num + 0.5))


@compiled
def _median(a: float, b: float, c: float) -> float:
    return max(min(a, b), min(max(a, b), c))
