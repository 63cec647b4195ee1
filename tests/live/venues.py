"""Local exchanges for tests of going live: in this process, on virtual time or on a port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from undertow.clock import LoopClock, run_virtually
from undertow.exchange.core import Exchange
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess
from undertow.exchange.local import build
from undertow.exchange.spec import LocalSpec, MarketSpec
from undertow.venue.client import VenueClient
from undertow.venue.endpoints import Network
from undertow.venue.signing import Signer

T = TypeVar("T")
START_NS = 1_790_000_000_000_000_000
KEY = "b7" * 31 + "5c"
MASTER_KEY = "a3" * 31 + "1d"
AGENT = Signer(KEY, mainnet=False)
MASTER = Signer(MASTER_KEY, mainnet=False).address
SUB, VAULT, STRANGER = "0x" + "51" * 20, "0x" + "52" * 20, "0x" + "53" * 20
COIN = "BTC"


def exchange(seed: int = 1, start_ns: int = START_NS) -> Exchange:
    """An account with money whose agent has `KEY`, with a sub-account and a vault."""
    spec = LocalSpec((MarketSpec("hl-btc", COIN),), seed=seed, funds={MASTER: 5_000.0, STRANGER: 1.0})
    made = build(spec, start_ns)
    made.approve_agent(MASTER, AGENT.address, "maker")
    made.add_sub_account(MASTER, SUB)
    made.add_sub_account(MASTER, VAULT, vault=True)
    made.deposit(SUB, 700.0)
    return made


def asked(
    question: Callable[[VenueClient, Exchange], Awaitable[T]], *, network: Network = "testnet", seed: int = 1
) -> T:
    """The answer to a question put to a client of such an exchange, on virtual time."""

    async def main() -> T:
        made = exchange(seed)
        clock = LoopClock(START_NS)
        net = InProcess(Gateway(made, clock))
        return await question(VenueClient(net, net, clock, network=network), made)

    return run_virtually(main())


async def pump(gateway: Gateway) -> None:
    """Let a gateway's time run."""
    while True:
        gateway.advance()
        await asyncio.sleep(0.02)
