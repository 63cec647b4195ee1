"""One listed coin at run time: its background, account orders, prices and statistics."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from undertow.exchange.margin import tiers_of
from undertow.exchange.mark import Prices
from undertow.exchange.numbers import px_decimals
from undertow.exchange.resting import Resting

if TYPE_CHECKING:
    from undertow.exchange.happenings import FundingSettled, Traded
    from undertow.exchange.listing import Dex, Listing, Rules
    from undertow.exchange.market import Market

_HOUR_NS: Final = 3_600_000_000_000
_HOURS: Final = 24

Best = tuple[int, int, int]
"""Tick, steps, number of orders."""


class Coin:
    """A listing with everything that lives on it. ``asset``: its id on the wire."""

    def __init__(self, listing: Listing, dex: Dex, asset: int, market: Market, rules: Rules) -> None:
        self.listing, self.dex, self.asset, self.market = listing, dex, asset, market
        self.name = listing.coin
        self.rules = rules
        self.sz_decimals = market.sz_decimals
        self.px_decimals = px_decimals(market.sz_decimals)
        self.main = dex.name == ""
        self.resting = Resting()
        self.prices = Prices()
        self.tiers = tiers_of(listing)
        self.mark = 0  # ticks; also held here because everything asks for it
        self.oracle = 0
        self.last_tick = 0
        self.halted = False
        self.delisted = listing.delisted
        self.open_interest_cap_usd = listing.open_interest_cap_usd
        self.account_long = 0  # steps held long by accounts
        self.trades: deque[Traded] = deque(maxlen=rules.trades_kept)
        self.fundings: deque[FundingSettled] = deque(maxlen=5_000)
        self.shown: tuple[Best | None, Best | None] = (None, None)
        self._hours: deque[list[int]] = deque(maxlen=_HOURS)  # [hour, micro, steps, first tick]

    @property
    def tradable(self) -> bool:
        """Whether orders are taken."""
        return not (self.halted or self.delisted)

    def best(self, side: int) -> int | None:
        """Best tick of `side`, accounts and background together; None also while nothing trades."""
        if not self.tradable:
            return None
        mine = self.resting.of(side).best()
        theirs = self.market.best(side)
        if mine is None or theirs is None:
            return mine if theirs is None else theirs
        return max(mine, theirs) if side > 0 else min(mine, theirs)

    def mid2(self) -> int:
        """Bid plus ask in ticks (twice the mid); 0 while a side is empty."""
        bid, ask = self.best(1), self.best(-1)
        return bid + ask if bid is not None and ask is not None else 0

    def levels(self, side: int, depth: int) -> list[Best]:
        """The best `depth` levels of `side`, accounts and background merged; none while nothing trades."""
        if not self.tradable:
            return []
        theirs = self.market.levels(side, depth)
        mine = self.resting.of(side)
        if not len(mine):
            return theirs
        merged = {tick: (tick, steps, n) for tick, steps, n in theirs}
        for tick in mine.ticks()[:depth]:
            level = mine.levels[tick]
            _, steps, n = merged.get(tick, (tick, 0, 0))
            merged[tick] = (tick, steps + level.steps, n + len(level.orders))
        return sorted(merged.values(), reverse=side > 0)[:depth]

    def top(self) -> tuple[Best | None, Best | None]:
        """Best bid and ask."""
        bid, ask = self.levels(1, 1), self.levels(-1, 1)
        return (bid[0] if bid else None), (ask[0] if ask else None)

    def impact(self, side: int, usd_micro: int) -> int | None:
        """Average tick at which `usd_micro` would trade against `side`; None where it is not there."""
        left, steps_in, micro_in = usd_micro, 0, 0
        for tick, steps, _ in self.levels(side, 200):
            part = min(steps, -(-left // max(tick, 1)))
            steps_in += part
            micro_in += part * tick
            left -= part * tick
            if left <= 0:
                return round(micro_in / steps_in)
        return None

    def note_trade(self, trade: Traded, now_ns: int) -> None:
        """Keep a trade and count its volume."""
        self.trades.append(trade)
        self.last_tick = trade.tick
        hour = self._hour(now_ns)
        hour[1] += trade.steps * trade.tick
        hour[2] += trade.steps

    def _hour(self, now_ns: int) -> list[int]:
        hour = now_ns // _HOUR_NS
        if not self._hours or self._hours[-1][0] != hour:
            self._hours.append([hour, 0, 0, self.last_tick or self.mark])
        return self._hours[-1]

    def day(self, now_ns: int) -> tuple[int, int, int]:
        """Notional (millionths) and steps of the last 24 hours, and the tick 24 hours ago."""
        self._hour(now_ns)
        first = now_ns // _HOUR_NS - _HOURS + 1
        hours = [entry for entry in self._hours if entry[0] >= first]
        return sum(e[1] for e in hours), sum(e[2] for e in hours), hours[0][3]

    def open_interest(self) -> int:
        """Open interest in steps: the background's and what accounts hold long."""
        return round(self.market.context.open_interest_qty * 10**self.sz_decimals) + self.account_long
