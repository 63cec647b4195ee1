"""Targets for markets of which there is no recording, from published figures, and where they are from.

A preset fitted to these says so (`Provenance.published_figures`). What the figures leave open (book
profile, order sizes, latency) is assumed here, in one place.
"""

from __future__ import annotations

from typing import Final

import msgspec

from undertow.instrument import hyperliquid_fees_bps, hyperliquid_perp
from undertow.synthetic.params import (
    ContextParams,
    DepthParams,
    FeedParams,
    FlowParams,
    MarketParams,
    PriceParams,
    QuoteParams,
    Target,
)


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A market known from figures: where they are from, targets, and a market to start from."""

    source: str
    targets: dict[str, Target]
    market: MarketParams
    knobs: tuple[str, ...]
    """The parameters these figures can say something about."""


_HYPE_PX: Final = 28.96
_LEVEL_USD: Final = (11.0, 15.0, 25.0, 80.0, 300.0, 900.0, 2500.0, 5000.0, 20_000.0)
# fmt: off
_ORDER_USD: Final = (
    10.0, 10.0, 11.0, 12.0, 15.0, 20.0, 35.0, 60.0, 120.0, 250.0, 500.0, 1200.0, 2500.0, 5000.0, 8000.0,
    20_000.0, 40_000.0,
)
# fmt: on


def _coins(dollars: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(usd / _HYPE_PX, 2) for usd in dollars)


_PRICE: Final = PriceParams(
    sigma_bps=2.8,
    log_vol_sd=0.5,
    vol_reversion_per_s=0.03,
    jump_rate_per_s=0.02,
    jump_mean_bps=6.0,
    jump_warning_s=2.0,
    drift_sd_bps_per_s=0.1,
)

_QUOTES: Final = QuoteParams(
    requote_idle_per_s=0.1,
    requote_react_per_s=0.2,
    requote_share=0.7,
    half_spread_steps=7.5,
    half_spread_log_sd=0.3,
    half_spread_reversion_per_s=0.05,
    refill_per_s=3.0,
    stale_share=0.6,
    impact_bps=0.3,
)

_FLOW: Final = FlowParams(
    order_rate_per_s=1.0 / 6.0,
    branching=0.3,
    informed_share=0.3,
    informed_size_power=2.0,
    size_quantiles=_coins(_ORDER_USD),
    sweep_share=0.05,
    sweep_mean_bps=5.0,
    resting_order_qty=_coins((300.0,))[0],
)

_STEPS: Final = (0, 1, 4, 12, 32, 80)
_DEPTH: Final = DepthParams(
    from_steps=_STEPS,
    occupancy=(1.0, 0.65, 0.65, 0.6, 0.5, 0.4),
    events_per_s=(1.0, 0.3, 0.3, 0.25, 0.2, 0.1),
    touch_events_per_s=1.0,
    size_quantiles=(_coins(_LEVEL_USD),) * len(_STEPS),
    window_levels=160,
)


def _hip3_hype() -> Published:
    maker, taker = hyperliquid_fees_bps(hip3_deployer_scale=1.0)
    market = MarketParams(
        name="hip3-hype",
        instrument=hyperliquid_perp("hyna:HYPE", 2, maker_fee_bps=maker, taker_fee_bps=taker),
        start_px=_HYPE_PX,
        price=_PRICE,
        quotes=_QUOTES,
        flow=_FLOW,
        depth=_DEPTH,
        feed=FeedParams(
            style="snapshots",
            block_ms=70.0,
            snapshot_s=0.54,
            latency_floor_ms=230.0,
            latency_median_ms=130.0,
            latency_log_sd=0.6,
        ),
        context=ContextParams(open_interest=100_000.0),
    )
    source = (
        "published figures for HYPE on a HIP-3 builder dex, February 2026: touch spread 3-8 bps, "
        "sigma 2-4 bps/sqrt(s), about 10 trades a minute, sweeps of 6-7 levels within a second "
        "(middle of each range); fill decay beyond the touch 0.4 per bp; 5 s markout of public orders "
        "assumed at half the 4.2 bps lost per fill in the falling market of 19 February; book profile, "
        "order sizes and latency assumed"
    )
    targets = {
        "spread_mean_bps": (5.5, 0.05),
        "sigma_1s": (3.0, 0.1),
        "sigma_5s": (3.0, 0.05),
        "sigma_30s": (3.0, 0.05),
        "orders_per_s": (1.0 / 6.0, 0.03),
        "levels_per_walk": (6.5, 0.1),
        "beyond_touch_mean_bps": (2.5, 0.1),
        "markout_5s_bps": (2.1, 0.2),
        "markout_30s_bps": (2.1, 0.3),
        "side_autocorrelation": (0.15, 0.1),
        "dispersion_30s": (2.5, 0.3),
    }
    return Published(
        source=source,
        targets={name: Target(value=v, tolerance=t) for name, (v, t) in targets.items()},
        market=market,
        knobs=(
            "sigma_bps",
            "jump_mean_bps",
            "half_spread_steps",
            "requote_react_per_s",
            "impact_bps",
            "order_rate_per_s",
            "branching",
            "cross_share",
            "informed_share",
            "sweep_share",
            "sweep_mean_bps",
        ),
    )


PUBLISHED: Final = {"hip3-hype": _hip3_hype}
"""Markets known from published figures, by preset name."""
