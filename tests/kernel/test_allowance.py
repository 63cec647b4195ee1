"""The allowance of requests: what is left, what one costs, how long orders live."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.events import ACK, CANCELED, EVENT, FILL, OPEN, REJECTED
from undertow.instrument import Instrument
from undertow.kernel.allowance import (
    ALLOWANCE,
    allowance_params,
    look_at_allowance,
    request_worth,
    scarcity_of,
)
from undertow.kernel.desk import ACTION, DESK, IOC, MAX_ACTIONS, POST_ONLY, desk_row, put_new
from undertow.records import Rec, new_record

INST = Instrument(name="COIN", tick_size=0.01, size_step=0.001, min_notional=1.0).record()
S = 1_000_000_000


def looked(desk: Rec, **params: float) -> Rec:
    state = new_record(ALLOWANCE)
    look_at_allowance(state, allowance_params(**params), desk)
    return state


def end(desk: Rec, lived_s: float, code: int = CANCELED, tif: int = POST_ONLY) -> None:
    """Send an order, let it live, end it: by an ACK, or whole fill for code 0."""
    actions = np.zeros(MAX_ACTIONS, dtype=ACTION).view(np.recarray)
    put_new(desk, actions, 0, 1, 10_000, 1.0, tif, False, 0, 0.1, 1.0)
    for kind, what, at in ((ACK, OPEN, 0), (ACK if code else FILL, code, round(lived_s * S))):
        if what == OPEN and code == REJECTED:
            continue
        row = new_record(EVENT)
        row.kind, row.ref, row.code, row.recv_ns = kind, actions[0].id, what, desk.now_ns + at
        row.side, row.px, row.qty = 1, 100.0, 1.0
        desk_row(desk, INST, row)


def test_the_allowance_is_the_stock_plus_a_request_per_usd_less_what_was_sent() -> None:
    desk = new_record(DESK)
    desk.requests, desk.volume = 9_000, 4_000.0
    state = looked(desk)
    assert (state.remaining, state.gone) == (5_000.0, 0.5)
    assert state.scarcity == 1.5
    assert state.price == pytest.approx(0.015)
    desk.volume = 1e6
    assert looked(desk).price == 0.01
    desk.requests, desk.volume = 12_000, 1_500.0
    spent = looked(desk, request_price=0.0)
    assert (spent.remaining, spent.price) == (-500.0, math.inf)
    free = looked(desk, stock=0.0)
    assert (free.remaining, free.price) == (math.inf, 0.01)


@given(st.floats(-1.0, 2.0), st.floats(-1.0, 2.0))
def test_scarcity_rises_from_one_to_infinity(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert 1.0 <= scarcity_of(low) <= scarcity_of(high)
    assert (scarcity_of(high) == math.inf) == (high >= 1.0)


def test_scarcity_begins_level_and_has_no_steps() -> None:
    u = np.linspace(0.0, 0.99, 20_001)
    f = np.array([scarcity_of(v) for v in u])
    assert np.all(np.diff(f) >= 0.0)
    assert (f[1] - f[0]) / (u[1] - u[0]) < 1e-3
    slope = 1.0 / (1.0 - u[-1]) ** 2
    assert np.diff(f).max() <= slope * (u[1] - u[0])


def test_a_scarcity_not_looked_at_leaves_the_price() -> None:
    assert request_worth(0.02, 0.0) == request_worth(0.02, 1.0) == 0.02
    assert request_worth(0.0, math.inf) == math.inf


def test_the_life_is_the_prior_and_then_what_was_measured() -> None:
    desk, state, params = new_record(DESK), new_record(ALLOWANCE), allowance_params(half_life_orders=50.0)
    look_at_allowance(state, params, desk)
    assert state.life_s == 30.0
    for _ in range(20):
        end(desk, 4.0)
    look_at_allowance(state, params, desk)
    assert 16.0 < state.life_s < 18.5  # twenty orders of 4 s weigh nearly as much as the prior
    for code in (0, CANCELED) * 300:
        end(desk, 2.0, code)
        look_at_allowance(state, params, desk)
    weight = 1.0 / (1.0 - 0.5 ** (1 / 50))
    assert state.life_s == pytest.approx((20 * 30.0 + weight * 2.0) / (20 + weight), rel=1e-3)


def test_rejects_and_takers_do_not_count_and_batches_weigh_as_many_orders() -> None:
    desk = new_record(DESK)
    end(desk, 9.0, REJECTED)
    end(desk, 9.0, 0, IOC)
    assert (desk.ended, desk.lived_s) == (0, 0.0)
    one, at_once, params = new_record(ALLOWANCE), new_record(ALLOWANCE), allowance_params()
    for _ in range(40):
        end(desk, 3.0)
        look_at_allowance(one, params, desk)
    look_at_allowance(at_once, params, desk)
    assert at_once.life_s == pytest.approx(one.life_s, rel=1e-9)


def test_parameters_out_of_range_are_refused() -> None:
    for bad in ({"stock": -1.0}, {"request_price": math.nan}, {"prior_life_s": 0.0}):
        with pytest.raises(ValueError, match="allowance"):
            allowance_params(**bad)
