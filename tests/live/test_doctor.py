"""What the doctor says of a healthy patient and of each ailment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.live.venues import COIN, KEY, MASTER, MASTER_KEY, STRANGER, exchange, pump

from undertow.clock import WallClock
from undertow.config import Alerts, Config, Live, Risk
from undertow.exchange.core import Exchange
from undertow.exchange.faults import Fate, Faults
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess
from undertow.live.doctor import Finding, Patient, examine
from undertow.live.doctor.machine import modes
from undertow.live.doctor.venue import clock, rules_of
from undertow.live.joining import Net
from undertow.live.keys import VARIABLE
from undertow.venue.universe import Coin

BTC = Coin("BTC", "", 0, 5, 40, ((0.0, 40), (1e6, 20)), False, None, False, False, 0)


def examined(
    tmp_path: Path, *, key: str = KEY, faults: Faults | None = None, url: str = "x", **changes: Any
) -> Mapping[str, Finding]:
    """The findings by name of a patient on the local exchange."""

    async def main() -> dict[str, Finding]:
        here = WallClock()
        made: Exchange = exchange(start_ns=here.now_ns())
        gateway = Gateway(made, here)
        net = InProcess(gateway, faults=faults, timeout_s=0.1)
        pumping = asyncio.create_task(pump(gateway))
        live = Live(**({"account": MASTER, "coins": (COIN,), "folder": str(tmp_path / "s")} | changes))
        patient = Patient("local", Config(live=live), url=url, environ={VARIABLE: key} if key else {})
        found = {finding.name: finding async for finding in examine(patient, Net(net, net))}
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
        return found

    return asyncio.run(main())


def test_a_healthy_patient(tmp_path: Path) -> None:
    found = examined(tmp_path)
    states = {name: finding.state for name, finding in found.items() if finding.state != "ok"}
    assert states.pop("alerts") == "warn"
    assert {k: v for k, v in states.items() if not k.startswith("disk")} == {}
    for name in ("versions", "key", "HTTP", "clock", "websocket", COIN, f"{COIN} leverage", "permission"):
        assert found[name].state == "ok", name
    assert "agent of" in found["permission"].text
    assert found["money on the main dex"].text.startswith("5,000.00 USD, 5,000.00 free")
    assert "left of 10,000" in found["requests"].text
    assert KEY not in msgspec.json.encode(found).decode()


def test_ailments(tmp_path: Path) -> None:
    assert examined(tmp_path, key=MASTER_KEY, account=STRANGER)["permission"].state == "fail"
    stranger = examined(tmp_path, account=STRANGER)
    assert stranger["permission"].state == "fail"
    assert "neither it" in stranger["permission"].text
    without = examined(tmp_path, key="", account="", coins=("NOPE", COIN), leverage=50)
    assert without["key"].state == "warn"
    assert without["NOPE"].state == "fail"
    assert without[f"{COIN} leverage"].state == "warn"
    assert "money on the main dex" not in without
    assert examined(tmp_path, key="", account="0x" + "77" * 20)["money on the main dex"].state == "fail"
    assert examined(tmp_path, key=f"mainnet:{KEY}")["key"].state == "fail"


class Down(Faults):
    """Nothing is answered."""

    def request(self, path: str, body: bytes) -> Fate:
        return Fate.REQUEST_LOST

    def connecting(self) -> str | None:
        return "no route"


def test_a_venue_that_does_not_answer(tmp_path: Path) -> None:
    found = examined(tmp_path, faults=Down())
    assert found["HTTP"].state == "fail"
    assert found["HTTP"].fix
    assert "websocket" not in found


@pytest.mark.parametrize(
    ("ahead", "uncertain", "state"),
    [(3.0, 40.0, "ok"), (-400.0, 200.0, "ok"), (400.0, 20.0, "warn"), (-9_000.0, 50.0, "fail")],
)
def test_the_clock(ahead: float, uncertain: float, state: str) -> None:
    assert clock(ahead, uncertain).state == state


@pytest.mark.parametrize(
    ("lot_usd", "mid", "leverage", "states"),
    [
        (100.0, 100_000.0, 20, ["ok", "ok"]),
        (11.0, 100_000.0, 20, ["fail", "ok"]),
        (14.0, 200_000.0, 20, ["warn", "ok"]),
        (200_000.0, 100_000.0, 25, ["ok", "warn"]),  # 2.4 M USD stands in the tier of 20x
        (100.0, 0.0, 5, ["fail"]),
    ],
)
def test_the_rules_of_a_coin(lot_usd: float, mid: float, leverage: int, states: list[str]) -> None:
    config = Config(risk=Risk(lot_usd=lot_usd), live=Live(leverage=leverage))
    assert [finding.state for finding in rules_of(BTC, mid, config)] == states


def test_file_modes(tmp_path: Path) -> None:
    path, folder = tmp_path / "u.toml", tmp_path / "sessions"
    path.write_text("")
    folder.mkdir()
    path.chmod(0o644)
    folder.chmod(0o755)
    lax = list(modes(Config(), path, folder))
    assert [(f.state, f.fix) for f in lax] == [("warn", f"chmod 600 {path}"), ("warn", f"chmod 700 {folder}")]
    (secret, _) = modes(Config(alerts=Alerts(url="https://x/y")), path, folder)
    assert secret.state == "fail"
    path.chmod(0o600)
    folder.chmod(0o700)
    assert [f.state for f in modes(Config(), path, folder)] == ["ok", "ok"]
