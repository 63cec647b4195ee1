"""Contexts and mids of coins in the venue's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undertow.exchange.directory import Directory
from undertow.exchange.funding import current_rate
from undertow.exchange.numbers import MICRO, RATE_DECIMALS, usd, wire

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin

Json = dict[str, Any]


def mid(coin: Coin) -> str | None:
    """The mid; None while a side is empty."""
    twice = coin.mid2()
    return wire(twice * 5, coin.px_decimals + 1) if twice else None


def context(coin: Coin, now_ns: int) -> Json:
    """The state of a perpetual; ``premium``, ``midPx`` and ``impactPxs`` are None without a book."""
    volume, base, before = coin.day(now_ns)
    impact = [coin.impact(side, round(coin.listing.impact_usd * MICRO)) for side in (1, -1)]
    whole = None not in impact
    decimals = coin.px_decimals
    return {
        "funding": wire(current_rate(coin), RATE_DECIMALS),
        "openInterest": wire(coin.open_interest(), coin.sz_decimals),
        "prevDayPx": wire(before, decimals),
        "dayNtlVlm": usd(volume),
        "premium": wire(round(coin.prices.premium * 10**RATE_DECIMALS), RATE_DECIMALS) if whole else None,
        "oraclePx": wire(coin.oracle, decimals),
        "markPx": wire(coin.mark, decimals),
        "midPx": mid(coin),
        "impactPxs": [wire(tick, decimals) for tick in impact if tick is not None] if whole else None,
        "dayBaseVlm": wire(base, coin.sz_decimals),
    }


def contexts(directory: Directory, dex: str) -> list[Json]:
    """The contexts of a dex's coins, in the order of its universe."""
    return [context(coin, directory.state.now_ns) for coin in directory.universe(dex)]


def mids(directory: Directory, dex: str) -> dict[str, str]:
    """Mids of a dex by coin; coins with an empty side are left out."""
    found = {coin.name: mid(coin) for coin in directory.universe(dex)}
    return {name: value for name, value in found.items() if value is not None}


def marks_and_mids(directory: Directory) -> dict[str, dict[str, str]]:
    """Mark and mid of every coin of every dex."""
    values: dict[str, dict[str, str]] = {}
    for dex in directory.dex_names():
        for coin in directory.universe(dex):
            values[coin.name] = {"markPx": wire(coin.mark, coin.px_decimals)}
            middle = mid(coin)
            if middle is not None:
                values[coin.name]["midPx"] = middle
    return values
