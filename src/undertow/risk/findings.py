"""What a rule finds, and how far the switch may go."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple


class Grade(IntEnum):
    """How much is taken out of the market, from least to most."""

    ACCUMULATING = 1
    """What could grow the position goes, and no more of it is sent; what reduces stays."""
    CANCEL = 2
    """Every order goes, none is sent."""
    FLATTEN = 3
    """The same, and the position is closed with reduce-only orders."""

    @property
    def label(self) -> str:
        """Its name on the screen and in files."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Grade:
        """The grade of a name. Raises ValueError."""
        try:
            return cls[label.upper()]
        except KeyError:
            known = ", ".join(grade.label for grade in cls)
            raise ValueError(f"grade {label!r} is not known; there are: {known}") from None


class Reason(StrEnum):
    """Why the switch is thrown."""

    LOSS = "loss"
    DRAWDOWN = "drawdown"
    POSITION = "position"
    NOTIONAL = "notional"
    STALE = "stale_feed"
    REJECTS = "reject_storm"
    BUDGET = "budget"
    JUMP = "price_jump"
    CLOCK = "clock_skew"
    UNEXPLAINED = "unexplained_position"
    LIQUIDATION = "liquidation"
    HALT = "halt"
    ORACLE = "oracle"
    MANUAL = "manual"


class Finding(NamedTuple):
    """A rule's limit is reached.

    ``coin`` empty: the account. ``side``: the one that may not grow, 0 both. ``severity``: how far beyond
    the limit, 1 at it; what it counts in is the rule's. ``text``: one sentence for the screen.
    """

    reason: Reason
    text: str
    severity: float = 1.0
    coin: str = ""
    side: int = 0
