"""The collector during a session."""

from __future__ import annotations

import gc

import pytest

from undertow.live.garbage import THRESHOLDS, rarely_collected


def test_what_was_there_is_left_alone_and_all_is_as_before_afterwards() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with rarely_collected():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > 1_000
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == frozen


def test_a_fault_ends_it_too() -> None:
    before = gc.get_threshold()
    with pytest.raises(RuntimeError), rarely_collected():
        raise RuntimeError
    assert gc.get_threshold() == before
    assert not gc.get_freeze_count()


def test_cycles_are_still_found() -> None:
    class Node:
        def __init__(self) -> None:
            self.me = self
            self.ballast = bytearray(100)

    with rarely_collected():
        for _ in range(THRESHOLDS[0] * 3):
            Node()
        kept = sum(isinstance(thing, Node) for thing in gc.get_objects())
    assert kept <= THRESHOLDS[0]
