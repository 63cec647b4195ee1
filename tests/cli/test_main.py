"""The command's top: light to start, honest exit codes, mistakes answered in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from undertow.account.decomposition import ReconciliationError
from undertow.cli.errors import exit_code
from undertow.cli.main import run
from undertow.config import ConfigError


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from undertow.cli.main import run; run(['--help']); "
        "print(sorted({'numba', 'numpy', 'polars', 'pyarrow', 'plotly', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    for command in ("replay", "data", "market", "config", "solve"):
        assert command in done.stdout


def test_import_of_the_package_is_light() -> None:
    script = "import sys, undertow; print(sorted({'numba', 'polars', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == "0.1.0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "nonsense"),
        (["replay", "--nonsense"], "--nonsense"),
        (["replay", "--queue", "magic"], "risk_averse"),
        (["replay", "--range", "wide"], "corners"),
        (["replay", "--seed", "x"], "seed"),
        (["replay", "--horizon", "7"], "choose one of 0.5, 1, 2"),
        (["replay", "--market", "atlantis"], "hl-btc"),
        (["replay", "--duration", "-5"], "duration_s = -5.0 must be positive"),
        (["replay", "--latency-ms", "-1"], "order_latency_ms = -1.0 must lie in 0..60000"),
        (["replay", "--interval-ms", "0"], "--interval-ms 0 must lie in 1..60000"),
        (["replay", "--maker", "oracle"], "undertow, glft, symmetric"),
        (["replay", "--kind", "standx"], "--kind standx needs the files"),
        (["replay", "--coin", "BTC"], "give --store or files"),
        (["replay", "--store", "s", "--coin", "BTC"], "needs --venue and --coin"),
        (["replay", "--store", "s", "--venue", "v", "--coin", "BTC", "--seed", "3"], "--seed cannot be used"),
        (["replay", "book.csv"], "--kind is needed to read book.csv"),
        (["replay", "book.csv", "--kind", "pigeon"], "hyperliquid-csv"),
        (["replay", "--config", "missing.toml"], "missing.toml: No such file"),
        (["replay", "--json", "--open"], "drop --open"),
    ],
)
def test_wrong_use_exits_2_and_says_what_is_accepted(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_a_store_without_the_recording_says_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", "--store", "nowhere", "--venue", "v", "--coin", "BTC"]) == 2
    assert "no recording of v BTC in nowhere" in capsys.readouterr().err


def test_work_that_fails_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    more = ["--maker", "symmetric", "--duration", "30", "--range", "off", "-q"]
    assert run(["replay", *more, "--output", str(blocked / "report.html")]) == 1
    assert "a-file" in capsys.readouterr().err


def test_an_account_that_does_not_reconcile_is_a_failure() -> None:
    assert exit_code(ReconciliationError("cash: fills say 1, ledger says 2")) == 1
    assert exit_code(ConfigError(["a.toml: [risk] lot is not a known key"])) == 2
    assert exit_code(TypeError("a fault of ours")) is None
