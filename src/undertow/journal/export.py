"""All fills of a session as a table a spreadsheet, a tax office or a data frame can read.

One row per fill, oldest first by the exchange's time; amounts in USDC, exact decimals in CSV and JSON, floats
in Parquet. ``pnl_usd`` is what the fill realised by the exchange's reckoning (average cost, without fees), or
by ours where it did not say; ``net_pnl_usd`` is that less the fee. Funding payments are rows of their own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from undertow.journal.reading import Reader
from undertow.journal.rows import CoinRow, FillRow, Opening

COLUMNS: Final = (
    "time_utc",
    "time_ms",
    "kind",
    "coin",
    "side",
    "price",
    "quantity",
    "value_usd",
    "fee_usd",
    "fee_token",
    "liquidity",
    "position_before",
    "position_after",
    "pnl_usd",
    "net_pnl_usd",
    "order_id",
    "oid",
    "tid",
    "cloid",
    "transaction",
    "account",
    "network",
)
"""Of the table, in order. ``kind``: fill or funding; ``side``: buy or sell; ``liquidity``: maker or taker."""
_NUMBERS: Final = ("price", "quantity", "value_usd", "fee_usd", "position_before", "position_after")
_MONEY: Final = (*_NUMBERS, "pnl_usd", "net_pnl_usd")

Row = dict[str, object]


class _Held(NamedTuple):
    """A position in lots and what it cost (signed value at entry)."""

    lots: int
    cost: Decimal

    def after(self, side: int, lots: int, px: Decimal, lot_size: Decimal) -> tuple[_Held, Decimal]:
        """The position after a fill, and what it realised at average cost."""
        change, value = side * lots, px * lot_size
        if self.lots * change >= 0:
            return _Held(self.lots + change, self.cost + change * value), Decimal(0)
        closing = min(abs(change), abs(self.lots))
        part = self.cost * closing / abs(self.lots)
        sign = 1 if self.lots > 0 else -1
        gained = sign * closing * value - part
        rest = change + sign * closing
        return _Held(self.lots + change, self.cost - part + rest * value), gained


def utc(time_ms: int) -> str:
    """A time of the exchange's, ISO 8601 in UTC to the millisecond."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC).replace(microsecond=time_ms % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fill_rows(reader: Reader, *, funding: bool = True) -> list[Row]:
    """The table, oldest first; without payments where `funding` is False."""
    about, coins, openings = reader.about(), reader.coins(), reader.openings()
    rows = list(_fills(reader, coins, openings))
    if funding:
        rows += _payments(reader)
    for row in rows:
        row["account"], row["network"] = about.account, about.network
    rows.sort(key=lambda row: row["time_ms"])  # type: ignore[arg-type, return-value]
    return [{name: row.get(name) for name in COLUMNS} for row in rows]


def _fills(reader: Reader, coins: dict[str, CoinRow], openings: dict[str, Opening]) -> Iterator[Row]:
    held = {coin: _Held(openings[coin].lots if coin in openings else 0, Decimal(0)) for coin in coins}
    for fill in sorted(reader.fills(), key=lambda fill: fill.exch_ms):
        lot_size = coins[fill.coin].lot_size
        before = held[fill.coin]
        held[fill.coin], gained = before.after(fill.side, fill.lots, fill.px, lot_size)
        pnl = gained if fill.closed_pnl is None else fill.closed_pnl
        yield _fill(fill, lot_size, before.lots, held[fill.coin].lots, pnl)


def _fill(fill: FillRow, lot_size: Decimal, before: int, after: int, pnl: Decimal) -> Row:
    return {
        "time_utc": utc(fill.exch_ms),
        "time_ms": fill.exch_ms,
        "kind": "fill",
        "coin": fill.coin,
        "side": "buy" if fill.side > 0 else "sell",
        "price": fill.px,
        "quantity": fill.lots * lot_size,
        "value_usd": fill.px * fill.lots * lot_size,
        "fee_usd": fill.fee,
        "fee_token": fill.fee_token,
        "liquidity": "taker" if fill.crossed else "maker",
        "position_before": before * lot_size,
        "position_after": after * lot_size,
        "pnl_usd": pnl,
        "net_pnl_usd": pnl - fill.fee,
        "order_id": fill.order_id,
        "oid": fill.oid,
        "tid": fill.tid,
        "cloid": fill.cloid or "",
        "transaction": fill.hash,
    }


def _payments(reader: Reader) -> Iterator[Row]:
    for paid in reader.payments():
        yield {
            "time_utc": utc(paid.exch_ms),
            "time_ms": paid.exch_ms,
            "kind": "funding",
            "coin": paid.coin,
            "pnl_usd": paid.usd,
            "net_pnl_usd": paid.usd,
        }


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def write_csv(rows: list[Row], path: Path) -> None:
    """CSV with a header, UTF-8, exact decimals."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([[_text(row[name]) for name in COLUMNS] for row in rows])


def write_parquet(rows: list[Row], path: Path) -> None:
    """Parquet: amounts as doubles, ``time_utc`` as a timestamp in UTC."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, pa.Array] = {}
    for name in COLUMNS:
        values = [row[name] for row in rows]
        if name == "time_utc":
            times = [row["time_ms"] for row in rows]
            columns[name] = pa.array(times, pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
        elif name in _MONEY:
            columns[name] = pa.array([None if v is None else float(str(v)) for v in values], pa.float64())
        elif name in ("time_ms", "order_id", "oid", "tid"):
            columns[name] = pa.array(values, pa.int64())
        else:
            columns[name] = pa.array([None if v is None else str(v) for v in values], pa.string())
    pq.write_table(pa.table(columns), path)


def as_json(rows: list[Row]) -> str:
    """A JSON list; amounts are strings, so that they stay exact."""
    plain = [{k: _text(v) if isinstance(v, Decimal) else v for k, v in row.items()} for row in rows]
    return json.dumps(plain, indent=1)
