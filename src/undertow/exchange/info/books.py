"""The book in the venue's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undertow.exchange.aggregate import Level, merged
from undertow.exchange.numbers import wire

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin

Json = dict[str, Any]
READ_DEEP = 400
"""Levels read to merge from."""


def level(coin: Coin, tick: int, steps: int, n: int) -> Json:
    """One level."""
    return {"px": wire(tick, coin.px_decimals), "sz": wire(steps, coin.sz_decimals), "n": n}


def book(
    coin: Coin, time_ms: int, depth: int, n_sig_figs: int | None = None, mantissa: int | None = None
) -> Json:
    """A snapshot: bids and asks, best first, at most `depth` of each; ``spread`` only where merged."""
    if n_sig_figs is None:
        sides = [coin.levels(side, depth) for side in (1, -1)]
    else:
        sides = []
        for side in (1, -1):
            levels = (Level(*found) for found in coin.levels(side, READ_DEEP))
            sides.append([(m.px, m.sz, m.n) for m in merged(levels, side, n_sig_figs, mantissa, depth)])
    shape: Json = {
        "coin": coin.name,
        "time": time_ms,
        "levels": [[level(coin, *found) for found in side] for side in sides],
    }
    if n_sig_figs is not None and all(sides):
        shape["spread"] = wire(sides[1][0][0] - sides[0][0][0], coin.px_decimals)
    return shape


def touch(coin: Coin, time_ms: int) -> Json:
    """The best bid and ask; None for an empty side."""
    best = [None if found is None else level(coin, *found) for found in coin.top()]
    return {"coin": coin.name, "time": time_ms, "bbo": best}
