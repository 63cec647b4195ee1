"""The store: private files, one writer, transactions whole or absent, whatever happens in between."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journal.making import ABOUT, COINS, NOW, ack, fill, intent, landed, made, payment

from undertow.journal.reading import Reader
from undertow.journal.rows import Decision
from undertow.journal.schema import MIGRATIONS, VERSION, JournalError, migrate, version_of
from undertow.journal.store import NAME, Journal, connect


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    journal = made(tmp_path)
    intents = [intent(3), intent(4, deed=3, replaces=3, side=-1, reduce_only=True, reason="stop")]
    fills = [
        fill(1),
        fill(2, px="0.00012345", fee="-0.000001", crossed=True, closed_pnl=Decimal("-1.5"), hash="0xaa"),
    ]
    journal.intents(intents)
    journal.landed(landed(1))
    journal.ack(ack(3))
    for one in fills:
        journal.fill(one)
    journal.payment(payment(0, "-0.25"))
    journal.decision(Decision(NOW, "limit", "BTC", "position", 5.0))
    journal.watermark(123)
    journal.commit()
    with Reader(tmp_path) as reader:
        assert reader.about() == ABOUT
        assert tuple(reader.coins().values()) == COINS
        assert list(reversed(reader.last_intents(9))) == intents
        assert list(reader.fills()) == fills
        assert list(reader.payments()) == [payment(0, "-0.25")]
        assert list(reader.decisions()) == [Decision(NOW, "limit", "BTC", "position", 5.0)]
        assert reader.complete_ms() == 123
        assert reader.nonces_unknown(0) == []
        assert [o.intent.order_id for o in reader.open_orders()] == [3, 4]
        assert not reader.faults()
    journal.close(NOW, "stopped")
    with Reader(tmp_path / NAME) as reader:
        assert reader.processes() == [(NOW, False, NOW, "stopped")]


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        journal = made(tmp_path / "session")
        journal.intents([intent(1)])
        journal.commit()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "session").iterdir()}
    finally:
        os.umask(old)
    assert {NAME, f"{NAME}-wal", f"{NAME}-shm", "journal.lock"} <= set(modes)
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "session").stat().st_mode) == 0o700
    journal.close()


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    journal = made(tmp_path)
    with pytest.raises(JournalError, match="in use"):
        Journal.open(tmp_path / NAME)
    journal.close()
    Journal.open(tmp_path / NAME).close()


def test_a_journal_is_never_overwritten(tmp_path: Path) -> None:
    made(tmp_path).close()
    with pytest.raises(JournalError, match="exists already"):
        made(tmp_path)
    with pytest.raises(JournalError, match="no journal"):
        Journal.open(tmp_path / "other" / NAME)


def test_a_fill_cannot_be_written_twice(tmp_path: Path) -> None:
    journal = made(tmp_path)
    journal.fill(fill(1))
    journal.commit()
    journal.fill(fill(1))
    journal.fill(fill(2))
    with pytest.raises(JournalError, match="cannot be written"):
        journal.commit()
    with Reader(tmp_path) as reader:
        assert [f.tid for f in reader.fills()] == [1], "the transaction is whole or absent"
    journal.close()


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    journal = made(tmp_path)
    journal._connection.execute("PRAGMA max_page_count = 20")
    for k in range(5_000):
        journal.fill(fill(k))
    with pytest.raises(JournalError, match="make room"):
        journal.commit()
    journal.commit()  # nothing is pending
    journal.close()


def test_synced_decisions_leave_the_pace_as_it_was(tmp_path: Path) -> None:
    journal = made(tmp_path)
    journal.decision(Decision(NOW, "loss", "", "kill", 1.0))
    journal.commit(synced=True)
    assert journal._connection.execute("PRAGMA synchronous").fetchone()[0] == 1
    journal.close()


def test_tidying_moves_the_log_while_others_write(tmp_path: Path) -> None:
    journal = made(tmp_path)
    for k in range(300):
        journal.fill(fill(k))
        journal.commit()
    pages, moved = journal.tidy()
    assert pages == moved > 10
    journal.fill(fill(1_000))
    journal.commit()
    with Reader(tmp_path) as reader:
        assert sum(1 for _ in reader.fills()) == 301
    journal.close()


def test_an_old_journal_is_brought_up_and_keeps_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / NAME
    old = connect(str(path))
    migrate(old, path, to=1)
    assert version_of(old) == 1
    old.execute("INSERT INTO session VALUES (1,?,?,?,?,?,?,?,?)", tuple(ABOUT))
    old.execute("INSERT INTO coin VALUES (NULL,'BTC',0,'0.1','0.001')")
    old.execute("INSERT INTO fill VALUES (NULL,1,1,2,3,4,NULL,1,'100.5',7,'0.01',0,9,NULL,NULL)")
    old.close()
    with Reader(tmp_path) as reader:  # an old one can be read as it is
        before = list(reader.fills())
    assert before[0].fee_token == "USDC"
    Journal.open(path).close()
    with Reader(tmp_path) as reader:
        assert reader.version == VERSION == len(MIGRATIONS)
        assert list(reader.fills()) == before
        assert reader.about() == ABOUT


def test_a_migration_that_fails_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / NAME
    old = connect(str(path))
    migrate(old, path, to=1)
    broken = (MIGRATIONS[0], MIGRATIONS[1] + "; ALTER TABLE nothing ADD COLUMN x")
    monkeypatch.setattr("undertow.journal.schema.MIGRATIONS", broken)
    with pytest.raises(sqlite3.OperationalError):
        migrate(old, path)
    assert version_of(old) == 1
    names = [row[1] for row in old.execute("PRAGMA table_info(fill)")]
    assert "fee_token" not in names
    old.close()


def test_other_files_and_newer_versions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / NAME
    made(tmp_path).close()
    newer = connect(str(path))
    newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()
    with pytest.raises(JournalError, match=f"version {VERSION + 1}, this program reads up to {VERSION}"):
        Journal.open(path)
    with pytest.raises(JournalError, match=f"version {VERSION + 1}"):
        Reader(tmp_path)
    other = connect(str(tmp_path / "other.db"))
    other.execute("PRAGMA user_version = 1")
    other.execute("CREATE TABLE x (y)")
    other.close()
    with pytest.raises(JournalError, match="something else"):
        Reader(tmp_path / "other.db")
    (tmp_path / "text.db").write_text("no database, only words" * 100)
    with pytest.raises(JournalError, match="cannot be read"):
        Reader(tmp_path / "text.db")
    with pytest.raises(JournalError, match="no journal there"):
        Reader(tmp_path / "nowhere")


def test_a_reader_takes_in_what_a_killed_process_left(tmp_path: Path) -> None:
    """Killed between the log and its index: whoever comes first must mend the index, a reader too."""
    journal = made(tmp_path / "alive")
    for k in range(20):
        journal.fill(fill(k))
        journal.commit()
    shutil.copytree(tmp_path / "alive", tmp_path / "killed")
    journal.close()
    index = tmp_path / "killed" / f"{NAME}-shm"
    raw = bytearray(index.read_bytes())
    raw[8:16] = b"\xff" * 8  # the two copies of its header differ
    index.write_bytes(raw)
    with Reader(tmp_path / "killed") as reader:
        assert [f.tid for f in reader.fills()] == list(range(20))
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM fill")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_log_torn_anywhere_gives_a_prefix_of_the_transactions(tmp_path: Path, data: st.DataObject) -> None:
    """The machine failed: the log's tail is cut off, or a piece of it was never written."""
    source, torn = tmp_path / "source", tmp_path / "torn"
    if not source.is_dir():
        journal = made(source)
        journal.tidy()
        for k in range(40):
            journal.fill(fill(2 * k))
            journal.fill(fill(2 * k + 1))
            journal.commit()
        shutil.copytree(source, tmp_path / "copy")  # as the files stand, the writer still alive
        journal.close()
    shutil.rmtree(torn, ignore_errors=True)
    shutil.copytree(tmp_path / "copy", torn)
    log = torn / f"{NAME}-wal"
    raw = bytearray(log.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        del raw[at:]
    else:
        raw[at : at + 512] = random.Random(at).randbytes(len(raw[at : at + 512]))
    log.write_bytes(raw)
    (torn / f"{NAME}-shm").unlink()
    journal = Journal.open(torn / NAME)
    with Reader(torn) as reader:
        assert not reader.faults()
        tids = [f.tid for f in reader.fills()]
    assert tids == list(range(len(tids)))
    assert len(tids) % 2 == 0, "half a transaction"
    journal.fill(fill(1_000))
    journal.commit()
    journal.close()


class Mortal:
    """A connection whose process ends at its `left`-th statement, before it or after it was carried out."""

    left, after = 0, False

    def __init__(self, path: str) -> None:
        self.connection = connect(path)

    def __getattr__(self, name: str):
        return getattr(self.connection, name)

    def _run(self, method: str, *args):
        Mortal.left -= 1
        if Mortal.left == 0 and not Mortal.after:
            os._exit(9)
        done = getattr(self.connection, method)(*args)
        if Mortal.left == 0:
            os._exit(9)
        return done

    def execute(self, *args):
        return self._run("execute", *args)

    def executemany(self, *args):
        return self._run("executemany", *args)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 8))
def test_death_at_every_statement_of_a_commit(tmp_path: Path, at: int, after: bool) -> None:
    journal = made(tmp_path)
    journal.fill(fill(1))
    journal.commit()
    journal.close()
    child = os.fork()
    if child == 0:
        Mortal.left = 0
        dying = Journal.open(tmp_path / NAME, connect=Mortal)
        Mortal.left, Mortal.after = at, after
        dying.intents([intent(2), intent(3)])
        dying.ack(ack(2))
        dying.fill(fill(2))
        dying.commit()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == (9 if at <= 5 else 0)
    Journal.open(tmp_path / NAME).close()
    with Reader(tmp_path) as reader:
        counts = reader.counts()
        assert not reader.faults()
    done = at > 5 or (at == 5 and after)  # BEGIN, three inserts, COMMIT
    assert (counts["intent"], counts["ack"], counts["fill"]) == ((2, 1, 2) if done else (0, 0, 1))
