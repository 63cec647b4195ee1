"""What can be subscribed to. A subscription is its own key: compare it with `canonical` of an ack.

Source: Hyperliquid docs, "Subscriptions".
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from undertow.venue.wire.scalars import WireError


class _Subscription(
    msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True, tag_field="type"
):
    """Base of subscriptions: defaults are not written, and filled in by the exchange's ack."""


class L2BookSub(_Subscription, frozen=True, gc=False, tag="l2Book"):
    """Book snapshots: 20 levels every ~5.4 s, or 5 every ~0.54 s with ``fast``."""

    coin: str
    n_sig_figs: int | None = None
    mantissa: int | None = None
    fast: bool = False


class BboSub(_Subscription, frozen=True, gc=False, tag="bbo"):
    """The best bid and ask, when they changed."""

    coin: str


class TradesSub(_Subscription, frozen=True, gc=False, tag="trades"):
    """Prints."""

    coin: str


class ActiveAssetCtxSub(_Subscription, frozen=True, gc=False, tag="activeAssetCtx"):
    """Context of a coin once a second (a spot coin's arrives as activeSpotAssetCtx)."""

    coin: str


class ActiveAssetDataSub(_Subscription, frozen=True, gc=False, tag="activeAssetData"):
    """Leverage and room of an account in one coin."""

    user: str
    coin: str


class AllMidsSub(_Subscription, frozen=True, gc=False, tag="allMids"):
    """All mids of a dex (empty: the main one)."""

    dex: str = ""


class FastAssetCtxsSub(_Subscription, frozen=True, gc=False, tag="fastAssetCtxs"):
    """Marks and mids that changed, once a second."""


class AllDexsAssetCtxsSub(_Subscription, frozen=True, gc=False, tag="allDexsAssetCtxs"):
    """Contexts of every dex."""


class CandleSub(_Subscription, frozen=True, gc=False, tag="candle"):
    """Candles of one interval (``1m``, ``1h`` ...)."""

    coin: str
    interval: str


class OrderUpdatesSub(_Subscription, frozen=True, gc=False, tag="orderUpdates"):
    """Changes of an account's orders on all dexes; the frames do not name the account."""

    user: str


class UserFillsSub(_Subscription, frozen=True, gc=False, tag="userFills"):
    """An account's fills."""

    user: str
    aggregate_by_time: bool = False


class UserEventsSub(_Subscription, frozen=True, gc=False, tag="userEvents"):
    """An account's events; they arrive on channel ``user``."""

    user: str


class UserFundingsSub(_Subscription, frozen=True, gc=False, tag="userFundings"):
    """An account's funding payments."""

    user: str


class UserLedgerSub(_Subscription, frozen=True, gc=False, tag="userNonFundingLedgerUpdates"):
    """An account's deposits, withdrawals, transfers."""

    user: str


class ClearinghouseStateSub(_Subscription, frozen=True, gc=False, tag="clearinghouseState"):
    """An account's margin and positions on a dex."""

    user: str
    dex: str = ""


class OpenOrdersSub(_Subscription, frozen=True, gc=False, tag="openOrders"):
    """An account's open orders on a dex."""

    user: str
    dex: str = ""


class NotificationSub(_Subscription, frozen=True, gc=False, tag="notification"):
    """Lines of text for a person."""

    user: str


class WebData3Sub(_Subscription, frozen=True, gc=False, tag="webData3"):
    """The front end's summary of an account."""

    user: str


Subscription: TypeAlias = (
    L2BookSub
    | BboSub
    | TradesSub
    | ActiveAssetCtxSub
    | ActiveAssetDataSub
    | AllMidsSub
    | FastAssetCtxsSub
    | AllDexsAssetCtxsSub
    | CandleSub
    | OrderUpdatesSub
    | UserFillsSub
    | UserEventsSub
    | UserFundingsSub
    | UserLedgerSub
    | ClearinghouseStateSub
    | OpenOrdersSub
    | NotificationSub
    | WebData3Sub
)


class UnknownSubscription(msgspec.Struct, frozen=True, gc=False):
    """A subscription of a type we do not know, as text of its JSON."""

    text: str


class Acknowledged(msgspec.Struct, frozen=True, gc=False):
    """The data of a subscriptionResponse."""

    method: Literal["subscribe", "unsubscribe"]
    subscription: dict[str, Any]

    @property
    def key(self) -> Subscription | UnknownSubscription:
        """What was (un)subscribed, comparable with `canonical` of what was asked."""
        return subscription_of(self.subscription)


def canonical(subscription: Subscription) -> Subscription:
    """The same subscription with its user in lower case: hashable, equal to what an ack names."""
    user = getattr(subscription, "user", None)
    if user is None or user == user.lower():
        return subscription
    return msgspec.structs.replace(subscription, user=user.lower())


def subscription_of(fields: dict[str, Any]) -> Subscription | UnknownSubscription:
    """The canonical subscription of its JSON object; nulls mean defaults."""
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return canonical(msgspec.convert(given, Subscription))
    except msgspec.ValidationError:
        return UnknownSubscription(msgspec.json.encode(fields, order="sorted").decode())


def decode_subscription(data: bytes) -> Subscription | UnknownSubscription:
    """The canonical subscription of its JSON text. Raises `WireError` where it is not an object."""
    try:
        return subscription_of(msgspec.json.decode(data, type=dict[str, Any]))
    except (ValueError, RecursionError, OverflowError) as fault:
        raise WireError(f"not a subscription ({fault})", data) from None


def coin_of(subscription: Subscription) -> str | None:
    """The coin it is about, or None."""
    return getattr(subscription, "coin", None)


def user_of(subscription: Subscription) -> str | None:
    """The account it is about, or None."""
    return getattr(subscription, "user", None)


def filled(subscription: Subscription) -> dict[str, Any]:
    """The subscription as an ack shows it: every field written, defaults too."""
    fields = {
        field.encode_name: getattr(subscription, field.name)
        for field in msgspec.structs.fields(type(subscription))
    }
    return {"type": str(subscription.__struct_config__.tag), **fields}
