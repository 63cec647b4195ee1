"""The switch: latched, graded, escalated by size and time, taken back by hand alone, kept over restarts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.risk.findings import Finding, Grade, Reason
from undertow.risk.grades import COURSES, Course
from undertow.risk.memory import BadMemory, FileMemory, Latched
from undertow.risk.switch import KillSwitch

S = 1_000_000_000
FAST = settings(max_examples=80, deadline=None, derandomize=True)
FINDINGS = st.builds(
    Finding,
    st.sampled_from(list(Reason)),
    st.just("text"),
    st.floats(1.0, 5.0),
    st.sampled_from(["", "A", "B"]),
    st.sampled_from([0, 1, -1]),
)


def test_every_reason_has_a_course_that_only_gets_worse() -> None:
    assert set(COURSES) == set(Reason)
    for course in COURSES.values():
        for flatten in (False, True):
            grades = [course.grade(x, 60.0 * x, flatten) for x in (1.0, 1.5, 2.0, 3.0, 10.0)]
            assert grades == sorted(grades)
            assert flatten or Grade.FLATTEN not in grades


@FAST
@given(
    steps=st.lists(st.tuples(st.integers(0, 100 * S), FINDINGS), min_size=1, max_size=25),
    flatten=st.booleans(),
)
def test_it_holds_what_the_table_says_and_never_less(steps, flatten: bool) -> None:
    """Against the table applied by hand: worst severity and time since the first finding of a key."""
    switch = KillSwitch(may_flatten=flatten)
    since: dict[tuple[Reason, str], int] = {}
    worst: dict[tuple[Reason, str], float] = {}
    now = 0
    for gap, finding in steps:
        now += gap
        before = {held.key: held.grade for held in switch.latched}
        switch.latch(finding, now)
        switch.on_time(now)
        key = finding.reason, finding.coin
        since.setdefault(key, now)
        worst[key] = max(worst.get(key, 0.0), finding.severity)
        grades = {held.key: held.grade for held in switch.latched}
        assert grades == {k: COURSES[k[0]].grade(worst[k], (now - since[k]) / S, flatten) for k in since}
        assert all(grades[k] >= grade for k, grade in before.items())
        for coin in ("A", "B"):
            mine = {k: g for k, g in grades.items() if k[1] in ("", coin)}
            verdict = switch.verdict(coin)
            assert verdict.grade == max(mine.values(), default=None)
            if any(k[1] == "" for k in mine):
                assert verdict.sides == {1, -1}


def test_a_side_is_held_until_the_other_is_found_too() -> None:
    switch = KillSwitch()
    switch.latch(Finding(Reason.POSITION, "long", 1.1, "A", 1), 0)
    assert switch.verdict("A").sides == {1}
    assert switch.verdict("B") == (None, frozenset())
    switch.latch(Finding(Reason.POSITION, "long", 1.2, "A", 1), 1)
    assert switch.verdict("A").sides == {1}
    switch.latch(Finding(Reason.POSITION, "short", 1.1, "A", -1), 2)
    assert switch.verdict("A").sides == {1, -1}


def test_time_takes_it_further_only_where_the_table_says() -> None:
    courses = {**COURSES, Reason.LOSS: Course(Grade.ACCUMULATING, cancel_after_s=10.0, flatten_after_s=20.0)}
    for flatten, last in ((False, Grade.CANCEL), (True, Grade.FLATTEN)):
        switch = KillSwitch(may_flatten=flatten, courses=courses)
        switch.latch(Finding(Reason.LOSS, "", 1.0), 0)
        switch.latch(Finding(Reason.BUDGET, "", 1.0), 0)
        seen = {}
        for second in (9, 10, 19, 20, 10_000):
            switch.on_time(second * S)
            seen[second] = switch.verdict("A").grade
        assert list(seen.values()) == [Grade.ACCUMULATING, Grade.CANCEL, Grade.CANCEL, last, last]
        assert switch.latched[1].grade is Grade.ACCUMULATING  # the budget's, whatever the time


def test_by_hand_it_may_flatten_whatever_is_configured() -> None:
    switch = KillSwitch(may_flatten=False)
    switch.latch(Finding(Reason.MANUAL, "by hand"), 0, Grade.FLATTEN)
    assert switch.verdict("A").grade is Grade.FLATTEN
    switch.latch(Finding(Reason.MANUAL, "by hand"), 1, Grade.CANCEL)
    assert switch.verdict("A").grade is Grade.FLATTEN


def test_reset_is_by_hand_and_by_name() -> None:
    switch = KillSwitch()
    for reason, coin in ((Reason.LOSS, ""), (Reason.JUMP, "A"), (Reason.JUMP, "B")):
        switch.latch(Finding(reason, "", 1.0, coin), 0)
    for year in range(1, 4):
        switch.on_time(year * 365 * 86_400 * S)
    assert len(switch.latched) == 3
    assert [held.key for held in switch.reset(Reason.JUMP, "A")] == [(Reason.JUMP, "A")]
    assert len(switch.reset(Reason.JUMP)) == 1
    assert switch.verdict("A").grade is Grade.ACCUMULATING
    assert len(switch.reset()) == 1
    assert switch.verdict("A").grade is None


def test_it_survives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kill.json"
    first = KillSwitch(memory=FileMemory(path))
    first.latch(Finding(Reason.LOSS, "5.00 USD lost", 1.2), 7 * S)
    first.latch(Finding(Reason.POSITION, "too long", 1.1, "A", 1), 8 * S)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = KillSwitch(memory=FileMemory(path))
    assert again.latched == first.latched
    assert again.verdict("A") == first.verdict("A")
    again.reset(Reason.LOSS)
    assert [held.reason for held in KillSwitch(memory=FileMemory(path)).latched] == [Reason.POSITION]
    again.reset()
    assert not path.exists()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", '{"version": 9, "latched": []}', '{"latched": [{"reason": "x"}]}'])
def test_a_damaged_file_stops_everything(text: str, tmp_path: Path) -> None:
    path = tmp_path / "kill.json"
    path.write_text(text)
    with pytest.raises(BadMemory, match=r"kill\.json"):
        KillSwitch(memory=FileMemory(path))


class Full:
    """A memory on a full disk."""

    def load(self) -> list[Latched]:
        return []

    def keep(self, latched: object) -> None:
        raise OSError("no space left on device")


def test_a_switch_that_cannot_be_kept_is_thrown_none_the_less() -> None:
    switch = KillSwitch(memory=Full())
    switch.latch(Finding(Reason.LOSS, "", 1.0), 0)
    assert switch.verdict("A").grade is Grade.ACCUMULATING
    assert "no space left" in switch.unkept
