"""One book of a coin out of all that speaks of it: best quotes, the fast book, the deep book, prints.

Every source shows the whole book from the touch to its last level at one exchange time; its *window*.
At any price the newest source whose window holds it is right, so the fused side is the newest
source's levels, continued by the next newest beyond its window, and so on. An older source never
speaks inside a newer one's window, hence the touch is always the newest one and the book cannot be
crossed by mixing. Beyond all windows nothing is known.

A print newer than a source consumes what that source shows (`book_sides.erode`), so a late book is
told the prints that came after it before it is used.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from math import inf
from typing import Final, NamedTuple

from undertow.venue.book_sides import Levels, erode

BBO: Final = 0
FAST: Final = 1
SLOW: Final = 2
SOURCE_NAMES: Final = ("bbo", "fast", "slow")
SOURCE_DEPTH: Final = (1, 5, 20)
"""Levels a side shows at most; one that shows fewer shows all there are."""
FUSED_DEPTH: Final = sum(SOURCE_DEPTH)
"""Most levels a fused side can have."""
_MOST_PRINTS: Final = 4096


class FusedLevel(NamedTuple):
    """A level and where it is known from. Times: the source's exchange time (ms), receipt (ns)."""

    px: float
    qty: float
    source: str
    exch_ms: int
    recv_ns: int


class _Source:
    """The latest message of one source. ``sides``: bids, asks; ``edges``: last key spoken for."""

    __slots__ = ("edges", "exch_ms", "recv_ns", "sides")

    def __init__(self, exch_ms: int, recv_ns: int, bids: Levels, asks: Levels, depth: int) -> None:
        self.exch_ms, self.recv_ns = exch_ms, recv_ns
        self.sides = (bids, asks)
        self.edges = (
            bids[-1][0] if len(bids) >= depth else inf,
            asks[-1][0] if len(asks) >= depth else inf,
        )


class Fusion:
    """The fused book of one coin. Sides are indexed 0 (bid) and 1 (ask); levels as in `book_sides`."""

    def __init__(self) -> None:
        self._sources: list[_Source | None] = [None, None, None]
        self._order: list[_Source] = []  # newest first
        self._prints: deque[tuple[int, int, float, float]] = deque(maxlen=_MOST_PRINTS)
        self.heard_ns = 0
        """Receipt of the last message that was newer than its predecessor, changed or not."""
        self.exch_ms = 0
        """Exchange time of the newest message."""

    @property
    def is_blank(self) -> bool:
        """Whether nothing has been heard since the beginning or the last `reset`."""
        return not self._order

    def reset(self) -> None:
        """Forget every book: the feed was interrupted. Prints stay: a late book must be told of them."""
        self._sources = [None, None, None]
        self._order = []
        self.heard_ns, self.exch_ms = 0, 0

    def take_book(self, source: int, exch_ms: int, recv_ns: int, bids: Levels, asks: Levels) -> bool:
        """A message of `source`; levels best first, both lists are kept. False: older than its last."""
        previous = self._sources[source]
        if previous is not None and exch_ms <= previous.exch_ms:
            return False
        new = _Source(exch_ms, recv_ns, bids, asks, SOURCE_DEPTH[source])
        for at_ms, index, key, qty in self._prints:
            if at_ms > exch_ms:
                erode(new.sides[index], key, qty)
        self._sources[source] = new
        self._order = sorted((s for s in self._sources if s is not None), key=_newest_first)
        self.heard_ns = max(self.heard_ns, recv_ns)
        self.exch_ms = max(self.exch_ms, exch_ms)
        if self._prints:
            self._forget_prints()
        return True

    def take_print(self, exch_ms: int, aggressor: int, px: float, qty: float) -> None:
        """A print consumes the levels of every source older than it; unknown sides consume nothing."""
        if aggressor == 0:
            return
        index = 1 if aggressor > 0 else 0
        key = aggressor * px
        self._prints.append((exch_ms, index, key, qty))
        for source in self._order:
            if exch_ms > source.exch_ms:
                erode(source.sides[index], key, qty)

    def _forget_prints(self) -> None:
        """Prints no newer than every source can concern no message to come."""
        if None in self._sources:
            return
        oldest = self._order[-1].exch_ms
        while self._prints and self._prints[0][0] <= oldest:
            self._prints.popleft()

    def sides(self) -> tuple[Levels, Levels]:
        """Bids and asks, new lists."""
        return self.side(0), self.side(1)

    def edges(self) -> tuple[float, float]:
        """The last key of bids and of asks that any source speaks of."""
        if not self._order:
            return -inf, -inf
        return max(s.edges[0] for s in self._order), max(s.edges[1] for s in self._order)

    def side(self, index: int) -> Levels:
        """The levels of a side, best first."""
        order = self._order
        if not order:
            return []
        first = order[0]
        edge = first.edges[index]
        levels = first.sides[index]
        out = levels.copy()
        for source in order[1:]:
            if edge == inf:
                break
            if source.edges[index] > edge:
                more = source.sides[index]
                out += more[bisect_right(more, (edge, inf)) :]
                edge = source.edges[index]
        return out

    def has_touch(self, side: int) -> bool:
        """Whether any level of `side` (+1 bid, -1 ask) is known."""
        return bool(self.side(0 if side > 0 else 1))

    def levels(self, side: int) -> list[FusedLevel]:
        """The levels of `side` (+1 bid, -1 ask), best first, each with its source and age."""
        index, sign = (0, -1.0) if side > 0 else (1, 1.0)
        out: list[FusedLevel] = []
        edge = -inf
        for source in self._order:
            name = SOURCE_NAMES[self._sources.index(source)]
            for key, qty in source.sides[index]:
                if key > edge:
                    out.append(FusedLevel(sign * key, qty, name, source.exch_ms, source.recv_ns))
            edge = max(edge, source.edges[index])
        return out

    def covers(self, side: int, px: float) -> bool:
        """Whether any source speaks of the price, be it to say that nothing stands there."""
        index = 0 if side > 0 else 1
        return any(-side * px <= source.edges[index] for source in self._order)

    def age_ns(self, source: int, now_ns: int) -> int | None:
        """Time since `source` (`BBO`, `FAST`, `SLOW`) was last heard; None if it never was."""
        latest = self._sources[source]
        return None if latest is None else now_ns - latest.recv_ns


def _newest_first(source: _Source) -> int:
    return -source.exch_ms
