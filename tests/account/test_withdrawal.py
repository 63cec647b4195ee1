"""When a side counts as withdrawn, and when a trend as seen."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.account.withdrawal import trend_seen_at_ns, withdrawn_at_ns
from undertow.maker import OBSERVATION

S = 1_000_000_000


def observed(n: int = 300) -> np.ndarray:
    rows = np.zeros(n, dtype=OBSERVATION)
    rows["time_ns"] = np.arange(n) * S
    rows["mid"] = 100.0
    rows["best_bid_px"], rows["best_ask_px"] = 99.95, 100.05
    rows["drift_sd_bps_per_s"] = 0.02
    return rows


@pytest.mark.parametrize(("side", "column", "away"), [(1, "best_bid_px", 99.7), (-1, "best_ask_px", 100.3)])
def test_a_side_is_withdrawn_from_the_first_long_spell_out_of_reach(
    side: int, column: str, away: float
) -> None:
    rows = observed()
    assert withdrawn_at_ns(rows, side, 10.0) is None
    rows[column][50:70] = np.nan  # twenty seconds are not a withdrawal
    rows[column][100:115] = away
    rows[column][115:140] = np.nan  # away, then gone: one spell
    assert withdrawn_at_ns(rows, side, 10.0) == 100 * S
    assert withdrawn_at_ns(rows, side, 40.0) is None
    assert withdrawn_at_ns(rows, -side, 10.0) is None


def test_before_the_first_order_nothing_is_withdrawn() -> None:
    rows = observed()
    rows["best_bid_px"][:60] = np.nan
    assert withdrawn_at_ns(rows, 1, 10.0) is None
    rows["best_bid_px"] = np.nan
    assert withdrawn_at_ns(rows, 1, 10.0) is None


@pytest.mark.parametrize("direction", [1, -1])
def test_a_trend_is_seen_once_the_posterior_stays_a_deviation_away(direction: int) -> None:
    rows = observed()
    rows["drift_bps_per_s"] = -0.019 * direction
    assert trend_seen_at_ns(rows, -direction) is None
    rows["drift_bps_per_s"][40:45] = -0.03 * direction
    rows["drift_bps_per_s"][90:120] = -0.03 * direction
    assert trend_seen_at_ns(rows, -direction) == 90 * S
    assert trend_seen_at_ns(rows, direction) is None
    rows["drift_sd_bps_per_s"] = np.nan
    assert trend_seen_at_ns(rows, -direction) is None
