"""What a session taken up is asked to be, and what is refused before anything is connected."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from tests.journal.making import ABOUT, COINS, NOW

from undertow.cli.main import run
from undertow.clock import WallClock
from undertow.config import Config, loads
from undertow.journal.schema import JournalError
from undertow.journal.store import NAME, Journal
from undertow.live.remembering import begin_memory, session_folder, taken_up_spec
from undertow.live.spec import CannotRun, RunSpec
from undertow.trading.orders.coins import Coins


def _session(folder: Path, spec: RunSpec, config: Config | None = None) -> Path:
    kept = begin_memory(folder, spec, config or Config(), "0x" + "ab" * 20, Coins([]), 1_000.0, WallClock())
    kept.journal.close()
    return folder


def _spec(**changes) -> RunSpec:
    base = RunSpec(url="http://localhost:3001", coins=("BTC",), maker="glft", leverage=3)
    return msgspec.structs.replace(base, **changes)


def test_what_was_traded_stays_what_the_call_says_is_taken(tmp_path: Path) -> None:
    config = loads("[risk]\nlot_usd = 77.0\n[alerts]\nurl = 'https://hooks.example/secret'\n", Config)
    references = {"BTC": ("ETH",)}
    folder = _session(tmp_path / "one", _spec(references=references, expire_after_s=4.0), config)
    asked = RunSpec(duration_s=None, folder=tmp_path, resume="last")
    spec, found = taken_up_spec(asked, Config())
    assert spec == _spec(
        references=references, expire_after_s=4.0, duration_s=None, folder=tmp_path, resume=str(folder)
    )
    assert found.risk.lot_usd == 77.0
    assert found.alerts.url == "", "what may be secret is not in the journal"
    assert b"secret" not in (folder / NAME).read_bytes()
    assert taken_up_spec(spec, found) == (spec, found), "taken up twice is the same"
    other = loads("[risk]\nlot_usd = 5.0\n", Config)
    assert taken_up_spec(asked, other)[1] == other


def test_the_youngest_session_is_the_last(tmp_path: Path) -> None:
    for k, name in enumerate(("b", "a", "c")):
        _session(tmp_path / name, _spec())
        os.utime(tmp_path / name / NAME, (1_000 + k, 1_000 + k))
    os.utime(tmp_path / "a" / NAME, (2_000, 2_000))
    assert session_folder("last", tmp_path) == tmp_path / "a"
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / NAME).touch()  # killed while it was made
    assert session_folder("last", tmp_path) == tmp_path / "a"
    assert session_folder(str(tmp_path / "b" / NAME), tmp_path) == tmp_path / "b"
    with pytest.raises(JournalError, match="holds no session with a journal"):
        session_folder("last", tmp_path / "nowhere")


def test_real_money_is_not_resumed_by_accident(tmp_path: Path) -> None:
    _session(tmp_path / "one", _spec(network="mainnet", url="", account="0x" + "ab" * 20, live=True))
    asked = RunSpec(folder=tmp_path, resume="last")
    with pytest.raises(CannotRun, match="--live is needed"):
        taken_up_spec(asked, Config())
    assert taken_up_spec(msgspec.structs.replace(asked, live=True), Config())[0].live


def test_an_exchange_that_ended_with_its_session(tmp_path: Path) -> None:
    _session(tmp_path / "one", _spec(url=""))
    with pytest.raises(CannotRun, match="its local exchange ended with it"):
        taken_up_spec(RunSpec(folder=tmp_path, resume="last"), Config())


def test_a_session_of_another_program(tmp_path: Path) -> None:
    about = ABOUT._replace(spec='{"markets": 5}')
    Journal.create(tmp_path / "one" / NAME, about, COINS).close(NOW)
    with pytest.raises(JournalError, match="was run by another version"):
        taken_up_spec(RunSpec(folder=tmp_path, resume="last"), Config())


def test_the_command_says_what_to_do(tmp_path: Path, capsys) -> None:
    assert run(["run", "--resume", "last", "--folder", str(tmp_path), "--quiet"]) == 2
    assert "holds no session with a journal" in capsys.readouterr().err
    _session(tmp_path / "one", _spec())
    assert run(["run", "--resume", "last", "--folder", str(tmp_path), "--coin", "ETH", "--quiet"]) == 2
    assert "--coin cannot be changed while resuming" in capsys.readouterr().err
