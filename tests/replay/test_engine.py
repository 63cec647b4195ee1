"""Laws of a whole replay: determinism, chunking, and an account that adds up."""

from __future__ import annotations

import numpy as np
import pytest
from tests.replay.markets import COIN, Stretch, walk

from undertow.baselines.symmetric import SymmetricSettings, make_symmetric
from undertow.events import FILL, ORDER, TIMER
from undertow.replay import ReplayResult, ReplaySettings, replay

LADDER = SymmetricSettings(half_spread_bps=3, spacing_bps=2, order_usd=200, max_position_usd=5_000)
SETTINGS = ReplaySettings(
    order_latency_ms=5, order_jitter_ms=3, response_latency_ms=5, response_jitter_ms=3, seed=7, capture=True
)


def session(settings: ReplaySettings, chunk_rows: int = 1 << 40) -> ReplayResult:
    return replay(Stretch(walk(20_000, 1), chunk_rows=chunk_rows), make_symmetric(COIN, LADDER), settings)


def bytes_of(result: ReplayResult) -> list[bytes]:
    arrays = (result.fills, result.observations, result.captured, result.ledger, result.maker_state)
    return [array.tobytes() for array in arrays]


@pytest.mark.parametrize("chunk_rows", [1, 7, 1_000, 19_999])
def test_result_does_not_depend_on_chunks(chunk_rows: int) -> None:
    assert bytes_of(session(SETTINGS, chunk_rows)) == bytes_of(session(SETTINGS))


def test_another_seed_is_another_session() -> None:
    other = session(ReplaySettings(order_latency_ms=5, order_jitter_ms=3, response_latency_ms=5, seed=8))
    assert len(other.fills) > 100
    assert not np.array_equal(other.fills["exch_ns"], session(SETTINGS).fills["exch_ns"])


def test_fill_log_and_ledger_agree() -> None:
    result = session(SETTINGS)
    fills, ledger = result.fills, result.ledger
    assert len(fills) > 100
    assert ledger["cash"] == pytest.approx(-np.sum(fills["side"] * fills["px"] * fills["qty"]), abs=1e-6)
    assert ledger["fees"] == pytest.approx(np.sum(fills["px"] * fills["qty"]) * 1.5e-4, abs=1e-9)
    position = np.cumsum(fills["side"] * fills["qty"])
    assert fills["position_after"] == pytest.approx(position, abs=1e-9)
    assert ledger["position"] == pytest.approx(position[-1], abs=1e-9)
    assert np.all(np.diff(fills["exch_ns"]) >= 0)
    assert np.all(fills["recv_ns"] - fills["exch_ns"] >= 5_000_000)


def test_fills_reach_the_maker_one_by_one_and_late() -> None:
    result = session(SETTINGS)
    told = result.captured[result.captured["kind"] == FILL]
    n = len(told)
    assert np.array_equal(told["ref"], result.fills["order_id"][:n])
    assert np.array_equal(told["recv_ns"], result.fills["recv_ns"][:n])
    assert len(result.fills) - n <= 3
    assert np.all(np.diff(result.captured["recv_ns"]) >= 0)
    desk = result.maker_state["desk"]
    assert desk["position"] == pytest.approx(np.sum(told["side"] * told["qty"]))


def test_timers_are_regular_and_requests_are_counted() -> None:
    result = session(SETTINGS)
    timers = result.captured["recv_ns"][result.captured["kind"] == TIMER]
    assert timers[0] == result.ledger["first_ns"] + 100_000_000
    assert np.all(np.diff(timers) == 100_000_000)
    assert len(timers) == result.ledger["cycles"]
    sent = np.count_nonzero(result.captured["kind"] == ORDER)
    assert sent == result.requests == result.maker_state["desk"]["requests"] > 100


def test_markouts_are_the_mid_of_the_exchange() -> None:
    """Each mid_after equals the mid noted with the last fill not later, where fills are dense."""
    fills = session(SETTINGS).fills
    assert np.isfinite(fills["mid"]).all()
    late = fills["exch_ns"] + 10 * 10**9 > fills["exch_ns"][-1]
    assert np.isnan(fills["mid_after"][late, -1]).all()
    drift = fills["mid_after"][~late, 0] - fills["mid"][~late]
    assert np.isfinite(drift).all()
    assert np.abs(drift).max() < 3.0


@pytest.mark.parametrize(
    ("field", "value"), [("order_latency_ms", -1.0), ("queue_power", 0.0), ("window_ticks", 1_000)]
)
def test_settings_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        ReplaySettings(**{field: value})
