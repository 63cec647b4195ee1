"""Actions as decoded from JSON, read into records. What the venue could not read is `Malformed`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from undertow.exchange.errors import Malformed
from undertow.exchange.numbers import is_decimal

_CLOID: Final = re.compile(r"0x[0-9a-fA-F]{32}\Z")
_TIFS: Final = ("Alo", "Ioc", "Gtc", "FrontendMarket")
_GROUPINGS: Final = ("na", "normalTpsl", "positionTpsl")


@dataclass(frozen=True, slots=True)
class OrderSpec:
    """One order as sent. ``trigger``: (market, trigger price, tp or sl)."""

    asset: int
    side: int
    px: str
    sz: str
    reduce_only: bool
    tif: str
    trigger: tuple[bool, str, str] | None
    cloid: str | None


@dataclass(frozen=True, slots=True)
class PlaceOrders:
    """Action ``order``. ``priority``: rate of grouping ``{"p": n}``."""

    orders: tuple[OrderSpec, ...]
    grouping: str
    priority: int
    builder: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Actions ``cancel`` and ``cancelByCloid``: (asset, oid or cloid). ``fast``: ``f:true``."""

    targets: tuple[tuple[int, int | str], ...]
    fast: bool


@dataclass(frozen=True, slots=True)
class ModifyOrders:
    """Actions ``modify`` (``single``) and ``batchModify``. ``always``: ``a:true``."""

    modifies: tuple[tuple[int | str, OrderSpec], ...]
    always: bool
    single: bool


@dataclass(frozen=True, slots=True)
class ScheduleCancel:
    """Action ``scheduleCancel``; None clears."""

    time_ms: int | None


@dataclass(frozen=True, slots=True)
class UpdateLeverage:
    """Action ``updateLeverage``."""

    asset: int
    cross: bool
    leverage: int


@dataclass(frozen=True, slots=True)
class UpdateIsolatedMargin:
    """Action ``updateIsolatedMargin``: millionths of a dollar, negative to remove."""

    asset: int
    micro: int


@dataclass(frozen=True, slots=True)
class ReserveWeight:
    """Action ``reserveRequestWeight``."""

    weight: int
    destination: str | None


@dataclass(frozen=True, slots=True)
class Noop:
    """Action ``noop``."""


Action: TypeAlias = (
    PlaceOrders
    | CancelOrders
    | ModifyOrders
    | ScheduleCancel
    | UpdateLeverage
    | UpdateIsolatedMargin
    | ReserveWeight
    | Noop
)


def _map(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Malformed(f"{what} must be an object")
    return value


def _list(value: object, what: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise Malformed(f"{what} must be a list")
    return value


def _int(value: object, what: str, low: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 2**63:
        raise Malformed(f"{what} must be a whole number of at least {low}")
    return value


def _bool(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed(f"{what} must be true or false")
    return value


def _flag(action: Mapping[str, Any], name: str) -> bool:
    """An optional key that is true or absent."""
    if name in action and action[name] is not True:
        raise Malformed(f"{name} must be true or left out")
    return name in action


def _decimal(value: object, what: str) -> str:
    if not is_decimal(value):
        raise Malformed(f"{what} must be a decimal string")
    return str(value)


def _cloid(value: object, what: str = "cloid") -> str:
    if not isinstance(value, str) or _CLOID.match(value) is None:
        raise Malformed(f"{what} must be 0x and 32 hexadecimal digits")
    return value.lower()


def _ident(value: object) -> int | str:
    return _int(value, "oid") if isinstance(value, int) else _cloid(value, "oid")


def _order(value: object) -> OrderSpec:
    spec = _map(value, "order")
    kind = _map(spec.get("t"), "t")
    tif, trigger = "Gtc", None
    if "limit" in kind and len(kind) == 1:
        tif = str(_map(kind["limit"], "limit").get("tif"))
        if tif not in _TIFS:
            raise Malformed(f"tif must be one of {', '.join(_TIFS)}")
        tif = "Ioc" if tif == "FrontendMarket" else tif
    elif "trigger" in kind and len(kind) == 1:
        part = _map(kind["trigger"], "trigger")
        tpsl = part.get("tpsl")
        if tpsl not in ("tp", "sl"):
            raise Malformed("tpsl must be tp or sl")
        trigger = (
            _bool(part.get("isMarket"), "isMarket"),
            _decimal(part.get("triggerPx"), "triggerPx"),
            tpsl,
        )
    else:
        raise Malformed("t must be {limit} or {trigger}")
    cloid = spec.get("c")
    return OrderSpec(
        asset=_int(spec.get("a"), "a"),
        side=1 if _bool(spec.get("b"), "b") else -1,
        px=_decimal(spec.get("p"), "p"),
        sz=_decimal(spec.get("s"), "s"),
        reduce_only=_bool(spec.get("r"), "r"),
        tif=tif,
        trigger=trigger,
        cloid=None if cloid is None else _cloid(cloid, "c"),
    )


def _place(action: Mapping[str, Any]) -> PlaceOrders:
    grouping, priority = action.get("grouping"), 0
    if isinstance(grouping, Mapping):
        priority = _int(grouping.get("p"), "grouping.p")
        grouping = "na"
    if grouping not in _GROUPINGS:
        raise Malformed(f"grouping must be one of {', '.join(_GROUPINGS)} or {{p}}")
    builder = None
    if action.get("builder") is not None:
        part = _map(action["builder"], "builder")
        builder = (str(part.get("b")), _int(part.get("f"), "builder.f"))
    orders = tuple(_order(value) for value in _list(action.get("orders"), "orders"))
    return PlaceOrders(orders, grouping, priority, builder)


def _cancel(action: Mapping[str, Any]) -> CancelOrders:
    targets = []
    for value in _list(action.get("cancels"), "cancels"):
        part = _map(value, "cancel")
        targets.append((_int(part.get("a"), "a"), _int(part.get("o"), "o")))
    return CancelOrders(tuple(targets), _flag(action, "f"))


def _cancel_by_cloid(action: Mapping[str, Any]) -> CancelOrders:
    targets = []
    for value in _list(action.get("cancels"), "cancels"):
        part = _map(value, "cancel")
        targets.append((_int(part.get("asset"), "asset"), _cloid(part.get("cloid"))))
    return CancelOrders(tuple(targets), _flag(action, "f"))


def _modify(action: Mapping[str, Any]) -> ModifyOrders:
    one = (_ident(action.get("oid")), _order(action.get("order")))
    return ModifyOrders((one,), _flag(action, "a"), True)


def _batch_modify(action: Mapping[str, Any]) -> ModifyOrders:
    parts = [_map(value, "modify") for value in _list(action.get("modifies"), "modifies")]
    modifies = tuple((_ident(part.get("oid")), _order(part.get("order"))) for part in parts)
    return ModifyOrders(modifies, _flag(action, "a"), False)


def _schedule(action: Mapping[str, Any]) -> ScheduleCancel:
    time = action.get("time")
    return ScheduleCancel(None if time is None else _int(time, "time"))


def _leverage(action: Mapping[str, Any]) -> UpdateLeverage:
    return UpdateLeverage(
        _int(action.get("asset"), "asset"),
        _bool(action.get("isCross"), "isCross"),
        _int(action.get("leverage"), "leverage"),
    )


def _isolated(action: Mapping[str, Any]) -> UpdateIsolatedMargin:
    _bool(action.get("isBuy"), "isBuy")
    return UpdateIsolatedMargin(
        _int(action.get("asset"), "asset"), _int(action.get("ntli"), "ntli", -(2**62))
    )


def _reserve(action: Mapping[str, Any]) -> ReserveWeight:
    destination = action.get("destination")
    return ReserveWeight(
        _int(action.get("weight"), "weight", 1), None if destination is None else str(destination)
    )


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Action]]] = {
    "order": _place,
    "cancel": _cancel,
    "cancelByCloid": _cancel_by_cloid,
    "modify": _modify,
    "batchModify": _batch_modify,
    "scheduleCancel": _schedule,
    "updateLeverage": _leverage,
    "updateIsolatedMargin": _isolated,
    "reserveRequestWeight": _reserve,
    "noop": lambda action: Noop(),
}


def read(action: object) -> Action:
    """The action as a record. Raises `Malformed`, naming the field."""
    fields = _map(action, "action")
    reader = _READERS.get(str(fields.get("type")))
    if reader is None:
        raise Malformed(f"action type {fields.get('type')!r} is not known")
    return reader(fields)


def weight(action: Action) -> int:
    """How many orders and cancels the action counts for."""
    match action:
        case PlaceOrders(orders=items) | CancelOrders(targets=items) | ModifyOrders(modifies=items):
            return len(items)
        case _:
            return 1


def urgency(action: Action) -> int:
    """Its class within a block: 0 prioritized cancels, 1 cancels and post-only, 2 the rest."""
    match action:
        case CancelOrders(fast=fast):
            return 0 if fast else 1
        case PlaceOrders(orders=orders):
            return 1 if all(o.tif == "Alo" and o.trigger is None for o in orders) else 2
        case ModifyOrders(modifies=modifies, always=always):
            return 1 if not always or all(o.tif == "Alo" for _, o in modifies) else 2
        case _:
            return 2
