"""After 60 s of typical flow the estimates are of the truth, not of the prior."""

from __future__ import annotations

import numpy as np
import pytest
from tests.laws.drive import INSTRUMENT, drive, fresh
from tests.laws.market import Truth, rows

from undertow.kernel.estimators import estimator_params, read_inputs
from undertow.kernel.inputs import INPUTS
from undertow.kernel.volatility import volatility_params
from undertow.records import new_record

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
