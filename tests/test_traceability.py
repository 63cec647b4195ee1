"""docs/traceability.md names files and tests that exist, and every test that the plan named."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "traceability.md").read_text(encoding="utf-8")

NAMED_BY_THE_PLAN = [
    "test_kalman_predict_decays_toward_zero",
    "test_kalman_update_moves_toward_observation",
    "test_kalman_fill_observation_bearish",
    "test_kalman_trend_observation_high_agreement",
    "test_drift_unclamped_exceeds_3bps",
    "test_no_signals_decays_via_ou",
    "test_continuous_gamma_exceeds_zone_widening",
    "test_continuous_gamma_monotonic",
    "test_kill_guard_independent",
    "test_no_discontinuity_at_old_boundaries",
    "test_flow_neutral_gives_unit_multipliers",
    "test_sell_pressure_lowers_kappa_bid",
    "test_multipliers_bounded",
    "test_flow_drift_observation_sign",
    "test_epnl_positive_at_touch_zero_inventory",
    "test_epnl_negative_accumulating_high_inventory",
    "test_epnl_positive_reducing_high_inventory",
    "test_epnl_all_negative_cascade",
    "test_epnl_drift_skews_correctly",
    "test_theta_adapts_on_undershoot",
    "test_parameters_bounded",
    "test_cold_start_convergence",
    "test_funding_observation_extreme_bearish",
    "test_carry_cost_positive_when_paying",
    "test_carry_cost_negative_when_receiving",
    "test_funding_warmup_blocks_signal",
    "test_epnl_with_carry_narrows_profitability",
    "test_bim_multi_depth_correct",
    "test_dbim_negative_precedes_drop",
    "test_bpg_fragile_support",
    "test_sweep_detection_multi_level",
    "test_sweep_drift_observation_sign",
    "test_hot_tier_latency",
    "test_hawkes_excess_sell_bearish",
    "test_fill_size_shift_large_bids_bearish",
    "test_basis_compression_bearish_when_long",
    "test_lead_signal_btc_drop",
    "test_vol_ratio_widens_sigma",
    "test_kurtosis_scales_as_ratio",
    "test_warm_tier_latency",
    "test_cold_tier_latency",
]


@cache
def functions_in(path: Path) -> frozenset[str]:
    """Functions at the top of a file."""
    return frozenset(n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef))


def quoted() -> list[str]:
    return re.findall(r"`([^`\n]+)`", PAGE)


def test_every_test_named_exists() -> None:
    references = [q for q in quoted() if "::" in q]
    assert len(references) > 120
    for reference in references:
        path, name = reference.split("::")
        assert name in functions_in(ROOT / "tests" / path), reference


def test_every_file_named_exists() -> None:
    files = [q for q in quoted() if re.fullmatch(r"[\w/.]+\.py", q)]
    assert len(files) > 60
    for file in files:
        places = (
            ROOT / "src" / "undertow" / file,
            ROOT / file,
            ROOT / "tests" / file.removeprefix("../tests/"),
        )
        assert any(p.is_file() for p in places), file


def test_every_test_of_the_plan_has_a_row_of_its_own() -> None:
    rows = re.findall(r"^\| `(test_\w+)`", PAGE, flags=re.MULTILINE)
    assert sorted(rows) == sorted(NAMED_BY_THE_PLAN)
    assert len(NAMED_BY_THE_PLAN) == 41


def test_rows_say_where_or_why() -> None:
    """No row of a table ends in an empty cell unless the name of a setting speaks for itself."""
    for line in PAGE.splitlines():
        if line.startswith("|") and not set(line) <= set("|- "):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert all(cells[:2]), line
