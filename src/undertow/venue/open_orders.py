"""A list of open orders brought up to date with reports that came while it was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from undertow.venue.wire.account import FrontendOrder, OrderUpdate


def dex_of(coin: str) -> str:
    """The dex a coin trades on ("" is the main one)."""
    return coin.partition(":")[0] if ":" in coin else ""


def with_updates(
    orders: Sequence[FrontendOrder], updates: Iterable[OrderUpdate], dex: str
) -> list[FrontendOrder]:
    """`orders` of `dex` after `updates`: ended orders are gone, new ones are there, sizes are the least.

    A report of an open order that is no newer than the list changes nothing but what remains of it.
    """
    found = {order.oid: order for order in orders}
    for update in updates:
        order = update.order
        if dex_of(order.coin) != dex:
            continue
        if update.status.terminal:
            found.pop(order.oid, None)
        elif order.oid not in found:
            found[order.oid] = FrontendOrder(
                coin=order.coin,
                side=order.side,
                limit_px=order.limit_px,
                sz=order.sz,
                oid=order.oid,
                timestamp_ms=order.timestamp_ms,
                orig_sz=order.sz if order.orig_sz is None else order.orig_sz,
                reduce_only=bool(order.reduce_only),
                cloid=order.cloid,
            )
        elif order.sz < found[order.oid].sz:
            found[order.oid] = msgspec.structs.replace(found[order.oid], sz=order.sz)
    return list(found.values())
