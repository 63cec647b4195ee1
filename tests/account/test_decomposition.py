"""The parts of the PnL add up, mean what they say, and are refused when cash disagrees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.account.decomposition import ReconciliationError, decompose, worth
from undertow.instrument import Instrument, cash_change, position_value
from undertow.records import new_record
from undertow.replay.log import FILL_LOG, LEDGER, MARKOUT_HORIZONS_S

Make = Callable[..., tuple[np.ndarray, np.void]]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 200),
    seed=st.integers(0, 2**32),
    horizon=st.sampled_from(MARKOUT_HORIZONS_S),
    funding=st.floats(-50, 50),
)
def test_parts_add_up_to_the_ledgers_equity(
    make_session: Make, instrument: Instrument, n: int, seed: int, horizon: float, funding: float
) -> None:
    fills, ledger = make_session(instrument, n, seed=seed, funding=funding)
    parts = decompose(fills, ledger, instrument, horizon)
    at_last = position_value(instrument.record(), ledger["last_mid"], ledger["position"])
    equity = ledger["cash"] - ledger["fees"] + ledger["funding"] + at_last
    assert parts.total.pnl == pytest.approx(equity, abs=0.005 / parts.usd_rate)
    assert abs(parts.residual_usd) < 0.005
    per_fill = parts.fill_pnl.sum() + parts.inventory.sum() + funding
    assert per_fill == pytest.approx(equity, abs=0.005 / parts.usd_rate)


def test_worth_is_the_exchanges_arithmetic(instrument: Instrument) -> None:
    rec = instrument.record()
    for px in (17.3, 50_000.0):
        assert worth(instrument, px) == pytest.approx(position_value(rec, px, 1.0), rel=1e-14)
        assert worth(instrument, px) == pytest.approx(-cash_change(rec, 1, px, 1.0), rel=1e-14)


def _one_fill(side: int, px: float, mid: float, after: float, last: float) -> tuple[np.ndarray, np.void]:
    fills = np.zeros(1, dtype=FILL_LOG)
    fills["side"], fills["px"], fills["qty"], fills["mid"], fills["mid_after"] = side, px, 1.0, mid, after
    ledger = new_record(LEDGER)
    ledger["cash"], ledger["position"], ledger["last_mid"], ledger["fills"] = -side * px, side, last, 1
    return fills, ledger


@pytest.mark.parametrize(
    ("side", "px", "after", "spread", "loss", "inventory"),
    [
        (1, 99.0, 98.0, 1.0, 2.0, 5.0),  # bought below the mid, the mid fell on: a loss of 2, then rose 5
        (1, 99.0, 100.5, 1.0, -0.5, 2.5),
        (-1, 101.0, 102.0, 1.0, 2.0, -1.0),
        (-1, 99.5, 99.0, -0.5, -1.0, -4.0),  # sold through the mid
    ],
)
def test_signs(side: int, px: float, after: float, spread: float, loss: float, inventory: float) -> None:
    linear = Instrument(name="X", tick_size=0.5, size_step=1.0)
    fills, ledger = _one_fill(side, px, 100.0, after, 103.0)
    total = decompose(fills, ledger, linear).total
    assert (total.spread, total.markout_loss, total.inventory) == (spread, loss, inventory)


def test_late_fills_are_marked_at_the_last_mid_and_counted(
    make_session: Make, instrument: Instrument
) -> None:
    fills, ledger = make_session(instrument, 50, seed=1)
    parts = decompose(fills, ledger, instrument, 600.0)
    late = np.isnan(fills["mid_after"][:, -1])
    assert parts.late == late.sum() > 0
    assert np.abs(parts.inventory[late]).max() == 0.0


def test_a_fill_without_a_mid_earns_no_spread() -> None:
    linear = Instrument(name="X", tick_size=0.5, size_step=1.0)
    fills, ledger = _one_fill(1, 99.0, np.nan, 98.0, 97.0)
    parts = decompose(fills, ledger, linear)
    assert (parts.total.spread, parts.total.markout_loss, parts.total.inventory) == (0.0, 1.0, -1.0)
    assert parts.unpriced == 1


@pytest.mark.parametrize(
    ("field", "change"), [("cash", 0.02), ("fees", -0.02), ("position", 1.0), ("fills", 1)]
)
def test_a_ledger_that_disagrees_is_refused(
    make_session: Make, instrument: Instrument, field: str, change: float
) -> None:
    fills, ledger = make_session(instrument, 30, seed=2)
    ledger[field] += change
    with pytest.raises(ReconciliationError, match=field):
        decompose(fills, ledger, instrument)


def test_a_missing_fill_is_refused(make_session: Make, instrument: Instrument) -> None:
    fills, ledger = make_session(instrument, 30, seed=3)
    with pytest.raises(ReconciliationError, match="number of fills: fills say 29, ledger says 30"):
        decompose(fills[1:], ledger, instrument)


def test_an_unknown_horizon_names_the_known_ones(make_session: Make, instrument: Instrument) -> None:
    fills, ledger = make_session(instrument, 3)
    with pytest.raises(ValueError, match=r"7 s was not recorded; choose one of 0\.5, 1, 2"):
        decompose(fills, ledger, instrument, 7.0)
