"""An account's orders, fills, positions and payments as the exchange sends them.

Source: Hyperliquid docs, "Subscriptions" and "Info endpoint"; nullable and missing fields as recorded.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import field

from undertow.venue.statuses import OrderStatus, order_status
from undertow.venue.wire.scalars import Count, Id, Ms, Num, Px, Sz, Wire, WireSide, sign_of


class FillLiquidation(Wire, frozen=True, gc=False, kw_only=True):
    """The liquidation a fill was part of."""

    liquidated_user: str | None = None
    mark_px: Sz
    method: str
    omitted: ClassVar[tuple[str, ...]] = ("liquidated_user",)


class Fill(Wire, frozen=True, gc=False, kw_only=True):
    """One fill. ``key`` tells it from its repetition; ``fee`` < 0 is a rebate; ``closed_pnl`` is gross.

    ``crossed``: we were the taker. ``start_position`` is signed, before the fill.
    """

    coin: str
    px: Sz
    sz: Sz
    side: WireSide
    time_ms: Ms = field(name="time")
    start_position: Num
    dir: str
    closed_pnl: Num
    hash: str
    oid: Id
    crossed: bool
    fee: Num
    tid: Id = 0
    cloid: str | None = None
    fee_token: str = "USDC"
    builder_fee: Num | None = None
    liquidation: FillLiquidation | None = None
    twap_id: Id | None = None
    omitted: ClassVar[tuple[str, ...]] = ("cloid", "builder_fee", "liquidation")

    @property
    def sign(self) -> int:
        """+1 where we bought, -1 where we sold."""
        return sign_of(self.side)

    @property
    def key(self) -> tuple[int, int]:
        """``(oid, tid)``: no two fills of an account share it (tid 0 is a dust conversion)."""
        return self.oid, self.tid


class UserFills(Wire, frozen=True, gc=False):
    """Fills of an account; the first frame is a snapshot, later ones may lack the flag."""

    user: str
    fills: list[Fill]
    is_snapshot: bool = False
    omitted: ClassVar[tuple[str, ...]] = ("is_snapshot",)


class Order(Wire, frozen=True, gc=False, kw_only=True):
    """A resting order. ``sz`` is what remains, ``orig_sz`` what was asked (None in old replies)."""

    coin: str
    side: WireSide
    limit_px: Sz
    sz: Sz
    oid: Id
    timestamp_ms: Ms = field(name="timestamp")
    orig_sz: Sz | None = None
    cloid: str | None = None
    reduce_only: bool | None = None
    omitted: ClassVar[tuple[str, ...]] = ("orig_sz", "cloid", "reduce_only")

    @property
    def sign(self) -> int:
        """+1 of a bid, -1 of an ask."""
        return sign_of(self.side)


class FrontendOrder(Wire, frozen=True, gc=False, kw_only=True):
    """An order as frontendOpenOrders, orderStatus and historicalOrders show it."""

    coin: str
    side: WireSide
    limit_px: Sz
    sz: Sz
    oid: Id
    timestamp_ms: Ms = field(name="timestamp")
    trigger_condition: str = "N/A"
    is_trigger: bool = False
    trigger_px: Sz = 0.0
    children: list[FrontendOrder] = field(default_factory=list)
    is_position_tpsl: bool = False
    reduce_only: bool = False
    order_type: str = "Limit"
    orig_sz: Sz
    tif: str | None = None
    cloid: str | None = None

    @property
    def sign(self) -> int:
        """+1 of a bid, -1 of an ask."""
        return sign_of(self.side)


class OrderUpdate(Wire, frozen=True, gc=False):
    """A change of an order's status. Rejected orders appear too; no snapshot comes first."""

    order: Order
    status_text: str = field(name="status")
    status_time_ms: Ms = field(name="statusTimestamp")

    @property
    def status(self) -> OrderStatus:
        """The status; one not known to us counts as open."""
        return order_status(self.status_text)


class OrderRecord(Wire, frozen=True, gc=False):
    """An order and what became of it."""

    order: FrontendOrder
    status_text: str = field(name="status")
    status_time_ms: Ms = field(name="statusTimestamp")

    @property
    def status(self) -> OrderStatus:
        """The status; one not known to us counts as open."""
        return order_status(self.status_text)


class FundingPayment(Wire, frozen=True, gc=False):
    """One payment of funding: ``usdc`` < 0 was paid, > 0 received; ``szi`` is the signed position."""

    time_ms: Ms = field(name="time")
    coin: str
    usdc: Num
    szi: Num
    funding_rate: Num
    n_samples: Count | None = None


class UserFundings(Wire, frozen=True, gc=False):
    """Payments of funding of an account."""

    user: str
    fundings: list[FundingPayment]
    is_snapshot: bool = False
    omitted: ClassVar[tuple[str, ...]] = ("is_snapshot",)


class Liquidation(Wire, frozen=True, gc=False, rename=None):
    """A liquidation of the account."""

    lid: Id
    liquidator: str
    liquidated_user: str
    liquidated_ntl_pos: Num
    liquidated_account_value: Num


class NonUserCancel(Wire, frozen=True, gc=False):
    """An order the exchange cancelled on its own account."""

    coin: str
    oid: Id


class UserEvent(Wire, frozen=True, gc=False):
    """What arrives on channel ``user``: one of these, the others None; all None where it is new to us."""

    fills: list[Fill] | None = None
    funding: FundingPayment | None = None
    liquidation: Liquidation | None = None
    non_user_cancel: list[NonUserCancel] | None = None
    omitted: ClassVar[tuple[str, ...]] = ("fills", "funding", "liquidation", "non_user_cancel")


class MarginSummary(Wire, frozen=True, gc=False):
    """Account value and margin in USD: ``account_value`` = ``total_raw_usd`` + Σ szi · mark."""

    account_value: Num
    total_ntl_pos: Num
    total_raw_usd: Num
    total_margin_used: Num


class Leverage(Wire, frozen=True, gc=False):
    """Leverage of a coin; ``raw_usd`` only where isolated."""

    type: Literal["cross", "isolated"]
    value: Count
    raw_usd: Num | None = None
    omitted: ClassVar[tuple[str, ...]] = ("raw_usd",)


class CumFunding(Wire, frozen=True, gc=False):
    """Funding paid (> 0) over spans, USD."""

    all_time: Num
    since_open: Num
    since_change: Num


class Position(Wire, frozen=True, gc=False, kw_only=True):
    """A position; ``szi`` is signed. Flat ones are not listed."""

    coin: str
    szi: Num
    leverage: Leverage
    entry_px: Sz | None = None
    position_value: Num
    unrealized_pnl: Num
    return_on_equity: Num
    liquidation_px: Num | None = None
    margin_used: Num
    max_leverage: Count | None = None
    cum_funding: CumFunding | None = None
    omitted: ClassVar[tuple[str, ...]] = ("max_leverage", "cum_funding")


class AssetPosition(Wire, frozen=True, gc=False):
    """A position and its mode (``oneWay``)."""

    position: Position
    type: str = "oneWay"


class ClearinghouseState(Wire, frozen=True, gc=False, kw_only=True):
    """Margin and positions on one dex, whole: it replaces what was known."""

    margin_summary: MarginSummary
    cross_margin_summary: MarginSummary
    cross_maintenance_margin_used: Num | None = None
    withdrawable: Num
    asset_positions: list[AssetPosition]
    time_ms: Ms | None = field(name="time", default=None)
    omitted: ClassVar[tuple[str, ...]] = ("cross_maintenance_margin_used", "time_ms")


class UserClearinghouseState(Wire, frozen=True, gc=False):
    """`ClearinghouseState` as a subscription sends it."""

    dex: str
    user: str
    clearinghouse_state: ClearinghouseState


class UserOpenOrders(Wire, frozen=True, gc=False):
    """All open orders on one dex: they replace what was known."""

    dex: str
    user: str
    orders: list[FrontendOrder]


class Notification(Wire, frozen=True, gc=False):
    """A line of text for a person."""

    notification: str


class WebUserState(Wire, frozen=True, gc=False, kw_only=True):
    """The part of webData3 that concerns the account."""

    agent_address: str | None = None
    agent_valid_until: Ms | None = None
    cum_ledger: Num = 0.0
    server_time_ms: Ms = field(name="serverTime")
    is_vault: bool = False
    user: str


class PerpDexState(Wire, frozen=True, gc=False):
    """The part of webData3 that concerns one dex."""

    total_vault_equity: Num = 0.0


class WebData3(Wire, frozen=True, gc=False):
    """The front end's summary."""

    user_state: WebUserState
    perp_dex_states: list[PerpDexState]


class ActiveAssetData(Wire, frozen=True, gc=False):
    """Leverage and room of an account in one coin; pairs are (buy, sell)."""

    user: str
    coin: str
    leverage: Leverage
    max_trade_szs: tuple[Num, Num]
    available_to_trade: tuple[Num, Num]
    mark_px: Px


class LedgerUpdate(Wire, frozen=True, gc=False):
    """A deposit, withdrawal or transfer; ``delta`` as sent (its ``type`` says which)."""

    time_ms: Ms = field(name="time")
    hash: str
    delta: dict[str, Any]


class UserLedgerUpdates(Wire, frozen=True, gc=False):
    """Ledger updates of an account."""

    user: str
    non_funding_ledger_updates: list[LedgerUpdate]
    is_snapshot: bool = False
    omitted: ClassVar[tuple[str, ...]] = ("is_snapshot",)
