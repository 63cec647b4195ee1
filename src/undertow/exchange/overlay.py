"""What accounts changed in a book that is only replayed: taken from a level, or kept on it.

The tape does not know of our fills. What was taken is missing from its level, what account orders
gave in a level's stead is still there, both halving every few seconds as the market would have
refilled or traded it, and a level the tape empties forgets what was taken from it.
"""

from __future__ import annotations

from typing import Final

_NEGLIGIBLE: Final = 0.5


class Overlay:
    """Signed steps taken (negative: kept) by side and tick, with a half-life."""

    def __init__(self, half_life_ns: int) -> None:
        self._half_life_ns = half_life_ns
        self._taken: dict[tuple[int, int], tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def add(self, side: int, tick: int, steps: int, now_ns: int) -> None:
        """`steps` more are missing."""
        key = (side, tick)
        self._taken[key] = (self._at(key, now_ns) + steps, now_ns)

    def _at(self, key: tuple[int, int], now_ns: int) -> float:
        found = self._taken.get(key)
        if found is None:
            return 0.0
        steps, since = found
        return float(steps * 0.5 ** ((now_ns - since) / self._half_life_ns))

    def left(self, side: int, tick: int, shown: int, now_ns: int) -> int:
        """What is left of the `shown` steps."""
        key = (side, tick)
        if key not in self._taken:
            return shown
        taken = self._at(key, now_ns)
        if abs(taken) < _NEGLIGIBLE or (taken > 0 and shown == 0):
            del self._taken[key]
            return shown
        return max(0, shown - round(taken))

    def kept(self, side: int) -> list[tuple[int, int]]:
        """Ticks of `side` that hold more than the tape shows, and since when."""
        return [(tick, at) for (of, tick), (steps, at) in self._taken.items() if of == side and steps < 0]

    def prune(self, now_ns: int) -> None:
        """Forget what has faded."""
        faded = [key for key in self._taken if abs(self._at(key, now_ns)) < _NEGLIGIBLE]
        for key in faded:
            del self._taken[key]
