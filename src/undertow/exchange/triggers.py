"""Trigger orders: held until the mark reaches their price, alone or with a parent or position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.exchange import errors
from undertow.exchange.errors import Rejected
from undertow.exchange.numbers import on_grid
from undertow.exchange.orders import TRIGGERED, Order
from undertow.exchange.placing import Reply, check_room, new_order, place

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account
    from undertow.exchange.actions import PlaceOrders
    from undertow.exchange.state import State


def place_grouped(state: State, account: Account, action: PlaceOrders) -> list[Reply]:
    """Place the orders of one action by its grouping; one reply each."""
    builder = action.builder[1] if action.builder else 0
    orders = [new_order(state, account, spec, action.priority, builder) for spec in action.orders]
    if action.grouping == "normalTpsl":
        return _with_children(state, orders)
    if action.grouping == "positionTpsl":
        for order in orders:
            order.position_tpsl = order.trigger is not None
        siblings(orders)
    return [hold(state, order) if order.trigger else place(state, order) for order in orders]


def siblings(orders: list[Order]) -> None:
    """Tie orders together: when one is set off, the others go."""
    for order in orders:
        order.siblings = [other for other in orders if other is not order and other.trigger]


def _with_children(state: State, orders: list[Order]) -> list[Reply]:
    parent, children = orders[0], [order for order in orders[1:] if order.trigger]
    parent.children = children
    for child in children:
        child.parent, child.waiting = parent, True
    siblings(children)
    replies: list[Reply] = [place(state, parent)]
    failed = isinstance(replies[0], dict) and "error" in replies[0]
    for order in orders[1:]:
        if order.trigger is None:
            replies.append(place(state, order))
        elif failed:
            state.set_status(order, "rejected")
            replies.append({"error": f"{errors.TPSL_PRICE} asset={order.coin.asset}"})
        else:
            replies.append(_hold_child(state, parent, order))
    return replies


def _hold_child(state: State, parent: Order, child: Order) -> Reply:
    """A child waits for its parent's fill, then for its trigger."""
    child.waiting = bool(parent.left) and parent.live
    reply = hold(state, child)
    if isinstance(reply, dict) and "error" in reply:
        return reply
    return "waitingForFill" if child.waiting else "waitingForTrigger"


def hold(state: State, order: Order) -> Reply:
    """Check a trigger order and keep it until it is set off."""
    try:
        _check(state, order)
    except Rejected as fault:
        state.set_status(order, fault.status)
        return {"error": f"{fault} asset={order.coin.asset}"}
    order.account.live[order.oid] = order
    if not order.waiting:
        state.triggers.append(order)
    state.set_status(order, "open")
    resting = {"oid": order.oid} if order.cloid is None else {"oid": order.oid, "cloid": order.cloid}
    return {"resting": resting}


def _check(state: State, order: Order) -> None:
    coin, trigger = order.coin, order.trigger
    assert trigger is not None
    if not coin.tradable:
        raise Rejected("rejected", errors.HALTED)
    if not (on_grid(order.tick, coin.px_decimals) and on_grid(trigger.tick, coin.px_decimals)):
        raise Rejected("tickRejected", errors.TICK)
    held = order.account.steps(coin)
    if order.position_tpsl:
        if held * order.side >= 0:
            raise Rejected("reduceOnlyRejected", errors.REDUCE_ONLY)
        order.size = order.left = order.size or abs(held)
    if not order.waiting and trigger.hit(order.side, coin.mark):
        raise Rejected("badTriggerPxRejected", errors.TPSL_PRICE)
    check_room(state, order)


def run_triggers(state: State) -> None:
    """Send off the trigger orders whose price the mark has reached."""
    due = [o for o in state.triggers if o.trigger and o.live and o.trigger.hit(o.side, o.coin.mark)]
    for order in due:
        if order.live and order in state.triggers:
            _set_off(state, order)


def _set_off(state: State, order: Order) -> None:
    state.triggers = [other for other in state.triggers if other is not order]
    for other in order.siblings:
        if other.live:
            state.take_off(other, "siblingFilledCanceled")
    state.set_status(order, TRIGGERED)
    order.account.live.pop(order.oid, None)
    order.tif = "Ioc" if order.trigger and order.trigger.market else "Gtc"
    if order.position_tpsl:
        order.size = order.left = abs(order.account.steps(order.coin))
    place(state, order)
