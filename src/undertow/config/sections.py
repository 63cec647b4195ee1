"""Everything that can be configured, with units, defaults and ranges."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta

from undertow.config.live_sections import Alerts, Live, Log, Metrics, Rollout
from undertow.config.section import Section, between

HalfLife = Annotated[float, Meta(gt=0, description="half-life of inventory, s; overrides kappa_eta_base")]


class Risk(Section, frozen=True, kw_only=True):
    """Size and risk appetite (docs/model.md §2)."""

    lot_usd: Annotated[float, between(1, 1e7, "base order size, USD of notional")] = 100.0
    q_max_lots: Annotated[float, between(1, 1e4, "largest position, lots")] = 12.0
    kappa_eta_base: Annotated[
        float, between(0.02, 0.6, "κη at flat inventory, per lot: sets γ_base; closed forms hold to .6")
    ] = 0.2
    half_life_s: HalfLife | None = None
    thin_book: Annotated[
        bool, Meta(description="γ × clip(√(usual/near liquidity), 1, 3): more averse while the book is thin")
    ] = True
    taking: Annotated[
        bool,
        Meta(description="take when the reservation price lies beyond the opposite touch and the taker fee"),
    ] = False
    inventory_beta: Annotated[float, between(0, 10, "β of γ(q) = γ_base·(1 + β(q/q_max)²)")] = 4.0


class Ladder(Section, frozen=True, kw_only=True):
    """Levels of each side and what a request must earn (§3, §7)."""

    levels: Annotated[int, between(1, 20, "levels per side")] = 6
    expected_pnl: Annotated[
        bool, Meta(description="off: one lot at every level, whatever it is expected to earn")
    ] = True
    first_gap: Annotated[float, between(0.05, 3, "gap from the touch quote to the next level, 1/κ")] = 0.3
    spacing_ratio: Annotated[float, between(1, 3, "ratio of successive gaps")] = 1.35
    request_price_bps_lots: Annotated[
        float, between(0, 1e6, "expected profit a level must earn over its life to be worth a request")
    ] = 0.01
    resting_life_s: Annotated[
        float, between(1, 3600, "life of a resting order, s: a prior worth 20 orders, then measured")
    ] = 30.0
    queue_aware: Annotated[
        bool, Meta(description="a new order's fill rate is that of the back of its level's queue")
    ] = True


class Drift(Section, frozen=True, kw_only=True):
    """The Ornstein–Uhlenbeck drift and its filter (§4)."""

    reversion_per_s: Annotated[float, between(0.005, 1, "θ, 1/s")] = 0.02
    sigma_mu: Annotated[float, between(0.0005, 0.1, "σ_μ, (bps/s)/√s")] = 0.005
    initial_variance: Annotated[float, between(1, 10, "P₀ as a multiple of the stationary variance")] = 2.0
    variance_floor: Annotated[float, between(0, 0.5, "least P as a fraction of the stationary variance")] = (
        0.08
    )


class Belief(Section, frozen=True, kw_only=True):
    """What feeds the drift posterior and the reservation price beside it (§4, §6; docs/belief.md)."""

    calibration: Annotated[
        str,
        Meta(
            description="calibration file (undertow calibrate writes one); auto: the one shipped with a "
            "generated market's preset, none for recordings; none: no features"
        ),
    ] = "auto"
    without: Annotated[
        tuple[str, ...], Meta(description="features whose loading is 0, by name; all: every one of them")
    ] = ()
    price: Annotated[bool, Meta(description="off: no drift at all in the reservation price")] = True
    legacy_drift: Annotated[
        bool, Meta(description="the estimator that was replaced (batch mean, 0.9 a cycle) instead of Kalman")
    ] = False
    adapt: Annotated[bool, Meta(description="off: θ and σ_μ stay as calibrated")] = True
    pace_cycles: Annotated[
        tuple[int, int, int], Meta(description="hot, warm, cold features: looked at every so many cycles")
    ] = (1, 2, 5)


class Flow(Section, frozen=True, kw_only=True):
    """Directional flow (§2, §5)."""

    sensitivity: Annotated[
        float, between(0, 1, "how far the side under pressure gets a lower κ and a wider quote; 0: not")
    ] = 0.5

    decay_per_s: Annotated[float, between(1e-4, 10, "λ of the flow estimator, 1/s")] = 1 / 120
    prior_orders: Annotated[float, between(0.1, 100, "orders a side φ starts from: it shrinks φ")] = 2.0
    max_imbalance: Annotated[float, between(0, 0.95, "bound on |φ|")] = 0.8


class Volatility(Section, frozen=True, kw_only=True):
    """Volatility on the volume clock (§5)."""

    half_lives_ticks: Annotated[
        tuple[float, float, float],
        Meta(description="half-lives of the fast, medium and slow EWMA, volume ticks"),
    ] = (5.0, 20.0, 100.0)
    regime_windows_s: Annotated[
        tuple[float, float], Meta(description="short and long window of the volatility regime, s")
    ] = (30.0, 300.0)
    regime_exponent: Annotated[float, between(0.3, 0.7, "ν of (σ_30s/σ_300s)^ν")] = 0.5
    prior_bps_per_sqrt_s: Annotated[float, between(0.01, 100, "σ before anything is measured, bps/√s")] = 1.0
    bucket_share: Annotated[
        float, between(1e-4, 0.2, "volume bucket as a share of trailing 5-minute volume")
    ] = 0.01


class Intensity(Section, frozen=True, kw_only=True):
    """Arrival rate and depth decay of aggressor orders (§5)."""

    window_s: Annotated[float, between(30, 7200, "rolling window, s")] = 300.0
    prior_count: Annotated[float, between(0.01, 1000, "α₀ of the Gamma prior on κ, aggressor orders")] = 1.0
    prior_kappa_per_bp: Annotated[float, between(1e-3, 100, "κ₀, 1/bp, until an hour has been seen")] = 0.2
    prior_rate_per_s: Annotated[float, between(1e-4, 100, "A per side before anything is measured, 1/s")] = (
        0.05
    )
    aggressor_lots: Annotated[float, between(0.01, 1e4, "L before it is measured, lots")] = 3.0
    own_fills: Annotated[
        bool,
        Meta(description="own fills, and the time orders rested without one, correct A and κ"),
    ] = True


class AdverseSelection(Section, frozen=True, kw_only=True):
    """Markouts and what they cost (§3)."""

    k_tail: Annotated[float, between(0.1, 0.5, "weight of excess kurtosis in AS")] = 0.3
    caution: Annotated[
        float, between(0, 3, "standard errors added to the measured loss: the winner's curse of choosing")
    ] = 1.0
    informed_weight: Annotated[
        float, between(0, 5, "AS × (1 + weight·|φ|), φ the flow imbalance: the RFC's informed fraction")
    ] = 0.0


FundingScale = Annotated[
    float, between(0, 0.1, "drift a z-score of 1 of funding speaks of, bps/s; 0: none; unset: calibrated")
]


class Funding(Section, frozen=True, kw_only=True):
    """Funding in the reservation price (§2)."""

    settlements: Annotated[int, between(1, 24, "coming settlements counted")] = 3
    carry: Annotated[bool, Meta(description="off: coming settlements are not in the reservation price")] = (
        True
    )
    scale: FundingScale | None = None


class Quoting(Section, frozen=True, kw_only=True):
    """When to quote and when an order is worth moving (§7)."""

    mode: Annotated[
        Literal["timed", "event"],
        Meta(description="decide on a timer, or when the market or the position moved"),
    ] = "timed"
    interval_ms: Annotated[float, between(1, 60_000, "time between decisions (timed), ms")] = 100.0
    min_interval_ms: Annotated[float, between(0, 60_000, "least time between decisions (event), ms")] = 20.0
    event_move_bps: Annotated[
        float, between(0, 100, "move of the mid that triggers a decision (event), bps")
    ] = 0.1
    price_tolerance_bps: Annotated[
        float, between(0, 100, "an order nearer than this to its wanted price always stays")
    ] = 0.1
    size_tolerance: Annotated[
        float, between(0, 1, "an order within this share of its wanted size always stays")
    ] = 0.25
    request_budget: Annotated[
        float, between(0, 1e9, "requests granted besides one per USD traded (§7); 0: without limit")
    ] = 10_000.0
    max_requests_per_cycle: Annotated[int, between(1, 200, "requests one decision may send")] = 24


Fee = Annotated[float, between(-10, 50, "bps of notional, negative for a rebate; unset: the recording's")]


class Fees(Section, frozen=True, kw_only=True):
    """What the account pays; unset, the fees that come with the recording."""

    maker_bps: Fee | None = None
    taker_bps: Fee | None = None


class Replay(Section, frozen=True, kw_only=True):
    """The exchange's side of a replay (docs/replay.md)."""

    order_latency_ms: Annotated[float, between(0, 60_000, "a request's way to the exchange, ms")] = 200.0
    order_jitter_ms: Annotated[float, between(0, 60_000, "mean of the exponential delay added, ms")] = 50.0
    response_latency_ms: Annotated[float, between(0, 60_000, "an answer's way back, ms")] = 200.0
    response_jitter_ms: Annotated[float, between(0, 60_000, "mean of the exponential delay added, ms")] = 50.0
    queue_model: Annotated[
        Literal["risk_averse", "power", "log", "fifo"],
        Meta(description="who leaves when displayed size vanishes without a print; fifo: order ids say it"),
    ] = "power"
    queue_power: Annotated[float, between(0.1, 20, "exponent of the power model")] = 3.0
    partial_fills: Annotated[bool, Meta(description="off: an order fills whole or not at all")] = True
    block_rule: Annotated[
        bool, Meta(description="cancels and post-only orders go before takers of the same moment")
    ] = True
    block_interval_ms: Annotated[
        float, between(0, 60_000, "requests wait for a multiple of this block time, ms; 0: they do not")
    ] = 0.0
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="seed of the latency jitter")] = 0


class GlftGrid(Section, frozen=True, kw_only=True):
    """The GLFT grid; lot, limit, levels and clock are those of [risk], [ladder] and [quoting]."""

    gamma: Annotated[float, between(1e-9, 1e3, "risk aversion per tick and order")] = 0.05
    spread_factor: Annotated[float, between(0, 1e3, "scales the half-spread")] = 1.0
    skew_factor: Annotated[float, between(0, 1e3, "scales the inventory skew")] = 0.05
    window_cycles: Annotated[int, between(10, 6000, "cycles A, k and σ are fitted over")] = 6_000
    update_cycles: Annotated[int, between(1, 1_000_000, "cycles between fits")] = 50


class Symmetric(Section, frozen=True, kw_only=True):
    """The symmetric ladder; lot, limit and levels are those of [risk] and [ladder]."""

    half_spread_bps: Annotated[float, between(0, 1000, "distance of the first order from the mid")] = 5.0
    spacing_bps: Annotated[float, between(1e-3, 1000, "distance between orders")] = 2.0
    requote_bps: Annotated[float, between(0, 1000, "a ladder further than this from its place moves")] = 0.5


class Avellaneda(Section, frozen=True, kw_only=True):
    """Hummingbot's Avellaneda-Stoikov; lot and limit are those of [risk], names and defaults its own."""

    risk_factor: Annotated[float, between(1e-9, 1e6, "γ, in 1 over quote currency")] = 1.0
    shape_factor: Annotated[float, between(0, 1, "η: adding orders shrink by e^(-η|q|)")] = 0.0
    min_spread_bps: Annotated[float, between(0, 10_000, "least distance of bid and ask")] = 0.0
    refresh_s: Annotated[float, between(0.1, 86_400, "time between refreshes of all orders, s")] = 60.0
    refresh_tolerance_bps: Annotated[
        float, between(-1000, 1000, "orders all within this of their new place stay; negative: none do")
    ] = 0.0
    filled_delay_s: Annotated[float, between(0, 86_400, "pause after an order has filled whole, s")] = 60.0
    max_order_age_s: Annotated[float, between(0.1, 86_400, "age at which an order is canceled, s")] = 1_800.0
    volatility_ticks: Annotated[int, between(2, 2000, "ticks σ is measured over")] = 200
    intensity_ticks: Annotated[int, between(1, 2000, "ticks with prints that κ is measured over")] = 200
    tick_s: Annotated[float, between(0.01, 60, "length of a tick, s")] = 1.0
    horizon_s: Annotated[float, between(0, 31_536_000, "timespan, over and over, s; 0: infinite")] = 0.0
    levels: Annotated[int, between(1, 20, "orders per side")] = 1
    level_distance_pct: Annotated[
        float, between(0, 10_000, "distance between orders, per cent of half the optimal spread")
    ] = 0.0
    jump: Annotated[bool, Meta(description="never more than one step better than the touch")] = True
    add_fees: Annotated[bool, Meta(description="move quotes outward by the maker fee")] = False
    wait_for_cancels: Annotated[bool, Meta(description="send only when every cancel is confirmed")] = True
    squared: Annotated[bool, Meta(description="the paper's σ² instead of σ")] = False
    account_multiple: Annotated[
        float, between(0.01, 1e4, "worth of the account over the position limit; q = 1 holds all of it")
    ] = 2.0


class SixGate(Section, frozen=True, kw_only=True):
    """The six-gate maker of 19 February 2026; lot, limit and levels are those of [risk] and [ladder]."""

    gamma: Annotated[float, between(1e-6, 1e3, "risk aversion per unit fraction of price: inert")] = 0.15
    prior_kappa_per_bp: Annotated[float, between(1e-3, 100, "κ injected at the start, 1/bp")] = 0.1287
    prior_prints: Annotated[float, between(1e-3, 1e6, "prints the injected κ weighs as much as")] = 100.0
    spacing_bps: Annotated[float, between(0, 1000, "distance between orders")] = 0.35
    cycle_s: Annotated[float, between(0, 3600, "time between its quote cycles, s")] = 5.5
    early_limit: Annotated[
        float, between(1, 100, "limit before the loss reduces it, as a multiple of the later one")
    ] = 17.18 / 8.57
    reduce_at_loss: Annotated[float, between(0, 1e9, "session loss that reduces the limit, USD")] = 0.28
    drift: Annotated[bool, Meta(description="move the quotes by the legacy drift")] = True
    drift_clamp: Annotated[bool, Meta(description="hold the drift within ±3 bps")] = True
    drift_inverted: Annotated[bool, Meta(description="the sign it had at the order price")] = True
    drift_gain: Annotated[float, between(0, 1000, "scale of the legacy drift")] = 2.0
    stuck_s: Annotated[float, between(0, 86400, "the drift stands at +3 bps for so long, s")] = 86.0
    toxicity_size_cut: Annotated[bool, Meta(description="cut sizes by 3 to 17 % where flow is toxic")] = True
    quote_gate: Annotated[bool, Meta(description="only the reducing side above gate_share")] = True
    gate_share: Annotated[float, between(0, 10, "share of the limit at which the gate shuts")] = 0.5
    zones: Annotated[bool, Meta(description="Yellow, Red and Kill at 60, 80 and 100 % of the limit")] = True
    signal_weight: Annotated[float, between(0, 10, "what trend adds to the gate's share: dead")] = 0.0
    smoothed_drift_weight: Annotated[float, between(0, 10, "what smoothed drift adds to drift: dead")] = 0.0


class Config(Section, frozen=True, kw_only=True):
    """Everything that can be configured, a section each."""

    risk: Risk = Risk()
    ladder: Ladder = Ladder()
    drift: Drift = Drift()
    belief: Belief = Belief()
    flow: Flow = Flow()
    volatility: Volatility = Volatility()
    intensity: Intensity = Intensity()
    adverse_selection: AdverseSelection = AdverseSelection()
    funding: Funding = Funding()
    quoting: Quoting = Quoting()
    fees: Fees = Fees()
    replay: Replay = Replay()
    glft_grid: GlftGrid = GlftGrid()
    symmetric: Symmetric = Symmetric()
    avellaneda: Avellaneda = Avellaneda()
    six_gate: SixGate = SixGate()
    live: Live = Live()
    rollout: Rollout = Rollout()
    metrics: Metrics = Metrics()
    log: Log = Log()
    alerts: Alerts = Alerts()


def kappa_eta_at_limit(risk: Risk, aggressor_lots: float) -> float:
    """κη at q = q_max that `risk` implies, per lot.

    With γσ² = S₂η²/(κη + 1/L) (docs/model.md §2) and γ(q_max) = γ_base·(1 + β), x = κη solves
    x²/(x + 1/L) = (1 + β)·x₀²/(x₀ + 1/L).
    """
    x0, inverse_l = risk.kappa_eta_base, 1.0 / aggressor_lots
    c = (1.0 + risk.inventory_beta) * x0 * x0 / (x0 + inverse_l)
    return 0.5 * (c + math.sqrt(c * c + 4.0 * c * inverse_l))


def cautions(config: Config) -> list[str]:
    """What is allowed but worth a second look, one sentence each."""
    found = []
    if config.risk.half_life_s is None:
        x = kappa_eta_at_limit(config.risk, config.intensity.aggressor_lots)
        if x > 0.6:
            found.append(
                f"[risk] inventory_beta = {config.risk.inventory_beta:g} puts κη at q_max to {x:.2f}, beyond "
                "the 0.6 to which the closed forms hold: lower inventory_beta or kappa_eta_base"
            )
    fast, medium, slow = config.volatility.half_lives_ticks
    if not fast < medium < slow:
        found.append("[volatility] half_lives_ticks should rise from fast to slow")
    return found
