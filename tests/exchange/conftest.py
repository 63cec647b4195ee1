"""A served exchange shared by the tests that talk to it over the network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.exchange.drive import OTHER, USER
from tests.exchange.serve import Threaded, served

from undertow.exchange.local import LocalSpec, MarketSpec


@pytest.fixture(scope="session")
def served_exchange() -> Iterator[Threaded]:
    """BTC and ETH on the main dex, HYPE on a builder dex; two accounts with money; no IP limits."""
    markets = (MarketSpec("hl-btc", "BTC"), MarketSpec("hl-btc", "ETH"), MarketSpec("hip3-hype", "hyna:HYPE"))
    funds = {USER: 100_000.0, OTHER: 100_000.0}
    with served(LocalSpec(markets, port=0, funds=funds, limits=False)) as running:
        yield running
