"""The wall clock: as the machine's, without its steps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.clock import WallClock

S = 1_000_000_000


class Machine:
    """Two clocks; somebody sets one of them."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_790_000_000 * S, 5 * S

    def pass_by(self, ns: int) -> None:
        self.wall += ns
        self.steady += ns

    def clock(self) -> WallClock:
        return WallClock(lambda: self.wall, lambda: self.steady)


def test_it_is_the_machines_while_nobody_sets_it() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(100):
        machine.pass_by(123_456_789)
        assert clock.now_ns() == machine.wall


def test_a_step_is_made_up_for_slowly() -> None:
    for step_s in (0.5, 300.0, -0.5, -300.0):
        machine = Machine()
        clock = machine.clock()
        before = clock.now_ns()
        machine.wall += round(step_s * S)
        assert clock.now_ns() == before
        machine.pass_by(10 * S)
        passed = (clock.now_ns() - before) / S
        assert abs(passed - 10.0) <= 0.1 + 1e-9
        assert (passed - 10.0) * step_s > 0.0
        for _ in range(round(abs(step_s)) * 101 + 51):
            machine.pass_by(S)
            clock.now_ns()
        assert clock.now_ns() == machine.wall


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 100 * S), st.integers(-(10**12), 10**12)), max_size=30))
def test_it_never_goes_back_stands_still_or_leaps(moves: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = machine.clock()
    last = clock.now_ns()
    for passed, step in moves:
        machine.wall += step
        machine.pass_by(passed)
        now = clock.now_ns()
        assert abs(now - last - passed) <= WallClock.SLEW * passed + 1
        last = now


def test_the_machines_own_clocks() -> None:
    clock = WallClock()
    assert clock.now_ns() < clock.now_ns() + 1
    assert abs(clock.now_ns() - WallClock().now_ns()) < S
