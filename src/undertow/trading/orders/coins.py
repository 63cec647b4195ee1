"""Ticks and lots of one coin, and the strings in which the wire writes them.

A lot is one size step. Prices and sizes travel as decimal strings without trailing zeros; inside they are
whole numbers, so what is booked is exact to the last unit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from undertow.instrument import Instrument

_LOT_SLACK: Final = 1e-6


def plain(value: Decimal) -> str:
    """A decimal as the wire writes it: no exponent, no trailing zeros."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def _whole(value: float) -> float:
    """`value` if it is a whole number (dividing by it then rounds once, as reading the text does), else 0."""
    return value if value == round(value) else 0.0


class Coin:
    """A coin as it is traded: its name on the wire, its asset id there, its steps.

    Raises ValueError for a contract that Hyperliquid does not have.
    """

    def __init__(self, name: str, asset: int, instrument: Instrument) -> None:
        if instrument.contract != "linear" or instrument.contract_value != 1.0:
            raise ValueError(f"{name}: contract must be linear with contract_value = 1 on this venue")
        self.name, self.asset, self.instrument = name, asset, instrument
        self.tick_size = Decimal(str(instrument.tick_size))
        self.lot_size = Decimal(str(instrument.size_step))
        self._lots_per_unit = float(1 / self.lot_size)
        self._ticks_per_unit = float(1 / self.tick_size)
        self._ticks_whole, self._lots_whole = _whole(self._ticks_per_unit), _whole(self._lots_per_unit)

    @property
    def dex(self) -> str:
        """The perp dex it trades on; empty for the venue's own."""
        dex, colon, _ = self.name.partition(":")
        return dex if colon else ""

    def lots_near(self, qty: float) -> int:
        """Lots of a quantity, which is whole but for rounding."""
        return round(qty * self._lots_per_unit)

    def is_whole(self, qty: float) -> bool:
        """Whether a quantity of the maker's is a whole number of lots (a millionth forgiven)."""
        exact = qty * self._lots_per_unit
        return abs(exact - round(exact)) <= _LOT_SLACK + 1e-12 * abs(exact)

    def qty_of(self, lots: int) -> float:
        """Quantity of `lots` in the venue's unit, the float nearest it."""
        return lots / self._lots_whole if self._lots_whole else float(lots * self.lot_size)

    def size(self, lots: int) -> str:
        """`lots` as the wire writes a size."""
        return plain(lots * self.lot_size)

    def price(self, tick: int) -> str:
        """The price of `tick` as the wire writes it."""
        return plain(tick * self.tick_size)

    def px_of(self, tick: int) -> float:
        """The price of `tick`, the float nearest it."""
        return tick / self._ticks_whole if self._ticks_whole else float(tick * self.tick_size)

    def tick_near(self, px: float) -> int:
        """Nearest tick of a price on the wire."""
        return round(px * self._ticks_per_unit)


class Coins:
    """The coins of a session, by name and by asset id. Raises ValueError where an id comes twice."""

    def __init__(self, coins: list[Coin]) -> None:
        self.by_name = {coin.name: coin for coin in coins}
        self.by_asset = {coin.asset: coin for coin in coins}
        if len(self.by_name) != len(coins) or len(self.by_asset) != len(coins):
            raise ValueError("coins: a name or an asset id comes twice")
        self.dexes = list(dict.fromkeys(coin.dex for coin in coins))
