"""What a capital can carry: the figures agree with each other and with the rules they stand for."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from undertow.cli.main import run
from undertow.config import Config, dumps, load, loads
from undertow.risk.plan import DAY_S, LIFE_S, Market, Terms, Wishes, config_of, limits_of, plan
from undertow.risk.settings import RiskFile, bounds

FAST = settings(max_examples=25, deadline=None, derandomize=True)
MARKETS = st.builds(
    Market,
    px=st.floats(0.01, 1e5),
    sigma_bps=st.floats(0.05, 10.0),
    volume_usd=st.floats(1e5, 1e10),
    size_step=st.sampled_from([1.0, 0.1, 0.01, 0.001, 1e-5]),
    tiers=st.sampled_from([((0.0, 3),), ((0.0, 20),), ((0.0, 40), (100_000.0, 10))]),
)
TERMS = st.builds(
    Terms,
    maker_bps=st.floats(-0.3, 3.0),
    taker_bps=st.floats(0.1, 9.0),
    requests_left=st.floats(0.0, 1e6),
    credit=st.floats(0.0, 1.0),
)
WISHES = st.builds(
    Wishes,
    loss_share=st.floats(0.005, 0.3),
    q_max_lots=st.floats(3.0, 100.0),
    levels=st.integers(1, 20),
    turns=st.floats(1.0, 300.0),
)


def planned(capital: float, market: Market, terms: Terms, wishes: Wishes):
    """The plan; None where the capital is too small."""
    try:
        return plan(capital, market, terms, wishes)
    except ValueError:
        return None


@FAST
@given(capital=st.floats(100.0, 1e7), market=MARKETS, terms=TERMS, wishes=WISHES)
def test_a_plan_keeps_what_it_promises(capital: float, market: Market, terms: Terms, wishes: Wishes) -> None:
    made = planned(capital, market, terms, wishes)
    assume(made is not None)
    assert made.limit_usd == pytest.approx(made.lot_usd * made.q_max_lots)
    assert made.lot_usd >= 1.2 * market.min_notional * (1 - 1e-9)
    steps = made.lot_usd / (market.size_step * market.px)
    assert abs(steps - round(steps)) < 1e-6 * steps
    assert made.q_max_lots <= wishes.q_max_lots
    # A worst day costs no more than what was allowed, and half the capital stays free where it can.
    assert made.worst_day_usd <= wishes.loss_share * capital * (1 + 1e-9)
    assert made.worst_move_bps >= 3 * market.sigma_bps * math.sqrt(DAY_S) * (1 - 1e-12)
    assert made.margin_used_usd <= 0.5 * capital * (1 + 1e-9)
    assert made.liquidation_bps is None or made.liquidation_bps > 0.0
    # Requests: no more levels than they pay for, but one.
    assert 1 <= made.levels <= min(wishes.levels, made.q_max_lots)
    bring = made.requests_earned + made.requests_spare
    assert made.levels == 1 or made.requests_needed <= bring * (1 + 1e-9)
    assert made.requests_needed == pytest.approx(2 * made.levels * DAY_S / LIFE_S)
    assert made.turnover_usd <= wishes.participation * market.volume_usd * (1 + 1e-9)
    scarce = made.requests_needed > bring * (1 + 1e-9)
    assert scarce == any("even one level" in sentence for sentence in made.says)
    assert loads(dumps(config_of(made, terms)), Config) == config_of(made, terms)
    file = loads(dumps(limits_of(made)), RiskFile)
    assert file == limits_of(made)
    assert file.kill.loss_usd == pytest.approx(made.loss_limit_usd, abs=0.01)


def test_more_capital_carries_more() -> None:
    market = Market(px=100.0, sigma_bps=1.0, volume_usd=1e8, size_step=0.01)
    plans = [plan(capital, market, Terms(maker_bps=1.5, taker_bps=4.5)) for capital in (1e3, 1e4, 1e5, 1e6)]
    limits = [made.limit_usd for made in plans]
    assert limits == sorted(limits)
    assert plans[-1].binding == "market volume"
    assert plans[0].binding == "worst day"


@pytest.mark.parametrize(
    ("what", "change", "told"),
    [
        (Market, {"sigma_bps": 0.0}, "sigma_bps"),
        (Market, {"px": math.nan}, "px"),
        (Wishes, {"loss_share": 2.0}, "loss_share"),
        (Wishes, {"levels": 0}, "levels"),
    ],
)
def test_nonsense_is_refused_by_name(what, change, told: str) -> None:
    base = {"px": 1.0, "sigma_bps": 1.0, "volume_usd": 1.0, "size_step": 1.0} if what is Market else {}
    with pytest.raises(ValueError, match=told):
        what(**{**base, **change})


GIVEN = ["--price", "30", "--sigma-bps", "2", "--volume-usd", "2e7", "--size-step", "0.01"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, limits = tmp_path / "maker.toml", tmp_path / "limits.toml"
    call = ["plan", "10000", *GIVEN, "--toml", str(config), "--limits", str(limits)]
    assert run([*call, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert run(["config", "check", str(config)]) == 0
    assert load(config, Config).risk.lot_usd == pytest.approx(told["plan"]["lot_usd"], abs=1e-4)
    assert load(limits, RiskFile).account.total_usd == pytest.approx(told["plan"]["hard_limit_usd"], abs=0.01)
    assert run(call) == 2
    assert "--force overwrites it" in capsys.readouterr().err
    assert run(["plan", "10000", *GIVEN]) == 0
    table = capsys.readouterr().out
    for word in ("position limit", "leverage", "requests", "liquidation", "worst day"):
        assert word in table
    assert run(["plan", "20", *GIVEN]) == 2
    assert "are needed, or a larger loss_share" in capsys.readouterr().err


def test_the_command_measures_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "10000", "--duration", "900", "--json"]) == 0
    market = json.loads(capsys.readouterr().out)["market"]
    assert 20.0 < market["px"] < 60.0
    assert 0.5 < market["sigma_bps"] < 20.0
    assert market["volume_usd"] > 1e6
    assert run(["plan", "10000", "--duration", "60"]) == 2
    assert "too little to measure" in capsys.readouterr().err


def test_bounds_follow_from_capital_and_limits() -> None:
    made = bounds(RiskFile().kill, 1_000.0, {"A": 2.0, "B": 4.0}, {"A": 100.0, "B": 50.0})
    assert (made.loss_usd, made.drawdown_usd, made.total_usd) == (50.0, 50.0, 225.0)
    assert made.position_qty == {"A": 2.5, "B": 5.0}
    assert made.position_usd == {"A": 150.0, "B": 75.0}
    with pytest.raises(ValueError, match="capital_usd"):
        bounds(RiskFile().kill, math.nan, {}, {})


def test_a_limit_file_names_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text('[kill]\nloss_usd = -5\n[coins."xyz:GOLD"]\nposition_usd = 300\n[every_coin]\nband = 3\n')
    with pytest.raises(
        ValueError, match=r"(?s)limits.toml:2: \[kill\] loss_usd.*\[every_coin\] band is not a known key"
    ):
        load(path, RiskFile)
    path.write_text('[coins]\nBTC = 3\n[coins."xyz:GOLD"]\norder_usd = 0\n')
    with pytest.raises(
        ValueError, match=r"(?s)BTC = 3 must be a section.*:4: \[coins.xyz:GOLD\] order_usd = 0"
    ):
        load(path, RiskFile)
    path.write_text('[coins."xyz:GOLD"]\nposition_usd = 300\n[every_coin]\nposition_usd = 100\n')
    file = load(path, RiskFile)
    assert file.of("xyz:GOLD").position_usd == 300.0
    assert file.of("BTC").position_usd == 100.0
