"""Calibration end to end, and its file: round trip, faults by field, the kernel's parameters."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from bars.filter_coverage import ou_path
from bars.filter_honesty import CALM, LOUD, honesty, side_by_side
from tests.research.simulated import with_alpha

from undertow.calibration import Calibration, CalibrationError, read, to_belief_params, write
from undertow.kernel.belief import BELIEF, belief_cycle, init_belief
from undertow.kernel.features import FEATURE_NAMES, N_FEATURES
from undertow.records import new_record
from undertow.research.calibrate import calibrate


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """A day of 1 s rows: a view of μ, an alpha of decay .5/s on top, noise; the rest silent."""
    n = 40_000
    time_s, alpha_mid, alpha = with_alpha(3, n, decay=0.5, rate=0.4, sigma=0.57, step_s=1.0)
    rng = np.random.default_rng(3)
    mu = ou_path(rng, n, 0.02, 0.1)  # σ_μ = .02
    mid = alpha_mid * np.exp(1e-4 * np.concatenate([[0.0], np.cumsum(mu)[:-1]]))
    x = np.full((n, N_FEATURES), np.nan)
    x[:, FEATURE_NAMES.index("trend")] = mu + ou_path(rng, n, 0.1, 0.1) + 0.3
    x[:, FEATURE_NAMES.index("microprice")] = alpha
    x[:, FEATURE_NAMES.index("vpin")] = rng.normal(size=n)
    return calibrate(time_s, mid, x, recording="simulated", split="all", constant_sigma=True)


def test_each_feature_finds_its_place(calibration: Calibration) -> None:
    assert calibration.drift.identified
    part = calibration.forecast
    assert part is not None
    assert [f.name for f in part.features] == ["trend"]
    assert part.features[0].center == pytest.approx(0.3, abs=0.05)
    assert 0.25 < part.known < 0.75
    assert 5.0 < part.tau_noise_s < 20.0
    (alpha,) = calibration.alphas
    assert alpha.decay_per_s == pytest.approx(0.5, rel=0.4)
    assert alpha.loadings["microprice"] == pytest.approx(0.4, rel=0.3)
    assert set(calibration.excluded) == set(FEATURE_NAMES) - {"trend", "microprice"}
    assert "R²" in calibration.excluded["vpin"]
    assert "speaks" in calibration.excluded["lead"]
    assert calibration.provenance.samples == 40_000


def test_the_file_says_the_same_again(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write(calibration, path)
    assert read(path) == calibration
    params, again = to_belief_params(calibration), to_belief_params(read(path))
    assert params.tobytes() == again.tobytes()
    assert params.drift.theta == calibration.drift.theta_per_s
    state = new_record(BELIEF)
    init_belief(state, params)
    x = np.full(N_FEATURES, np.nan)
    x[FEATURE_NAMES.index("trend")] = 1.3
    x[FEATURE_NAMES.index("microprice")] = -2.0
    belief_cycle(state, params, 0, 100.0, 0.57, x)
    assert state.drift.mu > 0.0
    assert state.alphas.rate[0] == pytest.approx(-2.0 * calibration.alphas[0].loadings["microprice"], rel=0.1)
    off = to_belief_params(calibration, without=("trend",), frozen=True)
    assert off.forecast.on.sum() == N_FEATURES - 1
    assert off.adaptation.frozen


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        raw = raw[int(folder)] if isinstance(raw, list) else raw[folder]
    raw[int(last) if isinstance(raw, list) else last] = value


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        ("drift.theta_per_s", "fast", "$.drift.theta_per_s"),
        ("drift.sigma_mu", 1.0, "$.drift.sigma_mu"),
        ("drift.theta", 0.02, "theta"),
        ("version", 2, "version = 2"),
        ("forecast.horizon_s", 0.0, "$.forecast.horizon_s"),
        ("forecast.features.0.name", "trent", "trent"),
        ("forecast.features.0.loading", None, "$.forecast.features[0].loading"),
        ("forecast.covariance", [[1.0, 0.0], [0.0, 1.0]], "$.forecast.covariance"),
        ("forecast.covariance", [[-1.0]], "$.forecast.covariance"),
        ("alphas.0.decay_per_s", -1.0, "$.alphas[0].decay_per_s"),
        ("alphas.0.loadings", {"nobody": 1.0}, "nobody"),
        ("fills", {"level_bps": 0.1, "slope": 0.0, "skew_share": 1.0}, "$.fills.skew_share"),
        ("funding.scale", 0.5, "$.funding.scale"),
        ("provenance.commit", 5, "$.provenance.commit"),
    ],
)
def test_every_fault_names_its_field(
    calibration: Calibration, tmp_path: Path, path: str, value: Any, names: str
) -> None:
    file = tmp_path / "calibration.json"
    write(calibration, file)
    raw = json.loads(file.read_text())
    _set(raw, path, value)
    file.write_text(json.dumps(raw))
    with pytest.raises(CalibrationError) as caught:
        read(file)
    assert names in str(caught.value)
    assert "calibration.json" in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="No such file"):
        read(tmp_path / "missing.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(CalibrationError, match=r"broken\.json"):
        read(tmp_path / "broken.json")


def test_a_loading_of_funding_replaces_its_scale(calibration: Calibration) -> None:
    changed = msgspec.json.decode(msgspec.json.encode(calibration), type=Calibration)
    assert changed.forecast is not None
    changed.forecast.features[0].name = "funding"
    assert to_belief_params(changed).funding_scale == 0.0
    assert to_belief_params(calibration).funding_scale == 0.02


def test_the_belief_is_honest_end_to_end() -> None:
    """Two of the bar's seeds at 2/5 of its size (.911 over ten seeds at that size; .02 between seeds)."""
    runs = [honesty(seed, 400_000, CALM, fit_drift=False) for seed in (3, 5)]
    assert 0.87 < float(np.mean([c for c, _ in runs])) < 0.94
    assert all(error < 0.75 for _, error in runs)
    assert honesty(3, 200_000, LOUD, fit_drift=False)[0] > 0.8


def test_repeated_noise_is_counted_as_the_filter_hears_it() -> None:
    """n_x = .02, τ = 10 s: 2τ/Δt covers 94 % with a larger error, the belief's rule 90 %."""
    plain, plain_error, own, own_error = np.mean(
        [side_by_side(s, 100_000, 0.02, 10.0) for s in (1, 2)], axis=0
    )
    assert plain > 0.925
    assert own == pytest.approx(0.9, abs=0.015)
    assert own_error < 0.93 * plain_error
    assert not math.isnan(own_error)
