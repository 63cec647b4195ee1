"""What messages are made of: bounded numbers, sides, the base of every wire type, the one error.

On Hyperliquid's wire prices, sizes and amounts are strings and counts are numbers. Here the first are
floats and the second integers, both bounded, so that nothing infinite, NaN or beyond an int64 of
nanoseconds enters. Text of a float of up to 15 significant digits comes back digit for digit.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

Px: TypeAlias = Annotated[float, Meta(gt=0.0, lt=1e15)]
"""A price: positive."""
Sz: TypeAlias = Annotated[float, Meta(ge=0.0, lt=1e18)]
"""A size, or a price that may be absent as zero: not negative."""
Num: TypeAlias = Annotated[float, Meta(gt=-1e24, lt=1e24)]
"""Any finite amount."""
Ms: TypeAlias = Annotated[int, Meta(ge=0, le=9_000_000_000_000)]
"""Milliseconds since the epoch (UTC); fits an int64 of nanoseconds."""
Id: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""An order or trade id."""
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
"""A number of things."""
WireSide: TypeAlias = Literal["B", "A"]
"""B: bid or buy; A: ask or sell."""

_QUOTED_BYTES: Final = 120


class WireError(ValueError):
    """A message that is not what the protocol says. The text quotes its beginning."""

    def __init__(self, reason: str, data: bytes = b"") -> None:
        shown = data[:_QUOTED_BYTES].decode("utf-8", "replace")
        super().__init__(f"{reason}: {shown!r}{'...' if len(data) > _QUOTED_BYTES else ''}")


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """Base of what the exchange sends. Fields it does not know are ignored.

    ``omitted`` names the fields that are left out of a message while they have their default;
    every other default is written (as ``null`` where it is None).
    """

    omitted: ClassVar[tuple[str, ...]] = ()


def sign_of(side: str) -> int:
    """+1 of ``"B"``, -1 of ``"A"``."""
    return 1 if side == "B" else -1


def side_of(sign: int) -> WireSide:
    """``"B"`` of a positive sign, ``"A"`` of any other."""
    return "B" if sign > 0 else "A"
