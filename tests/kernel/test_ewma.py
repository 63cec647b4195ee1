"""Forgetting by half-life (docs/model.md §5: the weight decays, never the value)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.kernel.ewma import blend, clip, decay, irregular_weight, step_weight
from undertow.kernel.ranges import require, require_not_negative


@given(half_life=st.floats(0.01, 1e4), a=st.floats(0, 1e4), b=st.floats(0, 1e4))
def test_decay_halves_and_composes(half_life: float, a: float, b: float) -> None:
    assert decay(half_life, half_life) == pytest.approx(0.5)
    assert decay(a, half_life) * decay(b, half_life) == pytest.approx(decay(a + b, half_life))
    assert decay(-a, half_life) == 1.0


def test_irregular_weight_has_its_limits() -> None:
    """At once: the tick's own weight; after long silence: the new observation is everything."""
    assert irregular_weight(0.1, 0.0, 10.0) == pytest.approx(0.1)
    assert irregular_weight(0.1, 10.0, 10.0) == pytest.approx(0.55)
    assert irregular_weight(0.1, 1e6, 10.0) == pytest.approx(1.0)


def test_silence_does_not_pull_the_value_to_zero() -> None:
    value = 5.0
    for elapsed in (0.1, 100.0, 1e5):
        value = blend(value, 5.0, irregular_weight(0.05, elapsed, 10.0))
        assert value == 5.0


@pytest.mark.parametrize("n", [1, 3, 30])
def test_weighted_sum_over_weight_is_bias_corrected(n: int) -> None:
    a, total, weight = step_weight(20.0), 0.0, 0.0
    for _ in range(n):
        total, weight = blend(total, 7.0, a), blend(weight, 1.0, a)
    assert total / weight == pytest.approx(7.0)
    assert weight == pytest.approx(1.0 - 2.0 ** (-n / 20.0))


def test_clip() -> None:
    assert [clip(x, -1.0, 2.0) for x in (-5.0, 0.5, 9.0)] == [-1.0, 0.5, 2.0]


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_faults_name_owner_field_and_value(bad: float) -> None:
    with pytest.raises(ValueError, match=r"clock: share = .* must lie above 0"):
        require("clock", share=bad)
    require_not_negative("clock", share=0.0)
    with pytest.raises(ValueError, match="not negative"):
        require_not_negative("clock", share=-np.inf)
