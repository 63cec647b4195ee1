"""Client order ids that say whose an order is, and which.

Hyperliquid lets a client name an order with 128 bits (``cloid``, "0x" and 32 hex digits). Ours are no
random numbers: tag, session, asset and the id the maker's desk gave the order, 32 bits each, so that an
order found after a restart is known to be ours, and which. The venue does not insist that a cloid is used
once, so it identifies but never protects from sending twice (the nonce does).
"""

from __future__ import annotations

from typing import Final, NamedTuple

TAG: Final = 0x756E6477
"""The first 32 bits of every order of ours ("undw")."""
_WORD: Final = 1 << 32


class OrderName(NamedTuple):
    """What a cloid of ours says: the session that sent the order, the asset id, the desk's order id."""

    session: int
    asset: int
    order_id: int


def cloid_of(name: OrderName) -> str:
    """The cloid of an order, e.g. ``0x756e6477000000010000000000000007``.

    Raises ValueError where a part does not fit into 32 bits.
    """
    session, asset, order_id = name
    if not (0 <= session < _WORD and 0 <= asset < _WORD and 0 <= order_id < _WORD):
        raise ValueError(f"cloid: a part of {name} does not fit into 32 bits")
    return f"0x{TAG:08x}{session:08x}{asset:08x}{order_id:08x}"


def name_of(cloid: str | None) -> OrderName | None:
    """What a cloid says, or None where it is not one of ours (or there is none)."""
    if cloid is None or len(cloid) != 34 or not cloid.startswith("0x"):
        return None
    try:
        bits = int(cloid[2:], 16)
    except ValueError:
        return None
    if bits >> 96 != TAG:
        return None
    return OrderName(bits >> 64 & 0xFFFFFFFF, bits >> 32 & 0xFFFFFFFF, bits & 0xFFFFFFFF)
