"""How old what is known of a coin is, and the rule that pulls quotes from a side that cannot be seen."""

from __future__ import annotations

from typing import NamedTuple

from undertow.units import NS_PER_MS, NS_PER_S
from undertow.venue.coin_feed import CoinFeed
from undertow.venue.fusion import BBO, FAST, SLOW


class FeedAges(NamedTuple):
    """Seconds since each source was last received; None where it never was (since the feed's return).

    ``book`` is the newest of the three that speak of the book; ``delay_s`` how old its newest message
    was on arrival; ``references`` by asset number.
    """

    bbo: float | None
    fast: float | None
    slow: float | None
    book: float | None
    trades: float | None
    context: float | None
    delay_s: float | None
    references: dict[int, float]


class StaleLimits(NamedTuple):
    """When a book is too old to quote on, seconds.

    Best quotes may be silent for most of a minute and are no measure; the fast book comes every 0.54 s
    whatever happens, so three seconds without any book message are five or six lost ones.
    """

    silent_s: float = 3.0
    late_s: float = 3.0


def feed_ages(feed: CoinFeed, now_ns: int) -> FeedAges:
    """Ages of every source of `feed`."""

    def since(at_ns: int | None) -> float | None:
        return None if not at_ns else (now_ns - at_ns) / NS_PER_S

    def source(kind: int) -> float | None:
        age = feed.fusion.age_ns(kind, now_ns)
        return None if age is None else age / NS_PER_S

    return FeedAges(
        source(BBO),
        source(FAST),
        source(SLOW),
        since(feed.fusion.heard_ns),
        since(feed.trades_ns),
        since(feed.context_ns),
        delay_s(feed),
        {asset: (now_ns - at) / NS_PER_S for asset, at in feed.references_ns.items()},
    )


def delay_s(feed: CoinFeed) -> float | None:
    """How old the newest book message was when it came, on our clock put right for a lead of the venue's."""
    fusion = feed.fusion
    if fusion.is_blank:
        return None
    return (fusion.heard_ns - (fusion.exch_ms * NS_PER_MS - feed.lead_ns)) / NS_PER_S


def stale_reason(feed: CoinFeed, side: int, now_ns: int, limits: StaleLimits) -> str | None:
    """Why `side` (+1 bid, -1 ask) of `feed` must not be quoted; None where it may be."""
    fusion = feed.fusion
    if fusion.is_blank:
        return "no book since the feed was lost" if feed.was_interrupted else "no book yet"
    silence_s = (now_ns - fusion.heard_ns) / NS_PER_S
    if silence_s > limits.silent_s:
        return f"the book is silent for {silence_s:.1f} s"
    late = delay_s(feed)
    if late is not None and late > limits.late_s:
        return f"the book came {late:.1f} s late"
    if not fusion.has_touch(side):
        return f"no {'bid' if side > 0 else 'ask'} is known"
    return None
