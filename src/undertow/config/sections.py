"""Everything that can be configured, with units, defaults and ranges."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


def between(low: float, high: float, about: str) -> Meta:
    """A closed range for a number, with the sentence that explains it."""
    return Meta(ge=low, le=high, description=about)


HalfLife = Annotated[float, Meta(gt=0, description="half-life of inventory, s; overrides kappa_eta_base")]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: immutable, keyword-only, unknown keys refused."""


class Risk(Section, frozen=True, kw_only=True):
    """Size and risk appetite (docs/model.md §2)."""

    lot_usd: Annotated[float, between(1, 1e7, "base order size, USD of notional")] = 100.0
    q_max_lots: Annotated[float, between(1, 1e4, "largest position, lots")] = 12.0
    kappa_eta_base: Annotated[
        float, between(0.02, 0.6, "κη at flat inventory, per lot: sets γ_base; closed forms hold to .6")
    ] = 0.2
    half_life_s: HalfLife | None = None
    inventory_beta: Annotated[float, between(0, 10, "β of γ(q) = γ_base·(1 + β(q/q_max)²)")] = 4.0


class Ladder(Section, frozen=True, kw_only=True):
    """Levels of each side and what a request must earn (§3, §7)."""

    levels: Annotated[int, between(1, 20, "levels per side")] = 6
    first_gap: Annotated[float, between(0.05, 3, "gap from the touch quote to the next level, 1/κ")] = 0.3
    spacing_ratio: Annotated[float, between(1, 3, "ratio of successive gaps")] = 1.35
    request_price_bps_lots: Annotated[
        float, between(0, 1e6, "expected profit a level must earn over its life to be worth a request")
    ] = 0.01
    resting_life_s: Annotated[
        float, between(1, 3600, "expected life of a resting order, s, until measured")
    ] = 30.0


class Drift(Section, frozen=True, kw_only=True):
    """The Ornstein–Uhlenbeck drift and its filter (§4)."""

    reversion_per_s: Annotated[float, between(0.005, 1, "θ, 1/s")] = 0.02
    sigma_mu: Annotated[float, between(0.0005, 0.1, "σ_μ, (bps/s)/√s")] = 0.005
    initial_variance: Annotated[float, between(1, 10, "P₀ as a multiple of the stationary variance")] = 2.0
    variance_floor: Annotated[float, between(0, 0.5, "least P as a fraction of the stationary variance")] = (
        0.08
    )


class Flow(Section, frozen=True, kw_only=True):
    """Directional flow (§2, §5)."""

    decay_per_s: Annotated[float, between(1e-4, 10, "λ of the flow estimator, 1/s")] = 1 / 120
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


class AdverseSelection(Section, frozen=True, kw_only=True):
    """Markouts and what they cost (§3)."""

    k_tail: Annotated[float, between(0.1, 0.5, "weight of excess kurtosis in AS")] = 0.3


class Funding(Section, frozen=True, kw_only=True):
    """Funding in the reservation price (§2)."""

    settlements: Annotated[int, between(1, 24, "coming settlements counted")] = 3


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
        float, between(0, 100, "an order nearer than this to its wanted price stays")
    ] = 0.1
    size_tolerance: Annotated[float, between(0, 1, "an order within this share of its wanted size stays")] = (
        0.25
    )
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


class Config(Section, frozen=True, kw_only=True):
    """Everything that can be configured, a section each."""

    risk: Risk = Risk()
    ladder: Ladder = Ladder()
    drift: Drift = Drift()
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
