"""What no row shows: the efficient price with its drift, volatility and jumps, and the makers' lag.

Per block of Δ seconds, in bps of log offset:

    μ ← μe^(−θΔ) + s√(1 − e^(−2θΔ))·z₁          drift, Ornstein-Uhlenbeck, stationary deviation s
    x ← xe^(−aΔ) + u√(1 − e^(−2aΔ))·z₂          deviation of ln σ, stationary deviation u
    V ← V + μΔ + σe^(x − u²)√Δ·z₃ + jumps        e^(x − u²) has mean square 1
"""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.instrument import step_ticks
from undertow.synthetic.book import best, clear_stale, fill_side, keep_alive, refill, retarget
from undertow.synthetic.rng import exponential, normal, uniform
from undertow.synthetic.world import Out, World

_MOST_BPS = 3.0e4
_MARGIN_COARSER, _MARGIN_FINER = 1.02, 1.04


@compiled
def price_of_offset(w: World, x: float) -> float:
    """Price at `x` bps of log offset from the start."""
    return w.params.start_px * np.exp(1e-4 * x)


@compiled
def sigma_now(w: World) -> float:
    """Diffusive volatility at this moment, bps/√s."""
    return w.params.sigma * np.exp(w.state.log_vol - w.params.log_vol_sd**2)


@compiled
def schedule_jump(w: World) -> None:
    """Draw the next jump: when (never sooner than the warning) and how far."""
    s, p = w.state, w.params
    if p.jump_rate <= 0.0:
        s.jump_ns = 2**62
        return
    wait_s = exponential(s.jumps_rng) / p.jump_rate
    s.jump_ns = s.now_ns + int(1e9 * (p.jump_warning_s + wait_s))
    sign = 1.0 if uniform(s.jumps_rng) < 0.5 else -1.0
    s.jump_bps = sign * p.jump_size * exponential(s.jumps_rng)


@compiled
def pending_jump(w: World) -> float:
    """The jump that informed traders already know of, bps; 0 if none."""
    if w.state.jump_ns - w.state.now_ns <= 1e9 * w.params.jump_warning_s:
        return w.state.jump_bps
    return 0.0


@compiled
def step_price(w: World, out: Out, dt_s: float) -> None:
    """Advance the efficient price by `dt_s`."""
    s, p = w.state, w.params
    rng = s.price_rng
    decay = np.exp(-p.drift_reversion * dt_s)
    s.drift = s.drift * decay + p.drift_sd * np.sqrt(1.0 - decay * decay) * normal(rng)
    decay = np.exp(-p.vol_reversion * dt_s)
    s.log_vol = s.log_vol * decay + p.log_vol_sd * np.sqrt(1.0 - decay * decay) * normal(rng)
    s.v += s.drift * dt_s + sigma_now(w) * np.sqrt(dt_s) * normal(rng)
    if s.now_ns >= s.jump_ns:
        s.v += s.jump_bps
        if out.count.jumps < out.jumps.shape[0]:
            truth = out.jumps[out.count.jumps]
            truth.exch_ns = s.now_ns
            truth.size_bps = s.jump_bps
            out.count.jumps += 1
        schedule_jump(w)
    s.v = min(max(s.v, -_MOST_BPS), _MOST_BPS)


@compiled
def signal_bps(w: World) -> float:
    """What an informed trader expects the quotes to move: misplacement, drift, a coming jump."""
    s, p = w.state, w.params
    theta = p.drift_reversion
    drift = s.drift * (1.0 - np.exp(-theta * p.informed_horizon)) / theta
    return s.v - s.center + drift + pending_jump(w)


@compiled
def step_quotes(w: World, dt_s: float) -> None:
    """The makers look at the efficient price, requote if they act on it, and refill their touch."""
    s, p = w.state, w.params
    rng = s.quotes_rng
    decay = np.exp(-p.half_spread_reversion * dt_s)
    s.log_half = s.log_half * decay + p.half_spread_sd * np.sqrt(1.0 - decay * decay) * normal(rng)
    gap = s.v - s.center
    rate = p.requote_idle + p.requote_react * gap * gap
    startled = s.startled and uniform(rng) < p.requote_after_order
    s.startled = 0
    if startled or uniform(rng) < 1.0 - np.exp(-rate * dt_s):
        s.center += p.requote_share * gap
        place_touch(w)
    _feel_pressure(w)
    clear_stale(w, dt_s)
    for k in range(2):
        if best(w, k) < s.target[k] and uniform(rng) < 1.0 - np.exp(-p.refill_rate * dt_s):
            refill(w, k)
        keep_alive(w, k)


@compiled
def _feel_pressure(w: World) -> None:
    """Pressure on each side, 0..1: how far what is coming exceeds the touch."""
    s = w.state
    move = s.v - s.center + pending_jump(w)
    ahead = move / touch_half_spread_bps(w)
    passed = int(1e-4 * abs(move) * s.target[0])
    s.at_risk[0] = passed if move < 0.0 else 0
    s.at_risk[1] = passed if move > 0.0 else 0
    s.pressure[0] = min(max(-ahead - 1.0, 0.0) / 4.0, 1.0)
    s.pressure[1] = min(max(ahead - 1.0, 0.0) / 4.0, 1.0)


@compiled
def touch_half_spread_bps(w: World) -> float:
    """Half the distance between where the makers want bid and ask, bps."""
    s = w.state
    bid, ask = s.target[0], -s.target[1]
    return 1e4 * (ask - bid) / (ask + bid)


@compiled
def place_touch(w: World) -> None:
    """Put both targets around the center, on the grid of prices valid there."""
    s, p = w.state, w.params
    ticks = price_of_offset(w, s.center) * w.inst.tick_den / w.inst.tick_num
    coarser = step_ticks(w.inst, int(ticks * _MARGIN_COARSER))
    finer = step_ticks(w.inst, int(ticks * _MARGIN_FINER))
    if s.tick_step == 0 or coarser > s.tick_step or finer < s.tick_step:
        _regrid(w, ticks, coarser)
    middle = ticks / s.tick_step
    half = p.half_spread * np.exp(s.log_half)
    bid = int(np.floor(middle - half))
    ask = max(int(np.ceil(middle + half)), bid + 1)
    retreating = 0 if bid < s.target[0] else 1
    retarget(w, retreating, bid if retreating == 0 else -ask)
    retarget(w, 1 - retreating, -ask if retreating == 0 else bid)


@compiled
def _regrid(w: World, ticks: float, tick_step: int) -> None:
    """Valid prices are spaced differently here: void the book and draw it on the new grid."""
    s = w.state
    w.sizes[:] = 0
    w.dirty[:] = 0
    s.n_dirty = 0
    s.regridded = 1
    s.tick_step = tick_step
    s.target[0] = int(np.floor(ticks / tick_step))
    s.target[1] = -(s.target[0] + 1)
    fill_side(w, 0)
    fill_side(w, 1)
