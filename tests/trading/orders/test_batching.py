from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.instrument import hyperliquid_perp
from undertow.kernel.desk import GTC, IOC, POST_ONLY
from undertow.trading.orders.batching import MOST, Deed, action_of, batches
from undertow.trading.orders.coins import Coin, Coins, plain
from undertow.trading.orders.order import Order

COINS = Coins(
    [Coin("BTC", 0, hyperliquid_perp("BTC", 5)), Coin("xyz:A", 110009, hyperliquid_perp("xyz:A", 3))]
)
CLOID = "0x" + "ab" * 16


def make(order_id: int, tif: int = POST_ONLY, oid: int = 0, coin: str = "BTC") -> Order:
    order = Order(coin, order_id, CLOID, 1, 990_000, 100, tif, False, 0)
    order.oid = oid
    return order


@given(*(st.integers(0, 400) for _ in range(5)))
def test_as_few_requests_as_there_may_be(
    cancels: int, by_cloid: int, modifies: int, makers: int, takers: int
) -> None:
    resting = [make(i, oid=i + 1) for i in range(cancels)] + [make(i) for i in range(by_cloid)]
    pairs = [(make(i, oid=i + 1), make(1000 + i)) for i in range(modifies)]
    news = [make(i, (GTC, IOC)[i % 2]) for i in range(takers)] + [make(i) for i in range(makers)]
    out = batches(resting, pairs, news)
    assert [batch.deed for batch in out] == sorted(batch.deed for batch in out)
    assert all(0 < batch.requests <= MOST for batch in out)
    parts = [cancels, by_cloid, modifies, makers, takers]
    assert [sum(b.requests for b in out if b.deed == deed) for deed in Deed] == parts
    assert len(out) == sum(-(-n // MOST) for n in parts)
    assert all(
        (order.tif == POST_ONLY) == (b.deed == Deed.PLACE)
        for b in out[-20:]
        for order in b.orders
        if b.deed >= Deed.PLACE
    )


def wire(batch) -> object:
    return msgspec.json.decode(msgspec.json.encode(action_of(batch, COINS)))


def test_bytes_of_each_kind() -> None:
    old, new = make(1, oid=77), make(2, coin="xyz:A")
    ioc = make(3, IOC)
    ioc.reduce_only = True
    out = batches([make(4, oid=5), make(6)], [(old, new)], [make(7), ioc])
    asked = {
        "a": 0,
        "b": True,
        "p": "99000",
        "s": "0.001",
        "r": False,
        "t": {"limit": {"tif": "Alo"}},
        "c": CLOID,
    }
    assert [wire(batch) for batch in out] == [
        {"type": "cancel", "cancels": [{"a": 0, "o": 5}], "f": True},
        {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": CLOID}], "f": True},
        {
            "type": "batchModify",
            "modifies": [{"oid": 77, "order": {**asked, "a": 110009, "p": "990", "s": "0.1"}}],
        },
        {"type": "order", "orders": [asked], "grouping": "na"},
        {"type": "order", "orders": [{**asked, "r": True, "t": {"limit": {"tif": "Ioc"}}}], "grouping": "na"},
    ]


@given(st.integers(1, 10**12), st.integers(0, 6))
def test_wire_numbers_are_plain_and_exact(units: int, decimals: int) -> None:
    coin = Coin("X", 1, hyperliquid_perp("X", decimals))
    for text, back in ((coin.size(units), coin.lots_near), (coin.price(units), coin.tick_near)):
        assert "e" not in text.lower()
        assert "." not in text or not text.endswith(("0", "."))
        if units < 10**9:
            assert back(float(text)) == units


def test_plain_zero() -> None:
    from decimal import Decimal

    assert [plain(Decimal(t)) for t in ("0.000", "-0.0", "1E+3", "10.50")] == ["0", "0", "1000", "10.5"]


def test_other_contracts_are_refused() -> None:
    inst = hyperliquid_perp("BTC", 3)
    with pytest.raises(ValueError, match="contract_value"):
        Coin("BTC", 0, msgspec.structs.replace(inst, contract_value=2.0))
    with pytest.raises(ValueError, match="twice"):
        Coins([Coin("BTC", 0, inst), Coin("ETH", 0, inst)])
