from __future__ import annotations

import pytest

from undertow.events import CANCELED, REJECTED
from undertow.instrument import hyperliquid_perp
from undertow.trading.orders.cloid import OrderName, cloid_of
from undertow.trading.orders.coins import Coin, Coins
from undertow.trading.orders.order import Order, State
from undertow.trading.orders.table import RECENT, Table

SESSION = 9


@pytest.fixture
def table() -> Table:
    coins = [Coin("BTC", 0, hyperliquid_perp("BTC", 3)), Coin("xyz:A", 110000, hyperliquid_perp("xyz:A", 2))]
    return Table(SESSION, Coins(coins))


def add(
    table: Table, order_id: int, *, side: int = 1, lots: int = 5, oid: int = 0, coin: str = "BTC"
) -> Order:
    order = Order(coin, order_id, table.cloid(coin, order_id), side, 100, lots, 0, False, 0)
    if oid:
        order.acknowledge(oid)
    table.add(order)
    return order


def test_ids_are_taken_once(table: Table) -> None:
    add(table, 1)
    add(table, 1, coin="xyz:A")
    with pytest.raises(ValueError, match="BTC#1 exists"):
        add(table, 1)


def test_found_by_oid_by_cloid_and_through_a_modify(table: Table) -> None:
    first, other = add(table, 1, oid=50), add(table, 1, oid=60, coin="xyz:A")
    new = add(table, 2)
    assert table.find(50, None) is first
    assert table.find(60, first.cloid) is other
    assert table.find(51, new.cloid) is new
    assert table.find(51, first.cloid) is None
    first.replaced_by = 2
    assert table.find(51, first.cloid) is new
    new.acknowledge(51)
    table.index(new)
    assert table.find(52, first.cloid) is None


@pytest.mark.parametrize(
    "name", [OrderName(SESSION + 1, 0, 1), OrderName(SESSION, 7, 1), OrderName(SESSION, 0, 8)]
)
def test_others_are_not_found(table: Table, name: OrderName) -> None:
    add(table, 1)
    assert table.find(99, cloid_of(name)) is None
    assert table.find(99, None) is None


def test_exposure_counts_what_may_still_fill(table: Table) -> None:
    resting, sent, doubted = add(table, 1, oid=1), add(table, 2), add(table, 3, oid=3)
    add(table, 4, side=-1)
    doubted.doubt()
    assert table.exposure("BTC", 1) == 15
    resting.book(2)
    assert table.exposure("BTC", 1) == 13
    sent.end(REJECTED, 0)
    assert table.exposure("BTC", 1) == 8
    doubted.end(CANCELED, None)  # how much of it had filled is not known
    assert table.exposure("BTC", 1) == 8
    doubted.end(CANCELED, 1)
    assert table.exposure("BTC", 1) == 4
    assert table.exposure("BTC", -1) == 5


@pytest.mark.parametrize(("new_lots", "total"), [(3, 5), (5, 5), (8, 8)])
def test_a_modify_counts_as_the_larger(table: Table, new_lots: int, total: int) -> None:
    old, new = add(table, 1, oid=1), add(table, 2, lots=new_lots)
    old.replaced_by, new.replaces = 2, 1
    old.to(State.MODIFYING)
    assert table.exposure("BTC", 1) == total
    new.end(REJECTED, 0)
    assert table.exposure("BTC", 1) == 5


def test_memory_is_bounded(table: Table) -> None:
    for order_id in range(RECENT + 500):
        order = add(table, order_id, oid=order_id + 1)
        order.end(CANCELED, 0)
        table.retire(order)
    assert not list(table.standing())
    assert len(table._recent) == len(table._by_oid) == RECENT
    assert table.find(1, None) is None
    assert table.find(RECENT + 500, None) is order
    assert table.names(table.cloid("BTC", 3)) == ("BTC", 3)
