"""What the kernel's book holds after the rows it was given, and the fewest rows that make it the fused one.

`Shown` follows `undertow.kernel.l2book` (with ``erode`` set) level for level, so after the rows of
`Shown.bring_to` the kernel's levels are those asked for. Best quotes are enough while only the touch
moved; anything deeper costs a snapshot.
"""

from __future__ import annotations

import struct
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.events import BBO, END, EVENT, EXCH, LOCAL, SNAPSHOT, empty_snapshots
from undertow.venue.book_sides import Level, Levels, cross, erode, set_best
from undertow.venue.fusion import FUSED_DEPTH

_ROW: Final = struct.Struct("=qqdddqBbHHH")
"""The bytes of an `EVENT` row."""
assert _ROW.size == EVENT.itemsize

SEEN: Final = EXCH | LOCAL
_NAN: Final = float("nan")
_NO_TABLES: Final = empty_snapshots(FUSED_DEPTH)


def row(
    exch_ns: int,
    recv_ns: int,
    kind: int,
    *,
    px: float = 0.0,
    qty: float = 0.0,
    val: float = 0.0,
    ref: int = 0,
    side: int = 0,
    flags: int = 0,
    asset: int = 0,
    code: int = 0,
) -> bytes:
    """One `EVENT` row, flagged EXCH and LOCAL besides `flags`."""
    return _ROW.pack(exch_ns, recv_ns, px, qty, val, ref, kind, side, SEEN | flags, asset, code)


def rows_of(packed: list[bytes]) -> NDArray[np.void]:
    """Packed rows as an array of shape (n,), writable."""
    return np.frombuffer(bytearray().join(packed), dtype=EVENT)


class Shown:
    """The levels the kernel's book shows, and the exchange time its prints must be later than."""

    def __init__(self) -> None:
        self.sides: list[Levels] = [[], []]
        self.snapshot_ns = -(2**62)
        self._known = [-inf, -inf]  # last key the kernel believes to know, a side
        self.unknown = True
        """Nothing may be assumed of the kernel's levels: only a snapshot will do."""

    def take_print(self, exch_ns: int, aggressor: int, px: float, qty: float) -> None:
        """A TRADE row was given."""
        if aggressor and exch_ns > self.snapshot_ns:
            erode(self.sides[1 if aggressor > 0 else 0], aggressor * px, qty)

    def bring_to(
        self,
        sides: tuple[Levels, Levels],
        edges: tuple[float, float],
        exch_ns: int,
        recv_ns: int,
        flags: int = 0,
    ) -> tuple[list[bytes], NDArray[np.float64]]:
        """Rows (packed, with `flags`, the last also END) and snapshot table that make the book as given.

        `sides`: bids and asks, taken over; `edges`: the last key of each that anything is known of.
        Without a change of levels these are the two best quotes again: they tell the book up to when
        it is known.
        """
        self.snapshot_ns = exch_ns
        known = [
            max(known, levels[0][0]) if levels else known
            for known, levels in zip(self._known, sides, strict=True)
        ]
        beyond = known[0] > edges[0] or known[1] > edges[1]
        if self.unknown or beyond or not self._best_quotes_do(*sides):
            self.unknown = False
            self.sides = [*sides]
            self._known = [levels[-1][0] if levels else -inf for levels in sides]
            return [row(exch_ns, recv_ns, SNAPSHOT, flags=flags | END)], _table(*sides)
        self.sides, self._known = [*sides], known
        bids, asks = sides
        return [
            _best(exch_ns, recv_ns, 1, bids[0] if bids else None, flags),
            _best(exch_ns, recv_ns, -1, asks[0] if asks else None, flags | END),
        ], _NO_TABLES

    def is_at(self, sides: tuple[Levels, Levels]) -> bool:
        """Whether the kernel's levels are these already."""
        return not self.unknown and self.sides[0] == sides[0] and self.sides[1] == sides[1]

    def _best_quotes_do(self, bids: Levels, asks: Levels) -> bool:
        """Whether a best bid and then a best ask lead from what is shown to `bids` and `asks`."""
        old_bids, old_asks = self.sides
        best_bid, best_ask = (bids[0] if bids else None), (asks[0] if asks else None)
        crossed = best_bid is not None and bool(old_asks) and -best_bid[0] >= old_asks[0][0]
        if crossed and best_bid is not None:
            old_asks = old_asks.copy()
            cross(old_asks, best_bid[0])
        return set_best(old_bids, best_bid) == bids and set_best(old_asks, best_ask) == asks


def _best(exch_ns: int, recv_ns: int, side: int, level: Level | None, flags: int) -> bytes:
    if level is None:
        return row(exch_ns, recv_ns, BBO, px=_NAN, side=side, flags=flags)
    return row(exch_ns, recv_ns, BBO, px=-side * level[0], qty=level[1], side=side, flags=flags)


def _table(bids: Levels, asks: Levels) -> NDArray[np.float64]:
    """A snapshot table of shape (1, 4, FUSED_DEPTH)."""
    table = np.full((1, 4, FUSED_DEPTH), _NAN)
    image = table[0]
    if bids:
        keys, sizes = zip(*bids, strict=True)
        image[0, : len(bids)] = keys
        image[0, : len(bids)] *= -1.0
        image[1, : len(bids)] = sizes
    if asks:
        keys, sizes = zip(*asks, strict=True)
        image[2, : len(asks)] = keys
        image[3, : len(asks)] = sizes
    return table
