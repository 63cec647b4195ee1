"""``undertow compare``, ``ablate``, ``tune`` and the shadow of ``undertow replay``, end to end and short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from undertow.cli.main import run

SHORT = ["--duration", "120", "--seeds", "2", "--first-seed", "3"]


def test_compare_tables_makers_and_variants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near = tmp_path / "near.toml"
    near.write_text("[symmetric]\nhalf_spread_bps = 0.3\n")
    page = tmp_path / "c.html"
    more = ["--set", f"symmetric@{near.stem}:symmetric.spacing_bps=0.5", "--toxicity", "0", "--toxicity", "1"]
    call = ["compare", "symmetric", f"symmetric@{near}", *SHORT, *more]
    assert run([*call, "--json", "--report", str(page)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [t["market"] for t in told["tables"]] == ["hl-btc, toxicity 0", "hl-btc, toxicity 1"]
    assert told["tables"][0]["seeds"] == [3, 4]
    assert told["tables"][0]["reference"] == "symmetric"
    changes = told["variants"][1]["changes"]
    assert changes == {"symmetric.half_spread_bps": 0.3, "symmetric.spacing_bps": 0.5}
    assert page.is_file()
    assert run([*call, "--reference", "symmetric@near"]) == 0
    assert "less symmetric@near on the same ticks" in capsys.readouterr().out


def test_compare_on_recorded_files(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(str(p) for p in (recordings / "hyperliquid_2025-09-04").glob("*BTC*"))
    call = ["compare", "symmetric", "avellaneda", "--kind", "hyperliquid-csv", "--coin", "BTC", "--json"]
    assert run([*call, "--files", *files]) == 0
    (told,) = json.loads(capsys.readouterr().out)["tables"]
    assert told["market"] == "hyperliquid-BTC"
    assert told["differences"]["avellaneda"]["pnl"]["over"] == "blocks"


def test_wrong_calls_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for call, word in (
        (["compare", "nobody"], "no maker 'nobody'"),
        (["compare", "symmetric", "--set", "symmetric.half=3"], "symmetric.half is not a known"),
        (["compare", "symmetric", "--set", "glft:risk.q_max_lots=3"], "no variant is called 'glft'"),
        (["compare", "symmetric", "--venue", "x"], "need --store or --files"),
        (["compare", "symmetric", "--seeds", "0"], "at least 1"),
        (["tune", "nobody", str(tmp_path / "x.toml")], "no maker 'nobody'"),
        (["ablate", "--phases", str(tmp_path / "none.toml")], "none.toml"),
    ):
        assert run(call) == 2, call
        assert word in capsys.readouterr().err, call


def test_ablate_and_tune(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    phases = tmp_path / "p.toml"
    phases.write_text('[[phase]]\nname = "near"\noff = {"symmetric.half_spread_bps" = 9.0}\n')
    near = ["--set", "symmetric.half_spread_bps=0.3"]
    assert run(["ablate", "--maker", "symmetric", "--phases", str(phases), *near, *SHORT, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["ablations"]
    assert [m["label"] for m in told["makers"]] == ["baseline", "+ near"]
    assert told["steps"][0]["label"] == "+ near"
    best = tmp_path / "best.toml"
    assert run(["tune", "symmetric", str(best), "--budget", "3", *near, *SHORT]) == 0
    assert f"wrote {best}" in capsys.readouterr().out
    assert run(["config", "check", str(best)]) == 0


def test_replay_with_a_shadow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near = tmp_path / "near.toml"
    near.write_text("[symmetric]\nhalf_spread_bps = 0.3\n")
    report = tmp_path / "r.html"
    call = ["replay", "--maker", "symmetric", "--duration", "240", "--seed", "3", "--range", "off"]
    assert run([*call, "--shadow", str(near), "--output", str(report), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["shadow"]
    assert told["name"] == "near"
    assert told["changes"] == {"symmetric.half_spread_bps": {"quoting": 5.0, "shadow": 0.3}}
    assert told["rows"]["fills"]["shadow"] > told["rows"]["fills"]["quoting"]
    text = report.read_text()
    assert "Beside it: near" in text
    assert '"shadow":' in text
    assert run([*call, "--shadow", str(near), "--output", str(report)]) == 0
    assert "shadow: near" in capsys.readouterr().out
