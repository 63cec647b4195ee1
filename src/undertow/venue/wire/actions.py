"""Actions of /exchange: fields in the order that is hashed, optional keys left out, never false or null.

Source: Hyperliquid docs, "Exchange endpoint"; key order as the official SDK signs it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from undertow.venue.wire.scalars import WireError

Tif: TypeAlias = Literal["Alo", "Ioc", "Gtc"]
Asset: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Oid: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text: TypeAlias = Annotated[str, Meta(max_length=64)]
Cloid: TypeAlias = Annotated[str, Meta(pattern="^0x[0-9a-fA-F]{32}$")]
MAX_CANCELS: Final = 200
"""More cancels in one action are refused as a whole ("Signed action over weight limit of 200.")."""


class Limit(msgspec.Struct, frozen=True, gc=False):
    """Time in force: Alo (post only), Ioc, Gtc."""

    tif: Tif


class Trigger(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A take-profit or stop-loss trigger."""

    is_market: bool
    trigger_px: Text
    tpsl: Literal["tp", "sl"]


class OrderType(msgspec.Struct, frozen=True, gc=False):
    """Limit or trigger: exactly one is set."""

    limit: Limit | UnsetType = UNSET
    trigger: Trigger | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.limit is UNSET) is (self.trigger is UNSET):
            raise ValueError("t must hold either limit or trigger")


ALO: Final = OrderType(limit=Limit("Alo"))
IOC: Final = OrderType(limit=Limit("Ioc"))
GTC: Final = OrderType(limit=Limit("Gtc"))


class OrderSpec(msgspec.Struct, frozen=True, gc=False):
    """One order. ``px`` and ``sz`` are wire strings (`undertow.venue.wire.numbers`)."""

    asset: Asset = field(name="a")
    is_buy: bool = field(name="b")
    px: Text = field(name="p")
    sz: Text = field(name="s")
    reduce_only: bool = field(name="r")
    kind: OrderType = field(name="t")
    cloid: Cloid | UnsetType = field(name="c", default=UNSET)


class Priority(msgspec.Struct, frozen=True, gc=False):
    """A paid priority: the rate is n / 1e8."""

    n: Annotated[int, Meta(ge=0, le=2**53)] = field(name="p")


Grouping: TypeAlias = Literal["na", "normalTpsl", "positionTpsl"] | Priority


class Builder(msgspec.Struct, frozen=True, gc=False):
    """A builder's address and fee in tenths of a bp."""

    address: Text = field(name="b")
    fee: Annotated[int, Meta(ge=0, le=2**31)] = field(name="f")


class _Action(msgspec.Struct, frozen=True, gc=False, rename="camel", tag_field="type"):
    """Base of actions; ``type`` comes first."""


class PlaceOrders(_Action, frozen=True, gc=False, tag="order"):
    """Place a batch of orders."""

    orders: list[OrderSpec]
    grouping: Grouping = "na"
    builder: Builder | UnsetType = UNSET


class CancelSpec(msgspec.Struct, frozen=True, gc=False):
    """An order to cancel by exchange id."""

    asset: Asset = field(name="a")
    oid: Oid = field(name="o")


class CancelByCloidSpec(msgspec.Struct, frozen=True, gc=False):
    """An order to cancel by our id."""

    asset: Asset
    cloid: Cloid


class ModifySpec(msgspec.Struct, frozen=True, gc=False):
    """An order to replace (exchange id or our id) and the order in its place, with its full size."""

    oid: Oid | Cloid
    order: OrderSpec


def _only_true(value: bool | UnsetType, key: str) -> None:
    if value is False:
        raise ValueError(f"{key} must be true or left out")


class Cancel(_Action, frozen=True, gc=False, tag="cancel"):
    """Cancel by exchange id; ``fast`` asks for priority (refused for trigger orders)."""

    cancels: list[CancelSpec]
    fast: bool | UnsetType = field(name="f", default=UNSET)

    def __post_init__(self) -> None:
        _only_true(self.fast, "f")


class CancelByCloid(_Action, frozen=True, gc=False, tag="cancelByCloid"):
    """Cancel by our id; ``fast`` asks for priority (refused for trigger orders)."""

    cancels: list[CancelByCloidSpec]
    fast: bool | UnsetType = field(name="f", default=UNSET)

    def __post_init__(self) -> None:
        _only_true(self.fast, "f")


class Modify(_Action, frozen=True, gc=False, tag="modify"):
    """Cancel one order and place another; ``always_place`` lets the new one cross."""

    oid: Oid | Cloid
    order: OrderSpec
    always_place: bool | UnsetType = field(name="a", default=UNSET)

    def __post_init__(self) -> None:
        _only_true(self.always_place, "a")


class BatchModify(_Action, frozen=True, gc=False, tag="batchModify"):
    """Several `Modify` in one."""

    modifies: list[ModifySpec]
    always_place: bool | UnsetType = field(name="a", default=UNSET)

    def __post_init__(self) -> None:
        _only_true(self.always_place, "a")


class ScheduleCancel(_Action, frozen=True, gc=False, tag="scheduleCancel"):
    """Cancel everything at ``time_ms`` (at least 5 s ahead); left out: call it off."""

    time_ms: Annotated[int, Meta(ge=0, le=2**53)] | UnsetType = field(name="time", default=UNSET)


class UpdateLeverage(_Action, frozen=True, gc=False, tag="updateLeverage"):
    """Set leverage and margin mode of a coin."""

    asset: Asset
    is_cross: bool
    leverage: Annotated[int, Meta(ge=1, le=1000)]


class UpdateIsolatedMargin(_Action, frozen=True, gc=False, tag="updateIsolatedMargin"):
    """Move ``ntli`` (millionths of a USD, signed) into an isolated position."""

    asset: Asset
    is_buy: bool
    ntli: Annotated[int, Meta(ge=-(2**53), le=2**53)]


class ReserveRequestWeight(_Action, frozen=True, gc=False, tag="reserveRequestWeight"):
    """Buy requests at 0.0005 USDC each."""

    weight: Annotated[int, Meta(ge=1, le=2**53)]
    destination: Text | UnsetType = UNSET


class Noop(_Action, frozen=True, gc=False, tag="noop"):
    """Does nothing but use up its nonce: an action in flight with the same nonce dies."""


Action: TypeAlias = (
    PlaceOrders
    | Cancel
    | CancelByCloid
    | Modify
    | BatchModify
    | ScheduleCancel
    | UpdateLeverage
    | UpdateIsolatedMargin
    | ReserveRequestWeight
    | Noop
)
_ACTION: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Action)


def order_spec(
    asset: int,
    side: int,
    px: str,
    sz: str,
    kind: OrderType = ALO,
    *,
    reduce_only: bool = False,
    cloid: str | None = None,
) -> OrderSpec:
    """An order to buy (`side` +1) or sell (-1) at wire strings `px` and `sz`."""
    return OrderSpec(asset, side > 0, px, sz, reduce_only, kind, UNSET if cloid is None else cloid)


def batch_size(action: Action) -> int:
    """How many orders or cancels it holds: what it costs of the address's request budget."""
    if isinstance(action, PlaceOrders):
        return len(action.orders)
    if isinstance(action, Cancel | CancelByCloid):
        return len(action.cancels)
    if isinstance(action, BatchModify):
        return len(action.modifies)
    return 1


def decode_action(data: bytes | msgspec.Raw) -> Action:
    """The typed action of its JSON. Raises `WireError` where it is none of `Action`."""
    try:
        return _ACTION.decode(data)
    except (ValueError, RecursionError, OverflowError) as fault:
        raise WireError(f"not an action ({fault})") from None
