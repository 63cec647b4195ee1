"""Every kind of bad input, in both modes: strict names file and row, repair does what it says.

In each case the report's books must balance (`Report.check_balance` runs at the end of every
conversion) and nothing but the spoiled rows may change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.data.hyperliquid_files import Files, book, quote, stamp, trade

from undertow.data.convert import convert
from undertow.data.report import BadInput, Report
from undertow.events import BBO, END, GAP, REPAIRED, SNAPSHOT, TRADE, Chunk, order_for_two_clocks

N_TRADES, N_QUOTES, N_BOOKS = 8, 28, 8


def converted(folder: Path, mode: str = "repair") -> tuple[Chunk, Report]:
    conversion = convert("hyperliquid-csv", [folder], mode=mode)  # type: ignore[arg-type]
    (chunk,) = conversion.chunks()
    assert order_for_two_clocks(chunk.rows) is chunk.rows
    assert np.all(chunk.rows["recv_ns"] >= chunk.rows["exch_ns"])
    return chunk, conversion.report


def whole(chunk: Chunk, kind: int) -> NDArray[np.void]:
    """Rows of a kind as the maker sees them."""
    rows = chunk.rows
    return rows[(rows["kind"] == kind) & (rows["flags"] & 2 != 0)]


def counts(chunk: Chunk) -> tuple[int, int, int]:
    return len(whole(chunk, TRADE)), len(whole(chunk, BBO)), len(whole(chunk, SNAPSHOT))


def test_good_files_convert_strictly(tmp_path: Path) -> None:
    chunk, report = converted(Files().write(tmp_path), "strict")
    assert counts(chunk) == (N_TRADES, N_QUOTES, N_BOOKS)
    assert not report.findings
    assert chunk.snapshots.shape == (N_BOOKS, 4, 3)
    assert np.array_equal(chunk.snapshots[0], [[99, 98, 97], [1, 2, 3], [101, 102, 103], [1, 2, 3]])


@dataclass
class Case:
    """A way to spoil files: the finding it gives, where, and what repair leaves."""

    code: str
    spoil: Callable[[Files], None]
    file: str
    line: int
    left: tuple[int, int, int]
    repaired: int = 0
    dropped_rows: dict[str, int] = field(default_factory=dict)
    dropped_items: dict[str, int] = field(default_factory=dict)


def put(name: str, at: int, line: str) -> Callable[[Files], None]:
    def spoil(files: Files) -> None:
        getattr(files, name)[at] = line

    return spoil


ALL = (N_TRADES, N_QUOTES, N_BOOKS)
CASES = {
    "nan price": Case(
        "bad_price", put("trades", 2, trade(2000, "nan")), "trades", 4, (7, 28, 8), 0, {"bad_price": 1}
    ),
    "missing price": Case(
        "bad_price", put("trades", 2, trade(2000, "")), "trades", 4, (7, 28, 8), 0, {"bad_price": 1}
    ),
    "negative price": Case(
        "bad_price", put("prices", 2, quote(1200, "bid", -99)), "prices", 4, (8, 27, 8), 0, {"bad_price": 1}
    ),
    "infinite size": Case(
        "bad_size", put("trades", 2, trade(2000, qty="inf")), "trades", 4, (7, 28, 8), 0, {"bad_size": 1}
    ),
    "negative size": Case(
        "bad_size", put("prices", 3, quote(1200, "ask", 101, -1)), "prices", 5, (8, 27, 8), 0, {"bad_size": 1}
    ),
    "unknown side of a trade": Case(
        "unknown_side", put("trades", 2, trade(2000, side="?")), "trades", 4, ALL, 1
    ),
    "unknown side of a quote": Case(
        "unknown_side",
        put("prices", 2, quote(1200, "?", 99)),
        "prices",
        4,
        (8, 27, 8),
        0,
        {"unknown_side": 1},
    ),
    "crossed quotes": Case(
        "crossed_book",
        put("prices", 2, quote(1200, "bid", 102)),
        "prices",
        4,
        (8, 26, 8),
        0,
        {"crossed_book": 2},
    ),
    "crossed book": Case(
        "crossed_book",
        put("orderbooks", 2, book(1880, 102, 101)),
        "orderbooks",
        4,
        (8, 28, 7),
        0,
        {"crossed_book": 1},
    ),
    "unsorted book": Case(
        "unsorted_book",
        put("orderbooks", 2, book(1880, levels={"bid_price_1": 99.5})),
        "orderbooks",
        4,
        (8, 28, 7),
        0,
        {"unsorted_book": 1},
    ),
    "bad level": Case(
        "bad_price", put("orderbooks", 2, book(1880, levels={"bid_price_1": "nan"})), "orderbooks", 4, ALL, 1
    ),
    "duplicate trade": Case(
        "duplicate_trade",
        put("trades", 3, trade(2000, tid=2001)),
        "trades",
        5,
        (7, 28, 8),
        0,
        {"duplicate_trade": 1},
    ),
    "time backwards": Case("time_backwards", put("trades", 3, trade(1500, tid=7)), "trades", 5, ALL, 1),
    "malformed time": Case(
        "malformed",
        put("trades", 3, "yesterday,100.0,1.0,buy,9,soon"),
        "trades",
        5,
        (7, 28, 8),
        0,
        {},
        {"malformed": 1},
    ),
    "too few fields": Case(
        "malformed", put("trades", 3, "1757"), "trades", 5, (7, 28, 8), 0, {}, {"malformed": 1}
    ),
    "received before it happened": Case(
        "clock_behind",
        put("trades", 3, f"{stamp(2550)},100.0,1.0,buy,9,1757000003500"),
        "trades",
        5,
        ALL,
        1,
    ),
}


@pytest.mark.parametrize("name", [name for name in CASES if name != "received before it happened"])
def test_strict_stops_at_the_row(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    files = Files()
    case.spoil(files)
    with pytest.raises(BadInput) as caught:
        converted(files.write(tmp_path), "strict")
    finding = caught.value.finding
    assert (finding.code, finding.file) == (case.code, f"{case.file}_BTC.csv")
    assert finding.lines[0] == case.line
    assert f"(row {case.line}" in str(caught.value)
    assert "--repair" in str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_repair_does_what_it_says(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    files = Files()
    case.spoil(files)
    chunk, report = converted(files.write(tmp_path))
    finding = report.findings[case.code, f"{case.file}_BTC.csv"]
    assert finding.lines[0] == case.line
    assert counts(chunk) == case.left
    assert dict(report.rows_dropped) == case.dropped_rows
    assert dict(report.items_dropped) == case.dropped_items
    marked = chunk.rows[(chunk.rows["flags"] & REPAIRED != 0) & (chunk.rows["flags"] & 2 != 0)]
    assert len(marked) == case.repaired
    # every message still ends
    for at_ns in np.unique(whole(chunk, BBO)["recv_ns"]):
        of_message = whole(chunk, BBO)[whole(chunk, BBO)["recv_ns"] == at_ns]
        assert of_message["flags"][-1] & END


def test_a_bad_level_is_taken_out_and_deeper_ones_move_up(tmp_path: Path) -> None:
    files = Files()
    files.orderbooks[2] = book(1880, levels={"bid_size_0": 0.0})
    chunk, report = converted(files.write(tmp_path))
    assert report.findings["bad_size", "orderbooks_BTC.csv"].lines == [4]
    table = chunk.snapshots[whole(chunk, SNAPSHOT)["ref"][2]]
    assert np.array_equal(table[0], [98, 97, np.nan], equal_nan=True)
    assert np.array_equal(table[1], [2, 3, np.nan], equal_nan=True)


def test_a_locked_book_is_noted_and_kept(tmp_path: Path) -> None:
    files = Files()
    files.orderbooks[2] = book(1880, 100, 100)
    files.prices[2] = quote(1200, "bid", 101)
    chunk, report = converted(files.write(tmp_path), "strict")
    assert counts(chunk) == ALL
    assert report.findings["locked_book", "orderbooks_BTC.csv"].lines == [4]
    assert report.findings["locked_book", "prices_BTC.csv"].lines == [4]


def test_silence_becomes_a_gap_row(tmp_path: Path) -> None:
    files = Files()
    files.trades.append(trade(20_000))
    chunk, report = converted(files.write(tmp_path), "strict")
    (gap,) = whole(chunk, GAP)
    after = whole(chunk, TRADE)[-1]
    assert gap["recv_ns"] == after["recv_ns"]
    assert gap["exch_ns"] < after["exch_ns"]
    assert gap["val"] == pytest.approx(20.0 - 4.8, abs=0.01)
    assert report.rows_added["gap"] == 1


def test_late_prints_keep_both_their_times(tmp_path: Path) -> None:
    files = Files()
    files.trades.append(f"{stamp(5200)},100.0,1.0,sell,77,1757000001234")
    chunk, report = converted(files.write(tmp_path), "strict")
    copies = chunk.rows[chunk.rows["ref"] == 77]
    assert len(copies) == 2
    assert report.rows_added["split"] == 1
    assert ("exchange_order", "trades_BTC.csv") in report.findings


@pytest.mark.parametrize("compress", [False, True])
def test_a_file_cut_off(tmp_path: Path, compress: bool) -> None:
    files = Files()
    files.trades = [trade(t, px=100 + t % 7 / 10) for t in range(1000, 4000)]
    files.write(tmp_path, cut_bytes=30, compress=compress)
    name = f"trades_BTC.csv{'.gz' if compress else ''}"
    with pytest.raises(BadInput, match="truncated_file") as caught:
        converted(tmp_path, "strict")
    assert caught.value.finding.file == name
    chunk, report = converted(tmp_path)
    finding = report.findings["truncated_file", name]
    prints = len(whole(chunk, TRADE))
    assert 2500 < prints < 3000
    assert finding.lines == [prints + 2]  # the header, the whole lines, then the broken one
    assert report.items_read == report.items_used + report.items_dropped.total()


def test_a_receive_clock_behind_is_corrected_as_a_whole(tmp_path: Path) -> None:
    """1.5 s behind and drifting by 20 ppm: the delays come back to what they were, plus a constant."""
    rng = np.random.default_rng(3)
    true_delay_ms = 20 + rng.exponential(5.0, 4000)
    lines = []
    for k, delay in enumerate(true_delay_ms):
        at = 100.0 * k
        received = at + delay - 1500.0 - 20e-6 * at
        lines.append(f"{stamp(received)},100.0,1.0,buy,{k + 1},{1_757_000_000_000 + int(at)}")
    files = Files(trades=lines, prices=[], orderbooks=[])
    with pytest.raises(BadInput, match="ms behind"):
        converted(files.write(tmp_path), "strict")
    chunk, report = converted(tmp_path)
    assert float(report.measured["clock_drift_ppm"]) == pytest.approx(-20, abs=0.5)
    prints = whole(chunk, TRADE)
    delay_ms = (prints["recv_ns"] - prints["exch_ns"]) * 1e-6
    # 20 ms of it cannot be told from the offset; MIN_DELAY_MS = 1 stands in its place.
    assert np.allclose(delay_ms, true_delay_ms - 19, atol=0.3)
