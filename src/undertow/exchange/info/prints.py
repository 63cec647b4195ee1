"""What was printed: the last trades of every coin, and its candles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from undertow.exchange.candles import Candle, Candles
from undertow.exchange.happenings import Event, Traded
from undertow.exchange.numbers import wire
from undertow.exchange.subscriptions import INTERVALS_MS

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin

Json = dict[str, Any]
REPLAYED = 30
"""Old trades a new subscription is sent."""


class Prints:
    """Candles of all coins, fed with what happens."""

    def __init__(self) -> None:
        self._candles: defaultdict[str, Candles] = defaultdict(Candles)

    def on_events(self, events: Sequence[Event]) -> None:
        """Take the prints among `events`."""
        for event in events:
            if isinstance(event, Traded):
                self._candles[event.coin.name].on_trade(event.time_ms, event.tick, event.steps)

    def candles(self, coin: str) -> Candles:
        """The candles of a coin."""
        return self._candles[coin]


def recent(coin: Coin) -> list[Traded]:
    """The last trades, newest first."""
    return list(coin.trades)[: -REPLAYED - 1 : -1]


def candle(coin: Coin, interval: str, found: Candle) -> Json:
    """A candle in the venue's words."""
    return {
        "t": found.start_ms,
        "T": found.start_ms + INTERVALS_MS[interval] - 1,
        "s": coin.name,
        "i": interval,
        "o": wire(found.open, coin.px_decimals),
        "c": wire(found.close, coin.px_decimals),
        "h": wire(found.high, coin.px_decimals),
        "l": wire(found.low, coin.px_decimals),
        "v": wire(found.volume, coin.sz_decimals),
        "n": found.trades,
    }
