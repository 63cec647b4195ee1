"""The rollout: what counts, what is missing, what a stage makes of a configuration."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from undertow.config import Avellaneda, Config, Ladder, Risk, Rollout
from undertow.instrument import hyperliquid_perp
from undertow.live import rollout
from undertow.live.joining import stage_allowed
from undertow.live.rollout import Shown, add, checks, missing, read
from undertow.live.spec import CannotRun, RunSpec
from undertow.live.stages import smallest_usd, staged

ACCOUNT = "0x" + "ab" * 20
BOUNDS = Rollout(shadow_hours=10.0, minimum_hours=5.0, least_fills=20)


def shown(began: str = "20260901-000000", **changes: Any) -> Shown:
    values = {
        "session": f"{began}-undertow",
        "began": began,
        "stage": "shadow",
        "maker": "undertow",
        "hours": 6.0,
        "fills": 15,
        "predicted_fills": 20.0,
        "realised_fills": 15,
        "predicted_bps": 1.0,
        "realised_bps": 0.5,
        "edge_fills": 15,
    }
    return Shown(**(values | changes))


def failing(*record: Shown, stage: str = "minimum") -> list[str]:
    return [check.name for check in missing(record, stage, BOUNDS)]  # type: ignore[arg-type]


def test_nothing_is_asked_of_shadow_and_everything_of_the_others() -> None:
    assert checks([], "shadow", BOUNDS) == []
    assert len(failing()) == len(failing(stage="full")) == 5


def test_enough_of_everything() -> None:
    assert failing(shown(), shown("20260902-000000")) == []
    assert failing(shown(), shown("20260902-000000"), stage="full") != []
    done = [shown(stage="minimum", began=f"2026090{k}-000000") for k in (1, 2)]
    assert failing(*done, stage="full") == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"hours": 2.0}, "hours in shadow"),
        ({"fills": 3}, "fills in shadow"),
        ({"realised_fills": 60}, "realised over predicted fills"),
        ({"realised_fills": 3}, "realised over predicted fills"),
        ({"realised_bps": -2.5}, "edge of fills"),
        ({"realised_bps": float("nan")}, "edge of fills"),
    ],
)
def test_each_check_is_asked(changes: dict[str, Any], name: str) -> None:
    record = [shown(**changes), shown("20260902-000000", **changes)]
    assert failing(*record) == [name]


def test_a_bad_end_begins_the_count_anew() -> None:
    bad = shown("20260903-000000", faults=("kill switch: loss",))
    before = [shown(), shown("20260902-000000")]
    assert "last session in shadow" in failing(*before, bad)
    assert failing(*before, bad, shown("20260904-000000")) == ["hours in shadow", "fills in shadow"]
    good = [shown("20260904-000000"), shown("20260905-000000")]
    assert failing(*before, bad, *good) == []


def test_the_record_on_disk(tmp_path: Path) -> None:
    add(tmp_path, "mainnet", "", "dex:BTC", shown())
    add(tmp_path, "mainnet", ACCOUNT, "dex:BTC", shown("20260902-000000", stage="minimum"))
    add(tmp_path, "testnet", ACCOUNT, "dex:BTC", shown("20260903-000000"))
    found = read(tmp_path, "mainnet", ACCOUNT.upper().replace("0X", "0x"), "dex:BTC")
    assert [(one.stage, one.began[:8]) for one in found] == [("shadow", "20260901"), ("minimum", "20260902")]
    path = rollout.path_of(tmp_path, "mainnet", ACCOUNT, "dex:BTC")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("[{]")
    with pytest.raises(ValueError, match=r"is no record of a rollout.*move it away"):
        read(tmp_path, "mainnet", ACCOUNT, "dex:BTC")


def test_full_on_mainnet_needs_the_record(tmp_path: Path) -> None:
    def spec(**changes: Any) -> RunSpec:
        values = {"network": "mainnet", "coins": ("BTC",), "account": ACCOUNT, "live": True, "stage": "full"}
        return RunSpec(**(values | {"folder": tmp_path} | changes))

    config = Config(rollout=BOUNDS)
    with pytest.raises(CannotRun, match="--stage full on mainnet comes after minimum; still missing: BTC"):
        stage_allowed(spec(), config)
    said = stage_allowed(spec(skip_stages=True), config)
    assert len(said) == 5
    assert said[0].startswith("BTC: hours in minimum: 0.0, needs 5")
    assert stage_allowed(spec(network="testnet"), config) == ()
    assert stage_allowed(spec(orders="paper", stage="shadow"), config) == ()
    for k in (1, 2):
        add(tmp_path, "mainnet", ACCOUNT, "BTC", shown(f"2026090{k}-000000", stage="minimum"))
    assert stage_allowed(spec(), config) == ()


def test_minimum_is_one_level_of_the_smallest_order() -> None:
    cheap, dear = hyperliquid_perp("HYPE", 2), hyperliquid_perp("BTC", 5)
    instruments, mids = {"HYPE": cheap, "BTC": dear}, {"HYPE": 29.0, "BTC": 200_000.0}
    config = Config(
        risk=Risk(lot_usd=500.0, q_max_lots=12.0), ladder=Ladder(levels=6), avellaneda=Avellaneda(levels=4)
    )
    small = staged(config, "minimum", instruments, mids)
    assert small.risk.lot_usd == pytest.approx(12.0 + 2.0)  # ten dollars with slack, and a step of BTC
    assert (small.risk.q_max_lots, small.ladder.levels, small.avellaneda.levels) == (3.0, 1, 1)
    assert staged(config, "full", instruments, mids) is config
    tiny = staged(Config(risk=Risk(lot_usd=11.0, q_max_lots=1.0)), "minimum", instruments, mids)
    assert (tiny.risk.lot_usd, tiny.risk.q_max_lots) == (11.0, 1.0)
    for coin in instruments:
        worth = small.risk.lot_usd
        steps = int(worth / mids[coin] / instruments[coin].size_step)
        assert steps * instruments[coin].size_step * mids[coin] >= 10.0
        assert smallest_usd(instruments[coin], mids[coin]) <= worth
