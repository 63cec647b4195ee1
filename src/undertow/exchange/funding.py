"""Hourly funding (facts §6): F8h = P + clamp(interest − P, ±5 bps), an eighth of it each hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from undertow.exchange.happenings import FundingPaid, FundingSettled
from undertow.exchange.numbers import RATE_DECIMALS, divide

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account, Position, Purse
    from undertow.exchange.coin import Coin
    from undertow.exchange.state import State

_RATE: Final = 10**RATE_DECIMALS
_INTEREST_8H: Final = 1e-4
_CLAMP: Final = 5e-4
_CAP: Final = 0.04
"""Most that is paid in an hour."""


def mean_premium(coin: Coin) -> float:
    """Mean of the hour's premium samples so far; of none, the last one known."""
    samples = coin.prices.premiums
    return sum(samples) / len(samples) if samples else coin.prices.premium


def rate_of(coin: Coin, premium: float) -> int:
    """The hour's rate, in 1e-10 of notional, at a mean premium."""
    interest = coin.listing.interest_8h
    towards = (_INTEREST_8H if interest is None else interest) - premium
    eight_hours = premium + min(max(towards, -_CLAMP), _CLAMP)
    hourly = eight_hours / 8.0 * (1.0 if coin.main else coin.listing.funding_multiplier)
    return round(min(max(hourly, -_CAP), _CAP) * _RATE)


def current_rate(coin: Coin) -> int:
    """The rate that would be paid if the hour ended now (what contexts show)."""
    return rate_of(coin, mean_premium(coin))


def payment(steps: int, oracle: int, rate: int) -> int:
    """What a position pays (millionths; negative: receives), rounded once."""
    return divide(steps * oracle * rate, _RATE)


def settle_hour(state: State, hour_ns: int) -> None:
    """Settle every coin's funding for the hour that ended at `hour_ns`."""
    time_ms = hour_ns // 1_000_000
    for coin in state.coins:
        premium = mean_premium(coin)
        rate = rate_of(coin, premium)
        coin.prices.premiums.clear()
        if not coin.tradable:
            continue
        settled = FundingSettled(coin, rate, round(premium * _RATE), time_ms)
        coin.fundings.append(settled)
        state.events.append(settled)
        for account in (*state.accounts.values(), state.backstop):
            purse = account.purses.get(coin.dex.name)
            position = purse.positions.get(coin.name) if purse else None
            if purse is not None and position is not None:
                _pay(state, account, purse, position, rate, time_ms)


def _pay(state: State, account: Account, purse: Purse, position: Position, rate: int, time_ms: int) -> None:
    coin = position.coin
    paid = payment(position.steps, coin.oracle, rate)
    if position.cross:
        purse.raw -= paid
    else:
        position.raw -= paid
    state.house.raw += paid
    position.funding_open += paid
    position.funding_change += paid
    account.funding_all[coin.name] = account.funding_all.get(coin.name, 0) + paid
    entry = FundingPaid(account.address, coin, -paid, position.steps, rate, time_ms)
    account.fundings.append(entry)
    state.events.append(entry)
