"""A builder dex's coin follows the main dex's, which leads it by what the generator says."""

from __future__ import annotations

import msgspec
import numpy as np

from undertow.exchange.local import LocalSpec, MarketSpec, build

START_NS = 1_700_000_000_000_000_000


def test_the_reference_is_a_coin_of_its_own_and_leads() -> None:
    market = msgspec.structs.replace(MarketSpec.preset("hip3-hype"), reference="HYPE")
    exchange = build(LocalSpec((market,), seed=3), START_NS)
    names = [coin.name for coin in exchange.state.coins]
    assert names == ["hyna:HYPE", "HYPE"]
    own, lead = exchange.state.by_name["hyna:HYPE"], exchange.state.by_name["HYPE"]
    assert lead.asset == 0  # the main dex's first
    moves = []
    for _ in range(1_500):
        exchange.advance(exchange.next_block_ns)
        both = [
            0.5 * (coin.best(1) + coin.best(-1)) for coin in (own, lead) if coin.best(1) and coin.best(-1)
        ]
        if len(both) == 2:
            moves.append(np.log(both))
        exchange.drain()
    log = np.array(moves)
    assert 0.5 * np.abs(np.exp(log[-1, 0] - log[-1, 1]) - 1.0) < 2e-3  # the same asset
    back = 15  # blocks, about a second
    ahead = log[:-back, 1] - log[:-back, 0]
    ahead -= ahead.mean()
    follows = log[back:, 0] - log[:-back, 0]
    assert np.corrcoef(ahead, follows)[0, 1] > 0.2
