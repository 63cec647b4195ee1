"""``undertow run``, ``doctor`` and ``rollout`` from the command line: refusals, exit codes, output."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from undertow.cli.main import run
from undertow.live.keys import VARIABLE
from undertow.live.rollout import Shown, add

ACCOUNT = "0x" + "ab" * 20
KEY = "5d" * 32


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


def test_mainnet_is_refused_with_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    assert run(["run", "--venue", "mainnet", "--coin", "BTC"]) == 2
    said = capsys.readouterr().err
    assert "orders on mainnet need: --live" in said
    assert "names the account" in said
    assert KEY not in said
    assert run(["run", "--venue", "mainnet", "--coin", "BTC", "--orders", "venue", "--live"]) == 2
    assert "an agent key in UNDERTOW_AGENT_KEY" in capsys.readouterr().err


def test_a_lax_key_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    key, config = tmp_path / "agent.key", tmp_path / "u.toml"
    key.write_text(KEY)
    key.chmod(0o644)
    config.write_text(f'[live]\nkey_file = "{key}"\n')
    assert run(["run", "--venue", "testnet", "--coin", "BTC", "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert f"chmod 600 {key}" in said
    assert KEY not in said


def test_the_doctor_fails_where_nothing_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--url", "http://127.0.0.1:9"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  HTTP" in out
    assert "-> check the network" in out
    assert run(["doctor", "--url", "http://127.0.0.1:9", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert {"name", "state", "text", "fix"} == set(found[0])


def test_rollout_says_what_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown = Shown(
        session="20260901-000000-undertow",
        began="20260901-000000",
        stage="shadow",
        maker="undertow",
        hours=30.0,
        fills=50,
        predicted_fills=50.0,
        realised_fills=50,
    )
    add(tmp_path / "sessions", "mainnet", ACCOUNT, "BTC", shown)
    assert run(["rollout", "--coin", "BTC", "--account", ACCOUNT]) == 0
    out = capsys.readouterr().out
    assert "shadow   1 sessions, 30.0 hours, 50 fills" in out
    assert "for minimum: everything is there" in out
    assert "missing hours in minimum: 0.0 (needs 24)" in out
    assert run(["rollout", "--coin", "BTC", "--account", ACCOUNT, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["BTC"]
    assert [check["passed"] for check in told["checks"]["minimum"]] == [True] * 5
    assert run(["rollout"]) == 2
    assert "--coin is needed" in capsys.readouterr().err


def test_a_new_configuration_is_its_owners_alone(tmp_path: Path) -> None:
    assert run(["config", "init", str(tmp_path / "u.toml")]) == 0
    assert stat.S_IMODE((tmp_path / "u.toml").stat().st_mode) == 0o600
    text = (tmp_path / "u.toml").read_text()
    assert "[live]" in text
    assert "# port =" in text
    assert "0x and 40 hexadecimal digits" in text
