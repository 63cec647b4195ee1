"""The one place where units are converted.

The model speaks basis points, lots and seconds; venues speak prices, coins and nanoseconds. Every
conversion between the two is a function here, so a wrong unit has one place to hide.

Conventions used everywhere in the project:

- a *side* is ``+1`` (bid, buy) or ``-1`` (ask, sell); for a trade it is the aggressor's;
- an *offset* is a signed distance from the mid in bps: a bid normally sits at a negative offset;
- a *depth* is a non-negative distance from the mid in bps, on whichever side it lies.
"""

from __future__ import annotations

from undertow.compiled import compiled

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

BUY = 1
SELL = -1


@compiled(inline="always")
def seconds_between(earlier_ns: int, later_ns: int) -> float:
    """Seconds from ``earlier_ns`` to ``later_ns`` (negative if time ran backwards)."""
    return (later_ns - earlier_ns) * 1e-9


@compiled(inline="always")
def offset_bps(px: float, mid: float) -> float:
    """Signed distance of ``px`` from ``mid`` in bps of ``mid``."""
    return (px / mid - 1.0) * 1e4


@compiled(inline="always")
def depth_bps(px: float, mid: float, side: int) -> float:
    """Distance from ``mid`` of an order at ``px`` on ``side``, in bps; negative beyond the mid."""
    return -side * (px / mid - 1.0) * 1e4


@compiled(inline="always")
def price_at(mid: float, offset: float) -> float:
    """Price that lies ``offset`` bps from ``mid`` (model §1: p = mid·(1 + x·1e-4))."""
    return mid * (1.0 + offset * 1e-4)


def s_to_ns(seconds: float) -> int:
    """Seconds to whole nanoseconds, rounded."""
    return round(seconds * NS_PER_S)


def ms_to_ns(milliseconds: float) -> int:
    """Milliseconds to whole nanoseconds, rounded."""
    return round(milliseconds * NS_PER_MS)


def ns_to_s(nanoseconds: int) -> float:
    """Nanoseconds to seconds."""
    return nanoseconds / NS_PER_S
