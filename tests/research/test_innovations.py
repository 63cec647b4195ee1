"""Two recordings of bars/innovations.py (both need the recordings), and its drawing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bars.innovations import Seen, draw, innovations, running_mean, second_half, sources
from tests.research.simulated import drifting

from undertow.kernel.features import FEATURE_NAMES, N_FEATURES


@pytest.mark.parametrize("name", ["hyperliquid BTC", "crash of 23 December, mids"])
def test_surprises_are_as_large_as_expected(recordings: Path, name: str) -> None:
    seen = sources(recordings)[name]()
    nis, found = innovations(seen, name)
    late = second_half(seen, nis)
    assert len(late) > 1000
    assert 0.8 <= float(late.mean()) <= 1.25
    assert found.provenance.recording == name
    if name == "hyperliquid BTC":
        placed = {f.name for f in found.forecast.features} if found.forecast else set()
        placed |= {feature for alpha in found.alphas for feature in alpha.loadings}
        assert placed | set(found.excluded) == set(FEATURE_NAMES)
        assert not placed & set(found.excluded)
        assert 0.5 < np.nanmax(np.abs(seen.features)) <= 1.0


def test_a_simulated_recording_and_its_picture(tmp_path: Path) -> None:
    """σ is told 30 % too low: R is corrected, the second half is honest, the path starts above 1."""
    time_s, mid, _ = drifting(1, 4000)
    seen = Seen(time_s, mid, np.full(4000, 0.4), np.full((4000, N_FEATURES), np.nan))
    nis, _ = innovations(seen, "simulated")
    assert float(second_half(seen, nis).mean()) == pytest.approx(1.0, abs=0.1)
    path = running_mean(nis)
    assert path[-1] == pytest.approx(float(np.nanmean(nis[-300:])))
    assert np.isnan(path[:90]).all()
    draw({"simulated": (seen, nis)}, tmp_path / "path.html")
    page = (tmp_path / "path.html").read_text()
    assert "simulated" in page
    assert len(page) < 100_000
