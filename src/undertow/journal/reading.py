"""Reading a journal, also while its session writes it: what was open, what was booked, what is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from undertow.journal.rows import (
    MODIFY,
    PLACE,
    TAKE,
    About,
    Ack,
    CoinRow,
    Decision,
    FillRow,
    Intent,
    Opening,
    PaymentRow,
)
from undertow.journal.schema import JournalError, NeverBegun, check
from undertow.journal.store import NAME

_INTENT: Final = (
    "time_ns, nonce, deed, name, order_id, oid, cloid, side, tick, lots, tif, reduce_only, replaces, reason "
    "FROM intent i JOIN coin ON coin.id = i.coin"
)
_ACK: Final = "time_ns, name, order_id, oid, code, final, ended FROM ack JOIN coin ON coin.id = ack.coin"
_TABLES: Final = ("process", "intent", "landed", "ack", "fill", "payment", "decision")


class OpenOrder(NamedTuple):
    """An order whose end was not told: its intent, its last answer (None: none came), what of it filled."""

    intent: Intent
    ack: Ack | None
    filled: int


def journal_path(where: Path) -> Path:
    """The journal meant by `where`: a session's folder, or the file itself. Raises `JournalError`."""
    path = where / NAME if where.is_dir() else where
    if not path.is_file():
        raise JournalError(f"{where}: no journal there; give a session's folder or its {NAME}")
    return path


class Reader:
    """A journal, read only. Use it in a ``with``. Raises `JournalError` for what is none.

    What a killed process left in the log is taken in by whoever opens the file first, for which the file must
    be writable; nothing of its content is ever changed.
    """

    def __init__(self, where: Path) -> None:
        self.path = journal_path(where)
        try:
            self._connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=rw", uri=True)
        except sqlite3.Error as fault:
            raise JournalError(f"{self.path} cannot be read: {fault}") from fault
        try:
            self._connection.execute("PRAGMA query_only = ON")
            self.version = check(self._connection, self.path)
            if self.version == 0:
                raise NeverBegun(f"{self.path} was never begun: its process ended while making it")
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _rows(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        return self._connection.execute(sql, values)

    def about(self) -> About:
        """What the journal is of."""
        columns = "number, account, network, execution, created_ns, start_equity_usd, spec, config"
        row = next(self._rows(f"SELECT {columns} FROM session"), None)
        if row is None:
            raise NeverBegun(f"{self.path} was never begun: its process ended while making it")
        return About(*row)

    def coins(self) -> dict[str, CoinRow]:
        """The session's coins, in its order."""
        rows = self._rows("SELECT name, asset, tick_size, lot_size FROM coin ORDER BY id")
        return {name: CoinRow(name, asset, Decimal(tick), Decimal(lot)) for name, asset, tick, lot in rows}

    def openings(self) -> dict[str, Opening]:
        """The positions the session began with; empty where it never came so far."""
        columns = "time_ns, name, lots, ignore_before_ms FROM opening JOIN coin ON coin.id = opening.coin"
        return {row[1]: Opening(*row) for row in self._rows(f"SELECT {columns}")}

    def old_fills(self) -> list[tuple[int, int]]:
        """(oid, tid) of fills that are part of the opening."""
        return [(oid, tid) for oid, tid in self._rows("SELECT oid, tid FROM old_fill")]

    def complete_ms(self) -> int:
        """Every fill up to this time of the venue's is here; 0: nothing is known."""
        row = next(self._rows("SELECT complete_ms FROM watermark"), None)
        return 0 if row is None else int(row[0])

    def fills(self, since_seq: int = 0) -> Iterator[FillRow]:
        """Fills in the order in which they were learned."""
        for row in self._rows(f"SELECT {self._fill_columns} WHERE seq > ? ORDER BY seq", since_seq):
            yield _fill(row)

    @property
    def _fill_columns(self) -> str:
        late = ", fee_token, hash" if self.version >= 2 else ""
        return (
            "time_ns, name, oid, tid, order_id, cloid, side, px, lots, fee, crossed, exch_ms, start_lots, "
            f"closed_pnl{late} FROM fill JOIN coin ON coin.id = fill.coin"
        )

    def payments(self) -> Iterator[PaymentRow]:
        """Funding payments in the order in which they were learned."""
        sql = "SELECT time_ns, name, exch_ms, usd FROM payment JOIN coin ON coin.id = coin ORDER BY seq"
        for time_ns, coin, exch_ms, usd in self._rows(sql):
            yield PaymentRow(time_ns, coin, exch_ms, Decimal(usd))

    def marks(self) -> dict[str, float]:
        """What rules count from, USD by name; empty in a journal of a version before them."""
        return dict(self._rows("SELECT name, usd FROM mark")) if self.version >= 3 else {}

    def decisions(self) -> Iterator[Decision]:
        """Decisions, oldest first."""
        for row in self._rows("SELECT time_ns, kind, coin, text, value FROM decision ORDER BY seq"):
            yield Decision(*row)

    def open_orders(self) -> list[OpenOrder]:
        """Orders whose end has not been told to their maker, oldest first."""
        sql = (
            f"SELECT {_INTENT} WHERE deed IN ({MODIFY}, {PLACE}, {TAKE}) AND order_id >= 0 AND NOT EXISTS "
            "(SELECT 1 FROM ack e WHERE e.coin = i.coin AND e.order_id = i.order_id AND e.ended = 1) "
            "ORDER BY i.seq"
        )
        intents = [_intent(row) for row in self._rows(sql)]
        if not intents:
            return []
        since_ns = min(intent.time_ns for intent in intents)
        acks = {(ack.coin, ack.order_id): ack for ack in self.acks(since_ns)}
        filled: dict[tuple[str, int], int] = {}
        for fill in self.fills():
            key = fill.coin, fill.order_id
            filled[key] = filled.get(key, 0) + fill.lots
        keys = [(intent.coin, intent.order_id) for intent in intents]
        return [OpenOrder(i, acks.get(key), filled.get(key, 0)) for i, key in zip(intents, keys, strict=True)]

    def acks(self, since_ns: int = 0) -> Iterator[Ack]:
        """Answers noted from `since_ns` on, in order."""
        for row in self._rows(f"SELECT {_ACK} WHERE time_ns >= ? ORDER BY seq", since_ns):
            yield _ack(row)

    def orders(self, coin: str, order_ids: Collection[int]) -> list[Intent]:
        """The intents that placed these orders of `coin`, in order."""
        marks = ",".join("?" * len(order_ids))
        sql = (
            f"SELECT {_INTENT} WHERE deed IN ({MODIFY}, {PLACE}, {TAKE}) AND name = ? "
            f"AND order_id IN ({marks}) ORDER BY seq"
        )
        return [_intent(row) for row in self._rows(sql, coin, *order_ids)]

    def ends(self, coin: str, order_ids: Collection[int]) -> list[Ack]:
        """The last answers to these orders of `coin`, of those that have ended."""
        marks = ",".join("?" * len(order_ids))
        sql = f"SELECT {_ACK} WHERE ended = 1 AND name = ? AND order_id IN ({marks}) ORDER BY seq"
        return [_ack(row) for row in self._rows(sql, coin, *order_ids)]

    def nonces_unknown(self, since_ms: int) -> list[int]:
        """Nonces from `since_ms` on of requests whose fate is not known, ascending."""
        sql = (
            "SELECT DISTINCT nonce FROM intent WHERE nonce >= ? AND nonce > 0 AND nonce NOT IN "
            "(SELECT nonce FROM landed) ORDER BY nonce"
        )
        return [int(nonce) for (nonce,) in self._rows(sql, since_ms)]

    def last_nonce(self) -> int:
        """The highest nonce used, 0 if none."""
        return int(next(self._rows("SELECT coalesce(max(nonce), 0) FROM intent"))[0])

    def last_order_id(self, coin: str, below: int = 2**62) -> int:
        """The highest id under `below` that an order of `coin` was sent with, -1 if none was."""
        sql = (
            "SELECT coalesce(max(order_id), -1) FROM intent JOIN coin ON coin.id = coin "
            "WHERE name = ? AND order_id < ?"
        )
        return int(next(self._rows(sql, coin, below))[0])

    def last_intents(self, most: int) -> list[Intent]:
        """The last `most` intents, youngest first."""
        return [_intent(row) for row in self._last(_INTENT, most)]

    def last_acks(self, most: int) -> list[Ack]:
        """The last `most` answers, youngest first."""
        return [_ack(row) for row in self._last(_ACK, most)]

    def last_fills(self, most: int) -> list[FillRow]:
        """The last `most` fills, youngest first."""
        return [_fill(row) for row in self._last(self._fill_columns, most)]

    def last_decisions(self, most: int) -> list[Decision]:
        """The last `most` decisions, youngest first."""
        columns = "time_ns, kind, coin, text, value FROM decision"
        return [Decision._make(row) for row in self._last(columns, most)]

    def _last(self, columns: str, most: int) -> Iterator[tuple[Any, ...]]:
        return self._rows(f"SELECT {columns} ORDER BY seq DESC LIMIT ?", most)

    def counts(self) -> dict[str, int]:
        """Rows of every table."""
        return {t: int(next(self._rows(f"SELECT count(*) FROM {t}"))[0]) for t in _TABLES}

    def processes(self) -> list[tuple[int, bool, int | None, str | None]]:
        """Starts of the session: when, whether resumed, when it ended and how (None: it was cut off)."""
        rows = self._rows("SELECT started_ns, resumed, ended_ns, how FROM process ORDER BY id")
        return [(started, bool(resumed), ended, how) for started, resumed, ended, how in rows]

    def faults(self) -> list[str]:
        """What SQLite finds wrong with the file; empty where nothing is."""
        found = [str(text) for (text,) in self._rows("PRAGMA integrity_check")]
        found = [] if found == ["ok"] else found
        return found + [
            f"{row[0]}: row {row[1]} names no {row[2]}" for row in self._rows("PRAGMA foreign_key_check")
        ]


def _ack(row: tuple[Any, ...]) -> Ack:
    return Ack._make((*row[:6], bool(row[6])))


def _fill(row: tuple[Any, ...]) -> FillRow:
    closed = None if row[13] is None else Decimal(row[13])
    money = (Decimal(row[7]), row[8], Decimal(row[9]), bool(row[10]))
    return FillRow._make((*row[:7], *money, row[11], row[12], closed, *(row[14:] or ("USDC", ""))))


def _intent(row: tuple[Any, ...]) -> Intent:
    return Intent._make((*row[:11], bool(row[11]), *row[12:]))
