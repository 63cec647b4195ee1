"""A process that quotes, is watched, and waits to be killed: ``parent.py URL KEY LOG how``."""

from __future__ import annotations

import asyncio
import os
import sys

from undertow.clock import WallClock
from undertow.live.watchdog import WatchSpec, watch
from undertow.trading.orders.cloid import OrderName, cloid_of
from undertow.venue.client import VenueClient
from undertow.venue.http import HttpxClient
from undertow.venue.signing import Signer
from undertow.venue.sockets import connector
from undertow.venue.wire.actions import PlaceOrders, order_spec
from undertow.venue.wire.info import AllMidsRequest

SESSION, ASSET = 77, 0


async def main(url: str, key: str, log: str, how: str) -> None:
    signer = Signer(key, mainnet=False)
    clock = WallClock()
    ws = url.replace("http", "ws", 1) + "/ws"
    client = VenueClient(HttpxClient(url), connector(ws, clock), clock, network="local", signer=signer)
    assert client.account is not None
    spec = WatchSpec(
        url=url,
        network="local",
        account=client.account,
        assets={"BTC": ASSET},
        session=SESSION,
        log=log,
        silence_s=1.0,
        linger_s=1.0,
    )
    dog = await watch(spec, signer)
    mid = (await client.info(AllMidsRequest()))["BTC"]
    orders = [
        order_spec(
            ASSET,
            side,
            str(round(mid * (1 - side * 0.01 * k))),
            "0.001",
            cloid=cloid_of(OrderName(session, ASSET, 10 * k + side + 1)),
        )
        for session in (SESSION, SESSION + 1)
        for k in (1, 2)
        for side in (1, -1)
    ]
    reply = await client.act(PlaceOrders(orders))
    assert not reply.refused, reply
    dog.start()
    print("quoting", dog.pid, flush=True)
    if how == "hang":
        await asyncio.sleep(1.0)
        __import__("time").sleep(60.0)
    await asyncio.to_thread(sys.stdin.readline)
    await dog.stop()
    await client.close()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
