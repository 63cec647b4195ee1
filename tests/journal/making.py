"""Journals made by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from undertow.journal.rows import About, Ack, CoinRow, FillRow, Intent, Landed, Opening, PaymentRow
from undertow.journal.store import NAME, Journal

NOW = 1_790_000_000_000_000_000
COINS = (
    CoinRow("BTC", 0, Decimal("0.1"), Decimal("0.001")),
    CoinRow("xyz:GOLD", 110_003, Decimal("0.01"), Decimal("0.01")),
)
ABOUT = About(7, "0x" + "ab" * 20, "local", "venue", NOW, 1_000.0, "{}", "{}")


def made(folder: Path, **options) -> Journal:
    """A new journal, begun."""
    journal = Journal.create(folder / NAME, ABOUT, COINS, **options)
    journal.begin(NOW, resumed=False)
    journal.opening([Opening(NOW, coin.name, 0, 0) for coin in COINS], [])
    journal.commit()
    return journal


def intent(
    order_id: int, *, nonce: int = 1, coin: str = "BTC", deed: int = 4, lots: int = 5, **other
) -> Intent:
    fields = {
        "time_ns": NOW + order_id,
        "nonce": nonce,
        "deed": deed,
        "coin": coin,
        "order_id": order_id,
        "oid": 0,
        "cloid": f"0x{order_id:032x}",
        "side": 1,
        "tick": 1_000,
        "lots": lots,
        "tif": 0,
        "reduce_only": False,
        "replaces": None,
        "reason": "maker",
    }
    return Intent(**fields | other)


def fill(
    tid: int, *, oid: int = 1, side: int = 1, px: str = "100.0", lots: int = 5, fee: str = "0.01", **other
):
    fields = {
        "time_ns": NOW + tid,
        "coin": "BTC",
        "oid": oid,
        "tid": tid,
        "order_id": oid,
        "cloid": None,
        "side": side,
        "px": Decimal(px),
        "lots": lots,
        "fee": Decimal(fee),
        "crossed": False,
        "exch_ms": NOW // 1_000_000 + tid,
    }
    return FillRow(**fields | other)


def ack(
    order_id: int, *, code: int = 0, ended: bool = False, final: int | None = None, coin: str = "BTC"
) -> Ack:
    return Ack(NOW + order_id, coin, order_id, 1_000 + order_id, code, final, ended)


def landed(nonce: int) -> Landed:
    return Landed(nonce, NOW, "answered")


def payment(hour: int, usd: str) -> PaymentRow:
    return PaymentRow(NOW, "BTC", (NOW // 3_600_000_000_000 + hour) * 3_600_000, Decimal(usd))
