"""The loop: stale sides, one account, what a maker is answered, an orderly end on a virtual clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.trading.driving import RowClock, end, maker_of, market, paper_session, play, runner

from undertow.clock import LoopClock, run_virtually
from undertow.events import (
    ACK,
    CANCEL,
    CANCELED,
    EVENT,
    INFERRED,
    LOCAL,
    NEW,
    ORDER,
    REJECTED,
    TIMER,
    empty_snapshots,
)
from undertow.kernel.desk import ACTION
from undertow.trading.capture import SessionRecorder
from undertow.trading.folder import legs_of
from undertow.trading.gate import BLIND, MARGIN, PULL_AGAIN_NS, STALE
from undertow.trading.margin import MarginBook
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.playback import merged, messages
from undertow.trading.playback import play as play_live
from undertow.trading.rerun import rerun
from undertow.trading.runner import CoinRunner
from undertow.trading.seams import Deliver, Received
from undertow.trading.session import LiveSession


def growing(one: CoinRunner, paper: PaperExecution) -> list[int]:
    """Sides on which the venue holds orders that could grow the position."""
    ex = paper.matchers[one.coin].cells.ex
    held = float(ex["ledger"]["position"][0])
    out = []
    for side, n, orders in (
        (1, ex["bids"][0], ex["bid_orders"][0]),
        (-1, ex["asks"][0], ex["ask_orders"][0]),
    ):
        if orders["leaves"][: int(n)].sum() > max(0.0, -side * held) + 1e-9:
            out.append(side)
    return out


def captured(folder: Path, coin: str = "BTC") -> NDArray[np.void]:
    return np.concatenate([rows for leg in legs_of(folder, coin) for rows, _ in leg.chunks()])


def test_a_stale_feed_pulls_growing_quotes_until_it_is_fresh(tmp_path: Path) -> None:
    made = market(3, 200.0)
    one = runner("symmetric", made)
    session, paper = paper_session([one], recorder=SessionRecorder(tmp_path / "s"))
    shown = list(messages(made, "BTC"))
    play(session, shown[:1_000])
    assert growing(one, paper)
    session.set_stale("BTC", True)
    at_ns = one.last_ns
    session.on_time(at_ns + 1_500_000_000)  # the cancels travel and are decided
    assert growing(one, paper) == []
    assert session.counts.pulled > 0
    assert session.gate.counts["BTC", STALE] > 0
    for k in range(16, 50):
        session.on_time(at_ns + k * 100_000_000)
        assert growing(one, paper) == []
    refused = session.gate.counts["BTC", STALE]
    assert refused < 60  # once a second and level, not at every cycle
    session.set_stale("BTC", False)
    later = [r for r in shown[1_000:] if r.rows["recv_ns"][0] > at_ns + 5_000_000_000]
    last = play(session, later)
    assert growing(one, paper)
    assert session.gate.counts["BTC", STALE] == refused
    end(session, paper, last)
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert verdict.states == 1
    rows = captured(tmp_path / "s")
    own = rows[(rows["kind"] == ORDER) & (rows["flags"] & LOCAL == 0)]
    assert len(own) == session.counts.pulled


def test_a_stale_side_leaves_the_other_alone() -> None:
    made = market(3, 100.0)
    one = runner("symmetric", made)
    session, paper = paper_session([one])
    play(session, list(messages(made, "BTC"))[:500])
    session.set_stale("BTC", True, side=1)
    session.on_time(one.last_ns + 1_500_000_000)
    assert 1 not in growing(one, paper)
    desk = one.states["desk"][0]
    working = desk["working"][: int(desk["n_working"])]
    assert (working["side"] < 0).any()


def test_reducing_orders_are_never_held_back() -> None:
    """With a position and everything stale, orders of the reducing side go out up to the position."""
    made = market(3, 300.0)
    one = runner("symmetric", made)
    session, paper = paper_session([one])
    shown = list(messages(made, "BTC"))
    k = 600
    play(session, shown[:k])
    while abs(float(one.desk.position)) < 5e-3 and k < len(shown):
        play(session, shown[k : k + 1])
        k += 1
    held = float(one.desk.position)
    assert abs(held) >= 5e-3
    session.set_stale("BTC", True)
    play(session, shown[k : k + 60])
    held = float(one.desk.position)
    ex = paper.matchers["BTC"].cells.ex
    name, n = ("ask_orders", "asks") if held > 0 else ("bid_orders", "bids")
    resting = float(ex[name][0]["leaves"][: int(ex[n][0])].sum())
    assert 0.0 < resting <= abs(held) + 1e-9
    assert growing(one, paper) == []


def test_no_position_grows_beyond_the_account() -> None:
    """Two coins on 150 USD: what could be filled never needs more margin than there is equity."""
    made = [market(3, 240.0), market(4, 240.0)]
    runners = [runner("symmetric", m, f"C{k}") for k, m in enumerate(made)]
    book = MarginBook(150.0, {"C0": 10.0, "C1": 5.0})
    session, paper = paper_session(runners, margin=book)
    worst = 0.0
    for received in merged({f"C{k}": m for k, m in enumerate(made)}):
        play(session, [received])
        needed = 0.0
        for one, leverage in zip(runners, (10.0, 5.0), strict=True):
            ex = paper.matchers[one.coin].cells.ex
            held = float(ex["ledger"]["position"][0])
            bids = float(ex["bid_orders"][0]["leaves"][: int(ex["bids"][0])].sum())
            asks = float(ex["ask_orders"][0]["leaves"][: int(ex["asks"][0])].sum())
            unit = one.burden()[1]
            if unit == unit:
                needed += max(abs(held + bids), abs(held - asks)) * unit / leverage
        worst = max(worst, needed / book.equity)
    assert 0.8 < worst < 1.15  # orders that are being cancelled still rest for a moment
    assert session.gate.counts["C0", MARGIN] + session.gate.counts["C1", MARGIN] > 10
    assert max(abs(float(r.desk.position)) for r in runners) > 0.0


@pytest.mark.parametrize(
    ("equity", "leverage", "told"),
    [(0.0, {}, "equity_usd"), (float("nan"), {}, "equity_usd"), (1.0, {"A": 0.5}, "leverage of A")],
)
def test_an_impossible_account_is_refused(equity: float, leverage: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        MarginBook(equity, leverage)


def test_a_held_order_its_maker_cancels_never_leaves() -> None:
    made = market(3, 100.0)
    one = runner("symmetric", made)
    session, _ = paper_session([one])
    play(session, list(messages(made, "BTC"))[:300])
    gate = session.gate
    gate.set_stale("BTC", True)
    desk = one.states["desk"][0]
    order_id = int(desk["next_id"])
    slot = desk["working"][int(desk["n_working"])]
    slot["id"], slot["side"], slot["leaves"], slot["status"] = order_id, 1, 1.0, 1
    desk["n_working"] += 1
    action = np.zeros(1, dtype=ACTION)
    action["id"], action["target"], action["kind"], action["side"], action["qty"] = order_id, -1, 1, 1, 1.0
    out, answers = gate.let_pass(one, 10, action)
    assert len(out) == len(answers) == 0
    assert gate.held_back("BTC") == {order_id}
    action["target"], action["kind"] = order_id, 2
    out, answers = gate.let_pass(one, 11, action)
    assert len(out) == 0
    (answer,) = answers
    assert (answer["kind"], answer["code"], answer["ref"]) == (ACK, CANCELED, order_id)
    assert answer["flags"] == LOCAL | INFERRED
    assert list(gate.refusals(2**61)) == []


def test_a_pulled_order_that_still_works_is_pulled_again() -> None:
    made = market(3, 100.0)
    one = runner("symmetric", made)
    session, _ = paper_session([one])
    play(session, list(messages(made, "BTC"))[:300])
    gate, now_ns = session.gate, one.last_ns
    gate.set_stale("BTC", True)
    first = gate.to_pull(one, now_ns)["id"].tolist()
    assert first
    assert len(gate.to_pull(one, now_ns + PULL_AGAIN_NS - 1)) == 0
    assert gate.to_pull(one, now_ns + PULL_AGAIN_NS)["id"].tolist() == first


def test_an_order_pulled_long_ago_that_still_works_counts() -> None:
    made = market(3, 100.0)
    one = runner("symmetric", made)
    session, _ = paper_session([one])
    play(session, list(messages(made, "BTC"))[:300])
    gate, now_ns, desk = session.gate, one.last_ns, one.states["desk"][0]
    gate.set_stale("BTC", True)
    working = desk["working"][: int(desk["n_working"])]
    asks, desk["position"] = working[working["side"] < 0], 0.0
    assert set(gate.to_pull(one, now_ns)["id"].tolist()) >= set(asks["id"].tolist())
    desk["position"] = float(asks["leaves"][:2].sum())  # those cancels never arrived, and bids were filled
    later = gate.to_pull(one, now_ns + 10 * PULL_AGAIN_NS)
    assert later["id"][later["side"] < 0].tolist() == asks["id"][2:].tolist()


def test_a_blind_session_sends_cancels_alone() -> None:
    made = market(3, 100.0)
    one = runner("symmetric", made)
    session, _ = paper_session([one])
    play(session, list(messages(made, "BTC"))[:300])
    gate = session.gate
    gate.blind = True
    desk = one.states["desk"][0]
    order = desk["working"][0]
    actions = np.zeros(2, dtype=ACTION)
    actions["id"], actions["target"] = [int(desk["next_id"]), order["id"]], [-1, order["id"]]
    actions["kind"], actions["side"], actions["qty"] = [NEW, CANCEL], order["side"], order["leaves"]
    out, _ = gate.let_pass(one, 10, actions)
    assert out["kind"].tolist() == [CANCEL]
    assert gate.counts["BTC", BLIND] == 1


def test_the_sessions_own_cancels_right_after_a_makers_requests_rerun(tmp_path: Path) -> None:
    made = market(3, 100.0)
    one = runner("symmetric", made)
    session, paper = paper_session([one], recorder=SessionRecorder(tmp_path / "s"))
    shown = list(messages(made, "BTC"))
    pulled, k = 0, 300
    last = play(session, shown[:k])
    while pulled < 3:
        last = play(session, [shown[k]])
        before, k = int(one.desk.requests), k + 1
        session.on_time(session.lanes["BTC"].timer_ns)
        if int(one.desk.requests) > before:
            session.set_stale("BTC", True)
            pulled += session.counts.pulled > pulled
            session.set_stale("BTC", False)
    end(session, paper, max(last, one.last_ns))
    rows = captured(tmp_path / "s")
    own = np.flatnonzero((rows["kind"] == ORDER) & (rows["flags"] & LOCAL == 0))
    assert any(rows["kind"][at - 1] == ORDER and rows["flags"][at - 1] & LOCAL for at in own)
    assert rerun(tmp_path / "s", maker_of).differences == []


class Impatient:
    """An execution that answers inside `send`, as one that refuses by itself does."""

    def __init__(self) -> None:
        self.deliver: Deliver | None = None
        self.sent = 0

    async def start(self, deliver: Deliver) -> None:
        self.deliver = deliver

    def send(self, coin: str, now_ns: int, actions: NDArray[np.void]) -> None:
        assert self.deliver is not None
        for action in actions:
            row = np.zeros(1, dtype=EVENT)
            row["recv_ns"] = row["exch_ns"] = now_ns
            row["kind"], row["code"], row["flags"] = ACK, REJECTED, LOCAL
            row["ref"], row["side"] = action["id"], action["side"]
            self.sent += 1
            self.deliver(Received(coin, row, empty_snapshots()))

    def on_market(self, received: Received) -> None: ...

    def on_time(self, now_ns: int) -> None: ...

    async def stop(self) -> None: ...


def test_answers_inside_send_wait_their_turn(tmp_path: Path) -> None:
    made = market(3, 60.0)
    one = runner("symmetric", made)
    execution = Impatient()
    session = LiveSession(
        [one], execution, RowClock(), recorder=SessionRecorder(tmp_path / "s"), catch_up_s=1e9
    )
    execution.deliver = session.answer
    session.begin()
    last = play(session, messages(made, "BTC"))
    session.finish(last)
    assert execution.sent > 100
    assert one.desk.rejects == execution.sent
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert verdict.requests == execution.sent


def test_a_message_stamped_too_early_is_raised_to_its_turn() -> None:
    made = market(3, 30.0)
    one = runner("symmetric", made)
    session, _ = paper_session([one])
    shown = list(messages(made, "BTC"))
    play(session, shown[:50])
    late = shown[50].rows.copy()
    late["recv_ns"] = one.last_ns - 5
    before = one.last_ns
    session.deliver(Received("BTC", late, shown[50].snapshots))
    assert session.counts.backward == 1
    assert one.last_ns == before
    session.deliver(Received("ETH", late, shown[50].snapshots))
    assert session.counts.unknown_coin == 1


def test_a_process_that_slept_skips_the_timers_it_missed() -> None:
    made = market(3, 30.0)
    one = runner("symmetric", made)
    session, _ = paper_session([one])
    session.catch_up_s = 5.0
    last = play(session, messages(made, "BTC"))
    timers = session.counts.timers
    session.on_time(last + 60_000_000_000)
    assert session.counts.timers - timers <= 52
    assert session.counts.skipped_timers > 500


def virtual(folder: Path, seconds: float) -> tuple[LiveSession, PaperExecution]:
    """A session of two coins on a virtual loop, fed by timers, ended before the market is over."""
    made = [market(3, seconds + 10.0), market(4, seconds + 10.0)]
    runners = [runner("symmetric", made[0], "A"), runner("undertow", made[1], "B")]

    async def main() -> tuple[LiveSession, PaperExecution]:
        clock = LoopClock(made[0].start_ns)
        paper = PaperExecution([PaperMarket(r.coin, r.instrument) for r in runners])
        session = LiveSession(runners, paper, clock, recorder=SessionRecorder(folder))
        await session.start()

        task = asyncio.get_running_loop().create_task(
            play_live(dict(zip("AB", made, strict=True)), clock, session.deliver)
        )
        await asyncio.sleep(seconds)
        await session.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return session, paper

    return run_virtually(main())


def test_an_orderly_end_leaves_nothing_behind(tmp_path: Path) -> None:
    session, paper = virtual(tmp_path / "s", 60.0)
    assert paper.is_idle
    for lane in session.lanes.values():
        desk = lane.runner.states["desk"][0]
        working = desk["working"][: int(desk["n_working"])]
        alive = [o for o in working if int(o["id"]) not in session.gate.held_back(lane.runner.coin)]
        assert alive == []
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert (verdict.legs, verdict.ended) == (2, 2)
    rows = captured(tmp_path / "s", "A")
    timers = rows["recv_ns"][rows["kind"] == TIMER]
    assert np.all(np.diff(timers) == 100_000_000)
    assert session.counts.skipped_timers == 0


def test_a_virtual_session_is_the_one_driven_by_hand(tmp_path: Path) -> None:
    """Whoever wakes it, and when, a session is a function of what it receives."""
    virtual(tmp_path / "a", 30.0)
    made = [market(3, 40.0), market(4, 40.0)]
    runners = [runner("symmetric", made[0], "A"), runner("undertow", made[1], "B")]
    session, paper = paper_session(runners, recorder=SessionRecorder(tmp_path / "b"))
    end(session, paper, play(session, merged(dict(zip("AB", made, strict=True)))))
    for coin in "AB":
        a, b = captured(tmp_path / "a", coin), captured(tmp_path / "b", coin)
        same = min(int(np.argmax(a["recv_ns"] > made[0].start_ns + 29_500_000_000)), len(b))
        assert same > 500
        for name in a.dtype.names or ():
            if name != "ref":
                assert np.array_equal(
                    a[name][:same], b[name][:same], equal_nan=name in ("px", "qty", "val")
                ), name
