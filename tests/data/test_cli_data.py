"""``undertow data``: what it prints, writes and returns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.hyperliquid_files import Files, trade

from undertow.cli.data import app
from undertow.data.store import open_recording


def run(*arguments: object) -> int:
    """The exit code of a command."""
    try:
        code: Any = app([str(a) for a in arguments], result_action="return_value", exit_on_error=False)
    except SystemExit as stop:
        code = stop.code
    return int(code or 0)


@pytest.fixture
def spoiled(tmp_path: Path) -> Path:
    """A recording in which one trade is there twice."""
    folder = tmp_path / "files"
    folder.mkdir()
    files = Files()
    files.trades[3] = trade(2000, tid=2001)
    return files.write(folder)


def test_import_info_export(tmp_path: Path, spoiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    call = ("import", "hyperliquid-csv", spoiled, "--store", store)
    assert run(*call) == 1
    message = capsys.readouterr().err
    assert "trades_BTC.csv: duplicate_trade ×1 (row 5)" in message
    assert "--repair" in message
    assert not store.exists()

    assert run(*call, "--repair", "--maker-fee-bps", -0.3) == 0
    out = capsys.readouterr().out
    assert "problem: trades_BTC.csv: duplicate_trade" in out
    assert "rows: 44 made, 1 dropped (duplicate_trade), 43 written" in out
    assert open_recording(store, "hyperliquid", "BTC").instrument.maker_fee_bps == -0.3

    assert run(*call, "--repair") == 1
    assert "already holds" in capsys.readouterr().err
    assert run(*call, "--repair", "--replace", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows_dropped"] == {"duplicate_trade": 1}
    assert report["findings"][0]["lines"] == [5]

    assert run("info", "--store", store) == 0
    assert "hyperliquid BTC: 2025-09-04T15:33:20 to " in capsys.readouterr().out
    assert run("info", "--store", store, "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["rows"] == 43

    assert run("export-hftbacktest", "hyperliquid", "BTC", tmp_path / "x.npz", "--store", store) == 0
    assert np.load(tmp_path / "x.npz")["data"].dtype.names[0] == "ev"
    assert run("export-hftbacktest", "hyperliquid", "ETH", tmp_path / "y.npz", "--store", store) == 1
    assert "it holds hyperliquid BTC" in capsys.readouterr().err


def test_check_finds_without_writing(
    tmp_path: Path, spoiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", "hyperliquid-csv", spoiled) == 1
    assert "duplicate_trade" in capsys.readouterr().out
    clean = tmp_path / "clean"
    clean.mkdir()
    assert run("check", "hyperliquid-csv", Files().write(clean)) == 0


def test_wrong_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "hyperliquid-csv", tmp_path / "none", "--store", tmp_path) == 2
    assert "does not exist" in capsys.readouterr().err
    assert run("import", "hyperliquid-csv", tmp_path, "--store", tmp_path) == 2
    assert "no file like" in capsys.readouterr().err
    files = Files().write(tmp_path)
    assert run("import", "hyperliquid-csv", files, "--store", tmp_path / "s", "--tick-size", 0) == 2
    assert "tick_size = 0.0 must be positive" in capsys.readouterr().err


def test_help_needs_no_heavy_library() -> None:
    code = (
        "import sys; from undertow.cli.data import app\n"
        "app(['--help'], result_action='return_value')\n"
        "sys.exit(' '.join({'numpy', 'pyarrow', 'polars', 'numba'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "export-hftbacktest" in done.stdout
