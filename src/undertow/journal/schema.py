"""The schema of a journal, version by version.

A journal of an older version is brought up when it is opened for writing; one of a newer version is
refused. Prices and money are decimals written out, so nothing is rounded; sizes are whole lots.
"""

from __future__ import annotations

import sqlite3
from typing import Final

APPLICATION_ID: Final = 0x756E6477
"""Marks the file as a journal ("undw")."""

_FIRST: Final = """
CREATE TABLE session (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL, account TEXT NOT NULL, network TEXT NOT NULL, execution TEXT NOT NULL,
    created_ns INTEGER NOT NULL, start_equity_usd REAL NOT NULL, spec TEXT NOT NULL, config TEXT NOT NULL
);
CREATE TABLE process (
    id INTEGER PRIMARY KEY, started_ns INTEGER NOT NULL, resumed INTEGER NOT NULL,
    ended_ns INTEGER, how TEXT
);
CREATE TABLE coin (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, asset INTEGER NOT NULL,
    tick_size TEXT NOT NULL, lot_size TEXT NOT NULL
);
CREATE TABLE opening (
    coin INTEGER PRIMARY KEY REFERENCES coin, time_ns INTEGER NOT NULL,
    lots INTEGER NOT NULL, ignore_before_ms INTEGER NOT NULL
);
CREATE TABLE old_fill (oid INTEGER NOT NULL, tid INTEGER NOT NULL, PRIMARY KEY (oid, tid)) WITHOUT ROWID;
CREATE TABLE watermark (id INTEGER PRIMARY KEY CHECK (id = 1), complete_ms INTEGER NOT NULL);
CREATE TABLE intent (
    seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, nonce INTEGER NOT NULL, deed INTEGER NOT NULL,
    coin INTEGER NOT NULL REFERENCES coin, order_id INTEGER NOT NULL, oid INTEGER NOT NULL,
    cloid TEXT NOT NULL, side INTEGER NOT NULL, tick INTEGER NOT NULL, lots INTEGER NOT NULL,
    tif INTEGER NOT NULL, reduce_only INTEGER NOT NULL, replaces INTEGER, reason TEXT NOT NULL
);
CREATE TABLE landed (nonce INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, how TEXT NOT NULL);
CREATE TABLE ack (
    seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, coin INTEGER NOT NULL REFERENCES coin,
    order_id INTEGER NOT NULL, oid INTEGER NOT NULL, code INTEGER NOT NULL, final INTEGER,
    ended INTEGER NOT NULL
);
CREATE INDEX ack_end ON ack (coin, order_id) WHERE ended = 1;
CREATE TABLE fill (
    seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, coin INTEGER NOT NULL REFERENCES coin,
    oid INTEGER NOT NULL, tid INTEGER NOT NULL, order_id INTEGER NOT NULL, cloid TEXT,
    side INTEGER NOT NULL, px TEXT NOT NULL, lots INTEGER NOT NULL, fee TEXT NOT NULL,
    crossed INTEGER NOT NULL, exch_ms INTEGER NOT NULL, start_lots INTEGER, closed_pnl TEXT,
    UNIQUE (oid, tid)
);
CREATE TABLE payment (
    seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, coin INTEGER NOT NULL REFERENCES coin,
    exch_ms INTEGER NOT NULL, hour INTEGER NOT NULL, usd TEXT NOT NULL, UNIQUE (coin, hour)
);
CREATE TABLE decision (
    seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, kind TEXT NOT NULL, coin TEXT NOT NULL,
    text TEXT NOT NULL, value REAL NOT NULL
);
"""

_SECOND: Final = """
ALTER TABLE fill ADD COLUMN fee_token TEXT NOT NULL DEFAULT 'USDC';
ALTER TABLE fill ADD COLUMN hash TEXT NOT NULL DEFAULT '';
"""
"""What a tax office asks for: the token fees were paid in, the transaction."""

_THIRD: Final = """
CREATE TABLE mark (name TEXT PRIMARY KEY, usd REAL NOT NULL) WITHOUT ROWID;
"""
"""What loss and drawdown are counted from."""

MIGRATIONS: Final = (_FIRST, _SECOND, _THIRD)
VERSION: Final = len(MIGRATIONS)


class JournalError(ValueError):
    """A journal cannot be opened, read or written; the text says what to do."""


class NeverBegun(JournalError):
    """A journal whose process ended while making it: nothing was ever done by it."""


def version_of(connection: sqlite3.Connection) -> int:
    """Version of the schema: 0 of a file without one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check(connection: sqlite3.Connection, path: object) -> int:
    """The version of a journal to read. Raises `JournalError` for another file, or a newer version."""
    try:
        version = version_of(connection)
        mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
    except sqlite3.DatabaseError as fault:
        raise JournalError(f"{path} cannot be read as a journal: {fault}") from fault
    if version and mark != APPLICATION_ID:
        raise JournalError(f"{path} is an SQLite file of something else")
    if version > VERSION:
        raise JournalError(
            f"{path} is of version {version}, this program reads up to {VERSION}: use the one that wrote it"
        )
    return version


def migrate(connection: sqlite3.Connection, path: object, to: int = VERSION) -> int:
    """Bring a journal up to version `to`, all of it or nothing; returns the version it had."""
    had = check(connection, path)
    for version in range(had, to):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[version].split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    return had
