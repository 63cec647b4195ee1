"""Whether fills may have been missed: positions as told beside positions as the fills make them.

Every fill names the position before it, and the venue tells positions as a whole now and then; the
two streams may be apart for a moment, so a difference counts when it is told twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from undertow.venue.wire.account import Fill

_NEAR: Final = 1e-9


def _differs(a: float, b: float) -> bool:
    return abs(a - b) > _NEAR * max(1.0, abs(a), abs(b))


class PositionCheck:
    """Positions by coin as fills make them; both verbs return whether one may have been missed."""

    def __init__(self) -> None:
        self._expected: dict[str, tuple[int, float]] = {}
        self._doubted: dict[str, float] = {}

    def filled(self, fill: Fill) -> bool:
        """A fill was delivered."""
        latest_ms, expected = self._expected.get(fill.coin, (0, fill.start_position))
        if fill.time_ms < latest_ms:
            return False
        self._expected[fill.coin] = (fill.time_ms, fill.start_position + fill.sign * fill.sz)
        return _differs(expected, fill.start_position)

    def told(self, positions: Mapping[str, float], time_ms: int) -> bool:
        """Positions of one dex were told: `positions` holds its flat `coins` too."""
        missed = False
        for coin, szi in positions.items():
            doubted = self._doubted.pop(coin, None)
            if coin not in self._expected:
                self._expected[coin] = (0, szi)
            elif _differs(szi, self._expected[coin][1]):
                if doubted is None or _differs(szi, doubted):
                    self._doubted[coin] = szi
                else:
                    self._expected[coin] = (time_ms, szi)
                    missed = True
        return missed

    def coins(self) -> list[str]:
        """Coins with an expected position."""
        return list(self._expected)
