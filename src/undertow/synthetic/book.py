"""The generated market's book: a profile of levels that lives around a moving touch.

Every level's size is a draw from its distance's distribution; a change moves the level's *rank* in
that distribution by a reflected random step, which leaves the distribution exactly as it was fitted.
Levels die and are born so that a share `occupancy` of them holds orders. See docs/synthetic.md.
"""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec
from undertow.synthetic.rng import normal, poisson, uniform
from undertow.synthetic.world import World

_TURNOVER = 0.5
"""Part of a bin's changes, at even odds of occupancy, in which a level appears or disappears."""


@compiled
def size_at(w: World, k: int, m: int) -> int:
    """Whole size steps at level `m` of side `k`."""
    return w.sizes[k, m & (w.sizes.shape[1] - 1)]


@compiled
def set_size(w: World, k: int, m: int, steps: int) -> None:
    """The level now holds `steps`; noted for publication where the feed shows every change."""
    at = m & (w.sizes.shape[1] - 1)
    if w.sizes[k, at] == steps:
        return
    w.sizes[k, at] = steps
    mark_dirty(w, k, m)


@compiled
def mark_dirty(w: World, k: int, m: int) -> None:
    """Note that the level has to be published."""
    at = m & (w.sizes.shape[1] - 1)
    if w.params.wants_diffs and not w.dirty[k, at]:
        w.dirty[k, at] = 1
        n = w.state.n_dirty
        w.dirty_levels[n, 0] = k
        w.dirty_levels[n, 1] = m
        w.state.n_dirty = n + 1


@compiled
def bottom(w: World, k: int) -> int:
    """The deepest level kept on side `k`."""
    return w.state.target[k] - w.params.window + 1


@compiled
def best_from(w: World, k: int, m: int) -> int:
    """Best occupied level at or below `m`; one below `bottom` if there is none."""
    low = bottom(w, k)
    while m >= low and size_at(w, k, m) == 0:
        m -= 1
    return max(m, low - 1)


@compiled
def best(w: World, k: int) -> int:
    """The touch of side `k`."""
    return best_from(w, k, w.state.top[k])


@compiled
def highest_free(w: World, k: int) -> int:
    """The best level at which side `k` may rest without crossing the other side."""
    return -best(w, 1 - k) - 1


@compiled
def _bin(params: Rec, distance: int) -> int:
    b = 0
    while b + 1 < params.n_bins and params.from_steps[b + 1] <= distance:
        b += 1
    return b


@compiled
def _size_of_rank(w: World, b: int, rank: float) -> int:
    """Size steps of the level that holds `rank` (0..1) in the distribution of bin `b`."""
    probs = w.params.level_probs
    i = 0
    while i < probs.shape[0] - 2 and rank > probs[i + 1]:
        i += 1
    low = w.params.level_sizes[b, i]
    high = w.params.level_sizes[b, i + 1]
    share = (rank - probs[i]) / (probs[i + 1] - probs[i])
    qty = np.exp(low + share * (high - low)) * w.params.liquidity
    return max(1, int(qty / w.inst.size_step + 0.5))


@compiled
def _rank_of_size(w: World, b: int, steps: int) -> float:
    """Inverse of `_size_of_rank`, up to rounding."""
    probs = w.params.level_probs
    last = probs.shape[0] - 1
    log_qty = np.log(steps * w.inst.size_step / w.params.liquidity)
    if log_qty <= w.params.level_sizes[b, 0]:
        return 0.0
    if log_qty >= w.params.level_sizes[b, last]:
        return 1.0
    i = 0
    while log_qty > w.params.level_sizes[b, i + 1]:
        i += 1
    low = w.params.level_sizes[b, i]
    high = w.params.level_sizes[b, i + 1]
    return probs[i] + (probs[i + 1] - probs[i]) * (log_qty - low) / (high - low)


@compiled
def _least_rank(w: World, k: int, m: int) -> float:
    """Least rank of the level: that of a fresh touch, while no move threatens its side."""
    return w.params.fresh_rank if m >= w.state.target[k] and w.state.pressure[k] == 0.0 else 0.0


@compiled
def create(w: World, k: int, m: int, certainly: bool) -> None:
    """Draw the level anew: occupied with its distance's probability, or `certainly`."""
    b = _bin(w.params, w.state.target[k] - m)
    if certainly or uniform(w.state.book_rng) < w.params.occupancy[b]:
        low = _least_rank(w, k, m)
        set_size(w, k, m, _size_of_rank(w, b, low + (1.0 - low) * uniform(w.state.book_rng)))
    else:
        set_size(w, k, m, 0)


@compiled
def fill_side(w: World, k: int) -> None:
    """Draw a whole side."""
    w.state.top[k] = w.state.target[k]
    for m in range(bottom(w, k), w.state.target[k] + 1):
        create(w, k, m, m == w.state.target[k])


@compiled
def retarget(w: World, k: int, target: int) -> None:
    """Makers want the touch at `target`; new depth appears behind it.

    Better levels are withdrawn, but for what slow makers leave there (`clear_stale`). Where the
    touch is to improve, the levels up to it stay empty until `refill`.
    """
    window = w.params.window
    old = w.state.target[k]
    shift = target - old
    if shift == 0:
        return
    if abs(shift) + w.state.top[k] - old >= window:
        for m in range(old - window + 1, w.state.top[k] + 1):
            set_size(w, k, m, 0)
        w.state.target[k] = w.state.top[k] = target
        for m in range(bottom(w, k), min(target, highest_free(w, k)) + 1):
            create(w, k, m, m == target)
    elif shift > 0:
        for m in range(old - window + 1, target - window + 1):
            set_size(w, k, m, 0)
        w.state.target[k] = target
        w.state.top[k] = max(w.state.top[k], target)
        for m in range(old + 1, target + 1):
            if size_at(w, k, m) > 0:
                create(w, k, m, True)
    else:
        for m in range(target + 1, old + 1):
            _leave_behind(w, k, m)
        w.state.target[k] = target
        for m in range(target - window + 1, old - window + 1):
            create(w, k, m, False)


@compiled
def _leave_behind(w: World, k: int, m: int) -> None:
    """Withdraw the level, save for a few slow orders with probability `stale_share`."""
    there = size_at(w, k, m)
    if there == 0:
        return
    left = 0
    if uniform(w.state.book_rng) < w.params.stale_share:
        left = min(there, _size_of_rank(w, 0, w.params.stale_rank * uniform(w.state.book_rng)))
    set_size(w, k, m, left)


@compiled
def clear_stale(w: World, dt_s: float) -> None:
    """Slow makers withdraw what they left beyond the target."""
    for k in range(2):
        gone = 1.0 - np.exp(-w.params.stale_clear * dt_s)
        top = w.state.target[k]
        for m in range(w.state.target[k] + 1, w.state.top[k] + 1):
            if size_at(w, k, m) > 0:
                if uniform(w.state.book_rng) < gone:
                    set_size(w, k, m, 0)
                else:
                    top = m
        w.state.top[k] = top


@compiled
def refill(w: World, k: int) -> None:
    """Quote every level between the touch and where the makers want it, as far as it is free."""
    goal = min(w.state.target[k], highest_free(w, k))
    for m in range(best(w, k) + 1, goal + 1):
        create(w, k, m, m == goal)


@compiled
def keep_alive(w: World, k: int) -> None:
    """See that side `k` is not empty after a leap: what is stale on the other side makes way."""
    if best(w, k) >= bottom(w, k):
        return
    for m in range(w.state.target[1 - k] + 1, w.state.top[1 - k] + 1):
        set_size(w, 1 - k, m, 0)
    w.state.top[1 - k] = w.state.target[1 - k]
    refill(w, k)


@compiled
def change_levels(w: World, dt_s: float) -> None:
    """Orders come and go on both sides for `dt_s` seconds."""
    params = w.params
    rng = w.state.book_rng
    for k in range(2):
        for _ in range(poisson(rng, params.event_rate * dt_s)):
            u = uniform(rng)
            b = 0
            while b + 1 < params.n_bins and u > params.event_cdf[b]:
                b += 1
            low = params.from_steps[b]
            distance = low + int(uniform(rng) * (params.from_steps[b + 1] - low))
            _change(w, k, b, w.state.target[k] - distance)


@compiled
def _change(w: World, k: int, b: int, m: int) -> None:
    rng = w.state.book_rng
    occupied = w.params.occupancy[b]
    steps = size_at(w, k, m)
    if steps == 0:
        if uniform(rng) < _TURNOVER * occupied and m <= highest_free(w, k):
            create(w, k, m, True)
        return
    if uniform(rng) < _TURNOVER * (1.0 - occupied) and best_from(w, k, m - 1) >= bottom(w, k):
        set_size(w, k, m, 0)
        return
    rank = _rank_of_size(w, b, steps) + w.params.rank_step * normal(rng)
    if m > w.state.target[k] - w.state.at_risk[k]:
        rank -= w.params.thinning * w.state.pressure[k]
    low = _least_rank(w, k, m)
    above = abs(rank - low) % (2.0 * (1.0 - low))
    set_size(w, k, m, _size_of_rank(w, b, low + min(above, 2.0 * (1.0 - low) - above)))


@compiled
def take(w: World, k: int, m: int, steps: int) -> int:
    """Take up to `steps` from level `m` of side `k`; returns what was taken.

    The last occupied level of a side always keeps one step, so a side is never empty.
    """
    there = size_at(w, k, m)
    if best_from(w, k, m - 1) < bottom(w, k):
        there -= 1
    taken = min(there, steps)
    set_size(w, k, m, size_at(w, k, m) - taken)
    return taken
