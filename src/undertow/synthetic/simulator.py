"""The generated market as a state machine: one block per step, in the order an exchange works.

Within a block the makers act before the takers (Hyperliquid executes cancels and post-only orders
first): price moves, makers requote, orders come and go, aggressors trade, the feed is published.
"""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec
from undertow.synthetic.book import change_levels, refill
from undertow.synthetic.feed import publish_books, publish_context
from undertow.synthetic.flow import step_flow
from undertow.synthetic.hidden import (
    pending_jump,
    place_touch,
    price_of_offset,
    schedule_jump,
    sigma_now,
    step_price,
    step_quotes,
)
from undertow.synthetic.rng import normal, uniform
from undertow.synthetic.world import Out, World, most_rows_per_step

WARM_UP_S = 120.0


@compiled
def _tick_clock(w: World) -> float:
    """Advance to the next block; returns the seconds passed."""
    s, p = w.state, w.params
    length = p.block_ns * (0.7 + 0.6 * uniform(s.feed_rng))
    dt_ns = max(1, int(length / p.resolution_ns + 0.5)) * p.resolution_ns
    s.now_ns += dt_ns
    s.block += 1
    return 1e-9 * dt_ns


@compiled
def step(w: World, out: Out) -> None:
    """Advance the market by one block, writing what it publishes and the truth beside it."""
    s = w.state
    dt_s = _tick_clock(w)
    step_price(w, out, dt_s)
    step_quotes(w, dt_s)
    change_levels(w, dt_s)
    first_order = out.count.orders
    step_flow(w, out, dt_s)
    _change_interest(w, out, first_order)
    if np.isinf(w.params.refill_rate):
        refill(w, 0)
        refill(w, 1)
    publish_books(w, out)
    publish_context(w, out, dt_s)
    if out.count.path < out.path.shape[0]:
        truth = out.path[out.count.path]
        truth.exch_ns = s.now_ns
        truth.efficient_px = price_of_offset(w, s.v)
        truth.center_px = price_of_offset(w, s.center)
        truth.drift_bps_per_s = s.drift
        truth.sigma_bps_per_sqrt_s = sigma_now(w)
        truth.pending_jump_bps = pending_jump(w)
        out.count.path += 1


@compiled
def _change_interest(w: World, out: Out, first_order: int) -> None:
    """Each aggressor order opens or closes positions, at even odds."""
    s = w.state
    for i in range(first_order, out.count.orders):
        sign = 1.0 if uniform(s.context_rng) < 0.5 else -1.0
        s.open_interest = max(s.open_interest + sign * out.orders[i].qty, 0.0)


@compiled
def clear_out(out: Out) -> None:
    """Forget what was written."""
    out.count.rows = 0
    out.count.snapshots = 0
    out.count.path = 0
    out.count.orders = 0
    out.count.jumps = 0


@compiled
def draw_market(w: World, warm_up_s: float, start_ns: int) -> None:
    """Put the market `warm_up_s` before `start_ns`, somewhere in its stationary state, unpublished."""
    s, p = w.state, w.params
    s.now_ns = start_ns - int(1e9 * warm_up_s)
    s.recv_ns = s.now_ns
    s.drift = p.drift_sd * normal(s.price_rng)
    s.log_vol = p.log_vol_sd * normal(s.price_rng)
    s.premium = p.premium_sd * normal(s.context_rng)
    s.mark_basis = p.premium + s.premium
    schedule_jump(w)
    place_touch(w)
    far = 2**62
    s.next_snapshot_ns, s.next_slow_ns, s.next_context_ns = far, far, far
    s.next_reference_ns, s.next_funding_ns = far, far


@compiled
def publish_from(w: World, start_ns: int) -> None:
    """Let the market publish from `start_ns` on, from its start price."""
    s = w.state
    _rebase(w)
    s.next_trade_id = 1
    s.next_snapshot_ns, s.next_slow_ns, s.next_context_ns = start_ns, start_ns, start_ns
    s.next_reference_ns = start_ns
    interval = w.inst.funding_interval_ns
    s.next_funding_ns = (start_ns // interval + 1) * interval
    for k in range(2):
        s.bbo_qty[k] = -1


@compiled
def _rebase(w: World) -> None:
    """Move the whole market back to the start price and mark every level as unpublished."""
    s = w.state
    shift = s.center
    s.v -= shift
    s.oracle_x -= shift
    s.center = 0.0
    s.tick_step = 0
    place_touch(w)


@compiled(nogil=True)
def advance(w: World, out: Out, until_ns: int, slack: int) -> bool:
    """Step until `until_ns` (True) or until `out` could overflow in the next block (False)."""
    room = out.rows.shape[0] - slack
    while w.state.now_ns < until_ns:
        if out.count.rows > room or out.count.snapshots + 2 > out.snapshots.shape[0]:
            return False
        if out.count.path + 1 > out.path.shape[0] or out.count.orders + 2 > out.orders.shape[0]:
            return False
        step(w, out)
    return True


def begin(world: World, out: Out, start_ns: int, warm_up_s: float = WARM_UP_S) -> Rec:
    """Open the market at `start_ns`, after `warm_up_s` unseen so that it begins in its stationary state.

    `out` is scratch. Returns the state, ready to `advance`.
    """
    draw_market(world, warm_up_s, start_ns)
    slack = most_rows_per_step(world)
    clear_out(out)
    while not advance(world, out, start_ns - int(world.params["block_ns"]), slack):
        clear_out(out)
    publish_from(world, start_ns)
    clear_out(out)
    return world.state
