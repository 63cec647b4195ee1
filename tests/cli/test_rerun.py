"""``undertow rerun`` on a paper session: verdict as lines and as JSON, exit code, report."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from tests.trading.driving import config, end, market, paper_session, play, runner

from undertow.cli.main import run
from undertow.trading.capture import SessionRecorder
from undertow.trading.playback import messages


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live") / "session"
    made = market(3, 200.0)
    about = {"config": msgspec.to_builtins(config())}
    session, paper = paper_session([runner("symmetric", made)], recorder=SessionRecorder(folder, about=about))
    end(session, paper, play(session, messages(made, "BTC")))
    return folder


def test_the_verdict_and_the_report(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rerun", str(recorded), "--json", "--report", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is True
    assert told["coins"] == told["states"] == told["legs_ended"] == 1
    (path,) = told["reports"]
    assert "Paper: orders were matched" in Path(path).read_text()
    assert run(["rerun", str(recorded), "-q"]) == 0
    assert capsys.readouterr().out.startswith("the same: ")


def test_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rerun", str(tmp_path)]) == 2
    assert "holds no session" in capsys.readouterr().err
