"""Parameters of a generated market, as a person writes them and a preset file holds them."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import msgspec

from undertow.instrument import Instrument

Feed = Literal["snapshots", "snapshots-2026", "diffs", "full", "orders"]
FEEDS: Final[tuple[Feed, ...]] = ("snapshots", "snapshots-2026", "diffs", "full", "orders")

SIZE_QUANTILES: Final[tuple[float, ...]] = (
    0.0,
    0.01,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    0.95,
    0.98,
    0.99,
    0.999,
    1.0,
)
"""Probabilities of the table of aggressor order sizes."""
DEPTH_QUANTILES: Final[tuple[float, ...]] = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
"""Probabilities of the tables of level sizes."""
MAX_BINS: Final = 16
"""Most bins of distance from the touch a depth profile may have."""

Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class PriceParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hidden efficient price: diffusion with stochastic volatility, OU drift, jumps."""

    sigma_bps: NonNegative
    """Diffusive volatility, bps/√s."""
    log_vol_sd: NonNegative = 0.0
    """Stationary deviation of ln σ."""
    vol_reversion_per_s: Positive = 0.01
    drift_sd_bps_per_s: NonNegative = 0.0
    """Stationary deviation of the drift (√P_∞ of docs/model.md §4)."""
    drift_reversion_per_s: Positive = 0.02
    jump_rate_per_s: NonNegative = 0.0
    jump_mean_bps: NonNegative = 0.0
    """Mean absolute jump; sizes are two-sided exponential."""
    jump_warning_s: NonNegative = 2.0
    """How long before a jump informed traders know its sign, and makers begin to thin out."""


class QuoteParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the market's makers follow the efficient price."""

    requote_idle_per_s: NonNegative
    """Rate of requotes when the quotes are where they should be."""
    requote_react_per_s: NonNegative
    """Added rate when the quotes are 1 bp away from the efficient price (grows with the square)."""
    requote_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Part of the misplacement that one requote corrects."""
    requote_after_order: Share = 0.3
    """Probability that an aggressor order makes them look at once."""
    half_spread_steps: NonNegative = 0.05
    """Median distance of the touch from the quotes' center, in price steps, before rounding outward."""
    half_spread_log_sd: NonNegative = 0.0
    half_spread_reversion_per_s: Positive = 0.2
    refill_per_s: Positive = 10.0
    """Rate at which a side that lost its touch, or has to follow the price, is quoted anew."""
    stale_share: Share = 0.5
    """Part of the levels a requote leaves behind on which a few slow orders stay."""
    stale_rank: Share = 0.2
    """Up to which rank of the touch's size distribution what stays there reaches."""
    fresh_rank: Annotated[float, msgspec.Meta(ge=0, le=0.95)] = 0.0
    """Least rank of a touch that no move threatens: thin ones are mostly left behind, not placed."""
    stale_clear_per_s: Positive = 2.0
    """Rate at which a level left behind is withdrawn, if nobody takes it first."""
    thinning: NonNegative = 0.5
    """How strongly the side in front of a coming move is withdrawn (rank lost per unit of signal)."""
    impact_bps: NonNegative = 0.0
    """Shift of the quotes after an aggressor order of mean size (grows with the square root)."""


class FlowParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Aggressor orders: two-sided Hawkes process with an informed part."""

    order_rate_per_s: Positive
    """Aggressor orders per second, both sides together, offspring included."""
    branching: Annotated[float, msgspec.Meta(ge=0, lt=0.95)] = 0.3
    """Expected direct offspring of one order (both sides)."""
    cross_share: Share = 0.2
    """Part of the offspring that trades against its parent."""
    hawkes_decay_per_s: Positive = 0.5
    informed_share: Share
    """Part of the immigrants who know the efficient price, the drift and jumps within warning."""
    informed_convexity: Annotated[float, msgspec.Meta(ge=0.5, le=6)] = 1.5
    """Their rate grows with this power of what they expect to gain beyond the touch."""
    informed_horizon_s: NonNegative = 5.0
    """Horizon over which they count the drift."""
    informed_size_power: Annotated[float, msgspec.Meta(ge=1, le=50)] = 1.0
    """Informed orders are the largest of this many draws; the others make up the size distribution."""
    size_quantiles: tuple[float, ...]
    """Order sizes in the venue's unit at `SIZE_QUANTILES`."""
    sweep_share: Share = 0.0
    """Part of the orders sized to take the book through a depth of their own choice."""
    sweep_mean_bps: NonNegative = 0.0
    """Mean of that depth beyond the touch (exponential)."""
    resting_order_qty: Positive
    """Mean size of the resting orders a print is matched with; sets prints per order. Style ``orders``
    also draws the orders of a level from it."""


class DepthParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The book's profile by distance from the touch, in price steps; bins begin at `from_steps`."""

    from_steps: tuple[int, ...]
    occupancy: tuple[float, ...]
    """Probability that a level of the bin holds orders."""
    events_per_s: tuple[float, ...]
    """Changes per second of one level of the bin, on one side (the first entry: see below)."""
    touch_events_per_s: NonNegative
    """Changes per second of a touch level, which quotes show more finely than books do."""
    size_quantiles: tuple[tuple[float, ...], ...]
    """Level sizes in the venue's unit at `DEPTH_QUANTILES`, one row per bin."""
    rank_step: Positive = 0.25
    """Typical move of a level's rank within its size distribution per change."""
    window_levels: Annotated[int, msgspec.Meta(ge=24, le=4096)] = 48
    """Levels kept per side."""


class FeedParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Block time, cadences and latency of the feed."""

    style: Feed
    block_ms: Positive
    time_resolution_ms: Positive = 1.0
    snapshot_s: Positive = 0.54
    diff_ms: NonNegative = 0.0
    """Least spacing of diff messages in style ``diffs`` (``full`` and ``orders`` publish every block)."""
    slow_snapshot_s: Positive = 5.4
    """Cadence of the 20-level book in style ``snapshots-2026``."""
    context_s: Positive = 1.0
    """Cadence of mark, oracle, funding rate and open interest."""
    reference_ms: Positive = 100.0
    reference_noise_bps: NonNegative = 0.05
    latency_floor_ms: NonNegative
    latency_median_ms: Positive
    """Median of the latency above its floor (log-normal; messages do not overtake each other)."""
    latency_log_sd: NonNegative


class ContextParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Oracle premium (which makes the funding) and open interest."""

    premium_bps: float = 0.5
    premium_sd_bps: NonNegative = 1.0
    premium_reversion_per_s: Positive = 1e-3
    open_interest: NonNegative = 10_000.0


class MarketParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A generated market. Presets are files of this; see docs/synthetic.md for what each part does.

    `toxicity` multiplies everything that others know and the makers do not (drift, informed share,
    pre-move thinning, impact of flow, what the reference price reveals); at 0 the mid is a martingale
    and the flow is independent of it. `liquidity` multiplies displayed sizes and uninformed flow.
    """

    name: str
    instrument: Instrument
    start_px: Positive
    price: PriceParams
    quotes: QuoteParams
    flow: FlowParams
    depth: DepthParams
    feed: FeedParams
    context: ContextParams = ContextParams()
    toxicity: Annotated[float, msgspec.Meta(ge=0, le=10)] = 1.0
    liquidity: Annotated[float, msgspec.Meta(ge=0.01, le=100)] = 1.0

    def __post_init__(self) -> None:
        d, bins = self.depth, len(self.depth.from_steps)
        if not 1 <= bins <= MAX_BINS:
            raise ValueError(f"market {self.name}: depth has {bins} bins, accepted: 1 to {MAX_BINS}")
        if d.from_steps[0] != 0 or any(b <= a for a, b in zip(d.from_steps, d.from_steps[1:], strict=False)):
            raise ValueError(f"market {self.name}: depth.from_steps must begin at 0 and increase")
        if not len(d.occupancy) == len(d.events_per_s) == len(d.size_quantiles) == bins:
            raise ValueError(f"market {self.name}: every list of depth needs one entry per bin ({bins})")
        tables = [("depth", row, DEPTH_QUANTILES) for row in d.size_quantiles]
        tables.append(("flow", self.flow.size_quantiles, SIZE_QUANTILES))
        for where, table, probabilities in tables:
            good = len(table) == len(probabilities) and table[0] > 0 and list(table) == sorted(table)
            if not (good and math.isfinite(table[-1])):
                raise ValueError(
                    f"market {self.name}: {where}.size_quantiles must hold {len(probabilities)} "
                    "positive, non-decreasing sizes"
                )


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A moment to match and the misfit that counts as one.

    Misfit and tolerance are relative, for shares and correlations absolute.
    """

    value: float
    tolerance: float
