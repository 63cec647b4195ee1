"""Placing an order: what is checked, in which order, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from undertow.exchange import errors
from undertow.exchange.errors import PreValidation, Rejected
from undertow.exchange.margin import can_trade, within_tier
from undertow.exchange.matching import after_fill, take
from undertow.exchange.numbers import MICRO, on_grid, parse, plain, wire
from undertow.exchange.orders import CANCELED, FILLED, Order, Trigger

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account
    from undertow.exchange.actions import OrderSpec
    from undertow.exchange.coin import Coin
    from undertow.exchange.state import State

Reply = dict[str, Any] | str


def prevalidate(state: State, specs: Iterable[OrderSpec], grouping: str = "na") -> None:
    """Faults of the content alone, which refuse a whole batch with one error. Raises `PreValidation`."""
    empty = True
    for spec in specs:
        empty = False
        coin = state.by_asset.get(spec.asset)
        if coin is None:
            raise PreValidation(errors.NO_ASSET.format(spec.asset))
        prices = [spec.px] if spec.trigger is None else [spec.px, spec.trigger[1]]
        if any(not parse(px, coin.px_decimals) for px in prices):
            raise PreValidation(errors.INVALID_PRICE)
        steps = parse(spec.sz, coin.sz_decimals)
        if steps is None:
            raise PreValidation(errors.INVALID_SIZE)
        if steps == 0 and grouping != "positionTpsl":
            raise PreValidation(errors.ZERO_SIZE)
        if spec.trigger is not None and grouping != "na" and not spec.reduce_only:
            raise PreValidation(errors.TPSL_REDUCE)
    if empty:
        raise PreValidation(errors.EMPTY)


def new_order(state: State, account: Account, spec: OrderSpec, priority: int = 0, builder: int = 0) -> Order:
    """The order of a pre-validated `spec`, known to the account, not yet placed."""
    coin = state.by_asset[spec.asset]
    size = parse(spec.sz, coin.sz_decimals)
    tick = parse(spec.px, coin.px_decimals)
    assert size is not None
    assert tick is not None
    trigger = None
    if spec.trigger is not None:
        market, text, tpsl = spec.trigger
        trigger = Trigger(parse(text, coin.px_decimals) or 0, market, "tp" if tpsl == "tp" else "sl")
    order = Order(
        oid=state.next_oid(),
        account=account,
        coin=coin,
        side=spec.side,
        tick=tick,
        size=size,
        left=size,
        tif="Alo" if spec.tif == "Alo" else "Ioc" if spec.tif == "Ioc" else "Gtc",
        reduce_only=spec.reduce_only,
        cloid=spec.cloid,
        time_ns=state.now_ns,
        priority=priority,
        builder=builder,
        trigger=trigger,
        status_ns=state.now_ns,
    )
    account.remember(order)
    return order


def place(state: State, order: Order) -> Reply:
    """Check, match and rest `order`; returns its place in the reply."""
    try:
        check(state, order)
        _check_price(order)
        order.account.live[order.oid] = order
        _execute(state, order)
    except Rejected as fault:
        state.set_status(order, fault.status)
        return {"error": f"{fault} asset={order.coin.asset}"}
    if order.filled:
        return _filled(order)
    return _named(order, {"resting": {"oid": order.oid}}, "resting")


def _named(order: Order, reply: dict[str, Any], key: str) -> dict[str, Any]:
    if order.cloid is not None:
        reply[key]["cloid"] = order.cloid
    return reply


def _filled(order: Order) -> dict[str, Any]:
    coin = order.coin
    average = wire_average(order.filled_micro, order.filled, coin)
    total = wire(order.filled, coin.sz_decimals)
    return _named(order, {"filled": {"totalSz": total, "avgPx": average, "oid": order.oid}}, "filled")


def wire_average(micro: int, steps: int, coin: Coin) -> str:
    """An average price of `micro` over `steps`, rounded to a tick, as replies show it."""
    return wire((2 * micro + steps) // (2 * steps), coin.px_decimals) if steps else "0.0"


def _execute(state: State, order: Order) -> None:
    """Match a checked order; what it leaves and may rest joins the book. Raises `Rejected`."""
    coin = order.coin
    opposite = coin.best(-order.side)
    crosses = opposite is not None and (order.tick - opposite) * order.side >= 0
    if order.tif == "Alo" and crosses:
        bid, ask = coin.best(1), coin.best(-1)
        shown = [plain(tick or 0, coin.px_decimals) for tick in (bid, ask)]
        raise Rejected("badAloPxRejected", errors.ALO.format(bid_px=shown[0], ask_px=shown[1]))
    if order.tif == "Ioc" and not crosses:
        if order.trigger is not None:
            raise Rejected("marketOrderNoLiquidityRejected", errors.NO_LIQUIDITY)
        raise Rejected("iocCancelRejected", errors.IOC)
    if not crosses:
        rest(state, order)
        return
    _take(state, order)


def _take(state: State, order: Order) -> None:
    """Match an order that crosses. It is open only if something of it rests. Raises `Rejected`."""
    taken, broke = take(state, order)
    if order.left == 0:
        state.set_status(order, FILLED)
    elif broke and not taken:
        raise Rejected("perpMarginRejected", errors.MARGIN)
    elif broke:
        state.set_status(order, "marginCanceled")
    elif order.tif == "Ioc" and not taken:
        raise Rejected("iocCancelRejected", errors.IOC)
    elif order.tif == "Ioc":
        state.set_status(order, CANCELED)
    else:
        rest(state, order)
    if taken:
        after_fill(state, order)


def rest(state: State, order: Order) -> None:
    """`order` joins the book behind what is there."""
    coin = order.coin
    coin.resting.add(order, coin.market.size(order.side, order.tick))
    if order.priority and order.tif == "Alo":
        since = state.now_ns - state.rules.priority_overtakes_ns
        coin.resting.of(order.side).overtake(order, since)
    state.set_status(order, "open")


def _check_price(order: Order) -> None:
    """The passive band, and the oracle's on the aggressive side."""
    coin, rules = order.coin, order.coin.rules
    low, high = coin.mark * (1.0 - rules.reference_band), coin.mark * (1.0 + rules.reference_band)
    if (order.side > 0 and order.tick < low) or (order.side < 0 and order.tick > high):
        raise Rejected("tickRejected", errors.BAND.format(percent=round(100 * rules.reference_band)))
    beyond = order.side * (order.tick - coin.oracle)
    if beyond > rules.oracle_band * coin.oracle:
        raise Rejected("oracleRejected", errors.ORACLE_BAND)


def check(state: State, order: Order) -> None:
    """Everything that can refuse an order before its price meets the book. Raises `Rejected`."""
    coin, account, rules = order.coin, order.account, state.rules
    if not coin.tradable:
        raise Rejected("rejected", errors.HALTED)
    if order.tif != "Alo" and state.now_ns < state.post_only_until_ns:
        raise Rejected("rejected", errors.POST_ONLY_PERIOD)
    if not on_grid(order.tick, coin.px_decimals):
        raise Rejected("tickRejected", errors.TICK)
    held = account.steps(coin)
    closes = order.reduce_only and held * order.side < 0 and order.size >= abs(held)
    if order.reduce_only:
        _shrink(order, held)
    value = order.size * order.tick
    if value < rules.min_order_usd * MICRO and not closes:
        raise Rejected("minTradeNtlRejected", errors.MIN_VALUE)
    if value > coin.listing.max_order_usd * MICRO:
        raise Rejected("rejected", errors.MAX_VALUE.format(limit_usd=round(coin.listing.max_order_usd)))
    check_room(state, order)
    if not order.reduce_only:
        _check_growth(order, held)


def _shrink(order: Order, held: int) -> None:
    """A reduce-only order is no larger than the position it reduces."""
    if held * order.side >= 0:
        raise Rejected("reduceOnlyRejected", errors.REDUCE_ONLY)
    order.size = order.left = min(order.size, abs(held))


def check_room(state: State, order: Order) -> None:
    """The account's limit of open orders. Raises `Rejected`."""
    account, rules = order.account, state.rules
    free = rules.open_orders_free
    more = account.requests.traded_micro // (rules.open_orders_usd_per_more * MICRO)
    most = min(free + more, rules.open_orders_most)
    n = len(account.live)
    if n >= free and (order.reduce_only or order.trigger is not None):
        raise Rejected("tooManyOpenOrdersRejected", errors.TOO_MANY_ORDERS)
    if n >= most:
        raise Rejected("tooManyOpenOrdersRejected", errors.TOO_MANY_ORDERS)


def _check_growth(order: Order, held: int) -> None:
    """Open-interest cap, margin tier and initial margin of what the order would make of the position."""
    coin, account = order.coin, order.account
    after = held + order.side * order.size
    grows = abs(after) > abs(held)
    cap = coin.open_interest_cap_usd
    if grows and cap is not None and coin.open_interest() * coin.mark >= cap * MICRO:
        flips = held * after < 0
        status = f"position{'Flip' if flips else 'Increase'}AtOpenInterestCapRejected"
        raise Rejected(status, errors.OPEN_INTEREST)
    position = account.position(coin)
    leverage = position.leverage if position else account.leverage(coin).value
    if grows and not within_tier(coin, after, leverage):
        raise Rejected("perpMaxPositionRejected", errors.TIER)
    if not can_trade(account, coin, order.side * order.size, coin.mark):
        raise Rejected("perpMarginRejected", errors.MARGIN)
