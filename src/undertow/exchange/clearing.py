"""Clearing: what a trade does to positions, money, fees and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from undertow.exchange.accounts import Account, Position, Purse
from undertow.exchange.fees import fee_of
from undertow.exchange.happenings import Fill, Traded
from undertow.exchange.margin import initial_margin
from undertow.exchange.numbers import divide

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin
    from undertow.exchange.orders import Order
    from undertow.exchange.state import State


_BUILDER_RATE: Final = 100_000
"""Builder fees are whole numbers of a tenth of a bp."""


class Party(NamedTuple):
    """One side of a trade: an account's order, or the background (both None)."""

    account: Account | None
    order: Order | None
    liquidation: tuple[str, int, str] | None = None


NOBODY = Party(None, None)


def clear(
    state: State,
    coin: Coin,
    side: int,
    tick: int,
    steps: int,
    taker: Party,
    maker: Party,
    number: int,
    *,
    off_book: bool = False,
) -> None:
    """Settle `steps` at `tick`, of which the taker's is `side`; `number`: the transaction.

    ``off_book``: a transfer of positions, without fees, volume and print.
    """
    tid = state.next_tid()
    for party, sign, crossed in ((taker, side, True), (maker, -side, False)):
        if party.account is None:
            house = state.house
            house.raw -= sign * steps * tick
            house.steps[coin.name] = house.steps.get(coin.name, 0) + sign * steps
        else:
            _settle(state, coin, party, sign, tick, steps, crossed, tid, number, off_book)
    names = [
        p.account.address if p.account else state.stranger(tid + i) for i, p in enumerate((taker, maker))
    ]
    buyer, seller = names if side > 0 else reversed(names)
    trade = Traded(coin, side, tick, steps, state.now_ms, number, tid, buyer, seller)
    coin.note_trade(trade, state.now_ns)
    state.events.append(trade)


def _settle(
    state: State,
    coin: Coin,
    party: Party,
    sign: int,
    tick: int,
    steps: int,
    crossed: bool,
    tid: int,
    number: int,
    off_book: bool,
) -> None:
    account, order = party.account, party.order
    assert account is not None
    notional = steps * tick
    builder = divide(notional * order.builder, _BUILDER_RATE) if order else 0
    fee = 0 if off_book else _charge(state, coin, account, notional, crossed, builder)
    start = account.steps(coin)
    closed = move_position(account, coin, sign * steps, tick, fee)
    coin.account_long += max(account.steps(coin), 0) - max(start, 0)
    if order is not None:
        order.left -= steps
        order.filled_micro += notional
    fill = Fill(
        account.address,
        coin,
        tick,
        steps,
        sign,
        state.now_ms,
        start,
        direction(start, sign * steps),
        closed,
        number,
        order.oid if order else 0,
        crossed,
        fee,
        tid,
        order.cloid if order else None,
        party.liquidation,
        builder,
    )
    account.fills.append(fill)
    state.events.append(fill)


def _charge(state: State, coin: Coin, account: Account, notional: int, crossed: bool, builder: int) -> int:
    """Count the volume of a fill and work out its fee, the builder's part included."""
    scale = None if coin.main else coin.dex.deployer_fee_scale
    growth = coin.listing.growth_mode
    rates = state.fees.rates(account.address, account.fee_tier, account.volumes, state.day, scale, growth)
    fee = fee_of(notional, rates[crossed]) + builder
    state.house.fees += fee
    account.volumes.add(state.day, notional, not crossed)
    account.requests.traded(notional, state.rules.growth_volume_share if growth else 1.0)
    return fee


def direction(start: int, change: int) -> str:
    """The venue's word for what a fill did to a position."""
    after = start + change
    if start > 0 and after < 0:
        return "Long > Short"
    if start < 0 and after > 0:
        return "Short > Long"
    opens = start == 0 or (start > 0) == (change > 0)
    long = change > 0 if start == 0 else start > 0
    return f"{'Open' if opens else 'Close'} {'Long' if long else 'Short'}"


def move_position(account: Account, coin: Coin, change: int, tick: int, fee: int) -> int:
    """Trade `change` steps at `tick`; returns the gain closed (gross). Fees come from the collateral."""
    purse = account.purse(coin.dex.name)
    position = purse.positions.get(coin.name)
    if position is None:
        leverage = account.leverage(coin)
        position = purse.positions[coin.name] = Position(coin, leverage.cross, leverage.value)
    before = position.steps
    closing = min(abs(change), abs(before)) if before * change < 0 else 0
    closed = 0
    if closing:
        cost = divide(position.cost * closing, abs(before))
        value = closing * tick * (1 if before > 0 else -1)
        closed = value - cost
        position.cost -= cost
    opening = abs(change) - closing
    sign = 1 if change > 0 else -1
    position.cost += sign * opening * tick
    position.steps = before + change
    if position.cross:
        purse.raw -= change * tick + fee
    else:
        _move_isolated(purse, position, abs(before), closing, opening, sign, tick, fee)
    if position.steps == 0:
        del purse.positions[coin.name]
    elif before == 0 or before * position.steps < 0:
        position.funding_open = position.funding_change = 0
    else:
        position.funding_change = 0
    return closed


def _move_isolated(
    purse: Purse, position: Position, before: int, closing: int, opening: int, sign: int, tick: int, fee: int
) -> None:
    """Move an isolated position's money: its part comes back on closing, its margin goes in on opening."""
    position.raw -= fee
    if closing:
        position.raw -= sign * closing * tick
        remaining = -sign * (before - closing)
        equity = position.raw + remaining * tick
        released = position.raw if remaining == 0 else max(0, equity * closing // before)
        position.raw -= released
        purse.raw += released
    if opening:
        margin = initial_margin(opening * tick, position.leverage)
        position.raw += margin - sign * opening * tick
        purse.raw -= margin
