"""What each action does when its block comes, and how it is answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from undertow.exchange import errors
from undertow.exchange.actions import (
    Action,
    CancelOrders,
    ModifyOrders,
    Noop,
    OrderSpec,
    PlaceOrders,
    ReserveWeight,
    ScheduleCancel,
    UpdateIsolatedMargin,
    UpdateLeverage,
)
from undertow.exchange.errors import Refused
from undertow.exchange.orders import CANCELED, Order
from undertow.exchange.placing import Reply, new_order, place
from undertow.exchange.settings import reserve_weight, schedule_cancel, update_leverage, update_margin
from undertow.exchange.triggers import hold, place_grouped

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account
    from undertow.exchange.state import State

DEFAULT: dict[str, Any] = {"status": "ok", "response": {"type": "default"}}


def answer(kind: str, statuses: list[Reply]) -> dict[str, Any]:
    """A reply of one status per item."""
    return {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}


def refusal(text: str) -> dict[str, Any]:
    """A reply that refuses the whole action."""
    return {"status": "err", "response": text}


def handle(state: State, account: Account, action: Action) -> dict[str, Any]:
    """Execute `action` and answer it."""
    try:
        match action:
            case PlaceOrders():
                return answer("order", place_grouped(state, account, action))
            case CancelOrders():
                return answer("cancel", [_cancel(state, account, action.fast, t) for t in action.targets])
            case ModifyOrders():
                return _modify_all(state, account, action)
            case ScheduleCancel():
                schedule_cancel(state, account, action.time_ms)
            case UpdateLeverage():
                update_leverage(state, account, action)
            case UpdateIsolatedMargin():
                update_margin(state, account, action)
            case ReserveWeight():
                reserve_weight(state, account, action)
            case Noop():
                pass
    except Refused as fault:
        return refusal(str(fault))
    return DEFAULT


def _live(account: Account, ident: int | str) -> Order | None:
    order = account.find(ident)
    return order if order is not None and order.live else None


def _cancel(state: State, account: Account, fast: bool, target: tuple[int, int | str]) -> Reply:
    asset, ident = target
    order = _live(account, ident)
    if order is None or order.coin.asset != asset:
        return {"error": f"{errors.NOT_CANCELABLE} asset={asset}"}
    if fast and order.trigger is not None:
        return {"error": f"{errors.PRIORITY_TRIGGER} asset={asset}"}
    state.take_off(order, CANCELED, by_user=True)
    return "success"


def _modify_all(state: State, account: Account, action: ModifyOrders) -> dict[str, Any]:
    replies = [_modify(state, account, ident, spec, action.always) for ident, spec in action.modifies]
    if not action.single:
        return answer("order", replies)
    reply = replies[0]
    if isinstance(reply, dict) and "error" in reply:
        text = reply["error"]
        known = text.startswith((errors.NOT_MODIFIABLE, errors.BAD_MODIFY))
        return refusal(text if known else errors.MODIFY_FAILED.format(text))
    return DEFAULT


def _modify(state: State, account: Account, ident: int | str, spec: OrderSpec, always: bool) -> Reply:
    """Cancel and place anew, under the same cloid unless another is given. The old order goes first."""
    old = _live(account, ident)
    if old is None:
        return {"error": errors.NOT_MODIFIABLE}
    if old.coin.asset != spec.asset or old.side != spec.side or (not always and spec.tif == "Ioc"):
        return {"error": errors.BAD_MODIFY}
    if spec.cloid is None:
        spec = replace(spec, cloid=old.cloid)
    if not always and spec.trigger is None:
        spec = replace(spec, tif="Alo")
    state.take_off(old, CANCELED, by_user=True)
    order = new_order(state, account, spec, builder=old.builder)
    return hold(state, order) if order.trigger else place(state, order)
