"""Everything that may foretell the mid but prices nothing by itself: one record, one verb per event.

`estimators` calls these verbs with what it has seen; `signals_cycle` writes the FEATURES of
`kernel.features` once per quote cycle, hot ones every time, warm and cold ones when they are due. Which
of them enter the belief, and how strongly, calibration decides (`kernel.belief`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from undertow.compiled import compiled
from undertow.events import FUNDING_RATE, OPEN_INTEREST, ORACLE, REFERENCE
from undertow.instrument import tick_near
from undertow.kernel.book_shape import BOOK_SHAPE, BOOK_SHAPE_PARAMS, book_shape_params, init_book_shape
from undertow.kernel.covariance import COVARIANCE, COVARIANCE_PARAMS, covariance_look, covariance_params
from undertow.kernel.cross import (
    CROSS,
    CROSS_PARAMS,
    basis_change_bps,
    cross_funding_rate,
    cross_gap,
    cross_look,
    cross_open_interest,
    cross_params,
    cross_reference,
    cross_spot,
    init_cross,
    lead_bps,
    open_interest_signal,
    reference_gap_bps,
)
from undertow.kernel.features import COLD, FEATURE_NAMES, FEATURES, N_FEATURES, WARM
from undertow.kernel.flow_horizons import (
    FLOW_FAST,
    FLOW_HORIZONS,
    FLOW_HORIZONS_PARAMS,
    FLOW_SLOW,
    flow_horizons_advance,
    flow_horizons_order,
    flow_horizons_params,
    order_imbalance,
)
from undertow.kernel.hawkes import (
    HAWKES,
    HAWKES_PARAMS,
    hawkes_advance,
    hawkes_excess,
    hawkes_order,
    hawkes_params,
)
from undertow.kernel.microprice import (
    MICROPRICE,
    MICROPRICE_PARAMS,
    init_microprice,
    microprice_feature,
    microprice_gap,
    microprice_look,
    microprice_params,
)
from undertow.kernel.momentum import (
    MOMENTUM,
    MOMENTUM_PARAMS,
    knife,
    momentum_bps,
    momentum_gap,
    momentum_look,
    momentum_params,
)
from undertow.kernel.queue_time import QUEUE_TIME, QUEUE_TIME_PARAMS, queue_time_params, queue_time_print
from undertow.kernel.size_shift import (
    SIZE_SHIFT,
    SIZE_SHIFT_PARAMS,
    size_shift,
    size_shift_advance,
    size_shift_order,
    size_shift_params,
)
from undertow.kernel.soft_jump import (
    SOFT_JUMP,
    SOFT_JUMP_PARAMS,
    init_soft_jump,
    soft_jump_params,
    soft_jump_tick,
)
from undertow.kernel.stochastic_volatility import (
    STOCHASTIC_VOLATILITY,
    STOCHASTIC_VOLATILITY_PARAMS,
    init_stochastic_volatility,
    stochastic_volatility_gap,
    stochastic_volatility_params,
    stochastic_volatility_tick,
)
from undertow.kernel.sweeps import (
    SWEEPS,
    SWEEPS_PARAMS,
    sweep_score,
    sweeps_advance,
    sweeps_order,
    sweeps_params,
)
from undertow.kernel.trend import (
    TREND,
    TREND_PARAMS,
    init_trend,
    trend_continuation,
    trend_gap,
    trend_look,
    trend_params,
    trend_see,
)
from undertow.kernel.vpin import (
    VPIN,
    VPIN_PARAMS,
    init_vpin,
    vpin_advance,
    vpin_order,
    vpin_params,
    vpin_signed,
)
from undertow.records import Rec, new_record

SIGNALS: Final = np.dtype(
    [
        ("soft_jump", SOFT_JUMP),
        ("hawkes", HAWKES),
        ("momentum", MOMENTUM),
        ("sweeps", SWEEPS),
        ("size_shift", SIZE_SHIFT),
        ("vpin", VPIN),
        ("flows", FLOW_HORIZONS),
        ("stochastic", STOCHASTIC_VOLATILITY),
        ("covariance", COVARIANCE),
        ("book_shape", BOOK_SHAPE),
        ("queue", QUEUE_TIME),
        ("microprice", MICROPRICE),
        ("trend", TREND),
        ("cross", CROSS),
        ("features", FEATURES),
    ],
    align=True,
)

SIGNAL_PARAMS: Final = np.dtype(
    [
        ("soft_jump", SOFT_JUMP_PARAMS),
        ("hawkes", HAWKES_PARAMS),
        ("momentum", MOMENTUM_PARAMS),
        ("sweeps", SWEEPS_PARAMS),
        ("size_shift", SIZE_SHIFT_PARAMS),
        ("vpin", VPIN_PARAMS),
        ("flows", FLOW_HORIZONS_PARAMS),
        ("stochastic", STOCHASTIC_VOLATILITY_PARAMS),
        ("covariance", COVARIANCE_PARAMS),
        ("book_shape", BOOK_SHAPE_PARAMS),
        ("queue", QUEUE_TIME_PARAMS),
        ("microprice", MICROPRICE_PARAMS),
        ("trend", TREND_PARAMS),
        ("cross", CROSS_PARAMS),
        ("pace_cycles", "<i8", (3,)),  # hot, warm, cold: a feature is looked at every so many cycles
    ],
    align=True,
)

_FACTORIES: Final[dict[str, Any]] = {
    "soft_jump": soft_jump_params,
    "hawkes": hawkes_params,
    "momentum": momentum_params,
    "sweeps": sweeps_params,
    "size_shift": size_shift_params,
    "vpin": vpin_params,
    "flows": flow_horizons_params,
    "stochastic": stochastic_volatility_params,
    "covariance": covariance_params,
    "book_shape": book_shape_params,
    "queue": queue_time_params,
    "microprice": microprice_params,
    "trend": trend_params,
    "cross": cross_params,
}


def signal_params(*, pace_cycles: tuple[int, int, int] = (1, 2, 5), **records: Rec) -> Rec:
    """Parameters of all signals; `records` replaces the defaults by name (``hawkes=hawkes_params(…)``).

    `pace_cycles`: hot, warm and cold features are looked at every so many cycles.
    """
    unknown = sorted(set(records) - set(_FACTORIES))
    if unknown:
        raise ValueError(f"no signal named {', '.join(unknown)}; known: {', '.join(_FACTORIES)}")
    if min(pace_cycles) < 1:
        raise ValueError(f"signals: pace_cycles = {pace_cycles} must be at least 1 each")
    rec = new_record(SIGNAL_PARAMS)
    for name, factory in _FACTORIES.items():
        rec[name] = records[name] if name in records else factory()
    rec["pace_cycles"] = pace_cycles
    return rec


def init_signals(state: Rec, params: Rec) -> None:
    """Start every signal, every feature silent."""
    init_soft_jump(state["soft_jump"], params["soft_jump"])
    init_vpin(state["vpin"], params["vpin"])
    init_stochastic_volatility(state["stochastic"], params["stochastic"])
    init_book_shape(state["book_shape"], params["book_shape"])
    init_microprice(state["microprice"], params["microprice"])
    init_trend(state["trend"], params["trend"])
    init_cross(state["cross"], params["cross"])
    state["features"]["value"] = np.nan


@compiled
def signals_tick(state: Rec, params: Rec, return_bps: float, duration_s: float) -> None:
    """A tick of the volume clock."""
    soft_jump_tick(state.soft_jump, params.soft_jump, return_bps, duration_s)
    stochastic_volatility_tick(state.stochastic, params.stochastic, return_bps, duration_s)


@compiled
def signals_gap(state: Rec, params: Rec, seconds: float) -> None:
    """The feed was silent for `seconds` or lost messages."""
    stochastic_volatility_gap(state.stochastic, params.stochastic, seconds)
    momentum_gap(state.momentum)
    microprice_gap(state.microprice)
    trend_gap(state.trend)
    cross_gap(state.cross)


@compiled
def signals_order(
    state: Rec, params: Rec, index: int, qty: float, levels: int, px: float, now_ns: int
) -> None:
    """An aggressor order of `qty` that hit side `index` and crossed `levels` prices down to `px`."""
    hawkes_order(state.hawkes, params.hawkes, index, now_ns)
    sweeps_order(state.sweeps, params.sweeps, index, qty, levels, now_ns)
    size_shift_order(state.size_shift, params.size_shift, index, qty, now_ns)
    vpin_order(state.vpin, params.vpin, index, qty, px, now_ns)
    flow_horizons_order(state.flows, params.flows, index, qty, now_ns)


@compiled
def signals_print(state: Rec, params: Rec, inst: Rec, row: Rec, best_bid: int, best_ask: int) -> None:
    """A TRADE row, with the touch in ticks before it: what it took there."""
    if row.side == 0 or not (0.0 < row.px < np.inf and 0.0 < row.qty < np.inf):
        return
    tick = tick_near(inst, row.px)
    queue_time_print(
        state.queue, params.queue, row.side, row.exch_ns, row.recv_ns, tick, row.qty, best_bid, best_ask
    )


@compiled
def signals_look(state: Rec, params: Rec, now_ns: int, mid: float) -> None:
    """The mid at a book message."""
    momentum_look(state.momentum, params.momentum, now_ns, mid)
    trend_see(state.trend, params.trend, now_ns, mid)
    cross_look(state.cross, params.cross, now_ns, mid)


@compiled
def signals_other(state: Rec, params: Rec, inst: Rec, row: Rec) -> None:
    """Rows of other prices: reference asset 1, the oracle as a spot price, funding, open interest."""
    if row.kind == REFERENCE:
        if row.asset == 1:
            cross_reference(state.cross, params.cross, row.recv_ns, row.px)
    elif row.kind == ORACLE:
        cross_spot(state.cross, params.cross, row.recv_ns, row.px)
    elif row.kind == OPEN_INTEREST:
        cross_open_interest(state.cross, params.cross, row.recv_ns, row.qty)
    elif row.kind == FUNDING_RATE:
        interval_s = inst.funding_interval_ns * 1e-9
        cross_funding_rate(state.cross, params.cross, row.recv_ns, row.qty, interval_s)


_AT: Final = {name: i for i, name in enumerate(FEATURE_NAMES)}
_BOOK_IMBALANCE: Final = _AT["book_imbalance_10"]
_GRADIENT: Final = _AT["book_gradient"]
_CHANGE: Final = _AT["book_imbalance_change"]
_TOUCH: Final = _AT["touch_imbalance"]
_MICROPRICE: Final = _AT["microprice"]
_MOMENTUM: Final = _AT["momentum_100"]
_KNIFE: Final = _AT["knife"]
_SWEEP: Final = _AT["sweep"]
_FLOW_FAST: Final = _AT["flow_fast"]
_FLOW_SLOW: Final = _AT["flow_slow"]
_HAWKES: Final = _AT["hawkes"]
_SIZE_SHIFT: Final = _AT["size_shift"]
_VPIN: Final = _AT["vpin"]
_BASIS_CHANGE: Final = _AT["basis_change"]
_TREND: Final = _AT["trend"]
_AGREEMENT: Final = _AT["trend_agreement"]
_CONTINUATION: Final = _AT["trend_continuation"]
_REFERENCE_GAP: Final = _AT["reference_gap"]
_LEAD: Final = _AT["lead"]
_OPEN_INTEREST: Final = _AT["open_interest"]
_FUNDING: Final = _AT["funding"]


@compiled
def _hot(state: Rec, params: Rec, now_ns: int, mid: float, sigma: float, lot_qty: float) -> None:
    """Features of the book, of momentum, sweeps and the reference."""
    shape, value = state.book_shape, state.features.value
    for k in range(3):
        value[_BOOK_IMBALANCE + k] = shape.imbalance[k]
        value[_MOMENTUM + k] = momentum_bps(state.momentum, params.momentum, k, now_ns)
    value[_GRADIENT], value[_CHANGE] = shape.gradient, shape.change
    value[_TOUCH] = shape.touch_imbalance
    flow_horizons_advance(state.flows, params.flows, now_ns)
    flow = order_imbalance(state.flows, params.flows, FLOW_FAST)
    microprice_look(
        state.microprice,
        params.microprice,
        now_ns,
        mid,
        0.5 * shape.spread_bps,
        shape.touch_imbalance,
        shape.imbalance[0],
        flow,
    )
    value[_MICROPRICE] = microprice_feature(state.microprice, params.microprice)
    value[_KNIFE] = knife(state.momentum, params.momentum, now_ns)
    sweeps_advance(state.sweeps, params.sweeps, now_ns)
    value[_SWEEP] = sweep_score(state.sweeps, lot_qty)
    value[_REFERENCE_GAP] = reference_gap_bps(state.cross, params.cross, now_ns)
    trend_look(state.trend, params.trend, now_ns, mid, sigma)


@compiled
def _warm(state: Rec, params: Rec, now_ns: int) -> None:
    """Features of the flow, the basis and the trend."""
    value = state.features.value
    hawkes_advance(state.hawkes, params.hawkes, now_ns)
    size_shift_advance(state.size_shift, params.size_shift, now_ns)
    vpin_advance(state.vpin, params.vpin, now_ns)
    value[_FLOW_FAST] = order_imbalance(state.flows, params.flows, FLOW_FAST)
    value[_FLOW_SLOW] = order_imbalance(state.flows, params.flows, FLOW_SLOW)
    value[_HAWKES] = hawkes_excess(state.hawkes, params.hawkes)
    value[_SIZE_SHIFT] = size_shift(state.size_shift, params.size_shift)
    value[_VPIN] = vpin_signed(state.vpin)
    value[_BASIS_CHANGE] = -basis_change_bps(state.cross, params.cross, now_ns)
    value[_TREND], value[_AGREEMENT] = state.trend.rate, state.trend.agreement
    value[_CONTINUATION] = trend_continuation(state.trend, params.trend)


@compiled(trunk=True)
def signals_cycle(
    state: Rec,
    params: Rec,
    now_ns: int,
    mid: float,
    sigma: float,
    kappa: float,
    lot_qty: float,
    funding_feature: float,
) -> None:
    """Once per quote cycle, after `book_shape_look`: write the features that are due.

    `sigma` σ_total in bps/√s, `kappa` the mean κ of both sides (1/bp), `funding_feature` −z of funding.
    """
    features = state.features
    _hot(state, params, now_ns, mid, sigma, lot_qty)
    if features.cycles % params.pace_cycles[WARM] == 0:
        _warm(state, params, now_ns)
    if features.cycles % params.pace_cycles[COLD] == 0:
        features.value[_LEAD] = lead_bps(state.cross, params.cross, now_ns)
        features.value[_OPEN_INTEREST] = open_interest_signal(state.cross, params.cross, now_ns, sigma)
        features.value[_FUNDING] = funding_feature
        covariance_look(state.covariance, params.covariance, now_ns, kappa, sigma)
    features.cycles += 1


assert len(_AT) == N_FEATURES
