"""Writing a journal: rows gather, and one transaction makes all of them durable at once.

Whoever acts on something (sends a request, shows a maker a row) calls `Journal.commit` first; it writes what
has gathered since the last one, and does nothing where nothing has. What ``durable`` means is measured in
docs/journal.md: a committed transaction outlives the process whatever happens to it (``kill -9`` at any
instruction); after a power failure the last seconds may be missing, never a part of a transaction, and a
restart finds again at the venue what they held. Decisions that must outlive that too are synced to the disk
one by one (`Journal.commit` with ``synced``).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from undertow.journal.rows import (
    About,
    Ack,
    CoinRow,
    Decision,
    FillRow,
    Intent,
    Landed,
    Opening,
    PaymentRow,
)
from undertow.journal.schema import JournalError, migrate

NAME: Final = "journal.db"
Connect = Callable[[str], sqlite3.Connection]
_PAGE: Final = 1024
"""Bytes of a page of a new journal: a transaction writes every page it touches whole."""
_AUTO_PAGES: Final = 65_536
"""Pages of log (64 MiB) after which a commit tidies up by itself, should nobody have called `tidy`."""
_HOUR_MS: Final = 3_600_000

_INSERT: Final = {
    "intent": "INSERT INTO intent VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "landed": "INSERT OR REPLACE INTO landed VALUES (?,?,?)",
    "ack": "INSERT INTO ack VALUES (NULL,?,?,?,?,?,?,?)",
    "fill": "INSERT INTO fill VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "payment": "INSERT INTO payment VALUES (NULL,?,?,?,?,?)",
    "decision": "INSERT INTO decision VALUES (NULL,?,?,?,?,?)",
    "opening": "INSERT INTO opening VALUES (?,?,?,?)",
    "old_fill": "INSERT OR IGNORE INTO old_fill VALUES (?,?)",
    "mark": "INSERT OR REPLACE INTO mark VALUES (?,?)",
    "watermark": "INSERT OR REPLACE INTO watermark VALUES (1,?)",
}


def connect(path: str) -> sqlite3.Connection:
    """A connection that begins no transaction by itself and may be closed from another thread."""
    return sqlite3.connect(path, isolation_level=None, timeout=10.0, check_same_thread=False)


class Journal:
    """The journal of a session, open for writing by this process alone.

    Use `create` or `open`. Every method but `commit`, `tidy` and `close` only gathers.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: int) -> None:
        self.path = path
        self._connection, self._lock = connection, lock
        self._pending: dict[str, list[tuple[Any, ...]]] = {}
        self._coins: dict[str, int] = {}
        self._process = 0
        self._complete_ms = 0
        self.commits = self.rows = 0

    # ---- opening and closing --------------------------------------------------------------------------

    @classmethod
    def create(
        cls, path: Path, about: About, coins: Sequence[CoinRow], *, connect: Connect = connect
    ) -> Journal:
        """A new journal at `path`, readable by its owner alone, as is its folder.

        Raises `JournalError` where there is one already, or the file cannot be made.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.chmod(path.parent, 0o700)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            raise JournalError(f"{path} exists already: resume its session, or name another folder") from None
        except OSError as fault:
            raise JournalError(f"{path} cannot be made: {fault}") from fault
        journal = cls._opened(path, connect)
        journal._connection.execute("BEGIN IMMEDIATE")
        journal._connection.execute("INSERT INTO session VALUES (1,?,?,?,?,?,?,?,?)", tuple(about))
        journal._connection.executemany(
            "INSERT INTO coin VALUES (NULL,?,?,?,?)",
            [(c.name, c.asset, str(c.tick_size), str(c.lot_size)) for c in coins],
        )
        journal._connection.execute("COMMIT")
        journal._read_coins()
        return journal

    @classmethod
    def open(cls, path: Path, *, connect: Connect = connect) -> Journal:
        """Go on with a journal. Raises `JournalError` where it is missing, damaged or in use."""
        if not path.is_file():
            raise JournalError(f"{path}: there is no journal; only a session that wrote one can be resumed")
        journal = cls._opened(path, connect)
        journal._read_coins()
        return journal

    @classmethod
    def _opened(cls, path: Path, connect: Connect) -> Journal:
        lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise JournalError(f"{path} is in use: its session is running in another process") from None
        connection = None
        try:
            connection = connect(str(path))
            connection.execute(f"PRAGMA page_size = {_PAGE}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_AUTO_PAGES}")
            migrate(connection, path)
        except (sqlite3.Error, JournalError) as fault:
            if connection is not None:
                connection.close()
            os.close(lock)
            if isinstance(fault, JournalError):
                raise
            raise JournalError(f"{path} cannot be opened: {fault}") from fault
        return cls(path, connection, lock)

    def _read_coins(self) -> None:
        self._coins = {name: key for key, name in self._connection.execute("SELECT id, name FROM coin")}

    def begin(self, now_ns: int, *, resumed: bool) -> None:
        """A process starts to write."""
        done = self._connection.execute(
            "INSERT INTO process VALUES (NULL,?,?,NULL,NULL)", (now_ns, int(resumed))
        )
        self._process = int(done.lastrowid or 0)

    def close(self, now_ns: int | None = None, how: str = "") -> None:
        """Write what has gathered, note the process's end where `now_ns` is given, and let go of the file."""
        if now_ns is not None:
            self.commit()
            end = "UPDATE process SET ended_ns = ?, how = ? WHERE id = ?"
            self._connection.execute(end, (now_ns, how, self._process))
        self._connection.close()
        os.close(self._lock)

    # ---- gathering ------------------------------------------------------------------------------------

    def intents(self, intents: Iterable[Intent]) -> None:
        """A request is about to be sent."""
        coins, into = self._coins, self._into("intent")
        for x in intents:
            into.append((*x[:3], coins[x.coin], *x[4:]))

    def landed(self, landed: Landed) -> None:
        """The fate of a request is known."""
        self._into("landed").append(landed)

    def ack(self, ack: Ack) -> None:
        """What is known of an order has changed."""
        self._into("ack").append((ack.time_ns, self._coins[ack.coin], *ack[2:]))

    def fill(self, fill: FillRow) -> None:
        """A fill, not seen before."""
        start = (fill.time_ns, self._coins[fill.coin], fill.oid, fill.tid, fill.order_id, fill.cloid)
        money = (fill.side, str(fill.px), fill.lots, str(fill.fee), fill.crossed, fill.exch_ms)
        closed = None if fill.closed_pnl is None else str(fill.closed_pnl)
        self._into("fill").append((*start, *money, fill.start_lots, closed, fill.fee_token, fill.hash))

    def payment(self, payment: PaymentRow) -> None:
        """A funding payment, not seen before."""
        coin, hour = self._coins[payment.coin], payment.exch_ms // _HOUR_MS
        self._into("payment").append((payment.time_ns, coin, payment.exch_ms, hour, str(payment.usd)))

    def decision(self, decision: Decision) -> None:
        """A decision of risk, or a thing to know."""
        self._into("decision").append(decision)

    def opening(self, openings: Iterable[Opening], old_fills: Iterable[tuple[int, int]]) -> None:
        """The positions the session starts from, and the fills of late that are part of them."""
        coins = self._coins
        self._into("opening").extend((coins[o.coin], o.time_ns, o.lots, o.ignore_before_ms) for o in openings)
        self._into("old_fill").extend(old_fills)

    def mark(self, name: str, usd: float) -> None:
        """What a rule counts from is now this."""
        self._into("mark").append((name, usd))

    def watermark(self, complete_ms: int) -> None:
        """Every fill up to this time of the venue's has been seen."""
        if complete_ms > self._complete_ms:
            self._complete_ms = complete_ms
            self._into("watermark").append((complete_ms,))

    def _into(self, table: str) -> list[tuple[Any, ...]]:
        return self._pending.setdefault(table, [])

    # ---- making durable -------------------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """Whether rows have gathered that are not durable yet."""
        return bool(self._pending)

    def commit(self, *, synced: bool = False) -> None:
        """Make what has gathered durable, all of it or nothing. ``synced``: against power failure too.

        Raises `JournalError`; what had gathered is then not written and not kept.
        """
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        connection = self._connection
        try:
            if synced:
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            for table, rows in pending.items():
                connection.executemany(_INSERT[table], rows)
                self.rows += len(rows)
            connection.execute("COMMIT")
            if synced:
                connection.execute("PRAGMA synchronous = NORMAL")
        except (sqlite3.Error, OSError) as fault:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise JournalError(
                f"{self.path} cannot be written: {fault}; make room or repair the disk, then resume"
            ) from fault
        self.commits += 1

    def tidy(self) -> tuple[int, int]:
        """Move what is in the log into the file and sync both; pages of log, pages moved.

        By a connection of its own, so it may run in a thread while commits go on: they do not wait for it.
        """
        connection = connect(str(self.path))
        try:
            _, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        finally:
            connection.close()
        return int(pages), int(moved)
