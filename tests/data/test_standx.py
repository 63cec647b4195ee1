"""StandX Parquet made in code: aggressors, repeated books, files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undertow.data.convert import convert
from undertow.data.source import SourceError
from undertow.data.sources.standx import aggressors, by_last_change
from undertow.events import AMBIGUOUS, INFERRED, SNAPSHOT, TRADE

T0_NS = 1_767_650_400 * 10**9
MS = 10**6


def times(at_ms: list[int]) -> pa.Array:
    return pa.array([T0_NS + ms * MS for ms in at_ms], pa.timestamp("ns", tz="UTC"))


def write_books(folder: Path, books: list[tuple[int, float, float]], hour: int = 22) -> Path:
    """Books of one level: (exchange time in ms, bid, ask), received 200 ms later."""
    at, bid, ask = map(list, zip(*books, strict=True))
    levels = pa.list_(pa.float64())
    table = pa.table(
        {
            "timestamp": times(at),
            "received_at": times([ms + 200 for ms in at]),
            "bid_prices": pa.array([[px] for px in bid], levels),
            "bid_quantities": pa.array([[1.0]] * len(at), levels),
            "ask_prices": pa.array([[px] for px in ask], levels),
            "ask_quantities": pa.array([[1.0]] * len(at), levels),
        }
    )
    path = folder / f"orderbook_X-USD_2026-01-05_{hour}.parquet"
    pq.write_table(table, path)
    return path


def write_trades(folder: Path, trades: list[tuple[int, float]], hour: int = 22) -> Path:
    """Trades of (exchange time in ms, price), received 300 ms later."""
    at, px = map(list, zip(*trades, strict=True))
    table = pa.table(
        {
            "timestamp": times(at),
            "received_at": times([ms + 300 for ms in at]),
            "price": px,
            "quantity": [1.0] * len(at),
        }
    )
    path = folder / f"trades_X-USD_2026-01-05_{hour}.parquet"
    pq.write_table(table, path)
    return path


def test_sides_by_the_quotes_before() -> None:
    px = np.array([101.0, 102.0, 99.0, 98.0, 100.6, 99.4, 100.0, 100.0, 99.0])
    bid = np.array([99.0] * 7 + [100.0, np.nan])
    ask = np.array([101.0] * 7 + [100.0, np.nan])
    side, guessed = aggressors(px, bid, ask)
    assert side.tolist() == [1, 1, -1, -1, 1, -1, 0, 0, 0]
    assert guessed.tolist() == [False] * 4 + [True] * 5


def test_undecided_sides_follow_the_last_change_of_price() -> None:
    px = np.array([10.0, 10.0, 11.0, 11.0, 9.0])
    side = np.array([0, 0, 0, 1, 0], np.int8)
    filled, last_px, last_side = by_last_change(px, side, np.nan, 0)
    assert (filled.tolist(), last_px, last_side) == ([0, 0, 1, 1, -1], 9.0, -1)
    assert by_last_change(np.array([9.0]), np.zeros(1, np.int8), last_px, last_side)[0].tolist() == [-1]


def test_a_trade_sees_the_book_before_it_across_files(tmp_path: Path) -> None:
    write_books(tmp_path, [(0, 99.0, 101.0), (100, 99.0, 101.0)])
    write_books(tmp_path, [(1000, 105.0, 107.0), (2000, 1.0, 2.0)], hour=23)
    write_trades(tmp_path, [(500, 101.0), (1000, 99.0)])
    write_trades(tmp_path, [(1500, 105.0), (2000, 107.0), (2001, 1.5)], hour=23)
    conversion = convert("standx", [tmp_path])
    (chunk,) = conversion.chunks()
    trades = chunk.rows[(chunk.rows["kind"] == TRADE) & (chunk.rows["flags"] & 1 != 0)]
    # at 1000 and 2000 the book of the same stamp already shows what the trade left: the one before
    assert trades["side"].tolist() == [1, -1, -1, 1, -1]
    assert (trades["code"] == AMBIGUOUS).tolist() == [False, False, False, False, True]
    assert np.all(trades["flags"] & INFERRED)
    assert conversion.report.measured["aggressors_ambiguous"] == 1


def test_only_true_repeats_are_dropped(tmp_path: Path) -> None:
    same = (99.0, 101.0)
    books = [(0, *same), (0, *same), (100, *same), (100, 98.0, 101.0), (200, 98.0, 101.0)]
    write_books(tmp_path, books)
    conversion = convert("standx", [tmp_path])
    (chunk,) = conversion.chunks()
    assert np.count_nonzero(chunk.rows["kind"] == SNAPSHOT) == 4
    assert conversion.report.items_dropped == {"repeated_book": 1}


def test_a_file_without_footer_is_reported(tmp_path: Path) -> None:
    write_trades(tmp_path, [(500, 101.0)])
    broken = write_books(tmp_path, [(0, 99.0, 101.0)])
    broken.write_bytes(broken.read_bytes()[:-30])
    with pytest.raises(ValueError, match=f"{broken.name}: truncated_file"):
        list(convert("standx", [tmp_path]).chunks())
    conversion = convert("standx", [tmp_path], mode="repair")
    (chunk,) = conversion.chunks()
    assert chunk.rows["kind"].tolist() == [TRADE]
    assert chunk.rows["code"].tolist() == [AMBIGUOUS]
    assert ("truncated_file", broken.name) in conversion.report.findings


def test_a_table_without_the_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "trades_X-USD_2026-01-05_22.parquet")
    with pytest.raises(SourceError, match="no column price, quantity, received_at, timestamp"):
        list(convert("standx", [tmp_path]).chunks())
