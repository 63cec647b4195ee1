"""Trading rules: ticks, significant figures, sizes, fees, linear and inverse contracts.

Expected numbers: Hyperliquid's published rules (at most five significant figures and 6 - szDecimals
decimals; whole prices always valid; fee tiers and the HIP-3 scale), worked by hand.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.instrument import (
    Instrument,
    cash_change,
    fee_amount,
    hyperliquid_fees_bps,
    hyperliquid_perp,
    notional,
    position_value,
    price_of,
    qty_of_notional,
    round_price,
    round_size,
    step_ticks,
    tick_near,
)

BTC = hyperliquid_perp("BTC", 5).record()
ETH = hyperliquid_perp("ETH", 4).record()
HYPE = hyperliquid_perp("HYPE", 2).record()
COINM = Instrument(
    name="BTCUSD_PERP", tick_size=0.1, size_step=1, contract="inverse", contract_value=100.0
).record()


@pytest.mark.parametrize(
    ("inst", "px", "step"),
    [
        (BTC, 109_755.0, 1.0),  # six digits: whole prices are valid although that is six figures
        (BTC, 99_999.0, 1.0),
        (BTC, 9_999.9, 0.1),
        (ETH, 4_321.0, 0.1),
        (ETH, 999.9, 0.01),
        (HYPE, 28.9, 0.001),
        (HYPE, 9.5, 0.0001),
    ],
)
def test_step_of_valid_prices(inst: object, px: float, step: float) -> None:
    ticks = step_ticks(inst, tick_near(inst, px))
    assert price_of(inst, ticks) == pytest.approx(step, rel=1e-12)


@given(st.floats(0.01, 200_000), st.sampled_from([1, -1]), st.integers(0, 6))
def test_rounded_price_is_valid_and_never_more_aggressive(px: float, side: int, decimals: int) -> None:
    inst = hyperliquid_perp("X", decimals).record()
    tick = round_price(inst, px, side)
    rounded = price_of(inst, tick)
    assert side * (px - rounded) >= -1e-6 * max(1.0, px)
    assert side * (px - rounded) <= price_of(inst, step_ticks(inst, tick)) * (1 + 1e-6)
    if tick > 0:
        exact = Decimal(repr(rounded)).normalize()
        digits = exact.as_tuple()
        assert isinstance(digits.exponent, int)
        assert -digits.exponent <= 6 - decimals
        assert len(digits.digits) <= 5 or digits.exponent >= 0
        assert round_price(inst, rounded, side) == tick


def test_price_is_the_nearest_double_of_the_decimal() -> None:
    assert price_of(HYPE, 288_987) == 28.8987
    assert price_of(ETH, 430_010) == 4300.1


@given(st.floats(0, 1e5), st.integers(0, 5))
def test_size_rounds_down_to_the_step(qty: float, decimals: int) -> None:
    inst = hyperliquid_perp("X", decimals).record()
    rounded = round_size(inst, qty)
    step = 10.0**-decimals
    assert rounded <= qty + 1e-5 * step
    assert qty - rounded < step * (1 + 1e-6)
    assert round_size(inst, rounded) == rounded


def test_size_steps_are_exact_decimals() -> None:
    assert round_size(BTC, 0.3) == 0.3
    assert round_size(BTC, 0.00003) == 0.00003


@given(st.sampled_from([1, -1]), st.floats(1e3, 1e5), st.floats(1e3, 1e5), st.integers(1, 50))
def test_round_trip_earns_the_price_difference(side: int, entry: float, exit_px: float, qty: int) -> None:
    linear = cash_change(BTC, side, entry, qty) + cash_change(BTC, -side, exit_px, qty)
    assert linear == pytest.approx(side * (exit_px - entry) * qty, abs=1e-6)
    coins = cash_change(COINM, side, entry, qty) + cash_change(COINM, -side, exit_px, qty)
    assert coins == pytest.approx(side * qty * 100 * (1 / entry - 1 / exit_px), abs=1e-9)
    marked = cash_change(COINM, side, entry, qty) + position_value(COINM, exit_px, side * qty)
    assert marked == pytest.approx(coins, abs=1e-9)


def test_notional_and_its_inverse() -> None:
    assert notional(BTC, 100_000.0, 0.5) == 50_000
    assert notional(COINM, 60_000.0, 3) == 300
    assert qty_of_notional(BTC, 100_000.0, 50_000) == 0.5
    assert qty_of_notional(COINM, 60_000.0, 300) == 3


def test_fee_is_a_share_of_notional_in_settlement_currency() -> None:
    assert fee_amount(BTC, 100_000.0, 0.5, 1.5) == pytest.approx(7.5)
    assert fee_amount(COINM, 60_000.0, 600, -0.5) == pytest.approx(-0.5e-4)


@pytest.mark.parametrize(
    ("arguments", "maker", "taker"),
    [
        ({}, 1.5, 4.5),
        ({"volume_14d_usd": 5e6}, 1.5, 4.5),  # "more than 5M"
        ({"volume_14d_usd": 5.1e6}, 1.2, 4.0),
        ({"volume_14d_usd": 8e9, "maker_share": 0.031}, -0.3, 2.4),
        ({"volume_14d_usd": 1e9, "maker_share": 0.006}, -0.1, 2.8),
        ({"hip3_deployer_scale": 1.0}, 3.0, 9.0),
        ({"hip3_deployer_scale": 0.5}, 2.25, 6.75),
        ({"hip3_deployer_scale": 1.0, "growth_mode": True}, 0.3, 0.9),
        (
            {"volume_14d_usd": 8e9, "maker_share": 0.04, "hip3_deployer_scale": 1.0, "growth_mode": True},
            -0.03,
            0.48,
        ),
        ({"staking_discount": 0.4}, 0.9, 2.7),
    ],
)
def test_hyperliquid_fees(arguments: dict[str, float], maker: float, taker: float) -> None:
    assert hyperliquid_fees_bps(**arguments) == pytest.approx((maker, taker))  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["tick_size", "size_step", "contract_value", "funding_interval_s"])
def test_impossible_rules_are_refused(field: str) -> None:
    arguments = {"name": "X", "tick_size": 0.1, "size_step": 0.1, field: 0.0}
    with pytest.raises(ValueError, match=field):
        Instrument(**arguments)  # type: ignore[arg-type]
