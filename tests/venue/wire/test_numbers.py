"""Wire strings of prices and sizes: exact at every tick, valid where Hyperliquid's rules say."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hyperliquid.utils.signing import float_to_wire
from hypothesis import given
from hypothesis import strategies as st

from undertow.instrument import Instrument, hyperliquid_perp
from undertow.venue.wire.numbers import WireNumbers, decimal_string, parse_decimal
from undertow.venue.wire.outward import decimal_text

PERPS = [WireNumbers(hyperliquid_perp(f"C{d}", d)) for d in range(7)]
perps = st.sampled_from(PERPS)


def _written(value: Decimal) -> str:
    return f"{value.normalize():f}"


@pytest.mark.parametrize("numbers", PERPS, ids=lambda n: str(n.px_decimals))
def test_every_small_tick(numbers: WireNumbers) -> None:
    scale = Decimal(10) ** numbers.px_decimals
    for tick in range(1, 3000):
        text = numbers.px(tick)
        assert Decimal(text) * scale == tick
        assert text == _written(Decimal(text))
        assert numbers.tick(text) == tick == numbers.tick_of(float(text))
        assert numbers.px_of(tick) == float(text)


@given(perps, st.integers(1, 10**12))
def test_every_tick(numbers: WireNumbers, tick: int) -> None:
    text = numbers.px(tick)
    assert text == _written(Decimal(tick).scaleb(-numbers.px_decimals))
    assert numbers.tick(text) == tick == numbers.tick_of(float(text))
    assert numbers.px_of(tick) == float(text)


@given(perps, st.integers(1, 10**12))
def test_validity_is_the_venues_rule(numbers: WireNumbers, tick: int) -> None:
    px = Decimal(tick).scaleb(-numbers.px_decimals).normalize()
    figures = len(px.as_tuple().digits)
    assert numbers.valid(tick) == (figures <= 5 or px == px.to_integral_value())


def test_validity_by_example() -> None:
    """The examples of the docs' page on tick and lot sizes."""
    btc, alt = WireNumbers(hyperliquid_perp("BTC", 0)), WireNumbers(hyperliquid_perp("ALT", 1))

    def ok(numbers: WireNumbers, text: str) -> bool:
        tick = numbers.tick(text)
        return tick is not None and numbers.valid(tick)

    assert ok(btc, "1234.5")
    assert not ok(btc, "1234.56")
    assert ok(btc, "0.001234")
    assert not ok(btc, "0.0012345")
    assert ok(alt, "0.01234")
    assert not ok(alt, "0.012345")
    assert ok(btc, "123456")
    assert not ok(btc, "123456.7")
    assert not btc.valid(0)
    assert not btc.valid(-5)


@given(perps, st.integers(1, 10**11))
def test_every_size(numbers: WireNumbers, steps: int) -> None:
    text = numbers.sz_of_steps(steps)
    assert text == _written(Decimal(steps).scaleb(-numbers.sz_decimals))
    assert numbers.steps(text) == steps == numbers.steps_of(float(text))
    assert numbers.sz(numbers.qty_of(steps)) == text
    if steps < 10**7:
        assert float_to_wire(numbers.qty_of(steps)) == text


@given(perps, st.integers(1, 10**6), st.floats(0.01, 0.99))
def test_a_size_between_steps_is_refused(numbers: WireNumbers, steps: int, part: float) -> None:
    with pytest.raises(ValueError, match="size step"):
        numbers.sz((steps + part) / 10**numbers.sz_decimals)
    for bad in (0.0, -numbers.qty_of(steps)):
        with pytest.raises(ValueError, match="size step"):
            numbers.sz(bad)


@given(st.integers(-(10**15), 10**15), st.integers(0, 12))
def test_text_and_back(count: int, decimals: int) -> None:
    text = decimal_string(count, decimals)
    assert parse_decimal(text, decimals) == count
    assert Decimal(text) == Decimal(count).scaleb(-decimals)
    assert parse_decimal(text + ("00" if "." in text else ".00"), decimals) == count
    assert parse_decimal(decimal_string(count * 10 + 1, decimals + 1), decimals) is None


@pytest.mark.parametrize("text", ["", "-", ".5", "5.", "1e5", "+1", " 1", "0x1", "1_0", "nan", "١", "1" * 31])
def test_what_is_no_decimal(text: str) -> None:
    with pytest.raises(ValueError, match="not a decimal number"):
        parse_decimal(text, 2)


def test_steps_that_are_not_powers_of_ten() -> None:
    numbers = WireNumbers(Instrument(name="X", tick_size=0.5, size_step=0.025))
    assert numbers.px(3) == "1.5"
    assert numbers.tick("1.5") == 3
    assert numbers.tick("1.7") is None
    assert numbers.valid(123_457)
    assert numbers.sz(0.075) == "0.075"
    assert numbers.steps("0.03") is None
    with pytest.raises(ValueError, match="tick_size"):
        WireNumbers(Instrument(name="X", tick_size=1 / 3, size_step=1.0))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_outward_text_reads_back(value: float) -> None:
    text = decimal_text(value)
    assert float(text) == value
    assert "e" not in text
    assert "." in text


def test_outward_text() -> None:
    assert [decimal_text(v) for v in (84143.0, 1.25e-05, 0.0, -0.5)] == [
        "84143.0",
        "0.0000125",
        "0.0",
        "-0.5",
    ]
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError):
            decimal_text(bad)
