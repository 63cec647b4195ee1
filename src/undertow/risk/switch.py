"""The kill switch: reasons latched, graded, escalated, and taken back by hand alone.

A reason is held under its name and coin (empty: the account). It may get worse - a further finding, or
time, takes it to a higher grade as `undertow.risk.grades.COURSES` says - never better. What holds for a
coin is the worst of its own reasons and the account's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from undertow.risk.findings import Finding, Grade, Reason
from undertow.risk.grades import COURSES, Course
from undertow.risk.memory import Latched, Memory, NoMemory
from undertow.units import NS_PER_S

_BOTH: Final = frozenset((1, -1))
_NONE: Final[frozenset[int]] = frozenset()


class Verdict(NamedTuple):
    """What holds for a coin: the grade (None: nothing is latched) and the sides that may not grow."""

    grade: Grade | None = None
    sides: frozenset[int] = _NONE


class KillSwitch:
    """``may_flatten``: whether a reason may by itself come to `Grade.FLATTEN` (by hand it always may)."""

    def __init__(
        self,
        *,
        may_flatten: bool = False,
        memory: Memory | None = None,
        courses: Mapping[Reason, Course] = COURSES,
    ) -> None:
        self.may_flatten, self._courses = may_flatten, courses
        self._memory: Memory = memory or NoMemory()
        self._latched = {latched.key: latched for latched in self._memory.load()}
        self.unkept = ""
        """Why the last change could not be kept (it holds all the same)."""

    @property
    def latched(self) -> tuple[Latched, ...]:
        """What is held, oldest first."""
        return tuple(self._latched.values())

    def latch(self, finding: Finding, now_ns: int, grade: Grade | None = None) -> Latched | None:
        """Hold `finding`; what has become of its reason, None where nothing changed.

        `grade`: at least this one, whatever the table says (by hand).
        """
        key = finding.reason, finding.coin
        before = self._latched.get(key)
        held = Latched(
            reason=finding.reason,
            coin=finding.coin,
            side=finding.side if before is None or before.side == finding.side else 0,
            severity=finding.severity if before is None else max(before.severity, finding.severity),
            since_ns=now_ns if before is None else before.since_ns,
            text=finding.text,
            grade=max(before.grade if before else Grade.ACCUMULATING, grade or Grade.ACCUMULATING),
        )
        held = self._graded(held, now_ns)
        if before is not None and (held.grade, held.side) == (before.grade, before.side):
            self._latched[key] = msgspec.structs.replace(before, severity=held.severity)
            return None
        return self._hold(held)

    def on_time(self, now_ns: int) -> list[Latched]:
        """Let time do its part; the reasons that came to a higher grade."""
        worse = []
        for held in self.latched:
            graded = self._graded(held, now_ns)
            if graded.grade != held.grade:
                worse.append(self._hold(graded))
        return worse

    def reset(self, reason: Reason | None = None, coin: str | None = None) -> list[Latched]:
        """By hand: let go of `reason` (None: all) on `coin` (None: wherever); what was let go."""
        gone = [
            held
            for held in self.latched
            if (reason is None or held.reason == reason) and (coin is None or held.coin == coin)
        ]
        for held in gone:
            del self._latched[held.key]
        if gone:
            self._keep()
        return gone

    def verdict(self, coin: str) -> Verdict:
        """What holds for `coin`."""
        grade: Grade | None = None
        sides = _NONE
        for held in self._latched.values():
            if held.coin in ("", coin):
                grade = held.grade if grade is None else max(grade, held.grade)
                sides |= _BOTH if held.side == 0 or held.coin == "" else {held.side}
        return Verdict(grade, sides)

    def _graded(self, held: Latched, now_ns: int) -> Latched:
        latched_s = (now_ns - held.since_ns) / NS_PER_S
        grade = self._courses[held.reason].grade(held.severity, latched_s, self.may_flatten)
        return msgspec.structs.replace(held, grade=max(grade, held.grade))

    def _hold(self, held: Latched) -> Latched:
        self._latched[held.key] = held
        self._keep()
        return held

    def _keep(self) -> None:
        """Keep what is held. A switch that cannot be kept is thrown none the less."""
        try:
            self._memory.keep(self.latched)
            self.unkept = ""
        except OSError as error:
            self.unkept = f"the kill switch could not be written down: {error}"
