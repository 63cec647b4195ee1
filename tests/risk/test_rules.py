"""Every rule fires when, and only when, its definition says: each against the definition written out."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.risk.findings import Reason
from undertow.risk.rules.budget import budget_finding
from undertow.risk.rules.drawdown import Drawdown
from undertow.risk.rules.feed import FeedSilence
from undertow.risk.rules.halt import EmptyBook
from undertow.risk.rules.jump import MidWindow, PriceJump
from undertow.risk.rules.liquidation import liquidation_finding, liquidation_px, maintenance_usd
from undertow.risk.rules.loss import Loss
from undertow.risk.rules.oracle import OracleStop
from undertow.risk.rules.position import notional_finding, position_finding, total_finding
from undertow.risk.rules.rejects import RejectStorm
from undertow.risk.rules.skew import skew_finding
from undertow.risk.rules.unexplained import unexplained_finding

S = 1_000_000_000
MONEY = st.floats(-1e4, 1e6)
STEPS = st.lists(st.tuples(st.integers(1, 3 * S), st.floats(-60.0, 60.0)), min_size=1, max_size=60)
FAST = settings(max_examples=60, deadline=None, derandomize=True)


@FAST
@given(start=st.floats(100.0, 1e5), limit=st.floats(0.01, 1e4), path=st.lists(MONEY, min_size=1, max_size=30))
def test_loss_counts_from_the_start_and_drawdown_from_the_highest(start, limit, path) -> None:
    loss, drawdown = Loss(limit, start), Drawdown(limit, start)
    peak = start
    for equity in path:
        peak = max(peak, equity)
        assert (loss.look(equity) is not None) == (start - equity >= limit)
        assert (drawdown.look(equity) is not None) == (peak - equity >= limit)
    loss.again(path[-1])
    drawdown.again(path[-1])
    assert loss.look(path[-1]) is None
    assert drawdown.look(path[-1]) is None


def test_unknown_equity_finds_nothing() -> None:
    loss, drawdown = Loss(1.0, 100.0), Drawdown(1.0, 100.0)
    assert loss.look(math.nan) is drawdown.look(math.nan) is None
    loss.again(math.nan)
    drawdown.again(math.nan)
    assert (loss.start_usd, drawdown.peak_usd) == (100.0, 100.0)
    found = loss.look(98.0)
    assert found is not None
    assert (found.reason, found.severity) == (Reason.LOSS, 2.0)
    assert found.text == "2.00 USD lost since the start, limit 1.00"


@FAST
@given(position=st.floats(-50.0, 50.0), px=st.floats(0.01, 1e5), limit=st.floats(0.1, 100.0))
def test_position_and_its_value(position: float, px: float, limit: float) -> None:
    side = 1 if position > 0 else -1
    found = position_finding("A", position, limit)
    assert (found is not None) == (abs(position) > limit * (1 + 1e-9))
    assert found is None or (found.side, found.coin) == (side, "A")
    worth = abs(position) * px
    assert (notional_finding("A", position, px, limit) is not None) == (worth > limit * (1 + 1e-9))
    assert notional_finding("A", position, math.nan, limit) is None
    total = total_finding({"A": worth, "B": worth, "C": math.nan}, limit)
    assert (total is not None) == (2 * worth > limit * (1 + 1e-9))


@FAST
@given(
    heard=st.lists(st.tuples(st.integers(0, 20 * S), st.sampled_from(["book", "context", "x"])), max_size=30),
    waits=st.lists(st.integers(0, 20 * S), min_size=1, max_size=10),
)
def test_silence_counts_from_what_was_heard_last_or_the_first_look(heard, waits) -> None:
    limits = {"book": 5.0, "context": 12.0}
    rule = FeedSilence(limits)
    last: dict[str, int] = {}
    now = 0
    for (gap, source), wait in zip(heard, [*waits, *([0] * 30)], strict=False):
        now += gap
        rule.heard("A", source, now)
        last[source] = now
        now += wait
        for name in limits:
            last.setdefault(name, now)
        silent = {name: (now - last[name]) / S / limit for name, limit in limits.items()}
        found = rule.look("A", now)
        assert (found is not None) == (max(silent.values()) >= 1.0)
        if found is not None:
            assert found.severity == pytest.approx(max(silent.values()))
            assert found.text.startswith(max(silent, key=lambda name: silent[name]))
    rule.again(now)
    assert rule.look("A", now) is None


@FAST
@given(
    gaps=st.lists(st.tuples(st.integers(0, 4 * S), st.integers(1, 3)), min_size=1, max_size=60),
    limit=st.integers(1, 12),
)
def test_a_storm_counts_the_refusals_younger_than_the_window(gaps, limit: int) -> None:
    rule = RejectStorm(limit, 10.0)
    times: list[int] = []
    now = 0
    for gap, count in gaps:
        now += gap
        times += [now] * count
        young = sum(1 for t in times if now - t < 10 * S)
        found = rule.refused(now, "why", count)
        assert (found is not None) == (young >= limit)
        assert found is None or found.severity == young / limit


@FAST
@given(left=st.none() | st.floats(-10, 1e5), least=st.floats(0, 1e4))
def test_budget(left: float | None, least: float) -> None:
    found = budget_finding(left, least)
    assert (found is not None) == (left is not None and left < least)
    assert found is None or found.severity >= 1.0


@FAST
@given(ahead=st.floats(-10, 10), unsure=st.none() | st.floats(0, 5), limit=st.floats(0.1, 5))
def test_clocks_must_certainly_differ(ahead: float, unsure: float | None, limit: float) -> None:
    found = skew_finding(ahead, unsure, limit)
    assert (found is not None) == (unsure is not None and abs(ahead) - unsure >= limit)


def test_a_difference_of_position() -> None:
    assert unexplained_finding("A", 0.0, "x") is None
    found = unexplained_finding("A", -3.0, "the venue holds 0 lots, the fills make 3")
    assert found is not None
    assert (found.reason, found.coin) == (Reason.UNEXPLAINED, "A")


def moved(path: list[tuple[int, float]], window_s: float) -> float:
    """The largest move of the last mid from any that held within the window, bps."""
    now, last = path[-1]
    edge = now - round(window_s * S)
    before = [k for k, (t, _) in enumerate(path) if t <= edge]
    held = path[before[-1] if before else 0 :]
    return max(abs(math.log(last / px)) * 1e4 for _, px in held)


@FAST
@given(steps=STEPS, window_s=st.sampled_from([0.5, 2.0, 5.0]), limit=st.floats(5.0, 200.0))
def test_a_jump_is_the_largest_move_within_the_window(steps, window_s: float, limit: float) -> None:
    rule = PriceJump(MidWindow(window_s, warm_s=1e9), limit, 10.0, 1.0)
    path: list[tuple[int, float]] = []
    now, px = 0, 100.0
    for gap, bps in steps:
        now, px = now + gap, px * math.exp(bps * 1e-4)
        path.append((now, px))
        move = moved(path, window_s)
        if abs(move - limit) > 1e-6:
            assert (rule.look("A", now, px) is not None) == (move >= limit)
        else:
            rule.look("A", now, px)
    assert rule.look("A", now, math.nan) is None
    assert rule.look("A", now, 0.0) is None


@FAST
@given(steps=STEPS, half_life=st.floats(5.0, 100.0))
def test_sigma_is_of_what_has_left_the_window(steps, half_life: float) -> None:
    window = MidWindow(2.0, half_life, warm_s=0.0)
    path: list[tuple[int, float]] = []
    now, px = 0, 100.0
    for gap, bps in steps:
        now, px = now + gap, px * math.exp(bps * 1e-4)
        window.see(now, px)
        path.append((now, math.log(px)))
    edge = now - 2 * S
    # A point leaves once the one after it is as old as the window.
    gone = [a for a, b in pairwise(path) if b[0] <= edge]
    squares = seconds = 0.0
    for (t0, x0), (t1, x1) in pairwise(gone):
        keep = 2.0 ** (-(t1 - t0) / S / half_life)
        squares = squares * keep + ((x1 - x0) * 1e4) ** 2
        seconds = seconds * keep + (t1 - t0) / S
    if seconds > 0.0:
        assert window.sigma_bps == pytest.approx(math.sqrt(squares / seconds))
    else:
        assert math.isnan(window.sigma_bps)


def test_a_jump_against_the_usual_move_needs_the_floor_too() -> None:
    rule = PriceJump(MidWindow(1.0, warm_s=10.0), 1e9, 5.0, 20.0)
    now = 0
    for k in range(300):  # 1 bp every 0.1 s: σ = 3.16 bps/√s
        now += S // 10
        assert rule.look("A", now, 100.0 * (1 + 1e-4 * (k % 2))) is None
    assert rule.window.sigma_bps == pytest.approx(math.sqrt(10.0), rel=0.02)
    assert rule.look("A", now + 1, 100.0 * (1 + 15e-4)) is None
    assert rule.look("A", now + 2, 100.0 * (1 + 21e-4)) is not None
    rule.again()
    assert rule.look("A", now + 3, 100.0 * (1 + 21e-4)) is None


TIERS = ((0.0, 20), (150_000.0, 10), (1_000_000.0, 5))


@FAST
@given(
    position=st.floats(-500.0, 500.0).filter(lambda q: abs(q) > 1e-3),
    px=st.floats(10.0, 5_000.0),
    equity=st.floats(10.0, 1e6),
)
def test_liquidation_is_where_equity_meets_maintenance(position: float, px: float, equity: float) -> None:
    """At the price told, equity is the maintenance margin there (of the present tier)."""
    found = liquidation_px(position, px, equity, TIERS)
    if math.isnan(found):
        return
    tier = [t for t in TIERS if abs(position) * px >= t[0]][-1]
    rate = 0.5 / tier[1]
    deduction = abs(position) * px * rate - maintenance_usd(TIERS, abs(position) * px)
    there = equity + position * (found - px)
    assert there == pytest.approx(abs(position) * found * rate - deduction, rel=1e-6, abs=1e-6)
    away = (px - found) / px * 1e4 * (1 if position > 0 else -1)
    hit = liquidation_finding("A", position, px, equity, TIERS, 300.0)
    assert (hit is not None) == (away < 300.0)
    if hit is not None and away > 0.0:
        assert hit.severity == pytest.approx(300.0 / away)


def test_maintenance_is_continuous_over_the_tiers() -> None:
    for lower, _ in TIERS[1:]:
        below, above = (maintenance_usd(TIERS, lower * k) for k in (1 - 1e-9, 1 + 1e-9))
        assert below == pytest.approx(above, rel=1e-6)
    assert maintenance_usd(TIERS, 100_000.0) == pytest.approx(2_500.0)
    with pytest.raises(ValueError, match="tiers"):
        maintenance_usd((), 1.0)


@FAST
@given(
    told=st.lists(
        st.tuples(st.integers(1, 5 * S), st.sampled_from([100.0, 100.5]), st.floats(99.0, 101.0)),
        min_size=1,
        max_size=40,
    )
)
def test_an_oracle_that_stands_still_or_far(told) -> None:
    rule = OracleStop(still_s=10.0, far_bps=50.0, far_s=6.0)
    now = moved_at = 0
    last: float | None = None
    far_since: int | None = None
    for gap, oracle, mid in told:
        now += gap
        rule.told("oracle", oracle, now)
        if oracle != last:
            moved_at, last = now, oracle
        away = abs(oracle / mid - 1) * 1e4
        still = now - moved_at >= 10 * S
        if not still:  # stillness is looked at first
            far_since = (now if far_since is None else far_since) if away >= 50.0 else None
        found = rule.look("A", mid, now)
        far = far_since is not None and now - far_since >= 6 * S and away >= 50.0
        assert (found is not None) == (still or far)
    rule.again(now)
    assert rule.look("A", math.nan, now) is None


@FAST
@given(path=st.lists(st.tuples(st.integers(1, 6 * S), st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_a_book_that_stays_empty_is_a_halt(path) -> None:
    rule = EmptyBook(10.0)
    now, since, known = 0, None, False
    for gap, bid, ask in path:
        now += gap
        known |= bid or ask
        since = None if bid or ask else (now if since is None and known else since)
        found = rule.look("A", 1.0 if bid else math.nan, 2.0 if ask else math.nan, now)
        assert (found is not None) == (since is not None and now - since >= 10 * S)
    rule.again()
    assert rule.look("A", math.nan, math.nan, now) is None
