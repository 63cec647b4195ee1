"""Oracle, mark and premium of a coin (facts §6: Oracle, Mark, Funding)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from undertow.exchange.numbers import MICRO

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin

_BASIS_MEMORY_S: Final = 150.0
_LOCAL_MEMORY_S: Final = 30.0
_HIP3_STEP: Final = 0.01
"""Most a builder dex's mark moves per update."""


@dataclass(slots=True)
class Prices:
    """What the marks are made of. Prices in ticks. ``premium``: of the last sample, a fraction."""

    updated_ns: int = -1
    basis: float = 0.0
    local: float = 0.0
    premium: float = 0.0
    premiums: list[float] = field(default_factory=list)


def median(values: list[float]) -> float:
    """The median; the mean of the middle two of an even number."""
    ordered = sorted(values)
    n = len(ordered)
    return ordered[n // 2] if n % 2 else 0.5 * (ordered[n // 2 - 1] + ordered[n // 2])


def update_prices(coin: Coin, now_ns: int) -> None:
    """Take in the oracle and set the mark.

    Main dex: median of oracle + EMA₁₅₀ₛ(mid − oracle), median(bid, ask, last) and the perpetual's mid
    elsewhere (where unknown: EMA₃₀ₛ of the second). Builder dex: median of the local median and two
    deployer marks, the first and the last of those, moving at most 1 % per update.
    """
    prices, scale = coin.prices, 10**coin.px_decimals
    context = coin.market.context
    coin.oracle = max(1, round(context.oracle_px * scale))
    bid, ask = coin.best(1), coin.best(-1)
    quotes = [float(tick) for tick in (bid, ask) if tick is not None]
    local = median([*quotes, float(coin.last_tick or coin.oracle)]) if quotes else float(coin.oracle)
    mid = 0.5 * (bid + ask) if bid is not None and ask is not None else float(coin.oracle)
    if prices.updated_ns < 0:
        prices.basis, prices.local = mid - coin.oracle, local
    else:
        dt_s = 1e-9 * (now_ns - prices.updated_ns)
        prices.basis += -math.expm1(-dt_s / _BASIS_MEMORY_S) * (mid - coin.oracle - prices.basis)
        prices.local += -math.expm1(-dt_s / _LOCAL_MEMORY_S) * (local - prices.local)
    elsewhere = context.reference_px * scale if context.reference_px > 0 else prices.local
    mark = median([coin.oracle + prices.basis, local, elsewhere])
    if not coin.main and prices.updated_ns >= 0:
        mark = min(max(mark, coin.mark * (1.0 - _HIP3_STEP)), coin.mark * (1.0 + _HIP3_STEP))
    coin.mark = max(1, round(mark))
    prices.updated_ns = now_ns


def sample_premium(coin: Coin) -> None:
    """One premium sample, from the prices at which the impact notional would trade."""
    usd = round(coin.listing.impact_usd * MICRO)
    bid, ask = coin.impact(1, usd), coin.impact(-1, usd)
    if bid is None or ask is None or coin.oracle <= 0:
        return
    if coin.main:
        premium = (max(bid - coin.oracle, 0) - max(coin.oracle - ask, 0)) / coin.oracle
    else:
        premium = 0.5 * (bid + ask) / coin.oracle - 1.0
    coin.prices.premium = premium
    coin.prices.premiums.append(premium)
