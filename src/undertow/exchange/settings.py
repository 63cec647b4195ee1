"""Actions that set something on an account: leverage, isolated margin, scheduled cancel, weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.exchange import errors
from undertow.exchange.actions import ReserveWeight, UpdateIsolatedMargin, UpdateLeverage
from undertow.exchange.errors import Refused
from undertow.exchange.happenings import AccountChanged
from undertow.exchange.margin import free_for_orders, initial_margin, maintenance, withdrawable, within_tier
from undertow.exchange.numbers import MICRO, plain, to_micro

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account, Position, Purse
    from undertow.exchange.state import State


def schedule_cancel(state: State, account: Account, time_ms: int | None) -> None:
    """Set or clear the time at which all orders are canceled. Raises `Refused`."""
    if time_ms is None:
        account.schedule_ms = None
        return
    rules = state.rules
    if account.requests.traded_micro < rules.schedule_cancel_volume_usd * MICRO:
        traded = plain(account.requests.traded_micro // 10_000, 2)
        raise Refused(
            errors.SCHEDULE_VOLUME.format(required_usd=rules.schedule_cancel_volume_usd, volume_usd=traded)
        )
    if time_ms < state.now_ms + rules.schedule_cancel_ahead_ms:
        raise Refused(errors.SCHEDULE_EARLY)
    if account.schedule_day == state.day and account.schedule_triggers >= rules.schedule_cancel_triggers:
        raise Refused(errors.SCHEDULE_DAY.format(rules.schedule_cancel_triggers))
    account.schedule_ms = time_ms


def run_schedules(state: State) -> None:
    """Cancel the orders of accounts whose scheduled time has come."""
    for account in state.accounts.values():
        if account.schedule_ms is None or state.now_ms < account.schedule_ms:
            continue
        account.schedule_ms = None
        if account.schedule_day != state.day:
            account.schedule_day, account.schedule_triggers = state.day, 0
        account.schedule_triggers += 1
        for order in list(account.live.values()):
            if order.live:
                state.take_off(order, "scheduledCancel")


def update_leverage(state: State, account: Account, action: UpdateLeverage) -> None:
    """Set how an account trades a coin. Raises `Refused`."""
    coin = state.by_asset.get(action.asset)
    if coin is None:
        raise Refused(errors.NO_ASSET.format(action.asset))
    if not 1 <= action.leverage <= coin.listing.max_leverage:
        raise Refused(errors.LEVERAGE)
    if action.cross and coin.listing.margin_mode:
        raise Refused(errors.ISOLATED_ONLY)
    position = account.position(coin)
    if position is not None:
        if position.cross != action.cross:
            raise Refused(errors.SWITCH_LEVERAGE)
        if not within_tier(coin, position.steps, action.leverage):
            raise Refused(errors.TIER)
        _relever(account.purse(coin.dex.name), position, action.leverage)
    setting = account.leverage(coin)
    setting.cross, setting.value = action.cross, action.leverage
    state.events.append(AccountChanged(account.address, state.now_ms))


def _relever(purse: Purse, position: Position, leverage: int) -> None:
    """Give an open position another leverage, its margin made up where it asks for more."""
    worth = position.value
    need = initial_margin(abs(worth), leverage)
    if position.cross:
        more = need - initial_margin(abs(worth), position.leverage)
        if more > 0 and free_for_orders(purse) < more:
            raise Refused(errors.MARGIN_SHORT)
    else:
        more = need - (position.raw + worth)
        if more > 0:
            if free_for_orders(purse) < more:
                raise Refused(errors.MARGIN_SHORT)
            purse.raw -= more
            position.raw += more
    position.leverage = leverage


def update_margin(state: State, account: Account, action: UpdateIsolatedMargin) -> None:
    """Add to or take from an isolated position's margin. Raises `Refused`."""
    coin = state.by_asset.get(action.asset)
    position = account.position(coin) if coin is not None else None
    if coin is None or position is None or position.cross:
        raise Refused(errors.NO_POSITION)
    purse = account.purse(coin.dex.name)
    if action.micro < 0:
        worth = position.value
        keep = max(initial_margin(abs(worth), position.leverage), maintenance(coin, abs(worth)))
        if coin.listing.margin_mode == "strictIsolated":
            raise Refused(errors.MARGIN_LOCKED)
        if position.raw + worth + action.micro < max(keep, abs(worth) // 10):
            raise Refused(errors.MARGIN_SHORT)
    elif withdrawable(purse) < action.micro:
        raise Refused(errors.MARGIN_SHORT)
    position.raw += action.micro
    purse.raw -= action.micro
    state.events.append(AccountChanged(account.address, state.now_ms))


def reserve_weight(state: State, account: Account, action: ReserveWeight) -> None:
    """Buy requests beyond the cap. Raises `Refused`."""
    price = action.weight * to_micro(state.rules.reserved_weight_usd)
    purse = account.purse("")
    if withdrawable(purse) < price:
        raise Refused(errors.MARGIN_SHORT)
    purse.raw -= price
    state.house.fees += price
    account.requests.reserved += action.weight
    state.events.append(AccountChanged(account.address, state.now_ms))
