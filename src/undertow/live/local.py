"""The exchange of a session that needs no network: a local one in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from undertow.exchange.child import Spawned, spawn
from undertow.exchange.spec import LocalSpec, MarketSpec
from undertow.live.spec import RunSpec
from undertow.synthetic.generate import GeneratedMarket, generate
from undertow.units import s_to_ns
from undertow.venue.signing import Signer


def throwaway_signer() -> Signer:
    """A key nobody else knows, for an exchange that ends with the session."""
    return Signer(os.urandom(32), mainnet=False)


def local_markets(spec: RunSpec) -> tuple[MarketSpec, ...]:
    """What the local exchange lists. A builder dex's coin is in growth mode and comes with the main dex's
    coin of its name, which leads it. Raises ValueError for a preset there is not."""
    markets = []
    for text in spec.markets:
        market = MarketSpec.preset(text)
        dex, _, name = market.coin.rpartition(":")
        if dex:
            market = msgspec.structs.replace(market, growth_mode=True, reference=name)
        markets.append(msgspec.structs.replace(market, history_s=spec.history_s))
    return tuple(markets)


def local_references(markets: tuple[MarketSpec, ...]) -> Mapping[str, tuple[str, ...]]:
    """The coin that leads each coin, where one does."""
    return {market.coin: (market.reference,) for market in markets if market.reference}


async def start_exchange(spec: RunSpec, markets: tuple[MarketSpec, ...], address: str) -> Spawned:
    """Start it, `address` funded. Raises `OSError` where it does not start."""
    funds = {address.lower(): spec.account_usd}
    one_way_s = spec.latency_ms * 1e-3
    return await spawn(
        LocalSpec(markets, seed=spec.seed, port=0, funds=funds, latency_s=one_way_s, jitter_s=0.5 * one_way_s)
    )


def histories(markets: tuple[MarketSpec, ...], seed: int, start_ns: int) -> dict[str, GeneratedMarket]:
    """What each market did before the exchange opened at `start_ns`, by coin."""
    return {
        market.coin: generate(
            market.source,
            seed + i,
            market.history_s,
            feed="snapshots",
            start_ns=start_ns - s_to_ns(market.history_s),
        )
        for i, market in enumerate(markets)
        if market.history_s > 0.0
    }
