"""Another account that trades with our quotes, so that every maker is filled and must live with it."""

from __future__ import annotations

import asyncio
import random

from tests.live.full_session import OTHER, FullSession

from undertow.venue.client import VenueClient
from undertow.venue.failures import VenueFailure
from undertow.venue.wire.actions import IOC, OrderSpec, PlaceOrders, order_spec
from undertow.venue.wire.numbers import WireNumbers

WITHIN = 0.002
"""How far from the mid it follows our quotes."""


class Visitor:
    """Takes, every few seconds and on alternate sides, all that stands up to the best quote of ours."""

    def __init__(self, session: FullSession, rng: random.Random) -> None:
        self._session, self._rng = session, rng
        world = session.world
        net = world.net()
        self._client = VenueClient(net, net, world.clock, network="local", signer=OTHER, seed=world.seed)

    async def run(self) -> None:
        """Until cancelled."""
        side = 1
        while True:
            await asyncio.sleep(self._rng.uniform(1.0, 3.0))
            side = -side
            for coin in self._session.parts.coins:
                order = self._through(coin.name, coin.asset, side)
                if order is not None:
                    try:
                        await self._client.act(PlaceOrders([order]), timeout_s=2.0)
                    except VenueFailure:
                        continue

    def _through(self, coin: str, asset: int, side: int) -> OrderSpec | None:
        """An order on `side` up to our best quote of the other side (as our desk has it), if it is near."""
        runner, market = self._session.parts.session.lanes[coin].runner, self._session.world.coins[coin]
        desk = runner.states["desk"][0]
        working = desk["working"][: int(desk["n_working"])]
        ours = working["tick"][working["side"] == -side]
        book = market.levels(-side, 200)
        if not len(ours) or not book:
            return None
        best = int(ours.max() if side < 0 else ours.min())
        if abs(best - book[0][0]) > WITHIN * book[0][0]:
            return None
        steps = sum(steps for tick, steps, _ in book if side * (best - tick) >= 0)
        numbers = WireNumbers(runner.instrument)
        size = numbers.sz_of_steps(max(steps, 1))
        return order_spec(asset, side, numbers.px(best), size, IOC)
