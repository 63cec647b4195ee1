"""When a scheduled cancel is set again: the dead-man's switch that the venue itself keeps.

``scheduleCancel`` cancels everything at a time at least 5 s ahead; setting it again moves the time. It is
for accounts that have traded 1 000 000 USD, and fires at most ten times a UTC day (facts §4). Each setting
is a request: at `RENEW_S` some 4 300 a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AHEAD_S: Final = 60.0
RENEW_S: Final = 20.0
_AGAIN_S: Final = 5.0
_LATER_S: Final = 3600.0
"""An account without the volume is asked for it again after this long."""


@dataclass
class Schedule:
    """`ahead_s`: how far ahead the cancel is set, `renew_s`: how often. Times in seconds, any clock."""

    ahead_s: float = AHEAD_S
    renew_s: float = RENEW_S
    set_until_s: float | None = None
    """When it would fire, by our clock; None: it is not set."""
    why_not: str = ""
    """Why the venue keeps none, in a sentence; empty where it does."""
    _next_s: float = float("-inf")

    def __post_init__(self) -> None:
        if not self.ahead_s > 5.0:
            raise ValueError(f"ahead_s = {self.ahead_s} must be above 5, the venue's least")
        if not 0.0 < self.renew_s < self.ahead_s:
            raise ValueError(f"renew_s = {self.renew_s} must lie between 0 and ahead_s = {self.ahead_s}")

    def due(self, now_s: float) -> bool:
        """Whether it is to be set now."""
        return now_s >= self._next_s

    def accepted(self, sent_s: float) -> None:
        """The setting sent at `sent_s` was accepted."""
        self.set_until_s, self.why_not = sent_s + self.ahead_s, ""
        self._next_s = sent_s + self.renew_s

    def unanswered(self, now_s: float) -> None:
        """No reply: it may or may not be set."""
        self._next_s = now_s + _AGAIN_S

    def refused(self, now_s: float, text: str, traded_usd: float | None, required_usd: float | None) -> None:
        """The venue keeps none for this account, or not now."""
        self.why_not = f"the venue refused the dead-man's switch: {text}"
        lacking = traded_usd is not None and required_usd is not None
        if lacking:
            self.why_not = (
                f"the venue keeps no dead-man's switch below {required_usd:,.0f} USD traded "
                f"({traded_usd:,.0f} so far): the watchdog process alone watches"
            )
        self._next_s = now_s + (_LATER_S if lacking else _AGAIN_S)
