"""``undertow replay`` end to end on a short generated market."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from undertow import first_start
from undertow.cli.main import run

SHORT = ["replay", "--maker", "symmetric", "--duration", "120", "--seed", "2"]


def test_summary_on_screen_and_report_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SHORT, "--output", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    report = tmp_path / "symmetric-hl-btc-2.html"
    assert report.is_file()
    assert f"report: {report}" in shown.out
    assert "reconciled with the ledger's cash" in shown.out
    assert "3 runs" in shown.out


def test_json_is_alone_on_standard_output_and_the_same_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for _ in range(2):
        assert run([*SHORT, "--json", "--output", str(tmp_path / "r.html")]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["report"] == str(tmp_path / "r.html")
    assert told[0]["first_event_unix_s"] > 1.7e9
    for summary in told:
        for changing in ("first_event_unix_s", "timings_s"):
            summary.pop(changing)
        summary["made_of"].pop("Code")
    assert told[0] == told[1]
    usd = told[0]["usd"]
    whole = usd["spread"] - usd["markout_loss"] - usd["fees"] + usd["funding"] + usd["inventory"]
    assert whole == pytest.approx(told[0]["pnl_usd"], abs=0.005)
    assert [r["name"] for r in told[0]["range"]] == ["base", "pessimistic", "optimistic"]
    assert told[0]["made_of"]["Market"]["seed"] == 2
    assert told[0]["market_params"] is None  # the ladder estimates nothing


def test_quiet_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SHORT, "--range", "off", "-q", "--output", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")
    assert "one assumption" in (tmp_path / "symmetric-hl-btc-2.html").read_text()


def test_overrides_reach_the_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--latency-ms", "20", "--queue", "risk_averse", "--interval-ms", "250", "--horizon", "30"]
    assert run([*SHORT, *more, "--range", "off", "--json", "--output", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    replay = told["made_of"]["Replay"]
    assert (replay["order_latency_ms"], replay["response_latency_ms"]) == (20.0, 20.0)
    assert replay["queue_model"] == "risk_averse"
    assert replay["cycle_interval_ms"] == 250.0
    assert told["horizon_s"] == 30.0
    assert told["session"]["cycles"] == pytest.approx(120 / 0.25, abs=2)


def test_recorded_files(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(str(p) for p in (recordings / "hyperliquid_2025-09-04").glob("*BTC*"))
    more = ["--kind", "hyperliquid-csv", "--coin", "BTC", "--maker", "symmetric", "--range", "off"]
    assert run(["replay", *files, *more, "--json", "--output", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["market"] == "hyperliquid-BTC"
    assert told["session"]["rows"] > 30_000


def test_the_first_start_compiles_beforehand_what_the_replay_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[list[list[str]]] = []

    def prepare(plan: list[list[str]], teller: first_start.Teller) -> float:
        plans.append(plan)
        teller.say("compiling")
        return 1.0

    monkeypatch.setattr(first_start, "prepare", prepare)
    assert run([*SHORT, "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().err.splitlines()[0] == "compiling"
    assert plans == [first_start.for_replay("symmetric", market=True)]
