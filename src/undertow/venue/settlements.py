"""Funding settlements, which the market data do not announce.

The rate of a settlement is the last ``funding`` before the hour, its price the last ``oraclePx``: the
rule of `undertow.data.sources.hyperliquid_ws`, so that a recording of the frames gives the same rows.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from undertow.units import NS_PER_S

HOUR_NS: Final = 3600 * NS_PER_S
_FRESH_NS: Final = 60 * NS_PER_S


class Settlement(NamedTuple):
    """A settlement at ``hour_ns`` of ``rate`` (fraction of notional a long pays) at ``oracle_px``."""

    hour_ns: int
    rate: float
    oracle_px: float


class Settlements:
    """The settlement to come of one coin, and those that passed unseen (`unknown`)."""

    def __init__(self) -> None:
        self._context_ns: int | None = None
        self._rate: float | None = None
        self._oracle_px: float | None = None
        self.unknown = 0

    def take(self, recv_ns: int, rate: float | None, oracle_px: float | None) -> Settlement | None:
        """A context was received; the settlement that fell between it and the one before, if any."""
        settled = self._settled(recv_ns)
        self._context_ns, self._rate, self._oracle_px = recv_ns, rate, oracle_px
        return settled

    def _settled(self, recv_ns: int) -> Settlement | None:
        hour_ns = recv_ns // HOUR_NS * HOUR_NS
        if self._context_ns is None or self._context_ns >= hour_ns:
            return None
        if hour_ns - self._context_ns > _FRESH_NS or self._rate is None or self._oracle_px is None:
            self.unknown += 1
            return None
        return Settlement(hour_ns, self._rate, self._oracle_px)


def coming_hour_ns(now_ns: int) -> int:
    """The next full hour after `now_ns`."""
    return (now_ns // HOUR_NS + 1) * HOUR_NS
