"""Requests of /info, each with the type of its reply and what it costs of the IP's weight.

``decode_info(request, body)`` gives the reply of `request`. Source: Hyperliquid docs, "Info endpoint",
"Rate limits and user limits".
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from undertow.venue.wire import account, market
from undertow.venue.wire import info_replies as replies
from undertow.venue.wire.posts import InfoAnswer
from undertow.venue.wire.scalars import Px, WireError

R = TypeVar("R")
HEAVY, LIGHT = 20, 2


class InfoRequest(
    msgspec.Struct, Generic[R], frozen=True, gc=False, rename="camel", tag_field="type", kw_only=True
):
    """Base of requests. ``weight`` is charged always, one more per ``rows_per_weight`` rows of the reply."""

    reply: ClassVar[Any]
    weight: ClassVar[int] = HEAVY
    rows_per_weight: ClassVar[int] = 0


class MetaRequest(InfoRequest[replies.Meta], frozen=True, gc=False, tag="meta"):
    """Perpetuals of a dex (empty: the main one)."""

    dex: str = ""
    reply = replies.Meta


class MetaAndAssetCtxsRequest(
    InfoRequest[replies.MetaAndAssetCtxs], frozen=True, gc=False, tag="metaAndAssetCtxs"
):
    """Perpetuals of a dex and their contexts."""

    dex: str = ""
    reply = replies.MetaAndAssetCtxs


class PerpDexsRequest(InfoRequest[list[replies.PerpDex | None]], frozen=True, gc=False, tag="perpDexs"):
    """All dexes; the first, None, is the main one."""

    reply = list[replies.PerpDex | None]


class SpotMetaRequest(InfoRequest[replies.SpotMeta], frozen=True, gc=False, tag="spotMeta"):
    """Spot pairs and tokens."""

    reply = replies.SpotMeta


class SpotMetaAndAssetCtxsRequest(
    InfoRequest[replies.SpotMetaAndAssetCtxs], frozen=True, gc=False, tag="spotMetaAndAssetCtxs"
):
    """Spot pairs, tokens and contexts."""

    reply = replies.SpotMetaAndAssetCtxs


class AllMidsRequest(InfoRequest[dict[str, float]], frozen=True, gc=False, tag="allMids"):
    """Mids of a dex by coin."""

    dex: str = ""
    weight = LIGHT
    reply = dict[str, Px]


class L2BookRequest(
    InfoRequest[market.L2Book | None], frozen=True, gc=False, tag="l2Book", omit_defaults=True
):
    """A book of 20 levels; None of an unknown coin."""

    coin: str
    n_sig_figs: int | None = None
    mantissa: int | None = None
    weight = LIGHT
    reply = market.L2Book | None


class RecentTradesRequest(InfoRequest[list[market.Trade]], frozen=True, gc=False, tag="recentTrades"):
    """The latest prints of a coin."""

    coin: str
    reply = list[market.Trade]


class CandleSpan(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Candles of a coin between two times, ms."""

    coin: str
    interval: str
    start_time: int
    end_time: int


class CandleSnapshotRequest(InfoRequest[list[market.Candle]], frozen=True, gc=False, tag="candleSnapshot"):
    """At most 5000 candles."""

    req: CandleSpan
    rows_per_weight = 60
    reply = list[market.Candle]


class FundingHistoryRequest(
    InfoRequest[list[replies.FundingRate]], frozen=True, gc=False, tag="fundingHistory", omit_defaults=True
):
    """Funding rates of a coin, at most 500."""

    coin: str
    start_time: int
    end_time: int | None = None
    rows_per_weight = 20
    reply = list[replies.FundingRate]


class PredictedFundingsRequest(
    InfoRequest[replies.PredictedFundings], frozen=True, gc=False, tag="predictedFundings"
):
    """Predicted funding by coin and venue (main dex only)."""

    reply = replies.PredictedFundings


class ExchangeStatusRequest(InfoRequest[replies.ExchangeStatus], frozen=True, gc=False, tag="exchangeStatus"):
    """Time and special statuses."""

    weight = LIGHT
    reply = replies.ExchangeStatus


class ClearinghouseStateRequest(
    InfoRequest[account.ClearinghouseState], frozen=True, gc=False, tag="clearinghouseState"
):
    """Margin and positions of an account on a dex."""

    user: str
    dex: str = ""
    weight = LIGHT
    reply = account.ClearinghouseState


class SpotClearinghouseStateRequest(
    InfoRequest[replies.SpotClearinghouseState], frozen=True, gc=False, tag="spotClearinghouseState"
):
    """Spot balances of an account."""

    user: str
    weight = LIGHT
    reply = replies.SpotClearinghouseState


class OpenOrdersRequest(InfoRequest[list[account.Order]], frozen=True, gc=False, tag="openOrders"):
    """Open orders of an account on a dex."""

    user: str
    dex: str = ""
    reply = list[account.Order]


class FrontendOpenOrdersRequest(
    InfoRequest[list[account.FrontendOrder]], frozen=True, gc=False, tag="frontendOpenOrders"
):
    """Open orders with time in force, trigger and children."""

    user: str
    dex: str = ""
    reply = list[account.FrontendOrder]


class OrderStatusRequest(
    InfoRequest[replies.OrderFound | replies.OrderNotFound], frozen=True, gc=False, tag="orderStatus"
):
    """One order by exchange id or by our id."""

    user: str
    oid: int | str
    weight = LIGHT
    reply = replies.OrderFound | replies.OrderNotFound


class HistoricalOrdersRequest(
    InfoRequest[list[account.OrderRecord]], frozen=True, gc=False, tag="historicalOrders"
):
    """The last 2000 orders."""

    user: str
    rows_per_weight = 20
    reply = list[account.OrderRecord]


class UserFillsRequest(InfoRequest[list[account.Fill]], frozen=True, gc=False, tag="userFills"):
    """The last 2000 fills."""

    user: str
    rows_per_weight = 20
    reply = list[account.Fill]


class UserFillsByTimeRequest(
    InfoRequest[list[account.Fill]], frozen=True, gc=False, tag="userFillsByTime", omit_defaults=True
):
    """Fills between two times, at most 2000: page by the last time."""

    user: str
    start_time: int
    end_time: int | None = None
    aggregate_by_time: bool | None = None
    rows_per_weight = 20
    reply = list[account.Fill]


class UserFundingRequest(
    InfoRequest[list[replies.UserFundingRow]], frozen=True, gc=False, tag="userFunding", omit_defaults=True
):
    """Funding payments of an account, at most 500."""

    user: str
    start_time: int
    end_time: int | None = None
    rows_per_weight = 20
    reply = list[replies.UserFundingRow]


class UserLedgerRequest(
    InfoRequest[list[account.LedgerUpdate]],
    frozen=True,
    gc=False,
    tag="userNonFundingLedgerUpdates",
    omit_defaults=True,
):
    """Deposits, withdrawals and transfers of an account."""

    user: str
    start_time: int
    end_time: int | None = None
    rows_per_weight = 20
    reply = list[account.LedgerUpdate]


class UserFeesRequest(InfoRequest[replies.UserFees], frozen=True, gc=False, tag="userFees"):
    """An account's fees."""

    user: str
    reply = replies.UserFees


class UserRateLimitRequest(InfoRequest[replies.UserRateLimit], frozen=True, gc=False, tag="userRateLimit"):
    """An address's request budget."""

    user: str
    reply = replies.UserRateLimit


class UserRoleRequest(InfoRequest[replies.UserRole], frozen=True, gc=False, tag="userRole"):
    """What an address is."""

    user: str
    weight = 60
    reply = replies.UserRole


class ExtraAgentsRequest(InfoRequest[list[replies.ExtraAgent]], frozen=True, gc=False, tag="extraAgents"):
    """Named agents of an account."""

    user: str
    reply = list[replies.ExtraAgent]


class SubAccountsRequest(
    InfoRequest[list[replies.SubAccount] | None], frozen=True, gc=False, tag="subAccounts"
):
    """Sub-accounts of an account."""

    user: str
    reply = list[replies.SubAccount] | None


class PortfolioRequest(InfoRequest[replies.Portfolio], frozen=True, gc=False, tag="portfolio"):
    """Value, PnL and volume over periods."""

    user: str
    reply = replies.Portfolio


class UserVaultEquitiesRequest(
    InfoRequest[list[replies.VaultEquity]], frozen=True, gc=False, tag="userVaultEquities"
):
    """Shares in vaults."""

    user: str
    reply = list[replies.VaultEquity]


class VaultDetailsRequest(
    InfoRequest[replies.VaultDetails | None], frozen=True, gc=False, tag="vaultDetails"
):
    """A vault; None where there is none."""

    vault_address: str
    reply = replies.VaultDetails | None


class UserTwapSliceFillsRequest(
    InfoRequest[list[replies.TwapSliceFill]], frozen=True, gc=False, tag="userTwapSliceFills"
):
    """Fills of TWAPs."""

    user: str
    rows_per_weight = 20
    reply = list[replies.TwapSliceFill]


class DelegatorHistoryRequest(
    InfoRequest[list[replies.DelegatorRow]], frozen=True, gc=False, tag="delegatorHistory"
):
    """Staking history."""

    user: str
    reply = list[replies.DelegatorRow]


REQUESTS: dict[str, type[InfoRequest[Any]]] = {
    str(kind.__struct_config__.tag): kind for kind in InfoRequest.__subclasses__()
}
"""Every request by its type on the wire."""


@cache
def _decoder(kind: type[InfoRequest[Any]]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind.reply, strict=False)


def encode_info(request: InfoRequest[Any]) -> bytes:
    """The body of a request."""
    return msgspec.json.encode(request)


def decode_info(request: InfoRequest[R], body: bytes | msgspec.Raw) -> R:
    """The reply to `request`. Raises `WireError` where it is not of its type."""
    try:
        return _decoder(type(request)).decode(body)
    except (ValueError, RecursionError, OverflowError) as fault:
        name = type(request).__struct_config__.tag
        raise WireError(f"malformed reply to {name} ({fault})", bytes(body)) from None


def decode_posted(request: InfoRequest[R], answer: InfoAnswer) -> R:
    """The reply to `request` posted over the websocket. Raises `WireError`."""
    return decode_info(request, answer.data)


def decode_request(body: bytes | msgspec.Raw) -> InfoRequest[Any]:
    """The request of a body; nulls mean left out. Raises `WireError` where its type is not known."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
        kind = REQUESTS[fields.get("type", "")]
        given = {name: value for name, value in fields.items() if value is not None}
        return msgspec.convert(given, kind)
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as fault:
        raise WireError(f"not a request of /info ({fault})", bytes(body)) from None


def info_weight(request: InfoRequest[Any], rows: int = 0) -> int:
    """What a request costs of the IP's weight, its reply holding `rows` rows."""
    return request.weight + (rows // request.rows_per_weight if request.rows_per_weight else 0)
