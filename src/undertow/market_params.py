"""`MarketParams`: everything the maker believes of its market at a moment, read-only, by group.

`market_params` reads a `kernel.state.STATE` record and changes nothing. Numbers are those the quotes were
made from (`INPUTS`, `RISK`, `RESERVATION` of the last decision) or, where nothing is priced by them, those
of the estimators, as of the maker's own clock. Units stand in the names: bps, seconds, lots; κ is in
1/bp. A number that is not known (a silent estimator) is None; every signed feature is bullish when positive.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from undertow.instrument import Instrument
from undertow.kernel.belief import believed_drift
from undertow.kernel.book_shape import usual_spread_bps
from undertow.kernel.covariance import correlation_interval, kappa_sigma_correlation
from undertow.kernel.cross import basis_change_bps, lead_bps, reference_confidence
from undertow.kernel.flow_horizons import smoothed_imbalance
from undertow.kernel.funding import funding_forecast
from undertow.kernel.funding_view import funding_score
from undertow.kernel.hawkes import hawkes_excess
from undertow.kernel.intensity import kappa_interval
from undertow.kernel.microprice import microprice_feature
from undertow.kernel.momentum import knife, momentum_bps
from undertow.kernel.reaction import reaction_s
from undertow.kernel.soft_jump import toxicity
from undertow.kernel.stochastic_volatility import sv_level, sv_leverage, sv_speed, sv_vol_of_vol
from undertow.kernel.trend import p_continuation
from undertow.kernel.volatility import excess_kurtosis, sigma_relative_error, volatility_regime
from undertow.kernel.vpin import vpin
from undertow.records import Rec

MAX_FIELDS: Final = 60

Known = float | None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the groups: immutable."""


class Volatility(Group, frozen=True, kw_only=True):
    """On the volume clock, bps/√s (docs/model.md §5)."""

    sigma_clean: float  # without jumps: prices the base spread
    sigma_total: float  # with them: noise of the drift filter
    sigma_effective: float  # prices inventory and adverse selection
    jump_ratio: float  # RV/BV at the medium half-life, ≥ 0; 1: no jumps
    toxicity: float  # share of returns that are jumps, π of the mixture
    log_variance_level: Known  # long-run ln of bps²/s
    log_variance_speed_per_s: float
    vol_of_vol: float  # 1/√s
    leverage: float  # correlation of returns with changes of log-variance


class Intensity(Group, frozen=True, kw_only=True):
    """Aggressor orders: λ(δ) = A·e^(−κδ) per side, as priced."""

    kappa_bid_per_bp: float
    kappa_ask_per_bp: float
    rate_bid_per_s: float  # A of sellers, who hit bids
    rate_ask_per_s: float
    aggressor_lots: float  # mean volume of one aggressor order


class Flow(Group, frozen=True, kw_only=True):
    """Who trades, and which way."""

    imbalance: float  # (buyers − sellers)/(buyers + sellers) at the flow horizon: −φ
    smoothed_imbalance: float  # by volume, seconds
    momentum_500ms_bps: Known
    knife: Known  # rising − falling knife score
    vpin: Known
    hawkes_excess_per_s: Known  # self-excited buyers − sellers


class AdverseSelection(Group, frozen=True, kw_only=True):
    """What a fill is expected to lose to the taker."""

    touch_bid_bps: float
    touch_ask_bps: float
    horizon_s: float  # at which it is read
    informed_fraction: float  # |φ|


class Belief(Group, frozen=True, kw_only=True):
    """The drift of the mid."""

    drift_bps_per_s: float
    drift_sd_bps_per_s: float
    drift_confidence: float  # 1 − P/P₀
    drift_reversion_per_s: float
    p_continuation: float  # of the trend, ½ until learned


class Book(Group, frozen=True, kw_only=True):
    """What stands near the touch."""

    microprice_offset_bps: Known  # from the mid
    imbalance_10bps: Known
    thin_book_factor: float  # on γ, 1–3
    touch_spread_bps: Known
    usual_spread_bps: Known


class Cross(Group, frozen=True, kw_only=True):
    """Other prices."""

    basis_bps: Known
    basis_change_bps: Known
    lead_bps: Known
    reference_confidence: float


class Funding(Group, frozen=True, kw_only=True):
    """What a long pays at a settlement."""

    forecast_bps: Known
    zscore: Known


class Regime(Group, frozen=True, kw_only=True):
    """Volatility against its usual size."""

    vol_ratio: float  # σ_30s/σ_300s
    excess_kurtosis: float


class Risk(Group, frozen=True, kw_only=True):
    """The reservation price and what it is made of (§2), bps from the mid."""

    reservation_bps: float
    from_drift_bps: float
    from_alphas_bps: float
    from_funding_bps: float
    from_flow_bps: float
    from_costs_bps: float  # lasting imbalance and unequal κ
    from_inventory_bps: float
    gamma_per_bp_lot: float  # γ_base
    eta_bps_per_lot: float
    inventory_reversion_per_s: float  # ρ
    reaction_s: float  # from an exchange event to an order that answers it


class Uncertainty(Group, frozen=True, kw_only=True):
    """How far the estimates may be off."""

    kappa_bid_95: tuple[float, float]  # of the market's κ, before the flow's factor
    kappa_ask_95: tuple[float, float]
    kappa_sigma_correlation: Known  # of ln κ and ln σ
    kappa_sigma_correlation_95: tuple[float, float]
    sigma_relative_error: float


class MarketParams(Group, frozen=True, kw_only=True):
    """The maker's view of its market (`market_params`)."""

    volatility: Volatility
    intensity: Intensity
    flow: Flow
    adverse_selection: AdverseSelection
    belief: Belief
    book: Book
    cross: Cross
    funding: Funding
    regime: Regime
    risk: Risk
    uncertainty: Uncertainty


def _known(value: float) -> Known:
    """None where an estimator is silent."""
    return float(value) if math.isfinite(value) else None


def field_count(kind: type[msgspec.Struct] = MarketParams) -> int:
    """How many numbers a `MarketParams` holds; a pair counts once."""
    return sum(
        field_count(f.type) if isinstance(f.type, type) and issubclass(f.type, msgspec.Struct) else 1
        for f in msgspec.structs.fields(kind)
    )


def _volatility(x: Rec, signals: Rec) -> Volatility:
    calm, loud = float(x.sigma_clean), float(x.sigma_total)
    return Volatility(
        sigma_clean=calm,
        sigma_total=loud,
        sigma_effective=float(x.sigma_effective),
        jump_ratio=(loud / calm) ** 2 if calm > 0.0 else 1.0,
        toxicity=toxicity(signals.soft_jump),
        log_variance_level=_known(sv_level(signals.stochastic)[0]),
        log_variance_speed_per_s=sv_speed(signals.stochastic)[0],
        vol_of_vol=sv_vol_of_vol(signals.stochastic)[0],
        leverage=sv_leverage(signals.stochastic)[0],
    )


def _imbalance(x: Rec) -> float:
    total = float(x.flow_rate_bid + x.flow_rate_ask)
    return float(x.flow_rate_ask - x.flow_rate_bid) / total if total > 0.0 else 0.0


def _flow(x: Rec, signals: Rec, rules: Rec, now_ns: int) -> Flow:
    return Flow(
        imbalance=_imbalance(x),
        smoothed_imbalance=smoothed_imbalance(signals.flows),
        momentum_500ms_bps=_known(momentum_bps(signals.momentum, rules.momentum, 1, now_ns)),
        knife=_known(knife(signals.momentum, rules.momentum, now_ns)),
        vpin=_known(vpin(signals.vpin)),
        hawkes_excess_per_s=_known(hawkes_excess(signals.hawkes, rules.hawkes)),
    )


def _belief(estimators: Rec, rules: Rec) -> Belief:
    mean, variance = believed_drift(estimators.belief, rules.belief)
    live = estimators.belief.live
    return Belief(
        drift_bps_per_s=mean,
        drift_sd_bps_per_s=math.sqrt(variance),
        drift_confidence=1.0 - variance / float(live.initial_variance),
        drift_reversion_per_s=float(live.theta),
        p_continuation=p_continuation(estimators.signals.trend, rules.signals.trend),
    )


def _book(x: Rec, signals: Rec, rules: Rec) -> Book:
    shape = signals["book_shape"]  # `signals.book_shape` in Python is that of an array
    return Book(
        microprice_offset_bps=_known(microprice_feature(signals.microprice, rules.microprice)),
        imbalance_10bps=_known(shape.imbalance[0]),
        thin_book_factor=float(x.thin_book),
        touch_spread_bps=_known(shape.spread_bps),
        usual_spread_bps=_known(usual_spread_bps(shape)),
    )


def _cross(signals: Rec, rules: Rec, now_ns: int) -> Cross:
    cross = signals.cross
    return Cross(
        basis_bps=_known(cross.basis_bps) if cross.basis_ns > 0 else None,
        basis_change_bps=_known(basis_change_bps(cross, rules.cross, now_ns)),
        lead_bps=_known(lead_bps(cross, rules.cross, now_ns)),
        reference_confidence=reference_confidence(cross),
    )


def _risk(state: Rec) -> Risk:
    r, risk = state.reservation, state.risk
    return Risk(
        reservation_bps=float(r.offset_bps),
        from_drift_bps=float(r.drift_bps),
        from_alphas_bps=float(r.alpha_bps),
        from_funding_bps=float(r.funding_bps),
        from_flow_bps=float(r.flow_bps),
        from_costs_bps=float(r.cost_bps + r.response_bps),
        from_inventory_bps=float(r.inventory_bps),
        gamma_per_bp_lot=float(risk.gamma_base),
        eta_bps_per_lot=float(risk.eta),
        inventory_reversion_per_s=float(risk.rho),
        reaction_s=reaction_s(state.estimators.reaction),
    )


def _uncertainty(estimators: Rec, rules: Rec) -> Uncertainty:
    intensity, pair = estimators.intensity, estimators.signals.covariance
    return Uncertainty(
        kappa_bid_95=kappa_interval(intensity, rules.intensity, 0),
        kappa_ask_95=kappa_interval(intensity, rules.intensity, 1),
        kappa_sigma_correlation=_known(kappa_sigma_correlation(pair)),
        kappa_sigma_correlation_95=correlation_interval(pair, rules.signals.covariance),
        sigma_relative_error=sigma_relative_error(estimators.volatility, rules.volatility),
    )


def market_params(state: Rec, params: Rec, instrument: Instrument) -> MarketParams:
    """The view of a `STATE` record with the `PARAMS` record that made it; both are left as they are."""
    x, estimators, rules = state.inputs, state.estimators, params.estimators
    signals, inst = estimators.signals, instrument.record()
    now_ns = int(state.desk.now_ns)
    forecast = funding_forecast(estimators.funding, rules.funding, inst, now_ns)
    zscore = funding_score(estimators.funding, rules.funding, inst, now_ns)
    tail = excess_kurtosis(estimators.volatility, rules.volatility)
    return MarketParams(
        volatility=_volatility(x, signals),
        intensity=Intensity(
            kappa_bid_per_bp=float(x.kappa_bid),
            kappa_ask_per_bp=float(x.kappa_ask),
            rate_bid_per_s=float(x.rate_bid),
            rate_ask_per_s=float(x.rate_ask),
            aggressor_lots=float(x.aggressor_lots),
        ),
        flow=_flow(x, signals, rules.signals, now_ns),
        adverse_selection=AdverseSelection(
            touch_bid_bps=float(x.as_touch_bid),
            touch_ask_bps=float(x.as_touch_ask),
            horizon_s=float(state.risk.horizon_s),
            informed_fraction=abs(_imbalance(x)),
        ),
        belief=_belief(estimators, rules),
        book=_book(x, signals, rules.signals),
        cross=_cross(signals, rules.signals, now_ns),
        funding=Funding(
            forecast_bps=_known(1e4 * forecast),
            zscore=_known(zscore),
        ),
        regime=Regime(
            vol_ratio=volatility_regime(estimators.volatility, rules.volatility),
            excess_kurtosis=tail,
        ),
        risk=_risk(state),
        uncertainty=_uncertainty(estimators, rules),
    )


def as_dict(view: MarketParams) -> dict[str, Any]:
    """Plain data, as in ``undertow replay --json``."""
    built: dict[str, Any] = msgspec.to_builtins(view)
    return built
