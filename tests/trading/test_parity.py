"""A captured session, shown to its makers again, ends in the same bytes: for every maker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.trading.driving import end, maker_of, market, paper_session, play, runner

from undertow import makers
from undertow.data.store import open_recording
from undertow.events import EVENT, LOCAL, ORDER, TIMER
from undertow.replay.settings import ReplaySettings
from undertow.trading.blocks import BlockWriter
from undertow.trading.capture import MARKET, SessionRecorder, complete_store
from undertow.trading.folder import SessionError, coins_of, is_market, legs_of
from undertow.trading.margin import MarginBook
from undertow.trading.playback import merged, messages
from undertow.trading.rerun import rerun

SETTINGS = ReplaySettings(seed=1)


def record(folder: Path, *names: str, duration_s: float = 120.0, tail_s: float = 0.0, start: int = 0) -> None:
    """A paper session of one maker per coin, written to `folder`."""
    made = [market(3 + start + k, duration_s) for k in range(len(names))]
    runners = [runner(name, m, f"C{k}") for k, (name, m) in enumerate(zip(names, made, strict=True))]
    recorder = SessionRecorder(folder, checkpoint_s=20.0)
    session, paper = paper_session(runners, settings=SETTINGS, recorder=recorder)
    end(session, paper, play(session, merged({f"C{k}": m for k, m in enumerate(made)})))


@pytest.mark.parametrize("name", list(makers.MAKERS))
def test_every_maker_comes_out_the_same(name: str, tmp_path: Path) -> None:
    made = market()
    one = runner(name, made)
    session, paper = paper_session([one], settings=SETTINGS, recorder=SessionRecorder(tmp_path / "s"))
    end(session, paper, play(session, messages(made, "BTC")))
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert verdict.states == verdict.ended == verdict.legs == 1
    assert verdict.rows > 2_000
    assert verdict.requests == one.desk.requests > 10


def test_several_coins_and_several_starts(tmp_path: Path) -> None:
    record(tmp_path / "s", "undertow", "symmetric", "glft")
    record(tmp_path / "s", "undertow", "symmetric", "glft", start=7)
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert (verdict.coins, verdict.legs, verdict.states, verdict.ended) == (3, 6, 6, 6)
    assert rerun(tmp_path / "s", maker_of, "C1").legs == 2
    with pytest.raises(SessionError, match="holds no C9; it holds C0, C1, C2"):
        rerun(tmp_path / "s", maker_of, "C9")


def _rewritten(folder: Path, change: str) -> None:
    """The only leg of a session with one row changed."""
    (leg,) = legs_of(folder, "C0")
    blocks = list(leg.chunks())
    path = leg.path / "rows.blocks"
    path.unlink()
    writer = BlockWriter(path, EVENT)
    done = False
    for rows, table in blocks:
        at = np.flatnonzero(
            (rows["kind"] == ORDER) if change == "order" else (rows["qty"] > 0) & is_market(rows)
        )
        if len(at) > 3 and not done:
            rows["qty"][at[3]] *= 1.0 + 1e-9
            done = True
        writer.write(rows, table)
    writer.close()
    assert done


@pytest.mark.parametrize(("change", "what"), [("order", "request"), ("market", "state")])
def test_the_first_difference_is_named(change: str, what: str, tmp_path: Path) -> None:
    record(tmp_path / "s", "symmetric" if change == "order" else "undertow")
    _rewritten(tmp_path / "s", change)
    (found,) = rerun(tmp_path / "s", maker_of).differences
    assert (found.coin, found.leg, found.what) == ("C0", "leg-0001", what)
    assert found.recorded != found.replayed
    if change == "order":
        assert found.field == "qty"
    else:
        assert "." in found.field


def test_the_market_part_replays_from_the_store(tmp_path: Path) -> None:
    made = market(5, 120.0)
    session, paper = paper_session([runner("symmetric", made)], recorder=SessionRecorder(tmp_path / "s"))
    shown = list(messages(made, "BTC"))
    end(session, paper, play(session, shown))
    stored = open_recording(tmp_path / "s" / MARKET, "hyperliquid", "BTC")
    rows = np.concatenate([chunk.rows for chunk in stored.chunks()])
    brought = np.concatenate([received.rows for received in shown])
    rows["ref"] = brought["ref"] = 0  # counts within a chunk
    assert rows.tobytes() == brought.tobytes()
    assert stored.snapshot_fed
    assert stored.instrument == made.instrument


KILLED = """
import sys, time
from pathlib import Path
from tests.trading.driving import market, paper_session, play, runner
from undertow.trading.capture import SessionRecorder
from undertow.trading.playback import messages
made = market(5, 200.0)
recorder = SessionRecorder(Path(sys.argv[1]), checkpoint_s=20.0)
session, paper = paper_session([runner("symmetric", made)], recorder=recorder)
shown = list(messages(made, "BTC"))
play(session, shown[: 1500])
print(int(shown[1499].rows["recv_ns"][-1]), flush=True)
time.sleep(60)
"""


def test_a_killed_process_leaves_all_but_the_last_seconds(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        last_ns = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    verdict = rerun(folder, maker_of)
    assert verdict.differences == []
    assert verdict.states == 1
    assert verdict.ended == 0
    (leg,) = legs_of(folder, "BTC")
    rows = np.concatenate([rows for rows, _ in leg.chunks()])
    assert 0 <= last_ns - int(rows["recv_ns"][-1]) < 3_000_000_000
    with pytest.raises(ValueError, match="nothing received"):
        open_recording(folder / MARKET, "hyperliquid", "BTC").n_rows  # noqa: B018
    complete_store(folder)
    complete_store(folder)  # a second time changes nothing
    stored = open_recording(folder / MARKET, "hyperliquid", "BTC")
    assert stored.n_rows == np.count_nonzero(is_market(rows))


def test_a_tail_cut_off_is_left_out(tmp_path: Path) -> None:
    record(tmp_path / "s", "symmetric", duration_s=60.0)
    (leg,) = legs_of(tmp_path / "s", "C0")
    path = leg.path / "rows.blocks"
    whole = sum(len(rows) for rows, _ in leg.chunks())
    path.write_bytes(path.read_bytes()[:-7])
    assert 0 < sum(len(rows) for rows, _ in leg.chunks()) < whole
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert verdict.states == 0


def test_what_is_captured_is_in_order_and_complete(tmp_path: Path) -> None:
    record(tmp_path / "s", "symmetric")
    (leg,) = legs_of(tmp_path / "s", "C0")
    rows = np.concatenate([rows for rows, _ in leg.chunks()])
    seen = rows[(rows["flags"] & LOCAL != 0)]
    assert np.all(np.diff(seen["recv_ns"]) >= 0)
    timers = seen["recv_ns"][seen["kind"] == TIMER]
    assert len(timers) > 1_000
    assert np.all(np.diff(timers) == 100_000_000)
    assert len(leg.observations()) in (120, 121)
    assert coins_of(tmp_path / "s") == ["C0"]
    with pytest.raises(SessionError, match="holds no session"):
        coins_of(tmp_path)


def test_one_account_over_coins_is_captured_too(tmp_path: Path) -> None:
    made = [market(3, 120.0), market(4, 120.0)]
    runners = [runner("symmetric", m, f"C{k}") for k, m in enumerate(made)]
    session, paper = paper_session(
        runners,
        settings=SETTINGS,
        recorder=SessionRecorder(tmp_path / "s"),
        margin=MarginBook(150.0, {"C0": 10.0, "C1": 5.0}),
    )
    end(session, paper, play(session, merged({f"C{k}": m for k, m in enumerate(made)})))
    assert sum(session.gate.counts.values()) > 10
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert verdict.states == 2
