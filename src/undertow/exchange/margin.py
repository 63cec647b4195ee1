"""Margin: what positions need, what is free, where they are liquidated (facts §6: Margin)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from undertow.exchange.numbers import divide, divide_up, to_micro

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account, Position, Purse
    from undertow.exchange.coin import Coin
    from undertow.exchange.listing import Listing

_TRANSFER_SHARE: Final = 10
"""What stays behind a withdrawal is at least this part (one tenth) of the positions' notional."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A margin tier: from a notional (millionths) on, the greatest leverage and the deduction."""

    lower: int
    max_leverage: int
    deduction: int


def tiers_of(listing: Listing) -> list[Tier]:
    """The tiers with their deductions: d_n = d_{n−1} + lower_n·(r_n − r_{n−1}), r = 1/(2·leverage)."""
    tiers: list[Tier] = []
    for lower_usd, leverage in listing.tiers:
        lower, deduction = to_micro(lower_usd), 0
        if tiers:
            before = tiers[-1]
            rise = lower * (before.max_leverage - leverage)
            deduction = before.deduction + divide(rise, 2 * before.max_leverage * leverage)
        tiers.append(Tier(lower, leverage, deduction))
    return tiers


def tier_at(coin: Coin, notional: int) -> Tier:
    """The tier of a notional."""
    found = coin.tiers[0]
    for tier in coin.tiers:
        if notional >= tier.lower:
            found = tier
    return found


def maintenance(coin: Coin, notional: int) -> int:
    """Maintenance margin of a notional: ntl/(2·leverage of the tier) − deduction."""
    tier = tier_at(coin, notional)
    return max(0, divide_up(notional, 2 * tier.max_leverage) - tier.deduction)


def initial_margin(notional: int, leverage: int) -> int:
    """Initial margin of a notional."""
    return divide_up(notional, leverage)


class Summary(NamedTuple):
    """An account's margin on one dex, in millionths."""

    value: int
    notional: int
    raw: int
    used: int
    maintenance: int


def cross_summary(purse: Purse) -> Summary:
    """Cross positions and the money behind them."""
    value, notional, used, need = purse.raw, 0, 0, 0
    for position in purse.positions.values():
        if position.cross:
            worth = position.value
            value += worth
            notional += abs(worth)
            used += initial_margin(abs(worth), position.leverage)
            need += maintenance(position.coin, abs(worth))
    return Summary(value, notional, purse.raw, used, need)


def summary(purse: Purse) -> Summary:
    """All positions; isolated ones use all of their own equity."""
    value, notional, raw, used, need = cross_summary(purse)
    for position in purse.positions.values():
        if not position.cross:
            worth = position.value
            value += position.raw + worth
            notional += abs(worth)
            raw += position.raw
            used += max(0, position.raw + worth)
            need += maintenance(position.coin, abs(worth))
    return Summary(value, notional, raw, used, need)


def withdrawable(purse: Purse) -> int:
    """Money that may leave: cross value less initial margin, or less a tenth of the notional."""
    cross = cross_summary(purse)
    return max(0, cross.value - max(cross.used, divide_up(cross.notional, _TRANSFER_SHARE)))


def margin_used(position: Position) -> int:
    """What a position uses: initial margin if cross, its whole equity if isolated."""
    worth = position.value
    if position.cross:
        return initial_margin(abs(worth), position.leverage)
    return max(0, position.raw + worth)


def free_for_orders(purse: Purse) -> int:
    """Cross value less initial margin: what new positions may be opened with."""
    cross = cross_summary(purse)
    return cross.value - cross.used


def can_trade(account: Account, coin: Coin, change: int, tick: int) -> bool:
    """Whether `change` steps at `tick` leave enough initial margin. Reducing always does."""
    steps = account.steps(coin)
    after = steps + change
    if steps * change < 0 and abs(after) <= abs(steps) and steps * after >= 0:
        return True
    purse = account.purse(coin.dex.name)
    position = purse.positions.get(coin.name)
    leverage = account.leverage(coin)
    lost = change * (tick - coin.mark)
    if position.cross if position else leverage.cross:
        cross = cross_summary(purse)
        value = leverage.value if position is None else position.leverage
        before = initial_margin(abs(steps) * coin.mark, value) if position else 0
        return cross.value - lost - (cross.used - before) >= initial_margin(abs(after) * coin.mark, value)
    value = position.leverage if position else leverage.value
    opening = abs(change) if steps * change >= 0 else abs(after)
    returned = max(0, position.raw + position.value) if position and steps * change < 0 else 0
    return free_for_orders(purse) + returned - max(0, lost) >= initial_margin(opening * tick, value)


def within_tier(coin: Coin, steps: int, leverage: int) -> bool:
    """Whether a position of `steps` may be held at `leverage`."""
    return leverage <= tier_at(coin, abs(steps) * coin.mark).max_leverage


def liquidation_px(purse: Purse, position: Position) -> float | None:
    """Price at which the position is liquidated, others unmoved; None where there is none.

    mark − side·(equity − maintenance)/|size|/(1 − l·side), l the tier's maintenance rate.
    """
    coin = position.coin
    side = 1 if position.steps > 0 else -1
    if position.cross:
        cross = cross_summary(purse)
        spare = cross.value - cross.maintenance
    else:
        spare = position.raw + position.value - maintenance(coin, abs(position.value))
    rate = 1.0 / (2 * tier_at(coin, abs(position.value)).max_leverage)
    tick = coin.mark - side * spare / abs(position.steps) / (1.0 - rate * side)
    return tick / 10**coin.px_decimals if tick > 0 else None
