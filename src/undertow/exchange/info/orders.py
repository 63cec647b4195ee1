"""An account's orders: open ones, one by its id, and those that are gone."""

from __future__ import annotations

from typing import Any

from undertow.exchange.directory import Directory
from undertow.exchange.shapes import frontend_order, order

Json = dict[str, Any]
HISTORY = 2000


def open_orders(directory: Directory, user: str, dex: str, *, frontend: bool) -> list[Json]:
    """The open orders of an account on a dex, newest first."""
    account = directory.account(user)
    if account is None:
        return []
    mine = [o for o in account.live.values() if o.coin.dex.name == dex and not o.waiting]
    shape = frontend_order if frontend else order
    return [shape(o, o.left) for o in reversed(mine)]


def order_status(directory: Directory, user: str, ident: int | str) -> Json:
    """An order by oid or cloid: its status, or ``unknownOid``.

    While an order is open its ``sz`` is the original size, whatever was filled (facts, section 3).
    """
    account = directory.account(user)
    found = account.find(ident) if account is not None else None
    if found is None:
        return {"status": "unknownOid"}
    left = found.size if found.live else found.left
    shape = {
        "order": frontend_order(found, left),
        "status": found.status,
        "statusTimestamp": found.status_ns // 1_000_000,
    }
    return {"status": "order", "order": shape}


def historical_orders(directory: Directory, user: str) -> list[Json]:
    """The orders that are remembered, newest first, at most 2000."""
    account = directory.account(user)
    if account is None:
        return []
    known = list(account.known.values())[::-1][:HISTORY]
    return [
        {
            "order": frontend_order(o, o.left),
            "status": o.status,
            "statusTimestamp": o.status_ns // 1_000_000,
        }
        for o in known
    ]
