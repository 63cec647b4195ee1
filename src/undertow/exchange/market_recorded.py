"""A recording as a background: its rows drive the book, less what accounts took from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.events import Chunk
from undertow.exchange.grid import grid_of
from undertow.exchange.market import Aggressor, MarketContext
from undertow.exchange.overlay import Overlay
from undertow.exchange.tape_access import run_tape, tape_levels, tape_sizes
from undertow.instrument import Instrument
from undertow.kernel.l2book import book_dtype, new_book
from undertow.recording import Recording

_WINDOW_TICKS: Final = 65_536
_MOST_PRINTS: Final = 4096
_MOST_LEVELS: Final = 4096
_HALF_LIFE_S: Final = 5.0
_PRUNE_NS: Final = 10_000_000_000


class RecordedBackground:
    """A `Market` around a recording, begun at `start_ns` of the exchange's time.

    ``ended``: the tape ran out; the book stays as it was then. ``half_life_s``: of what accounts took
    or kept. The tape itself reacts to nothing.
    """

    def __init__(self, recording: Recording, start_ns: int, *, half_life_s: float = _HALF_LIFE_S) -> None:
        self.instrument: Instrument = recording.instrument
        self.sz_decimals, self._px = grid_of(self.instrument)
        self.context = MarketContext()
        self.ended = False
        self._book = np.zeros(1, book_dtype(_WINDOW_TICKS))
        self._book[0] = new_book(window_ticks=_WINDOW_TICKS, erode=recording.snapshot_fed)
        self._inst = np.zeros(1, self.instrument.record().dtype)
        self._inst[0] = self.instrument.record()
        self._found = np.zeros((_MOST_PRINTS, 4), np.int64)
        self._known = np.zeros(3)
        self._held = np.zeros(_MOST_LEVELS, np.int64)
        self._one = np.zeros((1, 2), np.int64)
        self._ladder = np.zeros((_MOST_LEVELS, 2), np.int64)
        self._overlay = Overlay(round(half_life_s * 1e9))
        self._chunks: Iterator[Chunk] = iter(recording.chunks())
        self._chunk: Chunk | None = next(self._chunks, None)
        self._at = 0
        self._now_ns = start_ns
        self._prune_ns = start_ns
        first = int(self._chunk.rows["exch_ns"][0]) if self._chunk is not None else start_ns
        self._shift_ns = start_ns - first
        self._mean_order = 0.0
        self._open_book()

    def _open_book(self) -> None:
        """Play the tape to its first whole book, so that the market opens with one."""
        step_ns = 100_000_000
        until = self._now_ns
        while not (self.best(1) and self.best(-1)) and not self.ended:
            until += step_ns
            self._play(until)
        self._shift_ns -= until - self._now_ns

    def advance(self, until_ns: int) -> list[Aggressor]:
        """See `Market.advance`."""
        self._now_ns = until_ns
        orders = self._play(until_ns)
        if until_ns >= self._prune_ns:
            self._prune_ns = until_ns + _PRUNE_NS
            self._overlay.prune(until_ns)
        return orders

    def _play(self, until_ns: int) -> list[Aggressor]:
        orders: list[Aggressor] = []
        while self._chunk is not None:
            rows, snapshots = self._chunk
            self._at, n = run_tape(
                self._book,
                self._inst,
                rows,
                snapshots,
                self._at,
                until_ns - self._shift_ns,
                self._found,
                self._known,
            )
            self._collect(n, orders)
            if n == len(self._found):
                continue
            if self._at < len(rows):
                break
            self._chunk, self._at = next(self._chunks, None), 0
        self.ended = self._chunk is None
        self._learn()
        return orders

    def _collect(self, n: int, orders: list[Aggressor]) -> None:
        last = -1
        for order, side, tick, steps in self._found[:n].tolist():
            if order != last:
                last = order
                orders.append(Aggressor(side, [], False))
            orders[-1].prints.append((tick * self._px, steps))
            self._mean_order += 0.01 * (steps - self._mean_order)
        for made in orders:
            made.prints.sort(key=lambda one: made.side * one[0])

    def _learn(self) -> None:
        known = self.context
        known.oracle_px, known.reference_px, known.open_interest_qty = self._known.tolist()
        if known.oracle_px <= 0.0:
            known.oracle_px = known.reference_px
        if known.oracle_px <= 0.0:
            bid, ask = self.best(1), self.best(-1)
            if bid is not None and ask is not None:
                known.oracle_px = 0.5 * (bid + ask) / 10 ** (6 - self.sz_decimals)

    def best(self, side: int) -> int | None:
        """See `Market.best`."""
        found = self.levels(side, 1)
        return found[0][0] if found else None

    def size(self, side: int, tick: int) -> int:
        """See `Market.size`."""
        where = self._one
        where[0, 0], where[0, 1] = side, tick
        tape_sizes(self._book, self._inst, where, self._px, self._held)
        return self._overlay.left(side, tick, int(self._held[0]), self._now_ns)

    def sizes(self, levels: NDArray[np.int64]) -> list[int]:
        """See `Market.sizes`."""
        n = len(levels)
        if n > len(self._held):
            self._held = np.zeros(2 * n, np.int64)
        tape_sizes(self._book, self._inst, levels, self._px, self._held)
        shown: list[int] = self._held[:n].tolist()
        if len(self._overlay) == 0:
            return shown
        where = levels.tolist()
        return [self._overlay.left(s, t, q, self._now_ns) for (s, t), q in zip(where, shown, strict=True)]

    def levels(self, side: int, depth: int) -> list[tuple[int, int, int]]:
        """See `Market.levels`."""
        depth = min(depth, _MOST_LEVELS)
        if len(self._overlay) == 0:
            return [(t, q, self._count(q)) for t, q in self._shown(side, depth)]
        shown = dict(self._shown(side, min(depth + len(self._overlay), _MOST_LEVELS)))
        for tick, since in self._overlay.kept(side):
            if tick not in shown and self._is_free(side, tick, since):
                shown[tick] = 0
        left = ((t, self._overlay.left(side, t, q, self._now_ns)) for t, q in shown.items())
        there = sorted(((t, q) for t, q in left if q > 0), reverse=side > 0)
        return [(t, q, self._count(q)) for t, q in there[:depth]]

    def _is_free(self, side: int, tick: int, since: int) -> bool:
        """Whether what is kept at `tick` crosses neither the tape nor what was kept opposite later."""
        other = self._shown(-side, 1)
        if other and (other[0][0] - tick) * side <= 0:
            return False
        opposite = [at for there, at in self._overlay.kept(-side) if (there - tick) * side <= 0]
        return not opposite or since > max(opposite) or (side < 0 and since == max(opposite))

    def _shown(self, side: int, depth: int) -> list[tuple[int, int]]:
        n = tape_levels(self._book, self._inst, side, depth, self._ladder)
        return [(tick * self._px, steps) for tick, steps in self._ladder[:n].tolist()]

    def _count(self, steps: int) -> int:
        return 1 + int(steps / self._mean_order) if self._mean_order >= 1.0 else 1

    def take(self, side: int, tick: int, steps: int) -> int:
        """See `Market.take`."""
        taken = min(self.size(side, tick), steps)
        if taken:
            self._overlay.add(side, tick, taken, self._now_ns)
        return taken

    def give_back(self, side: int, tick: int, steps: int) -> None:
        """See `Market.give_back`."""
        self._overlay.add(side, tick, -steps, self._now_ns)

    def feel(self, side: int, steps: int) -> None:
        """A tape does not react; what was taken is gone from the book for a while."""
