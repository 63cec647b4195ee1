"""The feature gate: noise stays out, the true come in once, nothing sees its own test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bars.filter_coverage import ou_path
from tests.research.simulated import drifting

from undertow.research.gate import GateSettings, forecasts, run_gate, taker_edge, walk_forward

NAMES = ("trend", "vpin", "knife")


def test_noise_fails_at_least_nineteen_times_in_twenty() -> None:
    """White and persistent noise, half an hour of 1 s rows each: 120 features, at most 6 may pass."""
    passed = tried = 0
    for seed in range(30):
        time_s, mid, _ = drifting(seed, 2000)
        rng = np.random.default_rng([seed, 1])
        x = np.column_stack(
            [rng.normal(size=2000), *(ou_path(rng, 2000, 1.0 / tau, 1.0) for tau in (5.0, 30.0, 200.0))]
        )
        report = run_gate(time_s, mid, x, ("a", "b", "c", "d"))
        passed += len(report.features)
        tried += 4
    assert passed <= 0.05 * tried


def test_what_foretells_comes_in_once() -> None:
    """A view of μ passes; its copy with more noise adds nothing; noise fails on its own."""
    time_s, mid, mu = drifting(2, 60_000)
    rng = np.random.default_rng(7)
    good = mu + rng.normal(0.0, 0.02, len(mu))
    x = np.column_stack([rng.normal(size=len(mu)), good + rng.normal(0.0, 0.03, len(mu)), good])
    report = run_gate(time_s, mid, x, ("vpin", "knife", "trend"))
    assert report.features == ("trend",)
    by_name = {v.name: v for v in report.verdicts}
    assert by_name["trend"].r2 == pytest.approx(0.045, abs=0.025)
    assert by_name["trend"].r2 > 1.645 * by_name["trend"].r2_error > 0.0
    assert "adds" in by_name["knife"].reason
    assert by_name["knife"].r2 > 0.01
    assert "R²" in by_name["vpin"].reason
    assert report.r2 == pytest.approx(by_name["trend"].r2)


def test_replay_has_the_last_word() -> None:
    time_s, mid, mu = drifting(2, 30_000)
    asked = []

    def worthless(inside: tuple[str, ...], name: str) -> tuple[float, float]:
        asked.append((inside, name))
        return -0.1, 0.2

    report = run_gate(time_s, mid, mu[:, None], ("trend",), pnl_test=worthless)
    assert asked == [((), "trend")]
    assert report.features == ()
    assert "E[PnL]" in report.verdicts[0].reason
    report = run_gate(time_s, mid, mu[:, None], ("trend",), pnl_test=lambda inside, name: (0.1, 0.05))
    assert report.features == ("trend",)
    assert report.verdicts[0].pnl == (0.1, 0.05)


def test_silent_and_still_features_fail_by_name() -> None:
    time_s, mid, mu = drifting(2, 5000)
    x = np.column_stack([np.full(5000, np.nan), np.ones(5000), np.where(np.arange(5000) < 3000, np.nan, mu)])
    reasons = {v.name: v.reason for v in run_gate(time_s, mid, x, NAMES).verdicts}
    assert "speaks in 0%" in reasons["trend"]
    assert reasons["vpin"]
    assert "speaks in 40%" in reasons["knife"]


def test_folds_are_purged_and_embargoed() -> None:
    time_s = np.arange(0.0, 6000.0)
    seen = np.zeros(6000, dtype=bool)
    for train, test in walk_forward(time_s, 6, 10.0, 60.0):
        assert time_s[test].min() - time_s[train].max() >= 70.0
        assert time_s[train].min() == 0.0
        assert not (seen & test).any()
        seen |= test
    assert seen[1000:].all()
    assert not seen[:1000].any()
    with pytest.raises(ValueError, match="folds"):
        next(walk_forward(time_s, 1, 0.0, 0.0))


def test_forecasts_do_not_see_the_future() -> None:
    """Returns replaced after a test stretch's start leave its forecasts as they were."""
    rng = np.random.default_rng(1)
    time_s, x = np.arange(6000.0), rng.normal(size=(6000, 2))
    r = x[:, 0] + rng.normal(size=6000)
    before = forecasts(time_s, r, x, GateSettings())
    changed = r.copy()
    changed[2930:] = 1e3
    after = forecasts(time_s, changed, x, GateSettings())
    assert np.array_equal(before[1000:2999], after[1000:2999])
    assert not np.array_equal(before[4000:4999], after[4000:4999])


def test_the_taker_s_edge() -> None:
    rng = np.random.default_rng(2)
    f = rng.choice([-6.0, -1.0, 1.0, 6.0], 4000)
    r = f + rng.normal(size=4000)
    edge = taker_edge(r, f, 5.0, 5)
    assert edge.share == pytest.approx(0.5, abs=0.03)
    assert edge.edge_bps == pytest.approx(1.0, abs=0.1)
    assert 0.0 < edge.error < 0.1
    assert math.isnan(taker_edge(r, f, 10.0, 5).edge_bps)
