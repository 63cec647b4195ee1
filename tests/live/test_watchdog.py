"""The watchdog with real processes: whoever is killed, no order of the session is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exchange.serve import Threaded, served
from tests.live.parent import LATER

from undertow.clock import LoopClock, run_virtually
from undertow.exchange.spec import LocalSpec, MarketSpec
from undertow.live.watchdog import Canceler, Log, Watchdog, WatchSpec, watch
from undertow.trading.orders.cloid import name_of
from undertow.venue.client import VenueClient
from undertow.venue.signing import Signer, address_of

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


def begin(exchange: Threaded, log: Path, how: str, number: int) -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "tests.live.parent", exchange.url, KEY, str(log), how, str(number)]
    env = os.environ | {"PYTHONPATH": path}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


def test_no_order_is_left(exchange: Threaded, tmp_path: Path) -> None:
    """Three at once: one is killed, one hangs, one ends in order. Later sessions' orders are let alone."""
    ways = {"kill": 1, "hang": 2, "farewell": 3}
    logs = {how: tmp_path / f"{how}.log" for how in ways}
    parents = {how: begin(exchange, logs[how], how, number) for how, number in ways.items()}
    try:
        dogs = {}
        for how, parent in parents.items():
            assert parent.stdout is not None
            word, dog = parent.stdout.readline().split()
            assert word == "quoting"
            dogs[how] = int(dog)
        parents["kill"].send_signal(signal.SIGKILL)
        farewell = parents["farewell"]
        assert farewell.stdin is not None
        farewell.stdin.write("\n")
        farewell.stdin.flush()
        assert farewell.wait(20) == 0
        wait_for(exchange, [3] * 4 + [number + LATER for number in (1, 2, 3) for _ in range(4)])
        parents["hang"].kill()
        assert all(gone(dog) for dog in dogs.values())
    finally:
        for parent in parents.values():
            parent.kill()
            parent.communicate()
    for how in ("kill", "hang"):
        text = logs[how].read_text()
        assert "orders of ours were open; cancels sent" in text
        assert "no order of ours is left; 4 were cancelled" in text
    assert "silent" in logs["hang"].read_text()
    assert "cancel" not in logs["farewell"].read_text()
    for log in logs.values():
        assert KEY[2:] not in log.read_text()
        assert log.stat().st_mode & 0o777 == 0o600


class Nowhere:
    """A venue that cannot be reached."""

    def __init__(self) -> None:
        self.asked = 0

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        self.asked += 1
        raise ConnectionRefusedError("nobody there")

    async def connect(self, listener: object) -> object:
        raise ConnectionRefusedError("nobody there")

    async def close(self) -> None:
        pass


async def _watched(log: Path) -> Watchdog:
    spec = WatchSpec(
        url="http://127.0.0.1:1", network="local", account="0x", assets={}, session=1, log=str(log)
    )
    return await watch(spec, Signer(KEY, mainnet=False))


def test_what_a_terminal_sends_to_all_never_reaches_it(tmp_path: Path) -> None:
    """Also not while it starts, when it has no session of its own yet."""

    async def main() -> tuple[int, set[signal.Signals]]:
        dog = await _watched(tmp_path / "log")
        status = Path(f"/proc/{dog.pid}/status").read_text()
        await dog.stop()
        return int(status.partition("SigBlk:")[2].split()[0], 16), signal.pthread_sigmask(
            signal.SIG_BLOCK, ()
        )

    blocked, ours = asyncio.run(main())
    for quiet in (signal.SIGINT, signal.SIGHUP):
        assert blocked & 1 << quiet - 1
        assert quiet not in ours


def test_one_that_dies_at_once_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OSError, match="watchdog process did not start"):
        asyncio.run(_watched(tmp_path / "log"))


def test_a_venue_that_never_answers_is_given_up(tmp_path: Path) -> None:
    venue = Nowhere()
    path = tmp_path / "watchdog.log"
    spec = WatchSpec(
        url="", network="local", account="0x", assets={"BTC": 0}, session=1, log=str(path), give_up_s=600.0
    )

    async def main() -> bool:
        clock = LoopClock(1_790_000_000_000_000_000)
        client = VenueClient(venue, venue, clock, network="local", signer=Signer(KEY, mainnet=False))
        return await Canceler(client, spec).until_none(Log(spec.log))

    assert run_virtually(main()) is False
    assert 60 <= venue.asked <= 70  # more and more seldom: every ten seconds in the end
    assert path.read_text().count("does not answer") == 1
