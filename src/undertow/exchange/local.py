"""A whole local exchange from a description: markets, money, time, server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from undertow.clock import LoopClock, WallClock
from undertow.data.store import open_recording
from undertow.exchange.core import Exchange
from undertow.exchange.gateway import Gateway
from undertow.exchange.listing import Dex, Listing, Rules, following_reference, generated_listing
from undertow.exchange.market import Market
from undertow.exchange.market_recorded import RecordedBackground
from undertow.exchange.numbers import divide_up, plain
from undertow.exchange.server import DEFAULT_PORT, Server
from undertow.synthetic.presets import load_preset

_START_NS = 1_700_000_000_000_000_000


class MarketSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A market to list as `coin`: a preset of the generator, or a recording of a store.

    A recording is `source` in the store at `store`: ``VENUE/COIN``. ``growth_mode``: fees of a tenth.
    ``reference``: also list the asset that a generated market follows, under this name.
    """

    source: str
    coin: str
    store: str = ""
    max_leverage: int = 40
    growth_mode: bool = False
    reference: str = ""

    @classmethod
    def preset(cls, text: str) -> MarketSpec:
        """``PRESET`` or ``PRESET=COIN`` (``hl-btc=ETH``). Raises `ValueError` with the names there are."""
        preset, _, coin = text.partition("=")
        return cls(preset, coin or load_preset(preset).market.instrument.name)

    @classmethod
    def recording(cls, store: Path | str, text: str) -> MarketSpec:
        """``VENUE/COIN`` or ``VENUE/COIN=NAME`` of a store. Raises `ValueError` with what it holds."""
        source, _, coin = text.partition("=")
        venue, slash, stored = source.partition("/")
        if not slash:
            raise ValueError(f"recording {text!r} must be VENUE/COIN or VENUE/COIN=NAME")
        found = open_recording(store, venue, stored)
        return cls(source, coin or found.instrument.name, str(store))

    def listing(self, seed: int) -> Listing:
        """The listing; a generated market is drawn from `seed`."""
        terms = {"max_leverage": self.max_leverage, "growth_mode": self.growth_mode}
        if not self.store:
            return generated_listing(self.coin, self.source, seed, **terms)
        venue, _, stored = self.source.partition("/")
        recording = open_recording(self.store, venue, stored)

        def open_market(start_ns: int) -> Market:
            return RecordedBackground(recording, start_ns)

        return Listing(self.coin, open_market, **terms)

    def listings(self, seed: int) -> tuple[Listing, ...]:
        """The listing, and that of its reference where it is to be listed."""
        listing = self.listing(seed)
        return following_reference(listing, self.reference) if self.reference else (listing,)


class LocalSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a local exchange is made of.

    ``speed``: seconds of its time per second; ``funds``: USD per address (lower case), on every dex
    listed; ``limits``: whether IP limits hold; ``start_ns`` None: now.
    """

    markets: tuple[MarketSpec, ...]
    seed: int = 1
    speed: float = 1.0
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    funds: dict[str, float] = {}
    limits: bool = True
    start_ns: int | None = None

    def __post_init__(self) -> None:
        if not self.markets:
            raise ValueError("markets must name one market at least")
        names = [market.coin for market in self.markets]
        names += [market.reference for market in self.markets if market.reference]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"coin {twice[0]} is listed twice: name the second one PRESET=COIN")
        if not self.speed > 0.0:
            raise ValueError(f"speed = {self.speed} must be positive")
        if not 0 <= self.port < 65_536:
            raise ValueError(f"port = {self.port} must lie in 0..65535")
        for address, usd in self.funds.items():
            if not usd > 0.0:
                raise ValueError(f"funds of {address} = {usd} must be positive")


def build(spec: LocalSpec, start_ns: int) -> Exchange:
    """The exchange that `spec` describes, its accounts funded on every dex."""
    listings = [one for i, market in enumerate(spec.markets) for one in market.listings(spec.seed + i)]
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
        exchange = build(self.spec, start_ns)
        clock = LoopClock(start_ns, self.spec.speed)
        gateway = Gateway(exchange, clock, limits=self.spec.limits)
        server = Server(gateway, host=self.spec.host, port=self.spec.port, speed=self.spec.speed)
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
