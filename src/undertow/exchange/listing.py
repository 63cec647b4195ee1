"""What is listed and by which rules: coins, builder dexes, and the exchange's own parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from undertow.exchange.market import Market
from undertow.exchange.market_generated import GeneratedBackground
from undertow.exchange.market_reference import ReferenceBackground
from undertow.synthetic.generate import generate
from undertow.synthetic.params import MarketParams
from undertow.units import s_to_ns

MarginMode = Literal["", "strictIsolated", "noCross"]
OpenMarket = Callable[[int], Market]
"""Opens a background market at a time (ns)."""


@dataclass(frozen=True)
class Listing:
    """One perpetual. ``coin`` is its wire name (``BTC``, ``dex:COIN`` on a builder dex).

    ``margin_tiers``: (notional from, USD; greatest leverage), the first from 0; empty: one tier.
    ``margin_mode``: ``""`` cross allowed, ``noCross`` isolated, ``strictIsolated`` isolated and margin
    not removable. ``interest_8h`` None: 1 bp.
    """

    coin: str
    open_market: OpenMarket
    max_leverage: int = 40
    margin_tiers: tuple[tuple[float, int], ...] = ()
    margin_mode: MarginMode = ""
    growth_mode: bool = False
    impact_usd: float = 6_000.0
    max_order_usd: float = 5_000_000.0
    open_interest_cap_usd: float | None = None
    funding_multiplier: float = 1.0
    interest_8h: float | None = None
    delisted: bool = False

    @property
    def dex(self) -> str:
        """Name of the builder dex; empty on the main one."""
        return self.coin.partition(":")[0] if ":" in self.coin else ""

    @property
    def tiers(self) -> tuple[tuple[float, int], ...]:
        """The margin tiers, one at least."""
        return self.margin_tiers or ((0.0, self.max_leverage),)


@dataclass(frozen=True)
class Dex:
    """A builder dex. ``collateral_token``: index of its spot token (0: USDC)."""

    name: str
    full_name: str = ""
    deployer: str = "0x" + "d0" * 20
    deployer_fee_scale: float = 1.0
    collateral_token: int = 0


@dataclass(frozen=True)
class Rules:
    """The exchange's parameters, at their mainnet values (facts §4-6).

    Bands: a price may lie no further than ``reference_band`` from the mark on the passive side, nor
    beyond the oracle by ``oracle_band`` on the aggressive one.
    """

    block_ns: int = 70_000_000
    oracle_every_ns: int = 3_000_000_000
    premium_every_ns: int = 5_000_000_000
    funding_every_ns: int = 3_600_000_000_000
    min_order_usd: int = 10
    reference_band: float = 0.95
    oracle_band: float = 0.80
    requests_free: int = 10_000
    cancels_extra: int = 100_000
    slow_action_ns: int = 10_000_000_000
    growth_volume_share: float = 0.1
    reserved_weight_usd: float = 0.0005
    open_orders_free: int = 1_000
    open_orders_most: int = 5_000
    open_orders_usd_per_more: int = 5_000_000
    schedule_cancel_ahead_ms: int = 5_000
    schedule_cancel_triggers: int = 10
    schedule_cancel_volume_usd: int = 1_000_000
    most_per_action: int = 200
    priority_overtakes_ns: int = 400_000_000
    orders_kept: int = 2_000
    fills_kept: int = 10_000
    fundings_kept: int = 10_000
    trades_kept: int = 100
    staking_discount: float = 0.0
    dexes: tuple[Dex, ...] = field(default=())


def generated_listing(
    coin: str,
    preset: str | MarketParams,
    seed: int = 1,
    *,
    toxicity: float | None = None,
    liquidity: float | None = None,
    max_leverage: int = 40,
    history_s: float = 0.0,
    **terms: object,
) -> Listing:
    """A listing whose background is generated from `preset`; `terms` are further fields of `Listing`.

    The market begins `history_s` before the exchange does (what it was then, `generate` tells).
    """

    def open_market(start_ns: int) -> Market:
        market = generate(
            preset,
            seed,
            duration_s=1.0,
            toxicity=toxicity,
            liquidity=liquidity,
            feed="snapshots",
            start_ns=start_ns - s_to_ns(history_s),
            chunk_rows=4096,
        )
        background = GeneratedBackground(market)
        if history_s > 0.0:
            background.advance(start_ns)
        return background

    return Listing(coin=coin, open_market=open_market, max_leverage=max_leverage, **terms)  # type: ignore[arg-type]


def following_reference(listing: Listing, coin: str) -> tuple[Listing, Listing]:
    """`listing`, and beside it `coin`: the asset its market follows (`market_reference`)."""
    opened: list[Market] = []

    def open_market(start_ns: int) -> Market:
        opened[:] = [listing.open_market(start_ns)]
        return opened[0]

    def open_reference(start_ns: int) -> Market:
        market = opened[0] if opened else listing.open_market(start_ns)
        opened[:] = [market]
        instrument = msgspec.structs.replace(market.instrument, name=coin)
        return ReferenceBackground(instrument, market.sz_decimals, lambda: opened[0])

    follower = dataclasses.replace(listing, open_market=open_market)
    return follower, Listing(coin=coin, open_market=open_reference, max_leverage=listing.max_leverage)
