"""A sample of `bars.closed_form`: r(q) and ladders over the box, Avellaneda and Stoikov's tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bars import closed_form as bar


@pytest.mark.parametrize("length", bar.LENGTHS, ids=str)
def test_reservation_prices_over_the_box(length: float) -> None:
    cases, errors = bar.reservations(length, 12, seed=5, steps=8)
    bent, straight = errors[:, 0], errors[:, 1]
    lasting = np.array([not (c.signals.drift or c.signals.imbalance) for c in cases])
    assert lasting.sum() == 3
    assert bent[lasting].max() < 0.1
    assert (bent <= 0.1).mean() > 0.85
    assert np.quantile(bent, 0.95) < 0.6 * np.quantile(straight, 0.95)


@pytest.mark.parametrize("length", [1.0, 3.0, math.inf], ids=str)
def test_ladders_over_the_box(length: float) -> None:
    seen = bar.shares(length, 4, seed=5)
    assert seen[:, 0].min() >= 0.95
    assert seen.max() <= 1.0
    assert np.all(seen[:, 0] >= seen[:, 1] - 1e-3)


@pytest.mark.parametrize("gamma", bar.AVELLANEDA)
def test_avellaneda_stoikov(gamma: float) -> None:
    for name, ours, theirs, error in bar.avellaneda_scores(gamma, 5_000, seed=4):
        assert abs(ours - theirs) < 3.5 * error, name
