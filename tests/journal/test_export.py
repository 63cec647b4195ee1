"""Fills as a table. The amounts of the first test are worked out by hand."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.journal.making import COINS, NOW, ack, fill, intent, made, payment

from undertow.cli.main import run
from undertow.journal.export import COLUMNS, _Held, as_json, fill_rows, utc, write_csv, write_parquet
from undertow.journal.reading import Reader


def _session(folder: Path) -> None:
    """Bought 5 lots at 100, 5 at 110, sold 8 at 120, sold 4 at 90: flat, then short 2."""
    journal = made(folder)
    journal.intents([intent(1)])
    journal.ack(ack(1))
    for one in (
        fill(1, px="100.0"),
        fill(2, px="110.0"),
        fill(3, px="120.0", side=-1, lots=8, crossed=True, fee="0.03"),
        fill(4, px="90.0", side=-1, lots=4, closed_pnl=Decimal("-0.03"), hash="0xbeef"),
    ):
        journal.fill(one)
    journal.payment(payment(1, "-0.5"))
    journal.commit()
    journal.close()


def test_amounts(tmp_path: Path) -> None:
    _session(tmp_path)
    with Reader(tmp_path) as reader:
        rows = fill_rows(reader)
    assert [row["kind"] for row in rows] == ["fill"] * 4 + ["funding"]
    lot = COINS[0].lot_size
    assert [row["position_after"] for row in rows[:4]] == [5 * lot, 10 * lot, 2 * lot, -2 * lot]
    # average cost 105: (120 - 105) * 0.008; then what the exchange said
    assert [row["pnl_usd"] for row in rows] == [0, 0, Decimal("0.12"), Decimal("-0.03"), Decimal("-0.5")]
    assert rows[2]["net_pnl_usd"] == Decimal("0.09")
    assert rows[2]["value_usd"] == Decimal("0.96")
    assert rows[2]["liquidity"] == "taker"
    assert rows[3]["transaction"] == "0xbeef"
    assert rows[0]["time_utc"] == utc(NOW // 1_000_000 + 1) == "2026-09-21T14:13:20.001Z"


def test_files_hold_the_same(tmp_path: Path) -> None:
    _session(tmp_path)
    with Reader(tmp_path) as reader:
        rows = fill_rows(reader)
    write_csv(rows, tmp_path / "fills.csv")
    write_parquet(rows, tmp_path / "fills.parquet")
    read = list(csv.DictReader((tmp_path / "fills.csv").read_text().splitlines()))
    table = pq.read_table(tmp_path / "fills.parquet").to_pylist()
    plain = json.loads(as_json(rows))
    assert list(read[0]) == list(table[0]) == list(plain[0]) == list(COLUMNS)
    for row, line, record, said in zip(rows, read, table, plain, strict=True):
        for name in ("price", "fee_usd", "pnl_usd", "position_after"):
            exact = row[name]
            if exact is None:
                assert line[name] == ""
                assert record[name] is said[name] is None
            else:
                assert Decimal(line[name]) == Decimal(said[name]) == exact
                assert record[name] == float(str(exact))
        assert line["time_utc"] == row["time_utc"]
        assert record["time_utc"].isoformat(timespec="milliseconds").replace("+00:00", "Z") == row["time_utc"]


def test_a_session_without_fills_has_a_table_too(tmp_path: Path) -> None:
    made(tmp_path).close()
    with Reader(tmp_path) as reader:
        rows = fill_rows(reader)
    write_csv(rows, tmp_path / "fills.csv")
    write_parquet(rows, tmp_path / "fills.parquet")
    assert (tmp_path / "fills.csv").read_text().strip() == ",".join(COLUMNS)
    assert pq.read_table(tmp_path / "fills.parquet").num_rows == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 50), st.integers(1, 10_000)), max_size=40),
    st.integers(1, 10_000),
)
def test_what_was_realised_and_what_is_held_is_the_cash(
    trades: list[tuple[int, int, int]], last: int
) -> None:
    """Σ realised + (position at any price − its cost) = cash + position at that price."""
    lot = Decimal("0.001")
    held, realised, cash = _Held(0, Decimal(0)), Decimal(0), Decimal(0)
    for side, lots, px in trades:
        held, gained = held.after(side, lots, Decimal(px), lot)
        realised += gained
        cash -= side * lots * Decimal(px) * lot
    worth = held.lots * Decimal(last) * lot
    assert abs(realised + worth - held.cost - (cash + worth)) < Decimal("1e-15")
    assert held.lots == sum(side * lots for side, lots, _ in trades)


def test_commands(tmp_path: Path, capsys) -> None:
    _session(tmp_path)
    assert run(["fills", str(tmp_path), "--csv", str(tmp_path / "out.csv")]) == 0
    said = capsys.readouterr().out
    assert "BTC" in said
    assert "0.9600" not in said
    assert "out.csv" in said
    assert run(["fills", str(tmp_path), "--json", "--no-funding"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 4
    assert run(["journal", str(tmp_path), "--tail", "3"]) == 0
    said = capsys.readouterr().out
    assert "file: whole" in said
    assert "fill BTC#1 sold 0.004 at 90" in said
    assert run(["journal", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["fill"] == 4
    assert told["open_orders"] == 1
    assert run(["fills", str(tmp_path / "nothing")]) == 2
    assert "no journal there" in capsys.readouterr().err
