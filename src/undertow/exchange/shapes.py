"""What the exchange knows, in the words of its messages: prices and sizes as text, times in ms.

Shapes: Hyperliquid docs, "Info endpoint" and "Subscriptions", as recorded by others (facts, sections
2 and 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undertow.exchange.numbers import RATE_DECIMALS, plain, usd, wire
from undertow.exchange.state import hash_text

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin
    from undertow.exchange.happenings import Fill, FundingPaid, OrderUpdate, Traded
    from undertow.exchange.orders import Order

Json = dict[str, Any]


def px(coin: Coin, tick: int) -> str:
    """A price of `coin`."""
    return wire(tick, coin.px_decimals)


def sz(coin: Coin, steps: int) -> str:
    """A size of `coin`."""
    return wire(steps, coin.sz_decimals)


def side(sign: int) -> str:
    """``B`` for a buy, ``A`` for a sell."""
    return "B" if sign > 0 else "A"


def trade(event: Traded) -> Json:
    """An element of a ``trades`` frame and of recentTrades."""
    coin = event.coin
    return {
        "coin": coin.name,
        "side": side(event.side),
        "px": px(coin, event.tick),
        "sz": sz(coin, event.steps),
        "time": event.time_ms,
        "hash": hash_text(event.hash),
        "tid": event.tid,
        "users": [event.buyer, event.seller],
    }


def fill(event: Fill) -> Json:
    """A fill as userFills and userEvents carry it."""
    coin = event.coin
    shape: Json = {
        "coin": coin.name,
        "px": px(coin, event.tick),
        "sz": sz(coin, event.steps),
        "side": side(event.side),
        "time": event.time_ms,
        "startPosition": sz(coin, event.start_steps),
        "dir": event.direction,
        "closedPnl": usd(event.closed_micro),
        "hash": hash_text(event.hash),
        "oid": event.oid,
        "crossed": event.crossed,
        "fee": usd(event.fee_micro),
        "tid": event.tid,
    }
    if event.cloid is not None:
        shape["cloid"] = event.cloid
    if event.builder_micro:
        shape["builderFee"] = usd(event.builder_micro)
    if event.liquidation is not None:
        user, mark, method = event.liquidation
        shape["liquidation"] = {"liquidatedUser": user, "markPx": px(coin, mark), "method": method}
    shape["feeToken"] = "USDC"
    shape["twapId"] = None
    return shape


def aggregated(fills: list[Json], events: list[Fill]) -> list[Json]:
    """Fills with those of one crossing order at one time merged: size summed, price averaged.

    Source: the official SDK's note on ``aggregateByTime``.
    """
    merged: list[tuple[Json, list[Fill]]] = []
    for shape, event in zip(fills, events, strict=True):
        last = merged[-1][1][0] if merged else None
        if (
            last is not None
            and event.crossed
            and last.crossed
            and (last.oid, last.time_ms) == (event.oid, event.time_ms)
        ):
            merged[-1][1].append(event)
        else:
            merged.append((shape, [event]))
    return [shape if len(parts) == 1 else _merged_fill(shape, parts) for shape, parts in merged]


def _merged_fill(shape: Json, parts: list[Fill]) -> Json:
    coin = parts[0].coin
    steps = sum(part.steps for part in parts)
    value = sum(part.steps * part.tick for part in parts)
    merged = shape | {
        "px": average_px(coin, value, steps),
        "sz": sz(coin, steps),
        "startPosition": sz(coin, parts[0].start_steps),
        "closedPnl": usd(sum(part.closed_micro for part in parts)),
        "fee": usd(sum(part.fee_micro for part in parts)),
    }
    if "builderFee" in merged:
        merged["builderFee"] = usd(sum(part.builder_micro for part in parts))
    return merged


def average_px(coin: Coin, value: int, steps: int) -> str:
    """The price of `steps` that cost `value` ticks·steps, to two decimals beyond the tick."""
    decimals = coin.px_decimals
    return wire(round(value * 100 / steps), decimals + 2)


def order(item: Order, left: int) -> Json:
    """An order as orderUpdates and openOrders carry it, `left` steps remaining."""
    coin = item.coin
    shape: Json = {
        "coin": coin.name,
        "side": side(item.side),
        "limitPx": px(coin, item.tick),
        "sz": sz(coin, left),
        "oid": item.oid,
        "timestamp": item.time_ns // 1_000_000,
        "origSz": sz(coin, item.size),
    }
    if item.cloid is not None:
        shape["cloid"] = item.cloid
    if item.reduce_only:
        shape["reduceOnly"] = True
    return shape


def frontend_order(item: Order, left: int) -> Json:
    """An order as frontendOpenOrders, orderStatus and historicalOrders carry it."""
    coin, trigger = item.coin, item.trigger
    return {
        "coin": coin.name,
        "side": side(item.side),
        "limitPx": px(coin, item.tick),
        "sz": sz(coin, left),
        "oid": item.oid,
        "timestamp": item.time_ns // 1_000_000,
        "triggerCondition": _condition(item),
        "isTrigger": trigger is not None,
        "triggerPx": "0.0" if trigger is None else px(coin, trigger.tick),
        "children": [frontend_order(child, child.left) for child in item.children],
        "isPositionTpsl": item.position_tpsl,
        "reduceOnly": item.reduce_only,
        "orderType": _order_type(item),
        "origSz": sz(coin, item.size),
        "tif": None if trigger is not None else item.tif,
        "cloid": item.cloid,
    }


def _order_type(item: Order) -> str:
    if item.trigger is None:
        return "Limit"
    what = "Take Profit" if item.trigger.tpsl == "tp" else "Stop"
    return f"{what} {'Market' if item.trigger.market else 'Limit'}"


def _condition(item: Order) -> str:
    if item.trigger is None:
        return "N/A"
    above = (item.side < 0) == (item.trigger.tpsl == "tp")
    at = plain(item.trigger.tick, item.coin.px_decimals)
    return f"Price {'above' if above else 'below'} {at}"


def order_update(event: OrderUpdate) -> Json:
    """An element of an orderUpdates frame."""
    return {
        "order": order(event.order, event.left),
        "status": event.status,
        "statusTimestamp": event.time_ms,
    }


def funding(event: FundingPaid) -> Json:
    """A funding payment as userFundings and userEvents carry it."""
    return {
        "time": event.time_ms,
        "coin": event.coin.name,
        "usdc": usd(event.micro),
        "szi": sz(event.coin, event.steps),
        "fundingRate": wire(event.rate, RATE_DECIMALS),
        "nSamples": None,
    }
