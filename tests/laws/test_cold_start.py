"""After 60 s of typical flow the estimates are of the truth, not of the prior."""

from __future__ import annotations

import numpy as np
import pytest
from tests.laws.drive import INSTRUMENT, drive, fresh
from tests.laws.market import Truth, other_prices, path, rows

from undertow.kernel.estimators import estimator_params, read_inputs
from undertow.kernel.features import FEATURE_NAMES
from undertow.kernel.hawkes import hawkes_base
from undertow.kernel.inputs import INPUTS
from undertow.kernel.soft_jump import sigma_calm
from undertow.kernel.stochastic_volatility import sv_log_variance
from undertow.kernel.volatility import volatility_params
from undertow.records import Rec, new_record

SEEDS = range(24)


@pytest.mark.parametrize("prior", [0.25, 4.0])
def test_a_minute_is_enough(prior: float) -> None:
    """σ, A and κ after 60 s, from a σ prior four times off either way: 24 markets of known truth.

    ~20 ticks of data stand against a prior of one: its share in σ² is 1/21, i.e. +32 % of σ for the
    prior 4 and −2 % for .25; sampling spreads ln σ by 1/√40 in one market, 3.2 % in the average.
    """
    truth = Truth(seconds=60.0, rate=(1.5, 1.5), kappa=(0.5, 0.5))
    logs = []
    for seed in SEEDS:
        params = estimator_params(volatility=volatility_params(prior_sigma_bps_per_sqrt_s=prior))
        state, params = fresh(params)
        drive(state, params, INSTRUMENT.record(), rows(truth, seed))
        inputs = new_record(INPUTS)
        read_inputs(state, params, INSTRUMENT.record(), int(6e10), 1.0, inputs)
        reach = np.exp(-inputs.kappa_bid * 2.0) * inputs.rate_bid  # orders/s that reach 2 bps
        true_reach = 1.5 * np.exp(-0.5 * (2.0 - 0.5))
        logs.append([np.log(inputs.sigma_total), np.log(inputs.sigma_clean), np.log(reach / true_reach)])
    total, clean, reach = np.mean(logs, axis=0)
    assert -0.2 < total < 0.42
    assert -0.25 < clean < 0.42
    # 45 orders, of which 21 reach 2 bps: 22 % in one market, 4.5 % in the average; prior counts 1.
    assert abs(reach) < 0.2


@pytest.fixture(scope="module")
def after_a_minute() -> list[Rec]:
    """States after 60 s of drift +0.5 bps/s, one order a second on the bid and two on the ask."""
    truth, states = Truth(seconds=60.0, rate=(1.0, 2.0), kappa=(0.5, 0.5)), []
    for seed in SEEDS:
        log_mid = path(truth, np.random.default_rng([seed, 7])) + DRIFT * truth.step_s * np.arange(600)
        market = rows(truth, seed, log_mid)
        market = np.concatenate([market, other_prices(truth, seed, market)])
        state, params = fresh()
        drive(state, params, INSTRUMENT.record(), market[np.argsort(market["recv_ns"], kind="stable")])
        states.append(state)
    return states


DRIFT = 0.5
# Feature: its truth and how far the mean of 24 markets may lie from it. Orders in 60 s: 60 and 120, so
# the imbalance of one market is known to .07; a mean return over h seconds spreads by σ√h/√24.
TRUTHS = {
    "momentum_500": (0.25, 0.45),
    "momentum_2000": (1.0, 0.9),
    "knife": (0.0, 0.1),
    "flow_fast": (1.0 / 3.0, 0.15),
    "flow_slow": (1.0 / 3.0, 0.08),
    "hawkes": (0.0, 0.15),  # Poisson orders excite nothing
    "size_shift": (0.0, 0.8),  # sizes do not change
    "trend": (DRIFT, 0.12),
    "trend_agreement": (1.0, 0.2),
}
SILENT = ("vpin", "reference_gap", "lead", "open_interest")
"""What a minute cannot tell says nothing: it needs full buckets, a regression, a day."""


@pytest.mark.parametrize("name", TRUTHS)
def test_features_speak_of_the_truth_after_a_minute(after_a_minute: list[Rec], name: str) -> None:
    at = FEATURE_NAMES.index(name)
    values = [float(state["signals"]["features"]["value"][at]) for state in after_a_minute]
    truth, tolerance = TRUTHS[name]
    assert np.mean(values) == pytest.approx(truth, abs=tolerance)


@pytest.mark.parametrize("name", SILENT)
def test_what_needs_longer_is_silent(after_a_minute: list[Rec], name: str) -> None:
    at = FEATURE_NAMES.index(name)
    assert all(np.isnan(state["signals"]["features"]["value"][at]) for state in after_a_minute)


def test_hawkes_bases_and_volatility_states_after_a_minute(after_a_minute: list[Rec]) -> None:
    """Bases are the rates less the excitation the parameters assume; ln σ² is near the truth, and honest."""
    params = estimator_params()["signals"]
    bases = np.mean([hawkes_base(s["signals"]["hawkes"], params["hawkes"]) for s in after_a_minute], axis=0)
    assert bases[1] / bases[0] == pytest.approx(2.0, rel=0.2)
    assert 0.6 < bases[0] < 1.05
    levels = np.array([sv_log_variance(s["signals"]["stochastic"]) for s in after_a_minute])
    assert abs(levels[:, 0].mean()) < 0.7  # σ = 1: ln σ² = 0; the ticks are of seconds, a dozen bins
    assert np.mean(np.abs(levels[:, 0]) < 2.0 * levels[:, 1]) > 0.8


def test_jumps_are_not_found_where_there_are_none(after_a_minute: list[Rec]) -> None:
    calm = [sigma_calm(s["signals"]["soft_jump"]) for s in after_a_minute]
    assert np.exp(np.mean(np.log(calm))) == pytest.approx(1.0, rel=0.6)
    assert np.mean([s["signals"]["soft_jump"]["pi"] for s in after_a_minute]) < 0.15
