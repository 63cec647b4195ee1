"""Which rule starts at which grade, and what takes it further: a table.

``cancel_at`` and ``flatten_at`` are severities (1: at the limit) from which the next grade holds at once;
``cancel_after_s`` and ``flatten_after_s`` count from the moment the reason was latched. None: never.
Escalation to `Grade.FLATTEN` needs ``flatten`` to be configured; without it a reason stays where it is, for
a position without orders that reduce it is no safer.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from undertow.risk.findings import Grade, Reason


class Course(NamedTuple):
    """How a reason begins and goes on."""

    starts: Grade
    cancel_at: float | None = None
    cancel_after_s: float | None = None
    flatten_at: float | None = None
    flatten_after_s: float | None = None

    def grade(self, severity: float, latched_s: float, may_flatten: bool) -> Grade:
        """The grade of a reason of the worst `severity` so far, latched for `latched_s` seconds."""
        if may_flatten and (_reached(severity, self.flatten_at) or _reached(latched_s, self.flatten_after_s)):
            return Grade.FLATTEN
        if _reached(severity, self.cancel_at) or _reached(latched_s, self.cancel_after_s):
            return max(self.starts, Grade.CANCEL)
        return self.starts


def _reached(value: float, limit: float | None) -> bool:
    return limit is not None and value >= limit


_FIRST, _ALL = Grade.ACCUMULATING, Grade.CANCEL

COURSES: Final[dict[Reason, Course]] = {
    Reason.LOSS: Course(_FIRST, flatten_at=1.5, flatten_after_s=300.0),
    Reason.DRAWDOWN: Course(_FIRST, flatten_at=1.5, flatten_after_s=300.0),
    Reason.POSITION: Course(_FIRST, flatten_at=2.0, flatten_after_s=300.0),
    Reason.NOTIONAL: Course(_FIRST, flatten_at=2.0, flatten_after_s=300.0),
    Reason.STALE: Course(_FIRST, cancel_after_s=30.0),
    Reason.REJECTS: Course(_FIRST, cancel_at=3.0),
    Reason.BUDGET: Course(_FIRST),
    Reason.JUMP: Course(_FIRST, cancel_at=3.0),
    Reason.CLOCK: Course(_FIRST, cancel_at=3.0, cancel_after_s=60.0),
    Reason.UNEXPLAINED: Course(_ALL),
    Reason.LIQUIDATION: Course(_FIRST, flatten_at=2.0, flatten_after_s=120.0),
    Reason.HALT: Course(_ALL),
    Reason.ORACLE: Course(_FIRST, cancel_at=3.0, cancel_after_s=60.0),
    Reason.MANUAL: Course(_FIRST),  # whoever throws it says how far
}
