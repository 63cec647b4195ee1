"""``undertow solve``: what it prints and draws, where it warns, what it refuses and how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from undertow.cli.main import run
from undertow.solver.closed import Signals
from undertow.solver.compare import compare, gamma_of
from undertow.solver.problem import Problem

SMALL = ["solve", "--aggressor-lots", "inf", "--quiet"]


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SMALL) == 0
    shown = capsys.readouterr().out
    assert "aggressors of inf lots" in shown
    assert "the maker's ladder earns" in shown
    assert len([line for line in shown.splitlines() if line[2:6].strip() in ("-5", "+0", "+5")]) == 3
    assert "!" not in shown


def test_json_and_plot(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "solve.html"
    assert run([*SMALL, "--json", "--plot", str(page), "--drift", "-0.05"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert [row["lots"] for row in seen["rows"]] == list(range(-5, 6))
    assert seen["signals"]["drift"] == -0.05
    assert seen["rows"][5]["exact"] < 0.0
    assert seen["sizes"][-1]["at_depth"] is None
    drawn = page.read_text()
    assert "Reservation price over inventory" in drawn
    assert "closed form" in drawn


def test_outside_the_box_nothing_is_trusted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SMALL, "--kappa-eta", "0.9"]) == 0
    shown = capsys.readouterr().out
    assert "κη = 0.9 is above 0.6" in shown
    assert sum(line.startswith("! ") and "%" in line for line in shown.splitlines()) == 11
    assert run([*SMALL, "--rate-bid", "0.4"]) == 0
    assert "|φ| = 0.6 is above 0.5" in capsys.readouterr().out


def test_a_bad_closed_form_is_marked() -> None:
    """Passing signals that cancel: r is small, the error is not."""
    problem = Problem(0.1, 0.1, 0.4, 0.4, 1.5, 1.0, 1.0, 1.0, aggressor_lots=10.0, drift_reversion=0.005)
    problem = Problem(**{**problem.__dict__, "gamma": gamma_of(problem, 0.5)})
    seen = compare(problem, Signals(drift=0.03, imbalance=0.45, flow_reversion=0.2))
    assert not seen.doubts
    for row in seen.rows:
        assert row.trusted == (row.error <= 0.1)
    assert not all(row.trusted for row in seen.rows)


def test_one_lot_per_fill(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["solve", "--aggressor-lots", "one", "--quiet", "--gamma", "0.002"]) == 0
    shown = capsys.readouterr().out
    assert "one lot per fill, γ 0.002" in shown
    assert "ladder" not in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gamma", "1", "--kappa-eta", "0.2"], "--gamma and --kappa-eta both set"),
        (["--gamma", "-1"], "--gamma -1 must be positive"),
        (["--kappa-eta", "0"], "--kappa-eta 0 must lie in 0.001..3"),
        (["--sigma", "0"], "--sigma 0 must be positive"),
        (["--aggressor-lots", "few"], "--aggressor-lots few must be a number from 0.1 up, inf, or one"),
        (["--phi", "2"], "--phi 2 must lie in -0.95..0.95"),
        (["--phi", "0.2", "--rate-bid", "0.3"], "give --rate-bid = --rate-ask"),
        (["--q-max", "0"], "--q-max 0 must lie in 1..200"),
        (["--fee", "nan"], "--as-bid + --fee nan must lie in -20..1000"),
        (["--plot", "/no/such/place/p.html"], "/no/such/place"),
    ],
)
def test_wrong_calls(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SMALL, *arguments] if arguments[0] != "--aggressor-lots" else ["solve", *arguments]) == 2
    assert said in capsys.readouterr().err
