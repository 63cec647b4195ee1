"""Decays of signals, and what is left of each when they are looked at together."""

from __future__ import annotations

import numpy as np
import pytest
from tests.research.simulated import with_alpha

from undertow.research.decay import fit_decay, joint_scales, profile


def test_signals_that_tell_the_same_share_it() -> None:
    time_s, mid, x = with_alpha(2, 20_000, decay=0.3, rate=0.3)
    twin = x + 0.02 * np.random.default_rng(1).normal(size=len(x))
    both = np.column_stack([x, twin])
    decays = [fit_decay(profile(time_s, mid, both[:, [j]], (name,)), 0, 0.02) for j, name in enumerate("ab")]
    alone, error = joint_scales(time_s, mid, both[:, :1], decays[:1])
    assert alone[0] == pytest.approx(1.0, abs=max(3 * error[0], 0.15))
    scales, _ = joint_scales(time_s, mid, both, decays)
    assert scales.sum() == pytest.approx(alone[0], abs=0.1)


def test_a_weak_signal_is_not_taken_for_one_that_lasts() -> None:
    """Seen for seconds only, its decay is the fastest that fits: the move claimed is one that was seen."""
    claimed = []
    for seed in range(6):
        time_s, mid, x = with_alpha(seed, 8_000, decay=0.5, rate=0.05)
        d = fit_decay(profile(time_s, mid, x[:, None], ("a",)), 0, 0.02)
        claimed.append(d.rate / d.decay_per_s)
    assert np.median(claimed) == pytest.approx(0.1, abs=0.08)
    assert max(claimed) < 1.0
