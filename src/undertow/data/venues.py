"""Instruments as the venues list them: what a converter assumes unless told otherwise.

Fees are those of an account without volume; override them for yours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from undertow.instrument import Instrument, hyperliquid_fees_bps, hyperliquid_perp

HYPERLIQUID_SIZE_DECIMALS: Final = {"BTC": 5, "ETH": 4, "SOL": 2, "HYPE": 2}
"""Size decimals of well-known perpetuals (the venue's ``meta`` has the rest)."""

_EIGHT_HOURS_S: Final = 28_800.0


def decimals_of(sizes: Iterable[float | str], most: int = 6) -> int:
    """The most decimals any of `sizes` is written with."""
    seen = 0
    for size in sizes:
        text = size if isinstance(size, str) else repr(float(size))
        digits = text.partition(".")[2].rstrip("0") if "e" not in text else "0" * most
        seen = max(seen, len(digits))
    return min(seen, most)


def hyperliquid(coin: str, sizes: Iterable[float | str] = ()) -> Instrument:
    """A Hyperliquid perpetual; size decimals of an unknown coin are read off the recorded `sizes`.

    A coin of a builder dex (``dex:COIN``) is charged the fees of ``deployerFeeScale`` 1.
    """
    known = HYPERLIQUID_SIZE_DECIMALS.get(coin)
    decimals = decimals_of(sizes) if known is None else known
    maker, taker = hyperliquid_fees_bps(hip3_deployer_scale=1.0 if ":" in coin else None)
    return hyperliquid_perp(coin, decimals, maker_fee_bps=maker, taker_fee_bps=taker)


def binance_usdm(symbol: str) -> Instrument:
    """A Binance USDⓈ-M perpetual with BTCUSDT's steps."""
    return Instrument(
        name=symbol,
        tick_size=0.1,
        size_step=0.001,
        min_notional=100.0,
        maker_fee_bps=2.0,
        taker_fee_bps=5.0,
        funding_interval_s=_EIGHT_HOURS_S,
    )


def binance_coinm(symbol: str) -> Instrument:
    """A Binance coin-margined perpetual with BTCUSD's steps: inverse, contracts of 100 USD."""
    return Instrument(
        name=symbol,
        tick_size=0.1,
        size_step=1.0,
        min_notional=100.0,
        contract="inverse",
        contract_value=100.0,
        maker_fee_bps=2.0,
        taker_fee_bps=5.0,
        funding_interval_s=_EIGHT_HOURS_S,
    )


def binance_spot(symbol: str) -> Instrument:
    """A Binance spot pair with BTCUSDT's steps."""
    return Instrument(
        name=symbol,
        tick_size=0.01,
        size_step=0.00001,
        min_notional=5.0,
        maker_fee_bps=10.0,
        taker_fee_bps=10.0,
        funding_interval_s=_EIGHT_HOURS_S,
    )


def standx(symbol: str) -> Instrument:
    """A StandX perpetual with BTC-USD's steps."""
    return Instrument(
        name=symbol,
        tick_size=0.1,
        size_step=0.0001,
        maker_fee_bps=1.0,
        taker_fee_bps=4.0,
    )


def overridden(instrument: Instrument, **changes: Any) -> Instrument:
    """`instrument` with the changes that are not None."""
    return msgspec.structs.replace(instrument, **{k: v for k, v in changes.items() if v is not None})
