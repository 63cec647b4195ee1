from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.trading.orders.cloid import OrderName, cloid_of, name_of

WORD = st.integers(0, 2**32 - 1)


@given(WORD, WORD, WORD)
def test_a_cloid_says_whose_and_which(session: int, asset: int, order_id: int) -> None:
    name = OrderName(session, asset, order_id)
    cloid = cloid_of(name)
    assert len(cloid) == 34
    assert name_of(cloid) == name
    assert name_of(cloid.upper().replace("0X", "0x")) == name


@given(st.binary(min_size=16, max_size=16))
def test_others_are_not_ours(raw: bytes) -> None:
    if not raw.startswith(b"undw"):
        assert name_of("0x" + raw.hex()) is None


@pytest.mark.parametrize("text", [None, "", "0x", "756e6477" * 4, "0x756e6477" + "g" * 24, "0x756e6477"])
def test_what_is_no_cloid(text: str | None) -> None:
    assert name_of(text) is None


def test_parts_must_fit() -> None:
    with pytest.raises(ValueError, match="order_id"):
        cloid_of(OrderName(1, 1, 2**32))
