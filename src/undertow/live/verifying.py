"""The exchange's account asked for, to hold a journal against it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from undertow.clock import WallClock
from undertow.journal.reading import Reader
from undertow.journal.rows import CoinRow
from undertow.journal.verify import VenueAccount, VenueFill, VenuePayment, Verdict, verify
from undertow.venue.client import VenueClient
from undertow.venue.endpoints import endpoints
from undertow.venue.histories import fills_since, payments_since
from undertow.venue.http import HttpxClient
from undertow.venue.sockets import connector
from undertow.venue.wire.info import ClearinghouseStateRequest, FrontendOpenOrdersRequest


async def account_of(
    client: VenueClient, account: str, coins: dict[str, CoinRow], since_ms: int
) -> VenueAccount:
    """What the exchange says of `account` since `since_ms`. Raises `VenueFailure` without an answer."""

    def lots(coin: str, size: float) -> int:
        return round(Decimal(repr(size)) / coins[coin].lot_size)

    fills = [
        VenueFill(f.coin, f.oid, f.tid, f.sign, _exact(f.px), lots(f.coin, f.sz), _exact(f.fee), f.time_ms)
        for f in await fills_since(client, account, since_ms)
        if f.coin in coins
    ]
    payments = [
        VenuePayment(p.coin, p.time_ms, _exact(p.usdc))
        for p in await payments_since(client, account, since_ms)
        if p.coin in coins
    ]
    oids: dict[str, set[int]] = {coin: set() for coin in coins}
    held = dict.fromkeys(coins, 0)
    for dex in dict.fromkeys(coin.rpartition(":")[0] for coin in coins):
        for order in await client.info(FrontendOpenOrdersRequest(user=account, dex=dex)):
            if order.coin in coins:
                oids[order.coin].add(order.oid)
        state = await client.info(ClearinghouseStateRequest(user=account, dex=dex))
        for entry in state.asset_positions:
            if entry.position.coin in coins:
                held[entry.position.coin] = lots(entry.position.coin, entry.position.szi)
    return VenueAccount(fills, payments, {coin: frozenset(found) for coin, found in oids.items()}, held)


def _exact(value: float) -> Decimal:
    """The decimal it was sent as: the shortest that gives this number."""
    return Decimal(repr(value))


async def verify_session(folder: Path, url: str = "") -> Verdict:
    """Hold the journal of the session in `folder` against its exchange (`url`: where a local one listens).

    Raises `JournalError` where there is no journal, `ValueError` where the session's orders were matched on
    paper, `VenueFailure` where the exchange does not answer.
    """
    with Reader(folder) as reader:
        about = reader.about()
        if about.execution != "venue":
            raise ValueError(f"{folder} was matched on paper: no exchange knows its orders")
        where = url or msgspec.json.decode(about.spec).get("url", "") or endpoints(about.network).http  # type: ignore[arg-type]
        clock = WallClock()
        client = VenueClient(
            HttpxClient(where),
            connector(where.replace("http", "ws", 1) + "/ws", clock),
            clock,
            network=about.network,  # type: ignore[arg-type]
            account=about.account,
        )
        try:
            openings = reader.openings().values()
            since_ms = min((o.ignore_before_ms for o in openings), default=about.created_ns // 1_000_000)
            found = await account_of(client, about.account, reader.coins(), since_ms)
        finally:
            await client.close()
        return verify(reader, found)
