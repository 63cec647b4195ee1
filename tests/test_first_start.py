"""What is compiled before a command: tasks there are, done once, and no harm where it fails."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

from undertow import _compile_cache, compile_tasks, first_start

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.shares: list[float | None] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def begin(self, label: str) -> None:
        self.lines.append(label)

    def advance(self, share: float | None, detail: str = "") -> None:
        assert share is None or 0.0 <= share < 1.0
        self.shares.append(share)


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is noted what was done; the code itself goes to the cache as always."""
    monkeypatch.setattr(_compile_cache, "directory", lambda: tmp_path / "sources")
    monkeypatch.setattr(_compile_cache, "prune", lambda: None)
    return tmp_path / "sources" / "done"


PLANS = [
    first_start.for_replay("undertow", market=True),
    first_start.for_replay("undertow", "six-gate", market=False),
    first_start.for_replay("glft", market=True),
    first_start.for_live("undertow", exchange=True),
    first_start.for_live("symmetric", exchange=False),
]


@pytest.mark.parametrize("plan", PLANS)
def test_every_task_of_a_plan_is_known(plan: list[list[str]]) -> None:
    tasks = [task for tasks in plan for task in tasks]
    assert len(set(tasks)) == len(tasks)
    assert {task.partition(":")[0] for task in tasks} <= set(compile_tasks.TASKS) == set(first_start.WORK)
    assert all(plan)


def test_done_once_it_costs_nothing(marks: Path) -> None:
    told = Told()
    assert first_start.prepare([["market"]], told) > 0.0
    assert "compiling" in told.lines[0]
    assert told.lines[-1].startswith("compiled in ")
    assert told.shares
    assert [path.name for path in marks.iterdir()] == ["market"]
    again = Told()
    assert first_start.prepare([["market"]], again) == 0.0
    assert not again.lines
    (marks / "market").write_text("another processor")
    assert first_start.prepare([["market"]], again) > 0.0


def test_a_failure_is_told_and_not_taken_for_done(marks: Path) -> None:
    told = Told()
    first_start.prepare([["no such task"]], told)
    assert told.lines[-1].startswith("compiling beforehand failed (KeyError: 'no such task')")
    assert not marks.exists()
