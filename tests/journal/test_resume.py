"""A state taken up again: 0 s away is the identity, a long time is a fresh start, no number is lost."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trading.driving import config, end, maker_of, market, paper_session, play, runner  # noqa: F401

from undertow.journal.resume import HALF_LIVES, LONGEST_S, RULES, discounted
from undertow.kernel.volatility import MEDIUM, sigma_total
from undertow.trading.playback import messages
from undertow.trading.runner import cell

KEPT = ("desk", "allowance", "score", "tally")


@cache
def lived():
    """A maker that has traded: its state, its initial state, its parameters."""
    made = market(seed=5, duration_s=240.0)
    one = runner("undertow", made)
    session, _ = paper_session([one])
    play(session, messages(made, "BTC"))
    return one.states, cell(one.maker.state), cell(one.maker.params)


def leaves(cells, path=""):
    if cells.dtype.names:
        for name in cells.dtype.names:
            yield from leaves(cells[name], f"{path}.{name}".lstrip("."))
    else:
        yield path, cells


def test_every_rule_names_a_part_of_the_record_and_fields_in_it() -> None:
    state, _, params = lived()
    for path, rule in RULES.items():
        part = state
        for name in path.split("."):
            part = part[name]
        assert set(rule.fades) <= set(part.dtype.names), path
        for what in (rule.half_life_s, rule.limit_s):
            if isinstance(what, str):
                found = params
                for name in what.split("."):
                    found = found[name]
                assert float(np.max(found)) > 0.0


@pytest.mark.parametrize("away_s", [0.0, -5.0])
def test_no_time_away_changes_nothing(away_s: float) -> None:
    state, fresh, params = lived()
    assert discounted(state, fresh, params, away_s).tobytes() == state.tobytes()


def test_a_long_time_leaves_only_what_is_counted() -> None:
    state, fresh, params = lived()
    out = discounted(state, fresh, params, 3.0 * LONGEST_S)
    learned = 0
    for (path, now), (_, then), (_, was) in zip(leaves(out), leaves(fresh), leaves(state), strict=True):
        if path.startswith(KEPT) or path.startswith("estimators.reaction"):
            assert now.tobytes() == was.tobytes(), path
        else:
            assert now.tobytes() == then.tobytes(), path
            learned += was.tobytes() != then.tobytes()
    assert learned > 100


@settings(deadline=None, max_examples=40)
@given(st.floats(0.0, 2e6))
def test_no_number_becomes_none_and_every_field_lies_between(away_s: float) -> None:
    state, fresh, params = lived()
    out = discounted(state, fresh, params, away_s)
    for (path, now), (_, then), (_, was) in zip(leaves(out), leaves(fresh), leaves(state), strict=True):
        if not np.issubdtype(now.dtype, np.floating):
            continue
        both = np.isfinite(then) & np.isfinite(was)
        assert np.isfinite(now[both]).all(), path
        slack = 1e-12 * (np.abs(then[both]) + np.abs(was[both]))
        assert (now[both] >= np.minimum(then[both], was[both]) - slack).all(), path
        assert (now[both] <= np.maximum(then[both], was[both]) + slack).all(), path


def test_an_hour_halves_the_evidence_and_leaves_the_average() -> None:
    state, fresh, params = lived()
    out = discounted(state, fresh, params, 3_600.0)
    was, now = state["estimators"]["volatility"], out["estimators"]["volatility"]
    prior = fresh["estimators"]["volatility"]
    assert now["weight"][0, 2] == pytest.approx(0.5 * (was["weight"][0, 2] + prior["weight"][0, 2]))
    rules = params.view(np.recarray)[0].estimators.volatility
    sigma = [sigma_total(x.view(np.recarray)[0].estimators.volatility, rules, MEDIUM) for x in (state, out)]
    assert sigma[1] == pytest.approx(sigma[0], rel=0.5)


def test_half_lives_add_up() -> None:
    """Away twice an hour is away two hours, for what fades."""
    state, fresh, params = lived()
    once = discounted(discounted(state, fresh, params, 3_600.0), fresh, params, 3_600.0)
    both = discounted(state, fresh, params, 7_200.0)
    for name in RULES["estimators.volatility"].fades:
        a, b = (x["estimators"]["volatility"][name] for x in (once, both))
        assert np.allclose(a, b, rtol=1e-12), name
    assert HALF_LIVES * 3_600.0 > 7_200.0


def test_another_layout_is_refused() -> None:
    state, fresh, params = lived()
    with pytest.raises(ValueError, match="layout"):
        discounted(state, fresh["desk"].copy(), params, 1.0)


@pytest.mark.parametrize("name", ["symmetric", "glft", "avellaneda", "six-gate"])
def test_other_makers_start_fresh_after_a_moment(name: str) -> None:
    made = market(seed=5, duration_s=60.0)
    one = runner(name, made)
    session, _ = paper_session([one])
    play(session, messages(made, "BTC"))
    fresh, params = cell(one.maker.state), cell(one.maker.params)
    assert discounted(one.states, fresh, params, 5.0).tobytes() == one.states.tobytes()
    out = discounted(one.states, fresh, params, 60.0)
    for field in out.dtype.names:
        wanted = one.states if field == "desk" else fresh
        assert out[field].tobytes() == wanted[field].tobytes(), field
