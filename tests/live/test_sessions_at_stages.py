"""Short sessions on the local exchange: whose account trades, and how much at which stage."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.live.venues import AGENT, COIN, MASTER, START_NS, SUB, exchange, pump

from undertow.clock import LoopClock, WallClock, run_virtually
from undertow.config import Config, Risk, Symmetric
from undertow.exchange.core import Exchange
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess
from undertow.live import rollout, running
from undertow.live.deadman import _watched
from undertow.live.handle import Handle
from undertow.live.joining import Net
from undertow.live.preparing import as_it_is, prepare
from undertow.live.running import Ended, run_session
from undertow.live.spec import RunSpec
from undertow.venue.client import VenueClient

CONFIG = Config(
    risk=Risk(lot_usd=200.0), symmetric=Symmetric(half_spread_bps=1.0, spacing_bps=0.5, requote_bps=0.5)
)


def lived(folder: Path, **changes: Any) -> tuple[Ended, Exchange, list[float]]:
    """A session of two seconds; also how many orders rested, look by look where any did."""
    seen: list[float] = []

    async def main() -> tuple[Ended, Exchange]:
        clock = WallClock()
        made = exchange(start_ns=clock.now_ns())
        gateway = Gateway(made, clock)
        net = InProcess(gateway)
        tasks = [asyncio.create_task(pump(gateway)), asyncio.create_task(look(made))]
        values = {"url": "x", "coins": (COIN,), "maker": "symmetric", "duration_s": 2.0, "account": MASTER}
        spec = RunSpec(**(values | {"folder": folder} | changes))
        handle = Handle()
        try:
            ended = await run_session(
                spec,
                CONFIG,
                signer=AGENT,
                say=lambda line: None,
                show=lambda view: None,
                handle=handle,
                net=Net(net, net),
            )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return ended, made

    async def look(made: Exchange) -> None:
        while True:
            await asyncio.sleep(0.05)
            for address in (MASTER, SUB):
                account = made.account(address)
                live = [] if account is None else list(account.live.values())
                if live:
                    seen.append(float(len(live)))

    ended, made = asyncio.run(main())
    return ended, made, seen


def requests(made: Exchange, address: str) -> int:
    account = made.account(address)
    return 0 if account is None else account.requests.used


def test_a_sub_account_trades_with_its_masters_agent(tmp_path: Path) -> None:
    ended, made, seen = lived(tmp_path, account=SUB)
    assert seen
    assert requests(made, SUB) > 3
    assert requests(made, MASTER) == 0
    assert ended.start_equity_usd == pytest.approx(700.0, abs=1.0)
    assert ended.orders_left == 0
    (line,) = rollout.read(tmp_path, "local", SUB, COIN)
    assert (line.stage, line.faults) == ("full", ())


def test_the_watchdog_cancels_for_the_sub_account_too(tmp_path: Path) -> None:
    async def main() -> str | None:
        clock = LoopClock(START_NS)
        gateway = Gateway(exchange(), clock)
        net, pumping = InProcess(gateway), asyncio.create_task(pump(gateway))
        client = VenueClient(net, net, clock, network="local", signer=AGENT, account=SUB, vault=SUB)
        spec = RunSpec(url="x", coins=(COIN,), maker="symmetric", account=SUB, folder=tmp_path)
        parts = await prepare(spec, as_it_is(CONFIG), client, clock, say=lambda line: None)
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
        return _watched(parts, "x").vault

    assert run_virtually(main()) == SUB


def test_shadow_sends_nothing(tmp_path: Path) -> None:
    ended, made, seen = lived(tmp_path, orders="paper", stage="shadow", account="")
    assert seen == []
    assert requests(made, MASTER) == 0
    assert ended.requests > 0
    (line,) = rollout.read(tmp_path, "local", MASTER, COIN)
    assert line.stage == "shadow"


def test_minimum_is_one_order_a_side(tmp_path: Path) -> None:
    _, made, seen = lived(tmp_path, stage="minimum")
    assert max(seen) <= 2.0
    assert requests(made, MASTER) > 1
    _, _, full = lived(tmp_path, stage="full")
    assert max(full) > 2.0


def test_an_account_that_ends_with_its_exchange_is_not_rolled_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> Ended:
        clock = WallClock()
        made = exchange(start_ns=clock.now_ns())
        gateway = Gateway(made, clock)
        net, pumping = InProcess(gateway), asyncio.create_task(pump(gateway))

        async def started(spec: RunSpec, markets: Any, address: str) -> Any:
            made.deposit(address, 5_000.0)
            return SimpleNamespace(url="x", start_ns=clock.now_ns(), stop=net.close)

        monkeypatch.setattr(running, "start_exchange", started)
        monkeypatch.setattr(running, "net_of", lambda spec, clock: Net(net, net))
        monkeypatch.setattr(running, "histories", lambda *_: {})
        spec = RunSpec(markets=("hl-btc",), maker="symmetric", duration_s=1.0, folder=tmp_path)
        try:
            return await run_session(
                spec, CONFIG, signer=None, say=lambda line: None, show=lambda view: None, handle=Handle()
            )
        finally:
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)

    ended = asyncio.run(main())
    assert ended.broke is None
    assert [end.coin for end in ended.coins] == [COIN]
    assert not (tmp_path / rollout.FOLDER).exists()
