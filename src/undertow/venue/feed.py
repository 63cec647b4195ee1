"""The market feed: frames in, rows of each coin out. Pure: no I/O and no clock of its own.

    feed = MarketFeed(["BTC", "xyz:TSLA"], references={"xyz:TSLA": ["BTC"]})
    for received in feed.on_frame(data, recv_ns): ...

The kernel's book must erode on prints (``new_book(erode=True)``), as in replay of recorded frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from undertow.units import NS_PER_MS, NS_PER_S
from undertow.venue.book_sides import Levels
from undertow.venue.coin_feed import CoinFeed
from undertow.venue.fusion import BBO, FAST, SLOW
from undertow.venue.received import Received
from undertow.venue.staleness import FeedAges, StaleLimits, feed_ages, stale_reason
from undertow.venue.wire.frames import (
    ActiveAssetCtxFrame,
    BboFrame,
    Frame,
    L2BookFrame,
    TradesFrame,
    decode_frame,
)
from undertow.venue.wire.market import Bbo, L2Book, Level
from undertow.venue.wire.scalars import WireError
from undertow.venue.wire.subscriptions import ActiveAssetCtxSub, BboSub, L2BookSub, Subscription, TradesSub

_LEAD_MARGIN_NS: Final = NS_PER_MS
_MOST_AHEAD_NS: Final = 60 * NS_PER_S
_SLOW_ONLY_LIMIT_S: Final = 8.0


@dataclass
class FeedStats:
    """What was received and what became of it."""

    frames: int = 0
    malformed: int = 0
    """Frames that were not what the protocol says, or books that are none (crossed, out of order)."""
    outdated: int = 0
    """Book messages no newer than one of the same source already heard: repeated or overtaken."""
    ignored: int = 0
    """Frames of other channels or coins, aggregated books."""


class MarketFeed:
    """Turns market data of `coins` into rows.

    `references`: coins (or spot pairs) whose mid a coin's maker also sees, by coin; the k-th of a
    coin's list is its asset k = 1, 2, ... `fast` / `slow`: which of the two books are subscribed.
    """

    def __init__(
        self,
        coins: Sequence[str],
        references: Mapping[str, Sequence[str]] | None = None,
        *,
        fast: bool = True,
        slow: bool = True,
        limits: StaleLimits | None = None,
        gap_s: float = 5.0,
    ) -> None:
        if len(set(coins)) != len(coins):
            raise ValueError(f"coins = {list(coins)} names a coin twice")
        if not (fast or slow):
            raise ValueError("a market feed needs the fast or the slow book (fast, slow)")
        self.coins = tuple(coins)
        self.references = {coin: tuple(others) for coin, others in (references or {}).items()}
        unknown = [coin for coin in self.references if coin not in self.coins]
        if unknown:
            raise ValueError(f"references names {unknown}, which are not among coins = {list(coins)}")
        self._fast, self._slow = fast, slow
        self._limits = limits or (StaleLimits() if fast else StaleLimits(silent_s=_SLOW_ONLY_LIMIT_S))
        self._feeds = {coin: CoinFeed(coin, gap_s) for coin in coins}
        self._followers: dict[str, list[tuple[CoinFeed, int]]] = {}
        for coin, others in self.references.items():
            for asset, other in enumerate(others, start=1):
                self._followers.setdefault(other, []).append((self._feeds[coin], asset))
        self.stats = FeedStats()
        self.lead_ns = 0
        """How far the exchange's clock runs ahead of ours at least: taken off its times."""

    def subscriptions(self) -> list[Subscription]:
        """What to subscribe to."""
        wanted: list[Subscription] = []
        for coin in self.coins:
            wanted += self.subscriptions_of(coin)
        wanted += [BboSub(other) for other in self._followers if other not in self._feeds]
        return wanted

    def subscriptions_of(self, coin: str) -> list[Subscription]:
        """What `coin` needs, without its references."""
        books: list[Subscription] = []
        if self._fast:
            books.append(L2BookSub(coin, fast=True))
        if self._slow:
            books.append(L2BookSub(coin))
        return [BboSub(coin), *books, TradesSub(coin), ActiveAssetCtxSub(coin)]

    def on_frame(self, data: bytes, recv_ns: int) -> list[Received]:
        """Rows of one websocket message; none where it says nothing new. Never raises for its content."""
        try:
            frame = decode_frame(data)
        except WireError:
            self.stats.frames += 1
            self.stats.malformed += 1
            return []
        return self.take(frame, recv_ns)

    def take(self, frame: Frame, recv_ns: int) -> list[Received]:
        """Rows of one decoded message."""
        self.stats.frames += 1
        if isinstance(frame, BboFrame):
            return self._best(frame.data, recv_ns)
        if isinstance(frame, L2BookFrame):
            return self._book(frame.data, recv_ns)
        if isinstance(frame, TradesFrame):
            return self._trades(frame, recv_ns)
        if isinstance(frame, ActiveAssetCtxFrame):
            feed = self._feeds.get(frame.data.coin)
            if feed is not None:
                return [feed.take_context(frame.data.ctx, recv_ns)]
        self.stats.ignored += 1
        return []

    def on_down(self, coins: Iterable[str] | None = None) -> None:
        """The connection of `coins` (None: all) is lost: nothing known of them holds any longer."""
        for coin in self.coins if coins is None else coins:
            if coin in self._feeds:
                self._feeds[coin].interrupted()

    def stale(self, coin: str, side: int, now_ns: int) -> str | None:
        """Why `side` of `coin` must not be quoted now (a phrase for the screen); None where it may be."""
        return stale_reason(self._feeds[coin], side, now_ns, self._limits)

    def ages(self, coin: str, now_ns: int) -> FeedAges:
        """How old each source of `coin` is."""
        return feed_ages(self._feeds[coin], now_ns)

    def coin(self, coin: str) -> CoinFeed:
        """What is known of `coin`: its fused book (``fusion``) and counters."""
        return self._feeds[coin]

    def silent(self, now_ns: int, limit_s: float = 5.0) -> list[Subscription]:
        """Book subscriptions that went silent though others of the same coin are still heard.

        The fast book after `limit_s`, the slow one after four times as long.
        """
        silent: list[Subscription] = []
        for coin, feed in self._feeds.items():
            if feed.fusion.is_blank:
                continue
            for source, wanted, limit in ((FAST, self._fast, limit_s), (SLOW, self._slow, 4.0 * limit_s)):
                age = feed.fusion.age_ns(source, now_ns) if wanted else None
                if age is not None and age > limit * NS_PER_S:
                    silent.append(L2BookSub(coin, fast=source == FAST))
        return silent

    def _best(self, best: Bbo, recv_ns: int) -> list[Received]:
        bid, ask = best.bbo
        crossed = bid is not None and ask is not None and bid.px >= ask.px
        if crossed or not self._is_timely(best.time_ms, recv_ns):
            self.stats.malformed += 1
            return []
        out: list[Received] = []
        feed = self._feeds.get(best.coin)
        if feed is not None:
            bids = [(-bid.px, bid.sz)] if bid is not None and bid.sz > 0.0 else []
            asks = [(ask.px, ask.sz)] if ask is not None and ask.sz > 0.0 else []
            received = feed.take_book(BBO, best.time_ms, recv_ns, bids, asks)
            if received is not None:
                out.append(received)
            else:
                self.stats.outdated += 1
        followers = self._followers.get(best.coin)
        if followers and bid is not None and ask is not None:
            mid = 0.5 * (bid.px + ask.px)
            out += [f.take_reference(asset, mid, best.time_ms, recv_ns) for f, asset in followers]
        elif feed is None and not followers:
            self.stats.ignored += 1
        return out

    def _book(self, book: L2Book, recv_ns: int) -> list[Received]:
        feed = self._feeds.get(book.coin)
        if feed is None or book.spread is not None:
            self.stats.ignored += 1
            return []
        bids = _levels(book.levels[0], -1.0)
        asks = _levels(book.levels[1], 1.0)
        crossed = bool(bids and asks and -bids[0][0] >= asks[0][0])
        if bids is None or asks is None or crossed or not self._is_timely(book.time_ms, recv_ns):
            self.stats.malformed += 1
            return []
        received = feed.take_book(FAST if book.fast else SLOW, book.time_ms, recv_ns, bids, asks)
        if received is None:
            self.stats.outdated += 1
            return []
        return [received]

    def _trades(self, frame: TradesFrame, recv_ns: int) -> list[Received]:
        trades = frame.data
        if not trades:
            return []
        out: list[Received] = []
        for coin in dict.fromkeys(trade.coin for trade in trades):
            feed = self._feeds.get(coin)
            if feed is None:
                self.stats.ignored += 1
                continue
            mine = [t for t in trades if t.coin == coin and t.sz > 0.0]
            if not all(self._is_timely(t.time_ms, recv_ns) for t in mine):
                self.stats.malformed += 1
                continue
            received = feed.take_trades(mine, recv_ns)
            if received is not None:
                out.append(received)
        return out

    def _is_timely(self, exch_ms: int, recv_ns: int) -> bool:
        """Whether a time can be believed. One from the future shows how far our clock is behind at least."""
        ahead_ns = exch_ms * NS_PER_MS - recv_ns
        if ahead_ns > _MOST_AHEAD_NS:
            return False
        if ahead_ns > 0 and ahead_ns + _LEAD_MARGIN_NS > self.lead_ns:
            self.lead_ns = ahead_ns + _LEAD_MARGIN_NS
            for feed in self._feeds.values():
                feed.lead_ns = self.lead_ns
        return True


def _levels(levels: list[Level], sign: float) -> Levels | None:
    """Levels as `undertow.venue.book_sides` has them; None where they are out of order."""
    out = [(sign * level.px, level.sz) for level in levels if level.sz > 0.0]
    for better, worse in pairwise(out):
        if better[0] >= worse[0]:
            return None
    return out
