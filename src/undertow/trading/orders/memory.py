"""What must be remembered for a session to go on where another process left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from undertow.trading.orders.ledger import CoinAccount, Fill, Ledger
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.table import Table


class Memory(NamedTuple):
    """State of the order manager at one moment; the desks must be of the same moment.

    ``orders``: those that had not ended or whose end was not told; ``accounts``: sums of each coin;
    ``fills``: (oid, tid) of fills booked of late; ``complete_ms``: every fill up to it was known;
    ``nonces``: of requests whose fate was not known.
    """

    orders: tuple[Order, ...]
    accounts: Mapping[str, CoinAccount]
    fills: tuple[tuple[int, int], ...]
    complete_ms: int
    ignore_before_ms: int
    nonces: tuple[int, ...]
    paid: tuple[tuple[str, int], ...] = ()
    """Coin and hour of the funding payments booked."""
    untold: tuple[tuple[Fill, int], ...] = ()
    """Fills booked that the desks have not been shown, each with the desk's id of its order."""
    ends: tuple[tuple[Order, int], ...] = ()
    """Orders whose end the desks have not been shown, when it came (ns)."""


def remember(table: Table, ledger: Ledger, nonces: tuple[int, ...]) -> Memory:
    """The present, in copies."""
    orders = tuple(replace(order) for order in table.standing())
    accounts = {coin: replace(account) for coin, account in ledger.accounts.items()}
    return Memory(
        orders, accounts, ledger.known, ledger.complete_ms, ledger.ignore_before_ms, nonces, ledger.paid
    )


def recall(memory: Memory, table: Table, ledger: Ledger) -> None:
    """Take `memory` into an empty table and ledger; every order is in doubt until the venue was asked."""
    for order in memory.orders:
        copy = replace(order, flying=0, asked=0)
        if not copy.over:
            copy.state = State.DOUBT
        table.add(copy)
    ledger.recall(memory.accounts, memory.fills, memory.complete_ms, memory.ignore_before_ms, memory.paid)
