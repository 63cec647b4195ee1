"""A maker that asks instead of earning: small orders at every depth, whatever they are expected to earn.

It believes, forecasts and sends as `undertow` does, but its depths come from a hash of time, not from the
market: on each side the depths up to `deepest_bps` are cut into as many strips as there are levels, and every
strip holds one order at a place of its own for `renew_s`, kept at that distance from the mid. So what is
filled, and what fills earn, can be held against what was forecast, without a choice in between (a maker that
chooses the best of several forecasts finds them too good).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.config import Config
from undertow.events import MAKER
from undertow.instrument import Instrument, price_of, qty_of_notional, round_price, round_size
from undertow.kernel import cycle
from undertow.kernel.alphas import alpha_move_bps
from undertow.kernel.decision import read_intensities
from undertow.kernel.desk import PENDING_NEW
from undertow.kernel.drift import expected_move_bps
from undertow.kernel.l2book import Book
from undertow.kernel.ladder import QUOTED, minimum_qty, price_levels
from undertow.kernel.own_watch import noted, watch_orders
from undertow.kernel.queue_place import look_at_queues, place_in_queues
from undertow.kernel.quoting import post_only_ticks
from undertow.kernel.reaction import reaction_s
from undertow.kernel.reconcile import cancel_growing, reconcile
from undertow.kernel.state import PARAMS, STATE, new_state
from undertow.maker import Maker
from undertow.makers import undertow_params
from undertow.records import Rec, new_record
from undertow.units import depth_bps, price_at, s_to_ns, seconds_between

N_BINS: Final = 128

TALLY: Final = np.dtype(
    [
        ("exposure_s", "<f8", (N_BINS,)),  # by the depth that forecast the rate; both sides
        ("predicted", "<f8", (N_BINS,)),  # Σ forecast rate × seconds
        ("fills", "<f8", (N_BINS,)),
    ],
    align=True,
)
PROBE: Final = np.dtype(
    [
        ("deepest_bps", "<f8"),
        ("lot_usd", "<f8"),
        ("horizon_s", "<f8"),
        ("renew_ns", "<i8"),
        ("from_ns", "<i8"),
        ("seed", "<i8"),
    ],
    align=True,
)
_STATES: Final = STATE.names or ()
_PARAMS: Final = PARAMS.names or ()
PROBE_STATE: Final = np.dtype([("probed", TALLY), *((name, STATE[name]) for name in _STATES)], align=True)
PROBE_PARAMS: Final = np.dtype([("probe", PROBE), *((name, PARAMS[name]) for name in _PARAMS)], align=True)
"""Their own field first: Numba takes a record for one it only extends, and code compiled for that."""


@compiled
def uniform(seed: int, stretch: int, place: int) -> float:
    """A number in [0, 1) that is a hash of its arguments (the finaliser of SplitMix64)."""
    x = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64(stretch) * np.uint64(0xD1B54A32D192ED03) + np.uint64(place) * np.uint64(0x8CB92BA72F3D8DD7)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return np.float64(x >> np.uint64(11)) / 9007199254740992.0


@compiled
def probe_depth(probe: Rec, levels: int, k: int, sign: int, now_ns: int) -> float:
    """Depth (bps) of strip `k` now; strips do not all change at the same time."""
    place = 2 * k + (1 if sign > 0 else 0)
    stretch = int(now_ns / probe.renew_ns + uniform(probe.seed, -1, place))
    return probe.deepest_bps * (k + uniform(probe.seed, stretch, place)) / levels


@compiled
def _place(
    rungs: Rec, params: Rec, x: Rec, inst: Rec, book: Book, foreseen: float, limit: int, now_ns: int
) -> None:
    """The probes of one side as a wanted ladder."""
    probe, sign = params.probe, rungs.sign
    rungs.levels = params.ladder.levels
    for k in range(rungs.levels):
        offset = -sign * probe_depth(probe, rungs.levels, k, sign, now_ns)
        tick = round_price(inst, price_at(x.mid, offset), sign)
        tick = min(tick, limit) if sign > 0 else max(tick, limit)
        if k > 0:
            tick = min(tick, rungs.tick[k - 1]) if sign > 0 else max(tick, rungs.tick[k - 1])
        rungs.tick[k] = tick
        rungs.depth_bps[k] = depth_bps(price_of(inst, tick), x.mid, sign)
    if params.ladder.queue_aware:
        place_in_queues(rungs, book, inst, x.mid)
    else:
        rungs.queue_bps[:] = 0.0
    touch_bps = max(depth_bps(price_of(inst, book.top.best_bid), x.mid, 1), 0.0)
    price_levels(rungs, x, foreseen, foreseen, inst.maker_fee_bps, touch_bps)
    qty = round_size(inst, qty_of_notional(inst, x.mid, probe.lot_usd))
    for j in range(rungs.distinct):
        k = rungs.level_of[j]
        rungs.qty[k] = max(qty, minimum_qty(inst, price_of(inst, rungs.tick[k])))
        rungs.reason[k] = QUOTED


@compiled
def _bin(probe: Rec, met: float) -> int:
    return min(max(int(met / probe.deepest_bps * (N_BINS // 2)), 0), N_BINS - 1)


@compiled
def _tally_exposure(state: Rec, params: Rec, now_ns: int) -> None:
    watch = state.estimators.own_watch
    elapsed_s = seconds_between(watch.noted_ns, now_ns)
    if watch.n == 0 or now_ns < params.probe.from_ns or not 0.0 < elapsed_s < 10.0:
        return
    for slot in range(state.desk.n_working):
        order = state.desk.working[slot]
        i = noted(watch, order.id, 0)
        if order.status == PENDING_NEW or i < 0 or np.isnan(watch.met_bps[i]):
            continue
        k = _bin(params.probe, watch.met_bps[i])
        state.probed.exposure_s[k] += elapsed_s
        state.probed.predicted[k] += elapsed_s * watch.rate[i]


@compiled
def on_fill(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Count a fill at the depth it was forecast for, once per order."""
    watch = state.estimators.own_watch
    i = noted(watch, row.ref, 0)
    if (
        row.code == MAKER
        and row.recv_ns >= params.probe.from_ns
        and i >= 0
        and not np.isnan(watch.met_bps[i])
    ):
        state.probed.fills[_bin(params.probe, watch.met_bps[i])] += 1.0
    return cycle.on_fill(state, params, inst, book, row, actions)


@compiled
def _forecast(state: Rec, params: Rec, inst: Rec, touch_bps: float) -> float:
    """Fill adverse selection at the probes' own horizon; returns the mid's move foreseen by then, bps."""
    x, h = state.inputs, params.probe.horizon_s
    cycle.read_adverse_selection(state, params, inst, touch_bps, h)
    h += reaction_s(state.estimators.reaction)
    belief, rules = state.estimators.belief, params.estimators.belief
    return alpha_move_bps(belief.alphas, rules.alphas, h) + expected_move_bps(x.drift, x.drift_reversion, h)


@compiled
def on_timer(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """Look and believe as `undertow` does, then keep every probe at its depth."""
    now_ns = state.desk.now_ns
    fault, _ = cycle.begin_decision(state, params, inst, book)
    if fault != QUOTED:
        return cancel_growing(state.requests, state.desk, 0.5 * inst.size_step, actions, 0)
    _tally_exposure(state, params, now_ns)
    mid = cycle.look(state, params, inst, book, now_ns)
    x, ladder = state.inputs, state.ladder
    touch_bps = max(depth_bps(price_of(inst, book.top.best_bid), mid, 1), 0.0)
    foreseen = _forecast(state, params, inst, touch_bps)
    limits = post_only_ticks(inst, book.top.best_bid, book.top.best_ask)
    ladder.bid.sign, ladder.ask.sign = 1, -1
    read_intensities(ladder, x)
    if now_ns >= state.session.first_book_ns + params.quoting.warmup_ns:
        _place(ladder.bid, params, x, inst, book, foreseen, limits[0], now_ns)
        _place(ladder.ask, params, x, inst, book, foreseen, limits[1], now_ns)
    look_at_queues(state.desk, book, inst, mid, params.ladder.queue_aware)
    n = reconcile(state.requests, params.reconcile, inst, state.desk, ladder, x, 0.0, 0.0, np.inf, actions, 0)
    queues = params.ladder.queue_aware
    watch_orders(state.estimators.own_watch, state.desk, ladder, book, inst, mid, queues, now_ns)
    return n


def make_probes(
    config: Config,
    instrument: Instrument,
    *,
    deepest_bps: float,
    lot_usd: float,
    horizon_s: float = 10.0,
    renew_s: float = 30.0,
    from_ns: int = 0,
    seed: int = 1,
) -> Maker:
    """Probes of `lot_usd` down to `deepest_bps`, forecast over `horizon_s`; tallied from `from_ns` on."""
    for name, value in (("deepest_bps", deepest_bps), ("horizon_s", horizon_s), ("renew_s", renew_s)):
        if not 0.0 < value < np.inf:
            raise ValueError(f"probes: {name} = {value} must be positive")
    if lot_usd < instrument.min_notional:
        raise ValueError(
            f"probes: lot_usd = {lot_usd:g} is below the minimum order, {instrument.min_notional:g}"
        )
    base = undertow_params(config, instrument)
    params, state, start = new_record(PROBE_PARAMS), new_record(PROBE_STATE), new_state(base)
    for name in _PARAMS:
        params[name] = base[name]
    for name in _STATES:
        state[name] = start[name]
    probe = params.probe
    probe.deepest_bps, probe.lot_usd, probe.horizon_s = deepest_bps, lot_usd, horizon_s
    probe.renew_ns, probe.from_ns, probe.seed = s_to_ns(renew_s), from_ns, seed
    return Maker(
        name="probes",
        state=state,
        params=params,
        on_book=cycle.on_book,
        on_trade=cycle.on_trade,
        on_fill=on_fill,
        on_ack=cycle.on_ack,
        on_funding=cycle.on_funding,
        on_timer=on_timer,
        observe=cycle.observe,
    )
