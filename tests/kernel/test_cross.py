"""Lead, basis and open interest where the truth is known; silence where nothing can be said."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import pytest
from numpy.typing import NDArray

from undertow.kernel.cross import (
    CROSS,
    FUNDING,
    SPOT,
    basis_change_bps,
    cross_funding_rate,
    cross_gap,
    cross_look,
    cross_open_interest,
    cross_params,
    cross_reference,
    cross_spot,
    init_cross,
    lead_bps,
    open_interest_signal,
    premium_of_funding,
    reference_beta,
    reference_confidence,
)
from undertow.kernel.cross import REFERENCE as FROM_REFERENCE
from undertow.records import Rec, copy_record, new_record

S = 1_000_000_000


def fresh(**changes: Any) -> tuple[Rec, Rec]:
    params = cross_params(**changes)
    state = new_record(CROSS)
    init_cross(state, params)
    return state, params


@nb.njit(cache=True)
def show(
    state: Rec,
    params: Rec,
    at_ns: NDArray[np.int64],
    mid: NDArray[np.float64],
    ref: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """A reference price and a look at every time; the lead and the change of basis go to `out` (n, 2)."""
    for i in range(len(mid)):
        cross_reference(state, params, at_ns[i], ref[i])
        cross_look(state, params, at_ns[i], mid[i])
        out[i, 0] = lead_bps(state, params, at_ns[i])
        out[i, 1] = basis_change_bps(state, params, at_ns[i])


def pair(
    seed: int, n: int, beta: float, delay: int, own: float = 0.3, step_s: float = 0.25
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log prices (bps): the reference walks at 1 bp/√s, the mid follows by β, `delay` steps later."""
    rng = np.random.default_rng(seed)
    ref = np.cumsum(math.sqrt(step_s) * rng.normal(size=n + delay))
    noise = np.cumsum(own * math.sqrt(step_s) * rng.normal(size=n))
    return beta * ref[:n] + noise, ref[delay:]


def run(
    log_mid: NDArray[np.float64], log_ref: NDArray[np.float64], step_s: float = 0.25, **changes: Any
) -> tuple[Rec, Rec, NDArray[Any]]:
    state, params = fresh(**changes)
    out = np.empty((len(log_mid), 2))
    show(state, params, times(len(log_mid), step_s), px(log_mid), 40.0 * px(log_ref), out)
    return state, params, out


def times(n: int, step_s: float = 0.25) -> NDArray[np.int64]:
    return (np.arange(1, n + 1) * step_s * S).astype(np.int64)


def px(log_bps: NDArray[np.float64]) -> NDArray[np.float64]:
    return 100.0 * np.exp(1e-4 * log_bps)


# ---- lead ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.6, 1.4, -0.8])
def test_beta_and_confidence_are_recovered(beta: float) -> None:
    """No delay: R² = β²/(β² + .09). An hour, half-life 1800 s: 60 independent returns or so."""
    betas, confidence = [], []
    for seed in range(8):
        state, _, _ = run(*pair(seed, 14_400, beta, 0))
        betas.append(reference_beta(state))
        confidence.append(reference_confidence(state))
    assert np.mean(betas) == pytest.approx(beta, abs=0.05)
    assert np.mean(confidence) == pytest.approx(beta**2 / (beta**2 + 0.09), abs=0.06)


def test_reference_that_leads_foretells_the_mid() -> None:
    """The mid follows 2 s later. β's 30 s returns overlap for 28 of 30: .93 of 1.4.

    When the reference has just risen the lead is positive, and the mid then rises.
    """
    correlations, betas = [], []
    for seed in range(6):
        log_mid, log_ref = pair(seed, 14_400, 1.4, 8)
        state, _, out = run(log_mid, log_ref)
        betas.append(reference_beta(state))
        lead = out[8:-8, 0]
        said = ~np.isnan(lead)
        ahead = (log_mid[16:] - log_mid[8:-8])[said]
        rise = (log_ref[8:-8] - log_ref[:-16])[said]
        assert np.mean(said) > 0.9
        assert np.mean(np.sign(lead[said])[np.abs(rise) > 2.0] == np.sign(rise[np.abs(rise) > 2.0])) > 0.9
        correlations.append(np.corrcoef(lead[said], ahead)[0, 1])
    assert np.mean(betas) == pytest.approx(1.4 * 28.0 / 30.0, abs=0.06)
    # The lead holds the 2 s to come (1.96·2), minus the 2 s that came 5 s ago, plus own noise (.09·5):
    # correlation (3.9 − ·)/√((7.8 + .45)(3.9 + .18)) ≈ .63 with what comes.
    assert np.mean(correlations) == pytest.approx(0.64, abs=0.05)


def test_a_rise_of_the_reference_alone_is_a_positive_lead() -> None:
    state, params, _ = run(*pair(1, 4_000, 1.0, 0))
    beta = reference_beta(state)
    before = lead_bps(state, params, state.seen_ns[0])
    at = state.seen_ns[0] + S // 4
    level = 40.0 * math.exp(1e-4 * (state.log_px[1] + 6.0)) / 40.0
    cross_reference(state, params, at, level)
    cross_look(state, params, at, math.exp(1e-4 * state.log_px[0]))
    assert lead_bps(state, params, at) == pytest.approx(before + 6.0 * beta, abs=3.0)
    assert lead_bps(state, params, at) > before


def test_unrelated_reference_is_silent_and_so_is_a_young_regression() -> None:
    silent = [np.mean(np.isnan(run(*pair(seed, 7_200, 0.0, 0))[2][:, 0])) for seed in range(8)]
    assert np.mean(silent) > 0.95
    _, _, out = run(*pair(1, 1_000, 1.4, 0))
    assert np.all(np.isnan(out[:120, 0]))
    assert not np.isnan(out[-1, 0])


def test_stale_reference_is_silent() -> None:
    state, params, _ = run(*pair(1, 4_000, 1.4, 0), max_age_s=10.0)
    now = int(state.seen_ns[1])
    for i in range(1, 60):
        cross_look(state, params, now + i * S // 4, 100.0)
    assert math.isnan(lead_bps(state, params, now + 15 * S))
    assert not math.isnan(lead_bps(state, params, now + 9 * S))


def test_no_return_reaches_across_a_gap() -> None:
    state, params, _ = run(*pair(1, 4_000, 1.4, 0))
    products = np.array(state.products)
    for announced in (True, False):
        trial = copy_record(state)
        at = int(trial.seen_ns[0]) + (S if announced else 100 * S)
        if announced:
            cross_gap(trial)
        for i in range(16):
            cross_reference(trial, params, at + i * S, 9_000.0)
            cross_look(trial, params, at + i * S, 200.0)
        assert np.array_equal(trial.products, products)
        assert lead_bps(trial, params, at + 15 * S) == pytest.approx(0.0)


# ---- basis -------------------------------------------------------------------------------------------


def spot_basis(path_bps: NDArray[np.float64], **changes: Any) -> tuple[Rec, Rec, list[float]]:
    state, params = fresh(basis_source=SPOT, **changes)
    out = []
    for i, basis in enumerate(path_bps):
        at = (i + 1) * S
        cross_spot(state, params, at, 100.0)
        cross_look(state, params, at, 100.0 * math.exp(1e-4 * basis))
        out.append(basis_change_bps(state, params, at))
    return state, params, out


def test_basis_to_the_spot_and_its_change() -> None:
    state, _, out = spot_basis(5.0 - 0.1 * np.arange(100))
    assert np.all(np.isnan(out[:30]))
    assert np.array(out[30:]) == pytest.approx(-3.0, abs=0.11)
    assert state.basis_bps == pytest.approx(5.0 - 9.9)


def test_basis_is_silent_with_a_stale_spot() -> None:
    state, params, _ = spot_basis(np.zeros(100))
    for i in range(101, 130):
        cross_look(state, params, i * S, 101.0)
    assert math.isnan(basis_change_bps(state, params, 129 * S))


def test_basis_of_expected_funding_and_of_the_reference_coin() -> None:
    state, params = fresh(basis_source=FUNDING)
    for i in range(1, 61):
        cross_funding_rate(state, params, i * S, (1.25 - 0.01 * i) * 1e-5, 3600.0)
    assert premium_of_funding(1.25e-5, 3600.0) == pytest.approx(1.0)
    assert basis_change_bps(state, params, 60 * S) == pytest.approx(-0.3 * 0.8, rel=0.05)
    log_mid, log_ref = pair(2, 14_400, 1.4, 0)
    state, _, out = run(log_mid, log_ref, basis_source=FROM_REFERENCE)
    residual = log_mid - 1.4 * log_ref
    assert np.corrcoef(out[7_200:, 1], (residual[7_200:] - residual[7_080:-120]))[0, 1] > 0.95


# ---- open interest ------------------------------------------------------------------------------------


def interest(growth: float, rise_bps: float, sigma: float = 1.0) -> float:
    """Signal after 300 s in which interest grew by `growth` and the mid rose by `rise_bps`, steadily."""
    state, params = fresh()
    for i in range(311):
        cross_look(state, params, (i + 1) * S, 100.0 * math.exp(1e-4 * rise_bps * i / 300.0))
        if i % 3 == 0:
            cross_open_interest(state, params, (i + 1) * S, 1e4 * (1.0 + growth) ** (i / 300.0))
    return open_interest_signal(state, params, 311 * S, sigma)


def test_open_interest_takes_the_sign_of_the_return() -> None:
    assert interest(0.02, 60.0) == pytest.approx(0.02, rel=0.05)
    assert interest(0.02, -60.0) == pytest.approx(-0.02, rel=0.05)  # new shorts: bearish
    assert interest(-0.02, -60.0) == pytest.approx(0.02, rel=0.05)  # longs leaving: near a floor
    assert interest(0.02, 0.0) == 0.0
    assert interest(0.02, 8.66) == pytest.approx(0.01, rel=0.05)  # half a deviation: half a sign
    assert math.isnan(interest(0.02, 10.0, math.nan))
    assert math.isnan(interest(0.02, 10.0, 0.0))


# ---- laws -----------------------------------------------------------------------------------------------


def test_mirror_and_units() -> None:
    log_mid, log_ref = pair(3, 3_000, 1.2, 4)
    _, _, plain = run(log_mid, log_ref, basis_source=FROM_REFERENCE)
    _, _, mirror = run(-log_mid, -log_ref, basis_source=FROM_REFERENCE)
    assert np.count_nonzero(~np.isnan(plain)) > 2_000
    np.testing.assert_allclose(mirror, -plain, atol=1e-6)
    _, _, dearer = run(log_mid + 3e4, log_ref - 2e4, basis_source=FROM_REFERENCE)
    np.testing.assert_allclose(dearer, plain, atol=1e-6)
    here, there = spot_basis(np.linspace(0.0, 9.0, 80))[2], spot_basis(-np.linspace(0.0, 9.0, 80))[2]
    np.testing.assert_allclose(there, -np.array(here), atol=1e-9)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_nonsense_and_backward_time_change_nothing(bad: float) -> None:
    state, params, _ = run(*pair(4, 500, 1.0, 0))
    cross_spot(state, params, 125 * S, 100.0)
    cross_open_interest(state, params, 125 * S, 1e4)
    before = state.tobytes()
    for now, value in ((126 * S, bad), (20 * S, 100.0)):
        cross_look(state, params, now, value)
        cross_reference(state, params, now, value)
        cross_spot(state, params, now, value)
        cross_open_interest(state, params, now, value)
    assert state.tobytes() == before
    state, params = fresh(basis_source=FUNDING)
    cross_funding_rate(state, params, S, 1e-5, 3600.0)
    before = state.tobytes()
    if not math.isfinite(bad):
        cross_funding_rate(state, params, 2 * S, bad, 3600.0)
    cross_funding_rate(state, params, S // 2, 2e-5, 3600.0)
    assert state.tobytes() == before


def test_checkpoint_continues_to_the_same_bytes_in_constant_memory() -> None:
    log_mid, log_ref = pair(5, 2_000, 1.0, 4)
    whole, params, _ = run(log_mid, log_ref)
    state, at, out = fresh()[0], times(2_000), np.empty((1_000, 2))
    show(state, params, at[:1_000], px(log_mid)[:1_000], 40.0 * px(log_ref)[:1_000], out)
    again = copy_record(state)
    show(again, params, at[1_000:], px(log_mid)[1_000:], 40.0 * px(log_ref)[1_000:], out)
    assert again.tobytes() == whole.tobytes()
    assert CROSS.itemsize < 12_000


def test_impossible_parameters_are_refused() -> None:
    for bad in ({"basis_source": 7}, {"lead_s": 0.0}, {"min_confidence": 1.5}):
        with pytest.raises(ValueError, match="cross"):
            cross_params(**bad)
