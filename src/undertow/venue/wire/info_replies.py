"""Replies of /info that no subscription sends: universes, limits, roles, histories.

Source: Hyperliquid docs, "Info endpoint", "Perpetuals", "Spot"; the recorded replies of the official
SDK's tests. Unknown fields are ignored, and fields that older replies lack have defaults.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

import msgspec
from msgspec import field

from undertow.venue.wire.account import Fill, FundingPayment, OrderRecord
from undertow.venue.wire.market import AssetCtx, SpotAssetCtx
from undertow.venue.wire.scalars import Count, Id, Ms, Num, Sz, Wire


class PerpAsset(Wire, frozen=True, gc=False, kw_only=True):
    """A perpetual. ``margin_table_id`` < 50: a single tier at that leverage."""

    name: str
    sz_decimals: Count
    max_leverage: Count = 1
    margin_table_id: Count | None = None
    is_delisted: bool = False
    only_isolated: bool = False
    margin_mode: str | None = None
    growth_mode: str | None = None
    omitted: ClassVar[tuple[str, ...]] = (
        "margin_table_id",
        "is_delisted",
        "only_isolated",
        "margin_mode",
        "growth_mode",
    )


class MarginTier(Wire, frozen=True, gc=False):
    """From this notional (USD) upward, this leverage at most."""

    lower_bound: Sz
    max_leverage: Count


class MarginTable(Wire, frozen=True, gc=False):
    """Tiers of margin, lowest first."""

    margin_tiers: list[MarginTier]
    description: str = ""


class Meta(Wire, frozen=True, gc=False):
    """The perpetuals of a dex: an asset's index in ``universe`` is its id within the dex."""

    universe: list[PerpAsset]
    margin_tables: list[tuple[Count, MarginTable]] = field(default_factory=list)
    collateral_token: Count = 0


class PerpDex(Wire, frozen=True, gc=False, kw_only=True):
    """A builder's dex; its position in the reply counts towards its asset ids."""

    name: str
    full_name: str = ""
    deployer: str = ""
    oracle_updater: str | None = None
    fee_recipient: str | None = None
    asset_to_streaming_oi_cap: list[tuple[str, Num]] = field(default_factory=list)
    sub_deployers: list[Any] = field(default_factory=list)
    deployer_fee_scale: Num = 0.0
    last_deployer_fee_scale_change_time: str | None = None
    asset_to_funding_multiplier: list[tuple[str, Num]] = field(default_factory=list)
    asset_to_funding_interest_rate: list[tuple[str, Num]] = field(default_factory=list)


class SpotPair(Wire, frozen=True, gc=False):
    """A spot pair: tokens are (base, quote), by index; its asset id is 10000 + index."""

    name: str
    tokens: tuple[Count, Count]
    index: Count
    is_canonical: bool = False


class SpotToken(Wire, frozen=True, gc=False, kw_only=True):
    """A spot token."""

    name: str
    sz_decimals: Count
    wei_decimals: Count = 8
    index: Count
    token_id: str = ""
    is_canonical: bool = False
    evm_contract: Any = None
    full_name: str | None = None


class SpotMeta(Wire, frozen=True, gc=False):
    """Spot pairs and tokens."""

    universe: list[SpotPair]
    tokens: list[SpotToken]


MetaAndAssetCtxs: TypeAlias = tuple[Meta, list[AssetCtx]]
SpotMetaAndAssetCtxs: TypeAlias = tuple[SpotMeta, list[SpotAssetCtx]]


class OrderFound(Wire, frozen=True, gc=False, tag_field="status", tag="order"):
    """The order asked for. Its ``sz`` is not reduced by partial fills while it is open."""

    order: OrderRecord


class OrderNotFound(Wire, frozen=True, gc=False, tag_field="status", tag="unknownOid"):
    """No such order among the last ~2000."""


class UserRateLimit(Wire, frozen=True, gc=False, kw_only=True):
    """The address's request budget: cumulative volume (USD), used, allowed, bought."""

    cum_vlm: Num
    n_requests_used: Id
    n_requests_cap: Id
    n_requests_surplus: Id = 0


class FundingRate(Wire, frozen=True, gc=False):
    """One hour's funding rate and premium."""

    coin: str
    funding_rate: Num
    premium: Num
    time_ms: Ms = field(name="time")


class UserFundingDelta(Wire, frozen=True, gc=False, kw_only=True):
    """A funding payment in an account's history; ``usdc`` < 0 was paid."""

    coin: str
    usdc: Num
    szi: Num
    funding_rate: Num
    n_samples: Count | None = None
    type: str = "funding"


class UserFundingRow(Wire, frozen=True, gc=False):
    """A row of userFunding."""

    time_ms: Ms = field(name="time")
    hash: str
    delta: UserFundingDelta

    @property
    def payment(self) -> FundingPayment:
        """The same as a subscription sends it."""
        d = self.delta
        return FundingPayment(self.time_ms, d.coin, d.usdc, d.szi, d.funding_rate, d.n_samples)


class PredictedFunding(Wire, frozen=True, gc=False):
    """The next funding on one venue."""

    funding_rate: Num
    next_funding_time: Ms = 0
    funding_interval_hours: Count | None = None
    omitted: ClassVar[tuple[str, ...]] = ("funding_interval_hours",)


PredictedFundings: TypeAlias = list[tuple[str, list[tuple[str, PredictedFunding | None]]]]


class ExchangeStatus(Wire, frozen=True, gc=False):
    """Time and special statuses (None: nothing special)."""

    time_ms: Ms = field(name="time")
    special_statuses: Any = None


class ExtraAgent(Wire, frozen=True, gc=False):
    """A named agent wallet."""

    name: str
    address: str
    valid_until: Ms


class UserRole(Wire, frozen=True, gc=False):
    """``user``, ``agent`` (data: its user), ``vault``, ``subAccount`` (data: its master) or ``missing``."""

    role: str
    data: dict[str, Any] | None = None
    omitted: ClassVar[tuple[str, ...]] = ("data",)

    @property
    def master(self) -> str | None:
        """The account an agent or sub-account belongs to."""
        data = self.data or {}
        return data.get("user") or data.get("master")


class PortfolioPeriod(Wire, frozen=True, gc=False):
    """Account value, PnL and volume over a period, USD; histories are (time in ms, value)."""

    account_value_history: list[tuple[Ms, Num]]
    pnl_history: list[tuple[Ms, Num]]
    vlm: Num


Portfolio: TypeAlias = list[tuple[str, PortfolioPeriod]]


class VaultEquity(Wire, frozen=True, gc=False, kw_only=True):
    """A share in a vault."""

    vault_address: str
    equity: Num
    locked_until_timestamp: Ms | None = None


class VaultDetails(Wire, frozen=True, gc=False, kw_only=True):
    """What of a vault concerns who trades it."""

    name: str = ""
    vault_address: str
    leader: str


class DelegatorRow(Wire, frozen=True, gc=False):
    """A row of delegatorHistory; ``delta`` as sent."""

    time_ms: Ms = field(name="time")
    hash: str
    delta: dict[str, Any]


class TwapSliceFill(Wire, frozen=True, gc=False):
    """A fill of a TWAP."""

    fill: Fill
    twap_id: Id


class DailyVolume(Wire, frozen=True, gc=False, kw_only=True):
    """Volume of a day (UTC): taker's and maker's of the user, the exchange's, USD."""

    date: str
    user_cross: Num
    user_add: Num
    exchange: Num


class UserFees(Wire, frozen=True, gc=False, kw_only=True):
    """An account's own fees, as fractions of notional: cross is taker, add is maker."""

    daily_user_vlm: list[DailyVolume] = field(default_factory=list)
    fee_schedule: Any = None
    user_cross_rate: Num
    user_add_rate: Num
    user_spot_cross_rate: Num | None = None
    user_spot_add_rate: Num | None = None
    active_referral_discount: Num = 0.0
    trial: Any = None
    fee_trial_escrow: Num | None = None
    next_trial_available_timestamp: Any = None
    staking_link: Any = None
    active_staking_discount: Any = None
    omitted: ClassVar[tuple[str, ...]] = ("fee_trial_escrow",)


class SubAccount(Wire, frozen=True, gc=False, kw_only=True):
    """A sub-account."""

    name: str
    sub_account_user: str
    master: str
    clearinghouse_state: msgspec.Raw = msgspec.Raw(b"null")
    spot_state: msgspec.Raw = msgspec.Raw(b"null")


class SpotBalance(Wire, frozen=True, gc=False, kw_only=True):
    """Balance of a token: all of it and what orders hold."""

    coin: str
    token: Count
    total: Num
    hold: Num = 0.0
    entry_ntl: Num = 0.0


class SpotClearinghouseState(Wire, frozen=True, gc=False):
    """Spot balances."""

    balances: list[SpotBalance]
