"""``undertow config``: exit codes and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from undertow.cli.config import app


def _run(*arguments: str) -> int:
    code = app(list(arguments), result_action="return_value")
    assert isinstance(code, int)
    return code


def test_init_then_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "maker.toml"
    assert _run("init", str(file)) == 0
    assert _run("check", str(file)) == 0
    assert "ok" in capsys.readouterr().out
    assert _run("init", str(file)) == 1
    assert "--force" in capsys.readouterr().err
    assert _run("init", str(file), "--force") == 0


def test_check_reports_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "maker.toml"
    file.write_text("[risk]\nq_max_lots = 0.5\nlots = 3\n")
    assert _run("check", str(file)) == 1
    err = capsys.readouterr().err
    assert "q_max_lots = 0.5" in err
    assert "1 to 10000" in err
    assert "lots is not a known key" in err
    assert _run("check", str(file), "--json") == 1
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 2


def test_check_cautions_without_failing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "maker.toml"
    file.write_text("[risk]\ninventory_beta = 9\n")
    assert _run("check", str(file)) == 0
    assert "caution" in capsys.readouterr().err


def test_schema_names_units_and_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("schema") == 0
    assert "0.02 to 0.6" in capsys.readouterr().out
    assert _run("schema", "--json") == 0
    assert "$defs" in json.loads(capsys.readouterr().out)
