"""A session whose switch is thrown: what goes, what stays, when; and that its recording still replays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.risk.guarding import CAPITAL_USD, guarded, held, resting, working
from tests.trading.driving import end, maker_of, market, play, runner

from undertow.events import FILL, INFERRED, LOCAL, ORDER
from undertow.kernel.desk import LIVE, PENDING_CANCEL
from undertow.risk.findings import Finding, Grade, Reason
from undertow.risk.memory import FileMemory
from undertow.risk.settings import Kill
from undertow.risk.switch import KillSwitch
from undertow.trading.capture import SessionRecorder
from undertow.trading.folder import legs_of
from undertow.trading.gate import KILLED
from undertow.trading.playback import messages
from undertow.trading.rerun import rerun
from undertow.trading.restraint import OWN_IDS

S = 1_000_000_000


def until_held(session, one, shown, least: float, k: int = 400) -> int:
    """Play until the maker holds `least`; how far it came."""
    play(session, shown[:k])
    while abs(float(one.desk.position)) < least:
        assert k < len(shown)
        play(session, shown[k : k + 1])
        k += 1
    return k


def test_the_growing_side_goes_and_the_reducing_side_stays(tmp_path: Path) -> None:
    made = market(3, 300.0)
    one = runner("symmetric", made)
    session, paper, guard = guarded([one], recorder=SessionRecorder(tmp_path / "s"))
    shown = list(messages(made, "BTC"))
    k = until_held(session, one, shown, 5e-3)
    guard.on_finding(Finding(Reason.BUDGET, "a test"), one.last_ns)
    sent = paper.matchers["BTC"].cells.ex["inbox_tail"][0]
    session.enforce(one.last_ns)
    assert paper.matchers["BTC"].cells.ex["inbox_tail"][0] > sent  # the cancels left in the same call
    last = one.last_ns
    session.on_time(last + 1_500_000_000)
    seen = 0
    for received in shown[k : k + 300]:
        if int(received.rows["recv_ns"][0]) < last + 1_500_000_000:
            continue
        play(session, [received])
        position = held(paper, "BTC")
        if position != float(one.desk.position):
            continue  # a fill is on its way to the maker
        book = resting(paper, "BTC")
        growing = 1 if position > 0 else -1
        if position:
            assert book[growing] == []
            seen += bool(book[-growing])
            assert sum(leaves for _, _, leaves in book[-growing][:-1]) <= abs(position) + 1e-9
    assert seen > 20
    assert session.gate.counts["BTC", KILLED] > 0
    end(session, paper, one.last_ns)
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert verdict.states == 1


@pytest.mark.parametrize("name", ["symmetric", "undertow"])
def test_cancel_leaves_nothing_and_the_recording_replays(name: str, tmp_path: Path) -> None:
    made = market(3, 200.0)
    one = runner(name, made)
    session, paper, guard = guarded([one], recorder=SessionRecorder(tmp_path / "s"))
    shown = list(messages(made, "BTC"))
    k = 900
    play(session, shown[:k])
    while not any(order["status"] == LIVE for order in working(one)):
        play(session, shown[k : k + 1])
        k += 1
    guard.kill("a test", one.last_ns)
    session.enforce(one.last_ns)
    last = one.last_ns
    for received in shown[k : k + 600]:
        play(session, [received])
        if one.last_ns > last + 2 * S:
            assert resting(paper, "BTC") == {1: [], -1: []}
    alive = [o for o in working(one) if int(o["id"]) not in session.gate.held_back("BTC")]
    assert not [o for o in alive if o["status"] < PENDING_CANCEL]
    assert guard.reset(one.last_ns)[0].reason is Reason.MANUAL
    refused = session.gate.counts["BTC", KILLED]
    play(session, shown[k + 600 : k + 900])
    assert session.gate.counts["BTC", KILLED] == refused
    end(session, paper, one.last_ns)
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert verdict.requests > 20
    (leg,) = legs_of(tmp_path / "s", "BTC")
    rows = np.concatenate([rows for rows, _ in leg.chunks()])
    own = rows[(rows["kind"] == ORDER) & (rows["flags"] & LOCAL == 0)]
    assert len(own) == session.counts.pulled > 0
    assert np.count_nonzero(rows["flags"] & INFERRED) > 0


def test_flatten_closes_and_stays_flat(tmp_path: Path) -> None:
    made = market(3, 300.0)
    one = runner("symmetric", made)
    session, paper, guard = guarded([one], recorder=SessionRecorder(tmp_path / "s"))
    shown = list(messages(made, "BTC"))
    k = until_held(session, one, shown, 5e-3)
    at = one.last_ns
    guard.kill("a test", at, grade=Grade.FLATTEN)
    session.enforce(at)
    for received in shown[k:]:
        play(session, [received])
        if one.last_ns > at + 5 * S:
            break
    assert abs(held(paper, "BTC")) < 0.5 * one.instrument.size_step
    assert guard.counts.closing_orders >= 1
    orders = guard.counts.closing_orders
    play(session, shown[k + 100 : k + 400])
    assert held(paper, "BTC") == 0.0
    assert guard.counts.closing_orders <= orders + 1
    assert resting(paper, "BTC") == {1: [], -1: []}
    end(session, paper, one.last_ns)
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    (leg,) = legs_of(tmp_path / "s", "BTC")
    rows = np.concatenate([rows for rows, _ in leg.chunks()])
    closing = rows[(rows["kind"] == FILL) & (rows["ref"] >= OWN_IDS)]
    assert len(closing) >= 1
    assert float(one.desk.position) == pytest.approx(0.0, abs=1e-12)


def test_a_loss_throws_the_switch_in_the_message_that_shows_it() -> None:
    """Position held, then a message that moves the mid against it: cancels leave within that call."""
    made = market(3, 300.0)
    one = runner("symmetric", made)
    session, paper, guard = guarded([one], Kill(loss_usd=200.0, drawdown_usd=1e6, sweep=False))
    shown = list(messages(made, "BTC"))
    k = until_held(session, one, shown, 5e-3)
    assert guard.switch.latched == ()
    position = float(one.desk.position)
    received = next(r for r in shown[k:] if r.rows["kind"][0] == 4)
    rows = received.rows.copy()
    fall = 200.0 / abs(position) * 1.01  # quote currency per unit
    rows["px"] -= fall * (1 if position > 0 else -1)
    book = guard.book.coins["BTC"]
    sides = {int(s) for s in rows["side"][rows["kind"] == 4]}
    if sides != {1, -1}:  # move the untouched side as well
        book.market.bid_px, book.market.ask_px = rows["px"][0] - 1.0, rows["px"][0] + 1.0
    before = int(paper.matchers["BTC"].cells.ex["inbox_tail"][0])
    session.deliver(received._replace(rows=rows))
    assert Reason.LOSS in [held.reason for held in guard.switch.latched]
    assert CAPITAL_USD - guard.book.equity_usd >= 200.0 * 0.9
    assert int(paper.matchers["BTC"].cells.ex["inbox_tail"][0]) > before
    assert session.gate.restraint("BTC") is not None


def test_a_thrown_switch_outlives_the_process(tmp_path: Path) -> None:
    made = market(3, 100.0)
    memory = FileMemory(tmp_path / "kill.json")
    one = runner("symmetric", made)
    session, _, guard = guarded([one], switch=KillSwitch(memory=memory))
    shown = list(messages(made, "BTC"))
    play(session, shown[:300])
    guard.kill("a test", one.last_ns)
    # Nothing is ended in order: a new process begins.
    two = runner("symmetric", made)
    session, paper, guard = guarded([two], switch=KillSwitch(memory=memory))
    play(session, shown[:600])
    assert resting(paper, "BTC") == {1: [], -1: []}
    assert session.gate.counts["BTC", KILLED] > 0
    guard.reset(two.last_ns)
    play(session, shown[600:900])
    assert sum(map(len, resting(paper, "BTC").values())) > 0


def test_unheard_sources_are_latched_by_time_alone() -> None:
    made = market(3, 60.0)
    one = runner("symmetric", made)
    session, paper, guard = guarded([one], Kill(book_silent_s=10.0, context_silent_s=3_000.0))
    last = play(session, list(messages(made, "BTC"))[:300])
    for k in range(1, 100):
        session.on_time(last + k * S // 10)
    assert guard.switch.latched == ()
    for k in range(100, 120):
        session.on_time(last + k * S // 10)
    assert [(held.reason, held.coin) for held in guard.switch.latched] == [(Reason.STALE, "BTC")]
    for k in range(120, 420):
        session.on_time(last + k * S // 10)
    assert guard.switch.verdict("BTC").grade is Grade.CANCEL
    assert resting(paper, "BTC") == {1: [], -1: []}


@pytest.mark.parametrize("name", ["undertow", "glft"])
def test_an_ordinary_session_throws_nothing(name: str) -> None:
    made = market(5, 240.0)
    one = runner(name, made)
    session, _, guard = guarded([one])
    play(session, messages(made, "BTC"))
    assert guard.switch.latched == ()
    assert session.gate.counts == {}
