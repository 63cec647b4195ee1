"""The paper matcher against the replay engine on the very rows it was shown, and its own account."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.trading.driving import end, market, paper_session, play, runner

from undertow.account.build import account_of
from undertow.events import ACK, FILL, SNAPSHOT, Chunk
from undertow.instrument import Instrument
from undertow.maker import Maker
from undertow.replay.engine import Engine, ReplayResult
from undertow.replay.settings import ReplaySettings
from undertow.trading.capture import SessionRecorder
from undertow.trading.folder import legs_of
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.playback import messages
from undertow.trading.results import result_of
from undertow.trading.seams import Received

KNOWN_IN_TIME = ReplaySettings(response_latency_ms=1_500.0, seed=3)
"""Answers so slow that every row that could matter to them has been received before they arrive."""


def replayed(
    shown: list[Received], instrument: Instrument, maker: Maker, settings: ReplaySettings
) -> ReplayResult:
    """The engine on the rows of a session."""
    rows = np.concatenate([received.rows for received in shown])
    books = [received.snapshots for received in shown if len(received.snapshots)]
    rows["ref"][rows["kind"] == SNAPSHOT] = np.arange(sum(map(len, books)))
    engine = Engine(instrument, maker, settings, snapshot_fed=True)
    engine.feed(Chunk(rows, np.concatenate(books)))
    return engine.finish()


def keys(fills: NDArray[np.void]) -> list[tuple[object, ...]]:
    names = ("exch_ns", "order_id", "tick", "qty", "side", "fee", "recv_ns", "liquidity")
    return [tuple(fill[name].item() for name in names) for fill in fills]


LIVELY = [("symmetric", 1.5), ("undertow", -1.0)]
"""Makers with the maker fee (bps) that has them trade."""


@pytest.mark.parametrize(("name", "fee_bps"), [*LIVELY, ("glft", 1.5)])
@pytest.mark.parametrize("block_ms", [0.0, 70.0])
def test_paper_is_the_replay_where_answers_can_be_known_in_time(
    name: str, fee_bps: float, block_ms: float
) -> None:
    made = market(3, 240.0, fee_bps)
    settings = ReplaySettings(response_latency_ms=1_500.0, seed=3, block_interval_ms=block_ms)
    one = runner(name, made)
    session, paper = paper_session([one], settings=settings, settle_ms=1_400.0)
    shown = list(messages(made, "BTC"))
    play(session, shown)
    live, ledger = paper.account("BTC")
    result = replayed(shown, made.instrument, one.maker, settings)
    assert keys(live) == keys(result.fills)
    assert one.states.tobytes() == result.maker_state.tobytes()
    for field in ("cash", "fees", "position", "new_orders", "cancels", "modifies", "rejects", "rows"):
        assert ledger[field] == result.ledger[field]
    assert paper.matchers["BTC"].late == 0
    assert len(live) > (0 if name == "glft" else 10)


def test_with_the_venues_own_latency_most_fills_agree() -> None:
    made = market(3, 600.0)
    one = runner("symmetric", made)
    settings = ReplaySettings(seed=3)
    session, paper = paper_session([one], settings=settings)
    shown = list(messages(made, "BTC"))
    play(session, shown)
    live, _ = paper.account("BTC")
    fills = replayed(shown, made.instrument, one.maker, settings).fills
    a, b = ({(f["exch_ns"].item(), f["tick"].item(), f["side"].item()) for f in x} for x in (live, fills))
    assert len(a & b) >= 0.5 * max(len(a), len(b)) > 10


def test_nothing_is_told_before_it_could_be_known(tmp_path: Path) -> None:
    made = market(3, 240.0)
    settings = ReplaySettings(
        order_latency_ms=10, order_jitter_ms=0, response_latency_ms=0, response_jitter_ms=0
    )
    session, paper = paper_session(
        [runner("symmetric", made)], settings=settings, recorder=SessionRecorder(tmp_path / "s")
    )
    end(session, paper, play(session, messages(made, "BTC")))
    (leg,) = legs_of(tmp_path / "s", "BTC")
    rows = np.concatenate([rows for rows, _ in leg.chunks()])
    known_ns, told = 0, 0
    for row in rows:
        if row["kind"] in (ACK, FILL):
            told += 1
            decided = row["exch_ns"] < known_ns or row["recv_ns"] - row["exch_ns"] >= 500_000_000
            assert decided or row["exch_ns"] == known_ns
        elif row["flags"] & 1:
            known_ns = max(known_ns, int(row["exch_ns"]))
    assert told > 200


def test_a_quiet_market_still_acknowledges() -> None:
    made = market(3, 90.0)
    one = runner("symmetric", made)
    session, paper = paper_session([one], settings=ReplaySettings(order_jitter_ms=0, response_jitter_ms=0))
    last = play(session, messages(made, "BTC"))
    session.gate.ending = True
    paper.cancel_all(last)
    orders = int(one.desk.n_working)
    session.on_time(last + 2_000_000_000)
    assert one.desk.n_working == 0 < orders
    assert paper.matchers["BTC"].settled > 0


@pytest.mark.parametrize(("name", "fee_bps"), LIVELY)
def test_the_account_made_of_rows_is_the_matchers(name: str, fee_bps: float, tmp_path: Path) -> None:
    made = market(3, 240.0, fee_bps)
    one = runner(name, made)
    recorder = SessionRecorder(tmp_path / "s")
    session, paper = paper_session([one], settings=KNOWN_IN_TIME, settle_ms=1_400.0, recorder=recorder)
    end(session, paper, play(session, messages(made, "BTC")))
    told, ledger = paper.account("BTC")
    result = result_of(tmp_path / "s", "BTC", one.maker)
    assert keys(result.fills) == keys(told)
    assert result.fills["position_after"] == pytest.approx(told["position_after"], abs=1e-9)
    a, b = result.fills["mid_after"], told["mid_after"]
    assert np.array_equal(a[np.isfinite(a)], b[np.isfinite(a)])  # the matcher goes on after the last row
    apart = np.abs(result.fills["mid"] / told["mid"] - 1.0) * 1e4
    assert np.median(apart) < 0.1  # the matcher's mid moves on within a block
    assert apart.max() < 3.0
    assert np.isfinite(told["mid_after"][:, 0]).sum() > 3
    assert (result.fills["sent_ns"] > 0).all()
    for field in ledger.dtype.names:
        if field not in ("cycles", "last_ns", "cancels"):
            assert result.ledger[field] == pytest.approx(ledger[field], abs=1e-9), field
    assert 0 <= ledger["cancels"] - result.ledger["cancels"] < 30  # those that ended the session
    account = account_of(result.fills, result.observations, result.ledger, made.instrument)
    assert account.pnl_usd == pytest.approx(
        float(ledger["cash"] - ledger["fees"] + ledger["funding"] + ledger["position"] * ledger["last_mid"])
    )
    assert result.maker_state.tobytes() == one.states.tobytes()


def test_finished_fills_are_forgotten() -> None:
    made = market(3, 1_000.0)
    shown = list(messages(made, "BTC"))
    kept, dropped = (
        PaperExecution([PaperMarket("BTC", made.instrument)], keep_fills=keep) for keep in (True, False)
    )
    for paper in (kept, dropped):
        one = runner("symmetric", made)
        session, _ = paper_session([one])
        session.execution = paper
        paper.begin(session.answer)
        matcher = paper.matchers["BTC"]
        for k, received in enumerate(shown):
            play(session, [received])
            if k % 500 == 0 and not matcher.keep:
                matcher._drop_complete()
    a, ledger_a = kept.account("BTC")
    b, ledger_b = dropped.account("BTC")
    assert 0 < len(b) < len(a)
    assert keys(b) == keys(a[-len(b) :])
    assert ledger_a.tobytes() == ledger_b.tobytes()


def test_an_exact_queue_is_refused() -> None:
    made = market(3, 10.0)
    with pytest.raises(ValueError, match="needs order ids"):
        PaperExecution([PaperMarket("BTC", made.instrument)], ReplaySettings(queue_model="fifo"))
