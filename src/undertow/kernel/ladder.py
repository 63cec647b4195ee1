"""How much stands at every level: margins, joint sizes, expected PnL, and why a level is empty.

A fill at a near level devalues every deeper one: S lots further out r has fallen by
g(S) = P(q + S) − P(q) (`kernel.bend`; ηS for few lots). So cumulative sizes S_k are chosen jointly to
maximise V = Σ_k Λ_k·∫(m_k − g(S))dS over S_{k−1}…S_k (docs/model.md §3). In S the problem is

    maximise Σ_k b_k·S_k − w_k·∫₀^{S_k} g,  b_k = Λ_k·m_k − Λ_{k+1}·m_{k+1},  w_k = Λ_k − Λ_{k+1},
    0 ≤ S_1 ≤ S_2 ≤ … ≤ room left to q_max,

in g(S) an isotonic regression of b/w: pool adjacent violators, then clip (both exact; Barlow et al.
1972), and S = g⁻¹.
Levels inside the touch share one rate, w_k = 0: all their size goes to the deepest that pays.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.instrument import notional, price_of, qty_of_notional, round_size
from undertow.kernel.bend import inventory_lots, inventory_price
from undertow.kernel.own_level import N_NODES, excess_at
from undertow.records import Rec

MILLS_FARTHEST: Final = 8.0
MAX_LEVELS: Final = 20

# why a level is empty; the number that goes with it in parentheses
QUOTED: Final = 0  # it is not (expected PnL over the resting life, bps·lots)
MARGIN: Final = 1  # a fill there loses (margin, bps)
VALUE: Final = 2  # it does not earn its request (expected PnL over the resting life, bps·lots)
LIMIT: Final = 3  # the position limit leaves no room (q_max, lots)
MINIMUM: Final = 4  # less than the venue takes; carried to the next level (its value, USD)
MERGED: Final = 5  # shares its price with a nearer level (which, from 1)
POOLED: Final = 6  # worth more one level deeper, or less more than a request (margin, bps)
WARMING: Final = 7  # the estimators have not seen enough (seconds left)
NOBOOK: Final = 8  # a side of the book is missing or stale (seconds since the last book)
CROSSED: Final = 9  # the book is crossed (by how much, bps)
UNREACHABLE: Final = 10  # no γ gives the half-life asked for (the shortest reachable, s)

REASON_NAMES: Final = {
    QUOTED: "quoted",
    MARGIN: "margin",
    VALUE: "value",
    LIMIT: "limit",
    MINIMUM: "minimum",
    MERGED: "merged",
    POOLED: "pooled",
    WARMING: "warming",
    NOBOOK: "nobook",
    CROSSED: "crossed",
    UNREACHABLE: "unreachable",
}

RUNGS: Final = np.dtype(
    [
        ("sign", "<i8"),  # +1 bid, -1 ask
        ("touch_tick", "<i8"),
        ("touch_offset_bps", "<f8"),  # exact, before rounding and clamp
        ("kappa", "<f8"),
        ("rate", "<f8"),  # A of this side
        ("fill_excess", "<f8", (2, N_NODES)),  # ρ − 1 of Λ at the nodes of `kernel.own_level`
        ("touch_bps", "<f8"),  # half the market's spread: Λ is flat inside
        ("soon_bps", "<f8"),  # how far alphas expect the mid to go from this side within the reaction time
        ("room_lots", "<f8"),  # most that may rest
        ("held_lots", "<f8"),  # position towards this side: sign·q
        ("bend", "<f8"),  # s and ±c of `kernel.bend`; 0: straight
        ("tilt", "<f8"),
        ("held_bps", "<f8"),  # P of `held_lots`
        ("levels", "<i8"),
        ("distinct", "<i8"),  # levels with a price of their own
        ("tick", "<i8", (MAX_LEVELS,)),
        ("depth_bps", "<f8", (MAX_LEVELS,)),  # from mid, after rounding and clamp
        ("queue_bps", "<f8", (MAX_LEVELS,)),  # how much deeper a new order's queue makes it for Λ
        ("margin_bps", "<f8", (MAX_LEVELS,)),  # m_k, against the reservation price
        ("edge_bps", "<f8", (MAX_LEVELS,)),  # depth − AS − fee ± what drift and alphas expect
        ("reach_rate", "<f8", (MAX_LEVELS,)),  # Λ_k, 1/s
        ("cumulative_lots", "<f8", (MAX_LEVELS,)),  # S_k, continuous
        ("moved_bps", "<f8", (MAX_LEVELS,)),  # g(S_k)
        ("qty", "<f8", (MAX_LEVELS,)),  # what is wanted, venue's unit, rounded; 0 where empty
        ("expected_pnl", "<f8", (MAX_LEVELS,)),  # E[PnL_k] of `qty`, bps·lots/s
        ("reason_value", "<f8", (MAX_LEVELS,)),
        ("reason", "<i8", (MAX_LEVELS,)),
        ("level_of", "<i8", (MAX_LEVELS,)),  # scratch: levels with a price of their own, near first
        ("pool_b", "<f8", (MAX_LEVELS,)),
        ("pool_w", "<f8", (MAX_LEVELS,)),
        ("pool_end", "<i8", (MAX_LEVELS,)),
    ],
    align=True,
)
"""One side of the wanted ladder, nearest level first."""

LADDER: Final = np.dtype([("bid", RUNGS), ("ask", RUNGS)], align=True)

LADDER_PARAMS: Final = np.dtype(
    [
        ("levels", "<i8"),
        ("gap_multiple", "<f8", (MAX_LEVELS,)),  # distance of level k from the touch quote, 1/κ
        ("queue_aware", "u1"),  # Λ of the back of the queue
        ("expected_pnl", "u1"),  # 0: one lot at every level, tested by nothing
        ("request_price", "<f8"),  # bps·lots a level must earn over its resting life
    ],
    align=True,
)


@compiled
def interpolate(
    depths: NDArray[np.float64], values: NDArray[np.float64], n: int, at: float, empty: float
) -> float:
    """Piecewise linear through the first `n` nodes, flat beyond them; `empty` if there are none."""
    if n == 0:
        return empty
    if at <= depths[0]:
        return values[0]
    for i in range(1, n):
        if at < depths[i]:
            share = (at - depths[i - 1]) / (depths[i] - depths[i - 1])
            return values[i - 1] + share * (values[i] - values[i - 1])
    return values[n - 1]


@compiled
def loss_beyond(loss: float, met: float) -> float:
    """Loss of an order priced `met` ≤ 0 bps from the foreseen mid, given the `loss` at 0.

    The farther beyond it lies, the less of a surprise fills it: E[X | X > met] for a normal X with
    E[X | X > 0] = loss (the inverse Mills ratio).
    """
    if met >= 0.0 or loss <= 0.0:
        return loss
    deviation = loss * math.sqrt(0.5 * math.pi)
    z = max(met / deviation, -MILLS_FARTHEST)
    return deviation * math.exp(-0.5 * z * z) / (math.sqrt(0.5 * math.pi) * math.erfc(z * math.sqrt(0.5)))


@compiled
def bare_rate(rungs: Rec, depth: float) -> float:
    """A·e^(−κδ), 1/s: how often `depth` (bps, no nearer than the touch) is reached by the exponential."""
    return rungs.rate * math.exp(-rungs.kappa * depth)


@compiled
def reached_rate(rungs: Rec, depth: float) -> float:
    """Λ(δ) = A·e^(−κδ)·ρ(δ), 1/s, as own fills correct it."""
    return bare_rate(rungs, depth) * (1.0 + excess_at(rungs.fill_excess, depth, rungs.touch_bps))


@compiled
def price_levels(
    rungs: Rec, x: Rec, reservation: float, foreseen: float, fee_bps: float, touch_bps: float
) -> None:
    """Margins and reach rates of the levels with a price of their own; the others are `MERGED`.

    m_k = (r − x_k) − AS(d_k) − fee for a bid, mirrored for an ask; Λ_k = Λ(d_k + queue), never rising
    outward, flat inside the touch (`touch_bps`, half the market's spread); the queue is ``queue_bps``, and
    d_k the depth from where the mid is foreseen when an order can be met, δ_k ± what alphas expect by then.
    `foreseen` is the part of `reservation` that is a forecast of the mid (drift and alphas): the
    edge, what a fill is expected to earn, contains it.
    """
    curve = x.as_bid if rungs.sign > 0 else x.as_ask
    touch_as = x.as_touch_bid if rungs.sign > 0 else x.as_touch_ask
    rungs.distinct = 0
    rungs.touch_bps = touch_bps
    rungs.soon_bps = rungs.sign * x.alpha_soon_bps
    for k in range(rungs.levels):
        if k > 0 and rungs.tick[k] == rungs.tick[k - 1]:
            rungs.reason[k] = MERGED
            rungs.reason_value[k] = rungs.level_of[rungs.distinct - 1] + 1.0
            rungs.qty[k] = rungs.expected_pnl[k] = rungs.reach_rate[k] = rungs.cumulative_lots[k] = 0.0
            rungs.margin_bps[k] = rungs.margin_bps[k - 1]
            rungs.edge_bps[k] = rungs.edge_bps[k - 1]
            continue
        rungs.level_of[rungs.distinct] = k
        rungs.distinct += 1
        depth = rungs.depth_bps[k]
        met = depth + rungs.soon_bps
        loss = interpolate(x.as_depth_bps, curve, x.as_nodes, max(met, 0.0), touch_as)
        edge = depth - loss_beyond(loss, min(met, 0.0)) - fee_bps
        rungs.edge_bps[k] = edge + rungs.sign * foreseen
        rungs.margin_bps[k] = edge + rungs.sign * reservation
        rate = reached_rate(rungs, max(met + rungs.queue_bps[k], touch_bps))
        if rungs.distinct > 1:  # whatever goes deeper has met the nearer level
            rate = min(rate, rungs.reach_rate[rungs.level_of[rungs.distinct - 2]])
        rungs.reach_rate[k] = rate


@compiled
def _out_of_order(rungs: Rec, left: int, right: int) -> bool:
    """Whether pool `left` wants more than pool `right`, which lies deeper: b/w compared, w ≥ 0."""
    if rungs.pool_w[left] == 0.0 and rungs.pool_w[right] == 0.0:
        return rungs.pool_b[left] > 0.0
    return rungs.pool_b[left] * rungs.pool_w[right] > rungs.pool_b[right] * rungs.pool_w[left]


@compiled
def lots_price(rungs: Rec, eta: float, lots: float) -> float:
    """g(S), bps: how far r moves away while the side fills `lots`."""
    if rungs.bend == 0.0:
        return eta * lots
    return inventory_price(eta, rungs.bend, rungs.tilt, rungs.held_lots + lots) - rungs.held_bps


@compiled
def price_lots(rungs: Rec, eta: float, price: float) -> float:
    """g⁻¹: the lots after which r has moved `price` bps."""
    if rungs.bend == 0.0:
        return price / eta
    price += rungs.held_bps
    return inventory_lots(eta, rungs.bend, rungs.tilt, price) - rungs.held_lots


@compiled
def moved_price(rungs: Rec, eta: float, lots: float) -> float:
    """g(S) after `solve_sizes`, straight between the S_k it found; no transcendental within them."""
    if rungs.bend == 0.0:
        return eta * lots
    before, price = 0.0, 0.0
    for j in range(rungs.distinct):
        k = rungs.level_of[j]
        upto, there = rungs.cumulative_lots[k], rungs.moved_bps[k]
        if lots <= upto:
            return there if upto == before else price + (there - price) * (lots - before) / (upto - before)
        before, price = upto, there
    return lots_price(rungs, eta, lots)


@compiled
def solve_sizes(rungs: Rec, eta: float) -> None:
    """Fill `cumulative_lots` with the joint optimum S_k of the levels with a price of their own.

    Where `bend` > 0, `held_lots`, `held_bps` = P(`held_lots`) and `tilt` must be set.
    """
    pools = 0
    n = rungs.distinct
    for j in range(n):
        k = rungs.level_of[j]
        rate, value = rungs.reach_rate[k], rungs.reach_rate[k] * rungs.margin_bps[k]
        if j + 1 < n:
            deeper = rungs.level_of[j + 1]
            value -= rungs.reach_rate[deeper] * rungs.margin_bps[deeper]
            rate -= rungs.reach_rate[deeper]
        rungs.pool_b[pools] = value
        rungs.pool_w[pools] = max(rate, 0.0)
        rungs.pool_end[pools] = j
        pools += 1
        while pools > 1 and _out_of_order(rungs, pools - 2, pools - 1):
            rungs.pool_b[pools - 2] += rungs.pool_b[pools - 1]
            rungs.pool_w[pools - 2] += rungs.pool_w[pools - 1]
            rungs.pool_end[pools - 2] = j
            pools -= 1
    j, reached, moved = 0, 0.0, 0.0
    for pool in range(pools):
        b, w = rungs.pool_b[pool], rungs.pool_w[pool]
        if b <= 0.0:
            lots, price = 0.0, 0.0
        else:
            price = b / w if w > 0.0 else np.inf
            lots = price_lots(rungs, eta, price)
            if lots > rungs.room_lots:
                lots = rungs.room_lots
                price = lots_price(rungs, eta, lots)
        if lots > reached:
            reached, moved = lots, price
        while j <= rungs.pool_end[pool]:
            k = rungs.level_of[j]
            rungs.cumulative_lots[k], rungs.moved_bps[k] = reached, moved
            j += 1


@compiled
def sweep_value(margin: float, eta: float, aggressor_lots: float, begin: float, end: float) -> float:
    """∫ e^(−S/L)·(m − ηS) dS from `begin` to `end`: what an arriving aggressor is worth, bps·lots.

    e^(−S/L) is the chance that an aggressor of exponential size (mean L) reaches lot S.
    """
    span = end - begin
    if span < 1e-4 * aggressor_lots:
        middle = begin + 0.5 * span
        bend = eta * span * span / (12.0 * aggressor_lots)
        return span * math.exp(-middle / aggressor_lots) * (margin - eta * middle + bend)
    tail = eta * aggressor_lots - margin
    lost = math.expm1(-span / aggressor_lots)
    head = lost * (eta * end + tail) + eta * span
    return aggressor_lots * math.exp(-begin / aggressor_lots) * head


@compiled
def lots_value(
    rungs: Rec, eta: float, aggressor_lots: float, margin: float, begin: float, end: float
) -> float:
    """`sweep_value` of lots `begin` to `end` of a side at `margin`, g straight between, bps·lots."""
    if end <= begin:
        return 0.0
    near = moved_price(rungs, eta, begin)
    slope = (moved_price(rungs, eta, end) - near) / (end - begin)
    return sweep_value(margin - near + slope * begin, slope, aggressor_lots, begin, end)


@compiled
def level_value(rungs: Rec, eta: float, aggressor_lots: float, k: int, begin: float, end: float) -> float:
    """`lots_value` at the margin of level k."""
    return lots_value(rungs, eta, aggressor_lots, rungs.margin_bps[k], begin, end)


@compiled
def minimum_qty(inst: Rec, px: float) -> float:
    """Smallest valid quantity at `px`: one step, and worth the minimum notional."""
    least = qty_of_notional(inst, px, inst.min_notional)
    return max(round_size(inst, least + inst.size_step * (1.0 - 2e-6)), inst.size_step)


@compiled
def _level_pnl(rungs: Rec, x: Rec, eta: float, k: int, begin: float, end: float) -> float:
    """E[PnL] of lots `begin` to `end` of a side at level k, bps·lots/s."""
    return rungs.reach_rate[k] * level_value(rungs, eta, x.aggressor_lots, k, begin, end)


@compiled
def _earns_its_requests(rungs: Rec, x: Rec, eta: float, request_price: float) -> bool:
    """Whether any level of the side, at its continuous size, passes the level test."""
    before = 0.0
    for j in range(rungs.distinct):
        k = rungs.level_of[j]
        upto = rungs.cumulative_lots[k]
        if _level_pnl(rungs, x, eta, k, before, upto) * x.resting_life_s > request_price:
            return True
        before = upto
    return False


@compiled
def _leave_empty(rungs: Rec, k: int, reason: int, value: float) -> None:
    rungs.qty[k] = 0.0
    rungs.expected_pnl[k] = 0.0
    rungs.reason[k] = reason
    rungs.reason_value[k] = value


@compiled
def settle_sizes(
    rungs: Rec, x: Rec, inst: Rec, eta: float, request_price: float, q_max: float, reducing: bool
) -> None:
    """Turn S_k into quantities the venue takes, or into the reason why a level stays empty.

    Walks outward: each level is offered S_k less what nearer levels hold, rounded down to a size
    step, so what a level cannot take is carried to the next. The touch level of a side that quotes
    at all holds at least the venue's minimum (else a pooled touch would make the best price jump
    outward). A level earns its request where E[PnL_k] × resting life > `request_price`, and so does
    what it earns more than its lots would one level deeper, where they go if it stays empty: close
    levels are dropped before a side thins out. The touch level of the side that reduces the position
    is exempt from every test: it always quotes.
    """
    lot = x.lot_qty
    deepest = rungs.level_of[rungs.distinct - 1]
    low_tick = rungs.tick[deepest] if rungs.sign > 0 else rungs.tick[0]
    least_qty = minimum_qty(inst, price_of(inst, low_tick))
    least = least_qty / lot
    room = rungs.room_lots
    pays = reducing or _earns_its_requests(rungs, x, eta, request_price)
    fits = reducing or (room >= least and rungs.cumulative_lots[deepest] >= least)
    placed = 0.0
    for j in range(rungs.distinct):
        k = rungs.level_of[j]
        margin = rungs.margin_bps[k]
        anchor = j == 0 and pays and fits and (reducing or margin > 0.0)
        target = rungs.cumulative_lots[k]
        if anchor:
            target = max(target, least)
        qty = round_size(inst, (min(target, room) - placed) * lot)
        if anchor and qty < least_qty:
            qty = least_qty
        if qty < least_qty * (1.0 - 1e-9):
            if margin <= 0.0:
                _leave_empty(rungs, k, MARGIN, margin)
            elif room - placed < least:
                _leave_empty(rungs, k, LIMIT, q_max)
            elif target <= placed and j + 1 < rungs.distinct:
                _leave_empty(rungs, k, POOLED, margin)
            else:
                usd = notional(inst, price_of(inst, rungs.tick[k]), max(target - placed, 0.0) * lot)
                _leave_empty(rungs, k, MINIMUM, usd)
            continue
        lots = qty / lot
        pnl = _level_pnl(rungs, x, eta, k, placed, placed + lots)
        worth = pnl * x.resting_life_s
        if not anchor and (not pays or worth <= request_price):
            _leave_empty(rungs, k, MARGIN if margin <= 0.0 else VALUE, margin if margin <= 0.0 else worth)
            continue
        if not anchor and j + 1 < rungs.distinct:
            deeper = _level_pnl(rungs, x, eta, rungs.level_of[j + 1], placed, placed + lots)
            if worth - deeper * x.resting_life_s <= request_price:
                _leave_empty(rungs, k, POOLED, margin)
                continue
        rungs.qty[k] = qty
        rungs.expected_pnl[k] = pnl
        rungs.reason[k] = QUOTED
        rungs.reason_value[k] = worth
        placed += lots


@compiled
def one_lot_each(rungs: Rec, x: Rec, inst: Rec, q_max: float) -> None:
    """The expected PnL switched off: one lot at every level with a price of its own, while there is room.

    What a maker does that prices levels but does not ask what they earn; for comparison only.
    """
    placed = 0.0
    for j in range(rungs.distinct):
        k = rungs.level_of[j]
        qty = round_size(inst, min(1.0, rungs.room_lots - placed) * x.lot_qty)
        if qty < minimum_qty(inst, price_of(inst, rungs.tick[k])) * (1.0 - 1e-9):
            _leave_empty(rungs, k, LIMIT, q_max)
            continue
        placed += qty / x.lot_qty
        rungs.cumulative_lots[k] = placed
        rungs.qty[k] = qty
        rungs.reason[k] = QUOTED
        rungs.expected_pnl[k] = rungs.reason_value[k] = 0.0


@compiled
def empty_side(rungs: Rec, levels: int, reason: int, value: float) -> None:
    """Leave all levels of a side empty for one reason."""
    rungs.levels = levels
    rungs.distinct = 0
    for k in range(levels):
        _leave_empty(rungs, k, reason, value)
