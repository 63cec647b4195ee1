"""Another configuration in a running session: what changes, what does not, and parity afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.trading import driving
from tests.trading.driving import end, maker_of, market, paper_session, play, runner

from undertow.config import Config, Drift, Live, Quoting, Risk, Symmetric, loads
from undertow.live.reload import AT_START, IN_MEMORY, RAISES, Reloader
from undertow.replay.settings import ReplaySettings
from undertow.trading.capture import SessionRecorder
from undertow.trading.folder import legs_of
from undertow.trading.playback import messages
from undertow.trading.rerun import rerun
from undertow.trading.results import result_of


def changed(**sections: msgspec.Struct) -> Config:
    return msgspec.structs.replace(driving.config(), **sections)


def reloader(name: str, one: object, recorder: SessionRecorder | None = None) -> Reloader:
    return Reloader(
        driving.config(), lambda c: c, name, [one], recorder, lambda c: {"config": msgspec.to_builtins(c)}
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("undertow", lambda c: changed(quoting=Quoting(price_tolerance_bps=0.4), risk=Risk(lot_usd=60.0))),
        ("symmetric", lambda c: changed(symmetric=Symmetric(half_spread_bps=1.1, spacing_bps=0.9))),
    ],
)
def test_orders_stay_and_the_record_reruns(
    name: str, change: Callable[[Config], Config], tmp_path: Path
) -> None:
    made = market(seed=4, maker_fee_bps=0.3)
    one = runner(name, made)
    recorder = SessionRecorder(tmp_path / "s")
    session, paper = paper_session([one], settings=ReplaySettings(seed=1), recorder=recorder)
    shown = list(messages(made, "BTC"))
    half = len(shown) // 2
    now_ns = play(session, shown[:half])
    while not one.desk.n_working:
        half += 1
        now_ns = play(session, shown[half - 1 : half])
    resting = one.desk.working[: one.desk.n_working].tobytes()
    done = reloader(name, one, recorder).reload(lambda: change(driving.config()), now_ns)
    assert done.applied
    assert not done.refused
    assert one.desk.working[: one.desk.n_working].tobytes() == resting
    end(session, paper, play(session, shown[half:]))
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert (verdict.legs, verdict.states, verdict.ended) == (2, 2, 2)
    first, second = legs_of(tmp_path / "s", "BTC")
    assert first.params() != second.params()
    assert first.start.about == {}
    assert msgspec.convert(second.start.about["config"], Config) == change(driving.config())
    told = result_of(tmp_path / "s", "BTC", one.maker)
    fills, ledger = paper.account("BTC")
    assert len(told.fills) == len(fills) > 0
    assert told.ledger["cash"] == pytest.approx(float(ledger["cash"]), abs=1e-9)


def test_a_new_leg_alone_changes_nothing(tmp_path: Path) -> None:
    def fills(turned: bool) -> bytes:
        made = market(duration_s=120.0)
        one, recorder = runner("symmetric", made), SessionRecorder(tmp_path / f"s{turned}")
        session, paper = paper_session([one], settings=ReplaySettings(seed=1), recorder=recorder)
        shown = list(messages(made, "BTC"))
        now_ns = play(session, shown[: len(shown) // 2])
        if turned:
            recorder.turn(one, now_ns)
        end(session, paper, play(session, shown[len(shown) // 2 :]))
        return result_of(recorder.folder, "BTC", one.maker).fills.tobytes()

    assert fills(True) == fills(False) != b""


def test_a_change_takes_effect() -> None:
    made = market(duration_s=60.0)
    one = runner("symmetric", made)
    session, paper = paper_session([one])
    now_ns = play(session, list(messages(made, "BTC")))
    before = one.desk.working[: one.desk.n_working]["tick"].copy()
    wide = changed(symmetric=Symmetric(half_spread_bps=40.0, spacing_bps=0.4, requote_bps=0.2))
    assert reloader("symmetric", one).reload(lambda: wide, now_ns).applied == ("symmetric.half_spread_bps",)
    session.on_time(now_ns + 3_000_000_000)
    after = one.desk.working[: one.desk.n_working]["tick"]
    assert after.max() - after.min() > before.max() - before.min()
    end(session, paper, now_ns + 3_000_000_000)


def test_what_may_not_change_says_why() -> None:
    one = runner("undertow", market(duration_s=10.0))
    params = one.params.tobytes()
    wanted = changed(
        risk=Risk(lot_usd=500.0),
        live=Live(leverage=7),
        quoting=Quoting(interval_ms=50.0),
        drift=Drift(reversion_per_s=0.5),
        symmetric=Symmetric(half_spread_bps=9.0, spacing_bps=0.4, requote_bps=0.2),
    )
    done = reloader("undertow", one).reload(lambda: wanted, 0)
    assert done.applied == ()
    assert done.refused == {
        "risk.lot_usd": RAISES,
        "live.leverage": AT_START,
        "quoting.interval_ms": AT_START,
        "drift.reversion_per_s": IN_MEMORY,
        "symmetric.half_spread_bps": AT_START,
    }
    assert one.params.tobytes() == params


def test_a_file_that_cannot_be_read_changes_nothing() -> None:
    one = runner("undertow", market(duration_s=10.0))
    params = one.params.tobytes()
    done = reloader("undertow", one).reload(lambda: loads("[risk]\nlot_usd = 0", Config, name="u.toml"), 0)
    assert "u.toml:2: [risk] lot_usd = 0 is not accepted" in done.text
    low = reloader("undertow", one).reload(lambda: changed(risk=Risk(lot_usd=2.0)), 0)
    assert "below the minimum order" in low.text
    assert one.params.tobytes() == params
    assert reloader("undertow", one).reload(driving.config, 0).text.endswith("nothing has changed")
