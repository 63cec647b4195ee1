"""Makers on the local exchange, by its wire, in one process: what was captured reruns to the same bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tests.trading.driving import config, maker_of

from undertow import makers
from undertow.account.build import account_of
from undertow.clock import LoopClock, run_virtually
from undertow.exchange.core import Exchange
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess, Latency
from undertow.exchange.listing import Rules, generated_listing
from undertow.exchange.pump import pumping
from undertow.instrument import hyperliquid_perp
from undertow.live.links import Links
from undertow.monitor.facts import Connection as LinkFacts
from undertow.trading.capture import SessionRecorder
from undertow.trading.folder import is_market, legs_of
from undertow.trading.orders.coins import Coin, Coins
from undertow.trading.orders.limits import Limits
from undertow.trading.orders.manager import VenueExecution
from undertow.trading.orders.venue_port import AccountReports, ClientPort
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.rerun import rerun
from undertow.trading.results import result_of
from undertow.trading.runner import CoinRunner
from undertow.trading.seams import Execution
from undertow.trading.session import LiveSession
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient
from undertow.venue.feed import MarketFeed
from undertow.venue.signing import Signer

SIGNER = Signer("0x" + "22" * 32, mainnet=False)
START_NS = 1_767_225_600_000_000_000


async def live(
    folder: Path, names: dict[str, str], orders: str, seconds: float
) -> tuple[LiveSession, Exchange]:
    """A session of makers (by coin) on an exchange with generated markets."""
    clock = LoopClock(START_NS)
    listings = [generated_listing(coin, "hl-btc", seed=5 + k) for k, coin in enumerate(names)]
    exchange = Exchange(listings, Rules(), start_ns=START_NS, seed=1)
    exchange.deposit(SIGNER.address, 100_000.0, "")
    gateway = Gateway(exchange, clock, limits=False)
    net = InProcess(gateway, latency=Latency(0.05, 0.05, 0.05), seed=2, timeout_s=3.0)
    assets = {coin.name: coin.asset for coin in exchange.state.coins}
    instruments = {coin: hyperliquid_perp(coin, 5) for coin in names}
    async with pumping(gateway):
        client = VenueClient(net, net, clock, network="testnet", signer=SIGNER, seed=3)
        runners = [
            CoinRunner(c, instruments[c], makers.make(n, config(), instruments[c])) for c, n in names.items()
        ]
        execution: Execution
        account = None
        if orders == "venue":
            coins = Coins([Coin(name, assets[name], instruments[name]) for name in names])
            limits = dict.fromkeys(names, Limits(max_position_qty=10.0, max_order_usd=10_000.0, band=0.05))
            execution = VenueExecution(ClientPort(client, coins), coins, limits, clock, session=7)
            account = AccountFeed(client, AccountReports(execution), since_ms=START_NS // 1_000_000)
        else:
            execution = PaperExecution([PaperMarket(c, i) for c, i in instruments.items()])
        feed = MarketFeed(list(names))
        session = LiveSession(
            runners, execution, clock, recorder=SessionRecorder(folder, execution=orders), stale=feed.stale
        )
        links = Links(client, feed, session, account, LinkFacts())
        await session.start()
        links.start()
        await asyncio.sleep(seconds)
        await session.stop()
        await links.close()
        await client.close()
    return session, exchange


@pytest.mark.parametrize("orders", ["venue", "paper"])
def test_a_session_on_the_exchange_reruns_the_same(orders: str, tmp_path: Path) -> None:
    names = {"BTC": "symmetric", "ETH": "undertow"}
    session, exchange = run_virtually(live(tmp_path / "s", names, orders, 90.0))
    verdict = rerun(tmp_path / "s", maker_of)
    assert verdict.differences == []
    assert (verdict.legs, verdict.states, verdict.ended) == (2, 2, 2)
    assert verdict.requests > 100
    assert session.failure is None
    account = exchange.account(SIGNER.address)
    assert [order for order in account.live.values() if order.live] == []
    if orders == "venue":
        for coin in exchange.state.coins:
            desk = session.lanes[coin.name].runner.states["desk"][0]
            assert float(desk["position"]) == pytest.approx(account.steps(coin) * 1e-5, abs=1e-9)


def test_the_account_of_a_venue_session_is_the_exchanges(tmp_path: Path) -> None:
    """Cash, fees, fills and position by the rows are those the exchange booked."""
    session, exchange = run_virtually(live(tmp_path / "s", {"BTC": "symmetric"}, "venue", 120.0))
    one = session.lanes["BTC"].runner
    result = result_of(tmp_path / "s", "BTC", one.maker)
    booked = exchange.account(SIGNER.address).fills
    assert len(result.fills) == len(booked) > 5
    assert result.ledger["fees"] == pytest.approx(sum(f.fee_micro for f in booked) * 1e-6, abs=1e-6)
    assert result.ledger["position"] == pytest.approx(
        sum(f.side * f.steps for f in booked) * one.instrument.size_step, abs=1e-9
    )
    made = account_of(result.fills, result.observations, result.ledger, one.instrument)
    assert np.isfinite(made.pnl_usd)
    (leg,) = legs_of(tmp_path / "s", "BTC")
    rows = np.concatenate([rows for rows, _ in leg.chunks()])
    feed = rows[is_market(rows)]
    assert np.all(np.diff(feed["exch_ns"]) >= 0)  # what the store's order for two clocks relies on
