"""Aggressor orders: uninformed, self-exciting, and informed.

Intensity of side s (buys and sells alike), per second:

    λ_s = ν + E_s + ι·g_s^a/⟨g^a⟩,      E_s decaying at β, E_s += nβ(1 − c), E_other += nβc at each order
    g_s = max(s·signal − half the touch spread, 0)

where g is what an order would gain on `hidden.signal_bps` and ⟨·⟩ a running mean over both sides,
so that informed orders arrive at the mean rate ι, most of them when there is most to gain. The
orders of both kinds excite (others follow what they see), and nothing tells them apart in the rows.
"""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.events import END, EXCH, LOCAL, TRADE
from undertow.instrument import price_of
from undertow.records import Rec
from undertow.synthetic.book import best, best_from, bottom, take
from undertow.synthetic.feed import arrival_ns, flush_diffs
from undertow.synthetic.hidden import signal_bps, touch_half_spread_bps
from undertow.synthetic.order_flow import execute_orders
from undertow.synthetic.rng import exponential, uniform
from undertow.synthetic.rows import put_row, qty_of
from undertow.synthetic.world import MAX_PRINTS, Out, World

_GAIN_MEMORY_S = 900.0
_MOST_TIMES_MEAN = 50.0


@compiled
def step_flow(w: World, out: Out, dt_s: float) -> None:
    """Draw and match the aggressor orders of one block, at most one per side."""
    s, p = w.state, w.params
    signal = signal_bps(w)
    half = touch_half_spread_bps(w)
    gain_buy = max(signal - half, 0.0) ** p.informed_convexity
    gain_sell = max(-signal - half, 0.0) ** p.informed_convexity
    keep = np.exp(-dt_s / _GAIN_MEMORY_S)
    s.gain_num = s.gain_num * keep + (gain_buy + gain_sell) * (1.0 - keep)
    s.gain_den = s.gain_den * keep + (1.0 - keep)
    scale = max(s.gain_num / s.gain_den, 1e-9)
    decay = np.exp(-p.hawkes_decay * dt_s)
    s.excite[0] *= decay
    s.excite[1] *= decay
    first = 0 if uniform(s.flow_rng) < 0.5 else 1
    for turn in range(2):
        k = first if turn == 0 else 1 - first
        gain = gain_buy if k == 0 else gain_sell
        informed_rate = p.informed * min(gain / scale, _MOST_TIMES_MEAN)
        rate = p.immigrants + s.excite[k] + informed_rate
        arrives = uniform(s.flow_rng) < 1.0 - np.exp(-rate * dt_s)
        informed = uniform(s.flow_rng) * rate < informed_rate
        if arrives:
            _send(w, out, k, informed, signal)
            s.excite[k] += p.excite_self
            s.excite[1 - k] += p.excite_cross


@compiled
def order_qty(p: Rec, u: float) -> float:
    """The order size of rank `u`; its logarithm is linear between the quantiles."""
    probs = p.order_probs
    i = 0
    while i < probs.shape[0] - 2 and u > probs[i + 1]:
        i += 1
    share = (u - probs[i]) / (probs[i + 1] - probs[i])
    return np.exp(p.order_sizes[i] + share * (p.order_sizes[i + 1] - p.order_sizes[i]))


@compiled
def _size_rank(w: World, informed: bool) -> float:
    """Rank of an order's size: informed ones are large, together they have the fitted distribution.

    Informed: density a·u^(a−1). Uninformed: what is left of the uniform density, by rejection.
    """
    rng, power, share = w.state.flow_rng, w.params.informed_size_power, w.params.informed_fraction
    if informed:
        return uniform(rng) ** (1.0 / power)
    for _ in range(16):
        u = uniform(rng)
        if uniform(rng) > share * power * u ** (power - 1.0):
            return u
    return uniform(rng)


@compiled
def _send(w: World, out: Out, aggressor: int, informed: bool, signal: float) -> None:
    """One aggressor order of side `aggressor` (0 buys): size it, match it, tell the truth of it."""
    s, p = w.state, w.params
    rng = s.flow_rng
    qty = order_qty(p, _size_rank(w, informed))
    steps = max(1, int(qty / w.inst.size_step + 0.5))
    book_side = 1 - aggressor
    limit = bottom(w, book_side)
    sweep = uniform(rng) < p.sweep_share
    reach = exponential(rng) * p.sweep_depth
    if sweep:
        touch = best(w, book_side)
        limit = max(limit, touch - int(1e-4 * reach * abs(touch)))
        steps = 2**40
    if p.wants_diffs and p.diff_ns == 0:
        flush_diffs(w, out)
    first_id = s.next_trade_id
    s.startled = 1
    filled = match(w, out, book_side, steps, limit)
    if out.count.orders < out.orders.shape[0]:
        truth = out.orders[out.count.orders]
        truth.exch_ns = s.now_ns
        truth.trade_id = first_id
        truth.qty = qty_of(w, filled)
        truth.signal_bps = signal
        truth.side = 1 - 2 * aggressor
        truth.informed = informed
        truth.sweep = sweep
        out.count.orders += 1
    if p.impact > 0.0:
        s.center += (1 - 2 * aggressor) * p.impact * np.sqrt(min(qty / p.mean_order_qty, 25.0))


@compiled
def match(w: World, out: Out, k: int, steps: int, limit: int) -> int:
    """Take up to `steps` from side `k`, best level first, no worse than `limit`; returns the fill.

    Every resting order met is one print; all prints of one order share their times.
    """
    recv_ns = arrival_ns(w)
    first_row = out.count.rows
    left, prints = steps, 0
    m = best(w, k)
    while left > 0 and m >= max(limit, bottom(w, k)):
        taken = take(w, k, m, left)
        if taken == 0:
            break
        left -= taken
        if w.params.wants_orders:
            execute_orders(w, out, k, m, taken, recv_ns)
        prints = _print_level(w, out, k, m, taken, recv_ns, prints)
        m = best_from(w, k, m - 1) if taken > 0 else m
    if out.count.rows > first_row:
        out.rows[out.count.rows - 1].flags |= END
    return steps - left


@compiled
def _print_level(w: World, out: Out, k: int, m: int, steps: int, recv_ns: int, prints: int) -> int:
    """Write the prints of `steps` traded at one level; returns the prints of the order so far."""
    side = 1 - 2 * k
    px = price_of(w.inst, side * m * w.state.tick_step)
    mean_steps = max(w.params.resting_qty / w.inst.size_step, 1.0)
    while steps > 0:
        prints += 1
        piece = max(1, int(exponential(w.state.flow_rng) * mean_steps + 0.5))
        if piece > steps or prints >= MAX_PRINTS:
            piece = steps
        steps -= piece
        put_row(w, out, TRADE, -side, px, qty_of(w, piece), w.state.next_trade_id, recv_ns, EXCH | LOCAL)
        w.state.next_trade_id += 1
    return prints
