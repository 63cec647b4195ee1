"""``undertow market``: what it prints, what it writes, how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from undertow.cli.market import app


def _run(*tokens: str) -> Any:
    return app(tokens, result_action="return_value", exit_on_error=False)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("list") == 0
    assert "hip3-hype\n  published figures" in capsys.readouterr().out
    assert _run("list", "--json") == 0
    presets = json.loads(capsys.readouterr().out)
    assert presets["hl-btc"]["targets"]["sigma_1s"]["value"] == pytest.approx(0.402, abs=1e-3)


def test_stats(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("stats", "hl-btc", "--duration-s", "600") == 0
    assert "sigma_0.5s" in capsys.readouterr().out
    assert _run("stats", "hl-btc", "--duration-s", "600", "--json") == 0
    assert json.loads(capsys.readouterr().out)["moments"]["orders_per_s"] > 0.3


def test_faults(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert _run("stats", "nope") == 1
    assert "no preset 'nope'" in capsys.readouterr().err
    assert _run("stats") == 1
    assert "--store" in capsys.readouterr().err
    assert _run("fit", "nope") == 1
    assert "no published figures for 'nope'" in capsys.readouterr().err
    assert _run("stats", "--store", str(tmp_path), "--venue", "v", "--coin", "c") == 1
    assert "no recording of v c" in capsys.readouterr().err


def test_fit_writes_a_preset_that_generates(tmp_path: Path) -> None:
    from undertow.synthetic.generate import generate

    path = tmp_path / "quick.json"
    tokens = ("fit", "hip3-hype", "--output", str(path), "--iterations", "0", "--duration-s", "600")
    assert _run(*tokens) == 0
    assert generate(str(path), duration_s=60.0).n_rows > 100


@pytest.mark.parametrize("preset", ["hl-btc", "hip3-hype"])
def test_plot_is_one_self_contained_page(preset: str, tmp_path: Path) -> None:
    path = tmp_path / "market.html"
    assert _run("plot", preset, "--output", str(path), "--duration-s", "3600") == 0
    page = path.read_text()
    assert "<html" in page
    assert "<script src=" not in page
    assert ("recorded" in page) == (preset == "hl-btc")
