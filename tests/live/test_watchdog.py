"""The watchdog with real processes: whoever is killed, no order of the session is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exchange.serve import Threaded, served
from tests.live.parent import SESSION

from undertow.exchange.spec import LocalSpec, MarketSpec
from undertow.trading.orders.cloid import name_of
from undertow.venue.signing import address_of

KEY = "0x" + "5" * 64


@pytest.fixture(scope="module")
def exchange() -> Iterator[Threaded]:
    spec = LocalSpec((MarketSpec("hl-btc", "BTC"),), port=0, funds={address_of(KEY): 50_000.0})
    with served(spec) as one:
        yield one


def open_sessions(exchange: Threaded) -> list[int]:
    """Session numbers of the open orders."""

    def look() -> list[int]:
        account = exchange.local.exchange.account(address_of(KEY))
        names = [name_of(order.cloid) for order in (account.live if account else {}).values()]
        return sorted(name.session for name in names if name is not None)

    return exchange.call(look)


def cancel_rest(exchange: Threaded) -> None:
    def sweep() -> None:
        state = exchange.local.exchange.state
        account = exchange.local.exchange.account(address_of(KEY))
        for order in list(account.live.values()) if account else []:
            state.take_off(order, "canceled")

    exchange.call(sweep)


def wait_for(exchange: Threaded, sessions: list[int], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while open_sessions(exchange) != sessions and time.monotonic() < until:
        time.sleep(0.05)
    assert open_sessions(exchange) == sessions


def gone(pid: int, seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("how", ["kill", "hang", "farewell"])
def test_no_order_is_left(how: str, exchange: Threaded, tmp_path: Path) -> None:
    log = tmp_path / "watchdog.log"
    command = [sys.executable, "-m", "tests.live.parent", exchange.url, KEY, str(log), how]
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        word, dog = parent.stdout.readline().split()
        assert word == "quoting"
        ours, later = [SESSION] * 4, [SESSION + 1] * 4
        wait_for(exchange, ours + later)
        if how == "farewell":
            parent.stdin.write("\n")
            parent.stdin.flush()
            assert parent.wait(20) == 0
            assert gone(int(dog))
            assert open_sessions(exchange) == ours + later
            cancel_rest(exchange)
            return
        if how == "kill":
            parent.send_signal(signal.SIGKILL)
        wait_for(exchange, later)  # the later session's are let alone
        parent.kill()
    assert gone(int(dog))
    text = log.read_text()
    assert "orders of ours were open; cancels sent" in text
    assert "no order of ours is left; 4 were cancelled" in text
    assert KEY[2:] not in text
    assert log.stat().st_mode & 0o777 == 0o600
    cancel_rest(exchange)
