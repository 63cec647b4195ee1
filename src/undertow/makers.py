"""Configuration in, a maker ready to run out; and what the maker says of its own ladder."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from undertow.baselines.avellaneda import make_avellaneda
from undertow.baselines.avellaneda_records import AvellanedaSettings
from undertow.baselines.glft_grid import GlftGridSettings, make_glft_grid
from undertow.baselines.six_gate import make_six_gate
from undertow.baselines.six_gate_rules import SixGateSettings
from undertow.baselines.symmetric import SymmetricSettings, make_symmetric
from undertow.calibration import Calibration, to_belief_params
from undertow.calibration import read as read_calibration
from undertow.config import Config
from undertow.instrument import Instrument, price_of
from undertow.kernel import cycle
from undertow.kernel.allowance import REDUCING_SCARCITY, allowance_params
from undertow.kernel.belief import belief_params
from undertow.kernel.clock import clock_params
from undertow.kernel.estimators import estimator_params
from undertow.kernel.eta import gamma_sigma2_of_half_life, shortest_half_life_s
from undertow.kernel.features import FEATURE_NAMES
from undertow.kernel.flow import flow_params
from undertow.kernel.funding import funding_params
from undertow.kernel.intensity import intensity_params
from undertow.kernel.ladder import MAX_LEVELS, QUOTED, REASON_NAMES
from undertow.kernel.markout import markout_params
from undertow.kernel.own_intensity import own_intensity_params
from undertow.kernel.scorecard import scorecard_params
from undertow.kernel.signals import signal_params
from undertow.kernel.state import PARAMS, new_state
from undertow.kernel.volatility import volatility_params
from undertow.maker import Maker
from undertow.records import Rec, new_record
from undertow.units import ms_to_ns, s_to_ns

WARMUP_S = 30.0
"""From the first book until both sides quote: long enough for the priors to be outweighed."""

MAX_BOOK_AGE_S = 30.0
FILLS_HALF_LIFE_S = 60.0
VARIANCE_HALF_LIFE_S = 3600.0
"""Paces at which a solved γ follows the market: fill rates and costs, and the variance (§2)."""

LEAST_QUOTED_BPS = 0.5
OWN_PRIOR_FILLS = 10.0
"""How many own fills the market's fit of Λ is worth."""
SHIPPED: Final = Path(__file__).parent / "calibrations"
"""Calibrations that come with the generated markets' presets, fitted on seeds of their own."""


def undertow_params(
    config: Config,
    instrument: Instrument,
    *,
    gamma: float = 0.0,
    warmup_s: float = WARMUP_S,
    max_book_age_s: float = MAX_BOOK_AGE_S,
) -> Rec:
    """A `kernel.state.PARAMS` record for `config` on `instrument`.

    `gamma` > 0 fixes γ_base, 1/(bp·lot), instead of solving it from ``risk.kappa_eta_base`` or
    ``risk.half_life_s``. Raises ValueError where values do not fit each other.
    """
    _check(config, instrument, gamma, warmup_s)
    params = new_record(PARAMS)
    params["estimators"] = _estimators(config, instrument, calibration_of(config))
    params["score"] = scorecard_params()
    risk = params.risk
    risk.gamma = gamma
    risk.kappa_eta_base = config.risk.kappa_eta_base
    risk.half_life_s = config.risk.half_life_s or 0.0
    risk.fills_half_life_s = FILLS_HALF_LIFE_S
    risk.variance_half_life_s = VARIANCE_HALF_LIFE_S
    risk.beta = config.risk.inventory_beta
    risk.thin_book = config.risk.thin_book
    risk.taking = config.risk.taking
    risk.q_max_lots = config.risk.q_max_lots
    risk.lot_usd = config.risk.lot_usd
    params.ladder.levels = config.ladder.levels
    params.ladder.gap_multiple[:] = gap_multiples(config.ladder.first_gap, config.ladder.spacing_ratio)
    params.ladder.expected_pnl = config.ladder.expected_pnl
    params.ladder.queue_aware = config.ladder.queue_aware
    params.ladder.request_price = config.ladder.request_price_bps_lots
    lean = params.lean
    lean.use_drift, lean.use_carry = config.belief.price, config.funding.carry
    lean.flow_sensitivity = config.flow.sensitivity
    lean.informed_weight = config.adverse_selection.informed_weight
    quoting = params.quoting
    quoting.event_driven = config.quoting.mode == "event"
    quoting.min_interval_ns = ms_to_ns(config.quoting.min_interval_ms)
    quoting.move_bps = config.quoting.event_move_bps
    quoting.warmup_ns = s_to_ns(warmup_s)
    quoting.max_book_age_ns = s_to_ns(max_book_age_s)
    params.reconcile.price_tolerance_bps = config.quoting.price_tolerance_bps
    params.reconcile.size_tolerance = config.quoting.size_tolerance
    params.reconcile.max_requests = config.quoting.max_requests_per_cycle
    params.reconcile.by_value = config.ladder.expected_pnl
    params.reconcile.most_reducing = REDUCING_SCARCITY * config.ladder.request_price_bps_lots
    params["allowance"] = allowance_params(
        stock=config.quoting.request_budget,
        request_price=config.ladder.request_price_bps_lots,
        prior_life_s=config.ladder.resting_life_s,
    )
    return params


def _check(config: Config, instrument: Instrument, gamma: float, warmup_s: float) -> None:
    if config.risk.lot_usd < instrument.min_notional:
        raise ValueError(
            f"risk.lot_usd = {config.risk.lot_usd:g} is below the minimum order of {instrument.name}, "
            f"{instrument.min_notional:g}: raise risk.lot_usd"
        )
    if gamma != 0.0 and not 1e-6 <= gamma <= 1.0:
        raise ValueError(f"gamma = {gamma:g} must lie in 1e-6 to 1 per bp and lot (or 0: solve it)")
    if not 0.0 <= warmup_s <= 60.0:
        raise ValueError(f"warmup_s = {warmup_s:g} must lie in 0 to 60")


def _estimators(config: Config, instrument: Instrument, calibration: Calibration | None) -> Rec:
    """The parameters of everything that measures."""
    volatility, intensity, drift = config.volatility, config.intensity, config.drift
    theta = drift.reversion_per_s if calibration is None else calibration.drift.theta_per_s
    return estimator_params(
        clock=clock_params(share=volatility.bucket_share),
        volatility=volatility_params(
            half_life_ticks=volatility.half_lives_ticks,
            windows_s=volatility.regime_windows_s,
            regime_power=volatility.regime_exponent,
            prior_sigma_bps_per_sqrt_s=volatility.prior_bps_per_sqrt_s,
        ),
        intensity=intensity_params(
            window_s=intensity.window_s,
            quoted_bps=max(instrument.maker_fee_bps, LEAST_QUOTED_BPS),
            prior_orders=intensity.prior_count,
            cold_kappa_per_bp=intensity.prior_kappa_per_bp,
            cold_rate_per_s=intensity.prior_rate_per_s,
            prior_aggressor_lots=intensity.aggressor_lots,
        ),
        own_intensity=own_intensity_params(
            pivot_bps=max(instrument.maker_fee_bps, LEAST_QUOTED_BPS),
            prior_fills=OWN_PRIOR_FILLS,
            level_prior_fills=OWN_PRIOR_FILLS,
            used=intensity.own_fills,
        ),
        flow=flow_params(
            decay_per_s=config.flow.decay_per_s,
            prior_orders=config.flow.prior_orders,
            prior_rate_per_s=intensity.prior_rate_per_s,
            bound=max(config.flow.max_imbalance, 1e-9),
        ),
        markout=markout_params(
            prior_sigma_bps_per_sqrt_s=volatility.prior_bps_per_sqrt_s,
            k_tail=config.adverse_selection.k_tail,
            caution=config.adverse_selection.caution,
            alpha_decay_per_s=_alpha_decay(calibration),
            regime_s=volatility.regime_windows_s[1],
            theta_per_s=theta,
        ),
        funding=funding_params(settlements=config.funding.settlements),
        signals=signal_params(pace_cycles=config.belief.pace_cycles),
        belief=_belief(config, calibration),
    )


def calibration_of(config: Config) -> Calibration | None:
    """The calibration that ``belief.calibration`` names: a file or a shipped preset's; None for none.

    ``auto`` names nothing by itself: who knows the market resolves it (`with_calibration`).
    """
    name = config.belief.calibration
    if name in ("auto", "none"):
        return None
    shipped = SHIPPED / f"{name}.json"
    return read_calibration(shipped if shipped.is_file() else Path(name))


def with_calibration(config: Config, preset: str | None) -> Config:
    """`config` with ``belief.calibration = "auto"`` resolved: the shipped one of `preset`, or none."""
    if config.belief.calibration != "auto":
        return config
    found = preset is not None and (SHIPPED / f"{preset}.json").is_file()
    belief = msgspec.structs.replace(config.belief, calibration=preset if found else "none")
    return msgspec.structs.replace(config, belief=belief)


def _alpha_decay(calibration: Calibration | None) -> float:
    """One decay for what the alphas of a calibration expect in all, weighted by their rates; 1/s."""
    if calibration is None or not calibration.alphas:
        return 1.0
    rates = [sum(abs(v) for v in a.loadings.values()) for a in calibration.alphas]
    moves = [rate / a.decay_per_s for rate, a in zip(rates, calibration.alphas, strict=True)]
    return float(sum(rates) / sum(moves))


def _without(config: Config) -> tuple[str, ...]:
    """The features that ``belief.without`` switches off."""
    named = config.belief.without
    unknown = sorted(set(named) - set(FEATURE_NAMES) - {"all"})
    if unknown:
        raise ValueError(f"belief.without: no feature {unknown[0]!r}; there are: {', '.join(FEATURE_NAMES)}")
    return FEATURE_NAMES if "all" in named else named


def _belief(config: Config, calibration: Calibration | None) -> Rec:
    """The belief's parameters: those of a calibration file, or of ``[drift]`` alone."""
    drift, belief = config.drift, config.belief
    changes: dict[str, Any] = {
        "initial": drift.initial_variance,
        "floor": drift.variance_floor,
        "pace_cycles": belief.pace_cycles,
        "frozen": not belief.adapt,
        "legacy": belief.legacy_drift,
    }
    if config.funding.scale is not None:
        changes["funding_scale"] = config.funding.scale
    if calibration is not None:
        return to_belief_params(calibration, without=_without(config), **changes)
    return belief_params(
        theta_per_s=drift.reversion_per_s, sigma_mu=drift.sigma_mu, without=_without(config), **changes
    )


def gap_multiples(first_gap: float, ratio: float) -> list[float]:
    """Distance of each level from the touch quote in units of 1/κ: gaps first·ratio^k, summed."""
    gaps = first_gap * np.power(ratio, np.arange(MAX_LEVELS - 1))
    return [0.0, *np.cumsum(gaps).tolist()]


def make_undertow(config: Config, instrument: Instrument, **settings: float) -> Maker:
    """The undertow maker; `settings` are the keyword arguments of `undertow_params`."""
    params = undertow_params(config, instrument, **settings)
    return Maker(
        name="undertow",
        state=new_state(params),
        params=params,
        on_book=cycle.on_book,
        on_trade=cycle.on_trade,
        on_fill=cycle.on_fill,
        on_ack=cycle.on_ack,
        on_funding=cycle.on_funding,
        on_timer=cycle.on_timer,
        observe=cycle.observe,
    )


def make_glft(config: Config, instrument: Instrument) -> Maker:
    """The GLFT grid of ``[glft_grid]``, with the lot, position limit, levels and clock of the others."""
    settings = GlftGridSettings(
        **msgspec.structs.asdict(config.glft_grid),
        order_usd=config.risk.lot_usd,
        max_orders=config.risk.q_max_lots,
        levels=config.ladder.levels,
        cycle_s=config.quoting.interval_ms * 1e-3,
    )
    return make_glft_grid(instrument, settings)


def make_plain(config: Config, instrument: Instrument) -> Maker:
    """The symmetric ladder of ``[symmetric]``, with the lot, position limit and levels of the others."""
    settings = SymmetricSettings(
        **msgspec.structs.asdict(config.symmetric),
        order_usd=config.risk.lot_usd,
        max_position_usd=config.risk.lot_usd * config.risk.q_max_lots,
        levels=config.ladder.levels,
    )
    return make_symmetric(instrument, settings)


def make_hummingbot(config: Config, instrument: Instrument) -> Maker:
    """Hummingbot's Avellaneda-Stoikov of ``[avellaneda]``, with the lot and position limit of the others."""
    settings = AvellanedaSettings(
        **msgspec.structs.asdict(config.avellaneda),
        order_usd=config.risk.lot_usd,
        max_position_usd=config.risk.lot_usd * config.risk.q_max_lots,
    )
    return make_avellaneda(instrument, settings)


def make_old(config: Config, instrument: Instrument) -> Maker:
    """The six-gate maker of ``[six_gate]``, with the lot, position limit and levels of the others."""
    given = msgspec.structs.asdict(config.six_gate)
    for ours, theirs in (("drift_clamp", "clamp"), ("toxicity_size_cut", "size_cut"), ("quote_gate", "gate")):
        given[theirs] = given.pop(ours)
    settings = SixGateSettings(
        **given,
        order_usd=config.risk.lot_usd,
        max_orders=config.risk.q_max_lots,
        levels=config.ladder.levels,
    )
    return make_six_gate(instrument, settings)


MAKERS: Final[dict[str, Callable[[Config, Instrument], Maker]]] = {
    "undertow": make_undertow,
    "glft": make_glft,
    "symmetric": make_plain,
    "avellaneda": make_hummingbot,
    "six-gate": make_old,
}


def make(name: str, config: Config, instrument: Instrument) -> Maker:
    """The maker called `name` (a key of `MAKERS`), all with the same lot, limits and clock.

    Raises ValueError naming the makers there are, or the values that do not fit each other.
    """
    if name not in MAKERS:
        raise ValueError(f"no maker {name!r}; there are: {', '.join(MAKERS)}")
    return MAKERS[name](config, instrument)


def make_recorded(name: str, config: Config, instrument: Instrument) -> Maker:
    """The maker whose own name (`undertow.maker.Maker.name`) is `name`, as recorded sessions note it.

    Raises ValueError where there is none: a maker of somebody's own.
    """
    for make_one in MAKERS.values():
        maker = make_one(config, instrument)
        if maker.name == name:
            return maker
    raise ValueError(f"no maker calls itself {name!r}: a session of a maker of your own is rerun from Python")


def gamma_of_half_life(
    half_life_s: float, *, fill_slope: float, kappa_per_bp: float, aggressor_lots: float, sigma: float
) -> float:
    """γ_base for which inventory halves in `half_life_s` (docs/model.md §2), 1/(bp·lot).

    `fill_slope` is S₂ in 1/(bp·s), `sigma` in bps/√s. Raises ValueError where no γ can: however
    averse to risk, a maker cannot work inventory off faster than S₂/κ.
    """
    gs2 = gamma_sigma2_of_half_life(half_life_s, fill_slope, kappa_per_bp, aggressor_lots)
    if math.isnan(gs2):
        shortest = shortest_half_life_s(fill_slope, kappa_per_bp)
        raise ValueError(
            f"half_life_s = {half_life_s:g} cannot be reached: at these fill rates the shortest is "
            f"above {shortest:.3g} s; raise half_life_s or set kappa_eta_base instead"
        )
    return float(gs2 / sigma**2)


def ladder_lines(state: Rec, instrument: Instrument) -> list[str]:
    """The wanted ladder as text, one line a level: price and size, or why it is empty.

    >>> ladder_lines(state, instrument)  # doctest: +SKIP
    ['bid 1  109871.0 x 0.00091  value 0.31', 'bid 2  109866.0  margin -1.3', ...]
    """
    inst = instrument.record()
    lines = []
    for name, rungs in (("bid", state.ladder.bid), ("ask", state.ladder.ask)):
        for k in range(int(rungs.levels)):
            reason, value = int(rungs.reason[k]), float(rungs.reason_value[k])
            if reason == QUOTED:
                what = f"{price_of(inst, int(rungs.tick[k])):.12g} x {rungs.qty[k]:.12g}  earns {value:.3g}"
            else:
                what = f"{REASON_NAMES[reason]} {value:.3g}"
            lines.append(f"{name} {k + 1}  {what}")
    return lines
