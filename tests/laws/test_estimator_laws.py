"""Laws that every estimator obeys, checked on all of them at once and named by sub-record."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.laws import drive as driving
from tests.laws.drive import INSTRUMENT, drive, drive_past
from tests.laws.market import Truth, other_prices, rows

from undertow.events import (
    BBO,
    EVENT,
    FILL,
    FUNDING,
    FUNDING_RATE,
    GAP,
    MAKER,
    OPEN_INTEREST,
    ORACLE,
    REFERENCE,
    TIMER,
    TRADE,
)
from undertow.kernel.belief import belief_params
from undertow.kernel.estimators import ESTIMATORS, estimator_params, read_inputs
from undertow.kernel.features import FEATURE_NAMES
from undertow.kernel.fill_belief import fill_belief_params
from undertow.kernel.inputs import INPUTS
from undertow.kernel.volatility import excess_kurtosis, volatility_regime
from undertow.records import Rec, copy_record, new_record

INST = INSTRUMENT.record()
NEST = ("signals", "belief")  # records of records: a failure names the part
NAMES = [name for name in ESTIMATORS.names or () if ESTIMATORS[name].names and name not in NEST]
NAMES += [f"{nest}.{part}" for nest in NEST for part in ESTIMATORS[nest].names or ()]
BY_BOOK = ("signals.book_shape", "signals.microprice")  # see whole books: tests/kernel/test_book_shape.py
SPEAKING = ("momentum_500", "sweep", "flow_slow", "hawkes", "basis_change", "trend", "lead")
STILL = {
    *BY_BOOK,
    "own_watch",  # sees own orders: tests/kernel/test_own_watch.py
}


def fresh() -> tuple[Rec, Rec]:
    """(state, params) with loadings, alphas and a teaching of fills, as a calibration would give them."""
    belief = belief_params(
        loadings={"momentum_500": 0.02, "hawkes": 0.05},
        covariance=np.diag([1.0, 0.2]),
        alphas=[(1.0, {"flow_slow": 0.01})],
        fills=fill_belief_params(level_bps=0.3, slope=0.1),
    )
    return driving.fresh(estimator_params(belief=belief))


def part(state: Rec, name: str) -> Rec:
    """A record or number of the state by its dotted name."""
    for step in name.split("."):
        state = state[step]
    return state


TRUTH = Truth(seconds=240.0, prints=3, jump_rate=0.02, jump_bps=5.0)


def with_own_rows(market: NDArray[np.void]) -> NDArray[np.void]:
    """The market with some of its prints also filling us, funding and other prices."""
    fills = market[market["kind"] == TRADE][::20].copy()
    fills["kind"], fills["side"], fills["code"] = FILL, -fills["side"], MAKER
    fills["recv_ns"] += 7_000_000
    both = np.concatenate([other_prices(TRUTH, 5, market), market, fills])
    return both[np.argsort(both["recv_ns"], kind="stable")]


@pytest.fixture(scope="module")
def market() -> NDArray[np.void]:
    return with_own_rows(rows(TRUTH, seed=5))


def run(events: NDArray[np.void]) -> Rec:
    state, params = fresh()
    drive(state, params, INST, events)
    return state


def read(state: Rec, now_ns: int, lot_qty: float = 1.0) -> dict[str, float]:
    """Everything a maker reads, by name."""
    params = fresh()[1]
    inputs = new_record(INPUTS)
    read_inputs(state, params, INST, now_ns, lot_qty, inputs)
    out = {
        name: float(inputs[name])
        for name in INPUTS.names or ()
        if inputs[name].ndim == 0 and not name.startswith(("mid", "position", "lot", "as_", "resting"))
    }
    out["funding_bps"] = float(inputs["funding_bps"][0])
    out["regime"] = volatility_regime(state.volatility, params.volatility)
    out["kurtosis"] = excess_kurtosis(state.volatility, params.volatility)
    for name, value in zip(FEATURE_NAMES, state.signals.features.value, strict=True):
        if not np.isnan(value):
            out[f"feature_{name}"] = float(value)
    for index, side in enumerate(("bid", "ask")):
        for k in (0, 3, 8):
            for j in (0, 2, 4):
                out[f"loss_{side}_{k}_{j}"] = float(state.markout.curve[k, index, j])
    return out


def clocks_of(state: Rec) -> tuple[int, ...]:
    """The times that several estimators hold as their present."""
    return state.belief.drift.now_ns, state.intensity.last_ns, state.flow.last_ns, state.clock.look_ns


def floats(record: Rec) -> NDArray[np.float64]:
    """All floating-point numbers of a record, padding left out."""
    parts = []
    if not record.dtype.names:  # a number by itself
        return np.atleast_1d(record).astype(float)
    for name in record.dtype.names:
        value = record[name]
        if value.dtype.names:
            flat = np.atleast_1d(value).ravel()
            parts.extend(floats(flat[i]) for i in range(len(flat)))
        elif value.dtype.kind == "f":
            parts.append(np.atleast_1d(value).ravel().astype(float))
    return np.concatenate(parts) if parts else np.empty(0)


@pytest.fixture(scope="module")
def reference(market: NDArray[np.void]) -> Rec:
    return run(market)


def test_market_exercises_every_estimator(reference: Rec) -> None:
    untouched = fresh()[0]
    still = {n for n in NAMES if part(reference, n).tobytes() == part(untouched, n).tobytes()}
    assert still == STILL
    assert reference.markout.own.fills[3].sum() > 5
    assert reference.clock.ticks > 50


def test_checkpoint_continues_to_the_same_bytes(market: NDArray[np.void], reference: Rec) -> None:
    state, params = fresh()
    half = len(market) // 2
    drive(state, params, INST, market[:half])
    again = copy_record(state)
    drive(again, params, INST, market[half:])
    for name in NAMES:
        assert part(again, name).tobytes() == part(reference, name).tobytes(), name


def test_memory_is_flat_and_small() -> None:
    assert not ESTIMATORS.hasobject
    assert ESTIMATORS.itemsize < 200_000
    assert all(part(fresh()[0], name).nbytes < 120_000 for name in NAMES)


def test_money_may_be_counted_in_other_coins(market: NDArray[np.void], reference: Rec) -> None:
    """Prices × c and sizes / c is the same market: nothing in bps, seconds or lots changes."""
    scaled = market.copy()
    scaled["px"] = np.where(
        np.isin(market["kind"], (BBO, TRADE, FILL, ORACLE)), 7.0 * market["px"], market["px"]
    )
    scaled["qty"] = np.where(np.isin(market["kind"], (TRADE, FILL)), market["qty"] / 7.0, market["qty"])
    now = int(market["recv_ns"][-1])
    expected, got = read(reference, now), read(run(scaled), now, lot_qty=1.0 / 7.0)
    expected["feature_sweep"] /= 7.0  # in lots, and the driver's lot stays what it was
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-6, abs=1e-7), name


def mirrored(market: NDArray[np.void]) -> NDArray[np.void]:
    """Sides swapped, log-mid reflected, depths and traded values kept."""
    out = market.copy()
    mid = 0.0
    for i in range(len(market)):
        kind, px = market["kind"][i], market["px"][i]
        if kind == BBO:
            mid = px
            out["px"][i] = TRUTH.px**2 / mid
        elif kind in (TRADE, FILL):
            out["side"][i] = -market["side"][i]
            out["px"][i] = TRUTH.px**2 / mid * (2.0 - px / mid)
            out["qty"][i] = market["qty"][i] * px / out["px"][i]
        elif kind in (REFERENCE, ORACLE):
            out["px"][i] = TRUTH.px**2 / px
    out["qty"][np.isin(market["kind"], (FUNDING, FUNDING_RATE))] *= -1.0
    return out


def test_mirrored_market_mirrors_beliefs(market: NDArray[np.void], reference: Rec) -> None:
    now = int(market["recv_ns"][-1])
    expected, got = read(reference, now), read(run(mirrored(market)), now)
    assert {f"feature_{name}" for name in SPEAKING} <= expected.keys()
    for name, value in expected.items():
        if name in ("drift", "funding_bps") or name.startswith("feature"):
            value = -value
        elif "_bid" in name or "_ask" in name:
            value = expected[name.replace(*_swap(name))]
        # Sizes follow mirrored prices; depths are linear offsets from an earlier mid, mirrored to O(bps²).
        sized = ("aggressor_lots", "feature_sweep", "feature_size_shift", "feature_vpin")
        loose = name in sized or name.startswith(("loss", "rate", "kappa", "alpha"))
        tolerance = 3e-3 if loose else 1e-6
        assert got[name] == pytest.approx(value, rel=tolerance, abs=tolerance), name


def _swap(name: str) -> tuple[str, str]:
    return ("_bid", "_ask") if "_bid" in name else ("_ask", "_bid")


def test_order_of_simultaneous_prints_does_not_matter(market: NDArray[np.void], reference: Rec) -> None:
    rng = np.random.default_rng(3)
    shuffled = market[market["kind"] != FILL].copy()
    trades = np.flatnonzero(shuffled["kind"] == TRADE)
    for block in np.split(trades, np.flatnonzero(np.diff(shuffled["exch_ns"][trades])) + 1):
        shuffled[block] = shuffled[rng.permutation(block)]
    plain = run(market[market["kind"] != FILL])
    assert not np.array_equal(shuffled, market[market["kind"] != FILL])
    got = run(shuffled)
    for name in NAMES:
        np.testing.assert_allclose(
            floats(part(got, name)), floats(part(plain, name)), rtol=1e-9, atol=1e-9, err_msg=name
        )


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf, -math.inf, -5.0])
@pytest.mark.parametrize("field", ["px", "qty"])
def test_nonsense_prints_and_mids_change_nothing(
    market: NDArray[np.void], reference: Rec, field: str, bad: float
) -> None:
    """A nonsensical copy after every 7th row, at the same time, leaves every byte as it was."""
    kinds = (TRADE, OPEN_INTEREST) if field == "qty" else (BBO, TRADE, FILL, REFERENCE, ORACLE)
    at = np.flatnonzero(np.isin(market["kind"], kinds))[::7]
    nonsense = market[at].copy()
    nonsense[field] = bad
    nonsense["val"] = bad
    got = run(np.insert(market, at + 1, nonsense))
    for name in NAMES:
        assert part(got, name).tobytes() == part(reference, name).tobytes(), name


@pytest.mark.parametrize("name", NAMES)
def test_state_stays_finite_when_time_runs_backwards(market: NDArray[np.void], name: str) -> None:
    broken = market.copy()
    rng = np.random.default_rng(9)
    late = rng.choice(len(broken), 200, replace=False)
    broken["recv_ns"][late] -= rng.integers(1, 10**11, 200)
    broken["exch_ns"][late] -= rng.integers(1, 10**11, 200)
    state = run(broken)
    values = floats(part(state, name))
    allowed = int(np.isnan(state.volatility.previous_bps)) + int(np.isnan(state.belief.drift.previous_bps))
    if name.startswith(NEST):  # NaN says that a feature is silent
        assert not np.isinf(values).any()
        return
    assert np.count_nonzero(~np.isfinite(values)) <= (allowed if name == "volatility" else 0)
    for value in read(state, int(market["recv_ns"][-1])).values():
        assert math.isfinite(value)
    assert state.markout.curve.max() < 50.0


def test_rows_of_an_older_time_do_not_turn_clocks_back(market: NDArray[np.void]) -> None:
    state = run(market)
    clocks = clocks_of(state)
    params = fresh()[1]
    old = market[market["kind"] == TIMER][:1].copy()
    drive(state, params, INST, old)
    old["kind"] = BBO
    old["px"] = TRUTH.px
    drive(state, params, INST, old)
    assert clocks == (
        state.belief.drift.now_ns,
        state.intensity.last_ns,
        state.flow.last_ns,
        state.clock.look_ns,
    )


def test_nothing_sees_its_own_future(market: NDArray[np.void]) -> None:
    """What is read at a time is the same whatever comes later, at every tenth of the way."""
    other = with_own_rows(rows(TRUTH, seed=6))
    for tenth in (2, 5, 9):
        cut_ns = int(market["recv_ns"][0]) + tenth * 24 * 10**9
        head = market[market["recv_ns"] <= cut_ns]
        alone = run(head)
        for future in (market, other):
            state, params = fresh()
            joined = np.concatenate([head, future[future["recv_ns"] > cut_ns]])
            then = np.zeros(1, dtype=ESTIMATORS).view(np.recarray)
            drive_past(state, params, INST, joined, len(head), then)
            assert state.tobytes() != alone.tobytes()
            for name in NAMES:
                assert part(then[0], name).tobytes() == part(alone, name).tobytes(), name


def test_a_gap_is_neither_a_return_nor_silence(market: NDArray[np.void], reference: Rec) -> None:
    """Ten minutes without a feed and a move of 1 % in them: σ, μ and A stay of the same order."""
    gap = np.zeros(1, dtype=EVENT)
    end_ns = int(market["recv_ns"][-1])
    gap["kind"], gap["val"] = GAP, 600.0
    gap["exch_ns"] = gap["recv_ns"] = end_ns + 600 * 10**9
    after = market[np.isin(market["kind"], (BBO, TRADE, TIMER))][:200].copy()
    after["recv_ns"] += end_ns + 601 * 10**9 - int(after["recv_ns"][0])
    after["exch_ns"] = after["recv_ns"]
    after["px"] *= 1.01
    before = read(reference, end_ns)
    for announced in (True, False):
        events = np.concatenate([market, gap, after] if announced else [market, after])
        got = read(run(events), int(after["recv_ns"][-1]))
        for name in ("sigma_clean", "sigma_total", "sigma_effective", "rate_bid", "rate_ask"):
            assert before[name] / 2.5 < got[name] < before[name] * 2.5, name
        assert abs(got["drift"]) < 0.05  # 100 bps in one second would be 100
