from __future__ import annotations

import random
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from undertow.trading.orders.ledger import Fill, Ledger, Payment

FILLS = st.lists(
    st.builds(
        Fill,
        coin=st.sampled_from(["BTC", "xyz:GOLD"]),
        oid=st.integers(1, 50),
        tid=st.integers(1, 10**6),
        cloid=st.none(),
        side=st.sampled_from([1, -1]),
        px=st.decimals(1, 10**6, places=3),
        lots=st.integers(1, 10**6),
        fee=st.decimals(-10, 10, places=6),
        crossed=st.booleans(),
        time_ms=st.integers(10**12, 2 * 10**12),
    ),
    unique_by=lambda fill: (fill.oid, fill.tid),
)


def ledger() -> Ledger:
    return Ledger({"BTC": Decimal("0.001"), "xyz:GOLD": Decimal("0.01")})


@given(FILLS, st.integers(0, 1000))
def test_repeated_and_reordered_fills_are_booked_once_exactly(fills: list[Fill], seed: int) -> None:
    once, often = ledger(), ledger()
    for fill in fills:
        assert once.book(fill)
    heard = [*fills, *fills, *fills]
    random.Random(seed).shuffle(heard)
    assert sum(often.book(fill) for fill in heard) == len(fills)
    assert once.accounts == often.accounts
    for coin, account in once.accounts.items():
        own = [fill for fill in fills if fill.coin == coin]
        assert account.lots == sum(fill.side * fill.lots for fill in own)
        assert account.fees == sum((fill.fee for fill in own), Decimal(0))
        value = [fill.side * fill.px * fill.lots * once.lot_sizes[coin] for fill in own]
        assert account.cash == -sum(value, Decimal(0))


def test_old_fills_are_part_of_the_opening_position() -> None:
    books = ledger()
    old = Fill("BTC", 1, 1, None, 1, Decimal(100), 5, Decimal(0), False, 1000)
    books.note_old(old)
    books.open_with("BTC", 5)
    assert not books.book(old)
    books.ignore_before_ms = 900
    assert not books.book(old._replace(tid=2, time_ms=899))
    assert books.book(old._replace(tid=3, time_ms=900))
    assert books.accounts["BTC"].lots == 10


def test_payments_once() -> None:
    books = ledger()
    payment = Payment("BTC", 1000, Decimal("-0.000794"))
    assert books.pay(payment)
    assert not books.pay(payment)
    assert not books.pay(payment._replace(time_ms=2000)), "one an hour"
    assert books.pay(payment._replace(time_ms=3_602_000))
    assert books.accounts["BTC"].funding == Decimal("-0.001588")


def test_memory_is_bounded() -> None:
    books = ledger()
    fill = Fill("BTC", 1, 0, None, 1, Decimal(100), 1, Decimal(0), False, 1000)
    for tid in range(25_000):
        books.book(fill._replace(tid=tid))
    assert len(books._seen) == 20_000
    assert not books.book(fill._replace(tid=24_999))
