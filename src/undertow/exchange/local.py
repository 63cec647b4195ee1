"""A whole local exchange from a description: markets, money, time, server."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from undertow.clock import LoopClock, WallClock
from undertow.data.store import open_recording
from undertow.exchange.core import Exchange
from undertow.exchange.gateway import Gateway
from undertow.exchange.listing import Dex, Listing, Rules, following_reference, generated_listing
from undertow.exchange.market import Market
from undertow.exchange.market_recorded import RecordedBackground
from undertow.exchange.numbers import divide_up, plain
from undertow.exchange.server import Server
from undertow.exchange.spec import LocalSpec, MarketSpec
from undertow.exchange.way import Latency

__all__ = ["LocalExchange", "LocalSpec", "MarketSpec", "build", "warm_up"]

_START_NS = 1_700_000_000_000_000_000


def listing_of(market: MarketSpec, seed: int) -> Listing:
    """The listing of a market; a generated one is drawn from `seed`."""
    terms: dict[str, Any] = {"max_leverage": market.max_leverage, "growth_mode": market.growth_mode}
    if not market.store:
        return generated_listing(market.coin, market.source, seed, history_s=market.history_s, **terms)
    venue, _, stored = market.source.partition("/")
    recording = open_recording(market.store, venue, stored)

    def open_market(start_ns: int) -> Market:
        return RecordedBackground(recording, start_ns)

    return Listing(market.coin, open_market, **terms)


def listings_of(market: MarketSpec, seed: int) -> tuple[Listing, ...]:
    """The listing, and that of its reference where it is to be listed."""
    listing = listing_of(market, seed)
    return following_reference(listing, market.reference) if market.reference else (listing,)


def build(spec: LocalSpec, start_ns: int) -> Exchange:
    """The exchange that `spec` describes, its accounts funded on every dex."""
    listings = [one for i, market in enumerate(spec.markets) for one in listings_of(market, spec.seed + i)]
    names = sorted({listing.dex for listing in listings} - {""})
    rules = Rules(dexes=tuple(Dex(name) for name in names))
    exchange = Exchange(listings, rules, start_ns=start_ns, seed=spec.seed)
    for address, usd in spec.funds.items():
        for dex in exchange.dexes:
            exchange.deposit(address, usd, dex.name)
    return exchange


def warm_up(spec: LocalSpec) -> None:
    """Have everything compiled that the exchange runs, by trading on a copy of it for a moment.

    Seconds where the compiled code is cached, a minute where it is not.
    """
    user = "0x" + "1" * 40
    exchange = build(msgspec.structs.replace(spec, funds={user: 1e6}), _START_NS)
    exchange.advance(_START_NS + 10 * exchange.rules.block_ns)
    for coin in exchange.state.coins:
        for side, tif in ((1, "Alo"), (-1, "Alo"), (1, "Ioc"), (-1, "Ioc")):
            tick = coin.best(side if tif == "Alo" else -side)
            if tick is None:
                continue
            steps = divide_up(20_000_000, tick)
            order = {
                "a": coin.asset,
                "b": side > 0,
                "p": plain(tick, coin.px_decimals),
                "s": plain(steps, coin.sz_decimals),
                "r": False,
                "t": {"limit": {"tif": tif}},
            }
            nonce = exchange.state.now_ms + len(exchange.state.events)
            exchange.submit(user, {"type": "order", "orders": [order], "grouping": "na"}, nonce)
            exchange.advance(exchange.next_block_ns)
    exchange.advance(exchange.now_ns + 6_000_000_000)


class LocalExchange:
    """An exchange on a port of this machine: ``start()``, ``url``, ``stop()``."""

    def __init__(self, spec: LocalSpec) -> None:
        self.spec = spec
        self.start_ns = 0
        """When it opened, known once started."""
        self._server: Server | None = None

    @property
    def exchange(self) -> Exchange:
        """The exchange itself, for deposits and for looking at. Only once started."""
        return self._running.gateway.exchange

    @property
    def gateway(self) -> Gateway:
        """Its face: sockets, limits, `shut` and `reopen`. Only once started."""
        return self._running.gateway

    @property
    def url(self) -> str:
        """Base URL: what the official SDK calls ``base_url``. Only once started."""
        return self._running.url

    def status(self) -> str:
        """One line: sockets, orders, and the touch of every coin."""
        state, gateway = self.exchange.state, self._running.gateway
        orders = sum(len(account.live) for account in state.accounts.values())
        touches = []
        for coin in state.coins:
            best = ["-" if t is None else plain(t, coin.px_decimals) for t in (coin.best(1), coin.best(-1))]
            touches.append(f"{coin.name} {best[0]} / {best[1]}")
        return f"{gateway.n_sockets} sockets, {orders} open orders; {', '.join(touches)}"

    @property
    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the local exchange is not running: start() it first")
        return self._server

    async def start(self) -> None:
        """Compile, build and listen. Raises `OSError` where the port is taken."""
        await asyncio.to_thread(warm_up, self.spec)
        start_ns = WallClock().now_ns() if self.spec.start_ns is None else self.spec.start_ns
        clock = LoopClock(start_ns, self.spec.speed)
        exchange = build(self.spec, start_ns)
        self.start_ns = start_ns
        gateway = Gateway(exchange, clock, limits=self.spec.limits)
        spec = self.spec
        latency = Latency(spec.latency_s, spec.latency_s, spec.jitter_s)
        server = Server(gateway, host=spec.host, port=spec.port, speed=spec.speed, latency=latency)
        await server.start()
        self._server = server

    async def run(self) -> None:
        """Wait until cancelled, or until the exchange fails."""
        await self._running.run()

    async def stop(self) -> None:
        """Close every socket and stop listening. Does nothing where it is not running."""
        if self._server is not None:
            await self._server.stop()
            self._server = None
