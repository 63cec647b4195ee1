"""Each converter on the real recording it was written for.

Expected numbers: the README of the recordings (measured by other code than ours), except where a
comment says otherwise. They need the recordings and skip without them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from undertow.data.convert import Conversion, convert
from undertow.data.source import Options
from undertow.events import (
    AMBIGUOUS,
    BBO,
    CLEAR,
    DEPTH,
    END,
    EXCH,
    GAP,
    INFERRED,
    LOCAL,
    REFERENCE,
    SNAPSHOT,
    TRADE,
    Chunk,
)

S = 1e-9


def whole(conversion: Conversion) -> Chunk:
    """All of a conversion in one chunk, after checking what holds of every one."""
    chunks = list(conversion.chunks())
    conversion.report.check_balance()
    rows = np.concatenate([c.rows for c in chunks])
    for flag, field in ((EXCH, "exch_ns"), (LOCAL, "recv_ns")):
        times = rows[rows["flags"] & flag != 0][field]
        assert np.all(times[1:] >= times[:-1]), f"{field} runs backwards"
    assert np.all(rows["recv_ns"] >= rows["exch_ns"])
    for chunk in chunks:
        refs = chunk.rows["ref"][chunk.rows["kind"] == SNAPSHOT]
        assert np.array_equal(np.unique(refs), np.arange(len(chunk.snapshots)))
        assert chunk.rows.nbytes + chunk.snapshots.nbytes <= 64 << 20
    tables = np.concatenate([c.snapshots for c in chunks])
    offset = np.cumsum([0, *(len(c.snapshots) for c in chunks)])
    at = 0
    for chunk, base in zip(chunks, offset, strict=False):
        part = rows[at : at + len(chunk.rows)]
        part["ref"][part["kind"] == SNAPSHOT] += base
        at += len(chunk.rows)
    return Chunk(rows, tables)


def of_kind(rows: NDArray[np.void], kind: int, flag: int = EXCH) -> NDArray[np.void]:
    return rows[(rows["kind"] == kind) & (rows["flags"] & flag != 0)]


def aggressor_orders(trades: NDArray[np.void]) -> int:
    """Prints of one side at one exchange time are one aggressor order."""
    return len(np.unique(trades[["exch_ns", "side"]]))


def span_s(rows: NDArray[np.void]) -> float:
    return float(rows["recv_ns"].max() - rows["recv_ns"].min()) * S


def test_hyperliquid_btc(recordings: Path) -> None:
    options = Options(coin="BTC", reference="ETH")
    conversion = convert(
        "hyperliquid-csv", [recordings / "hyperliquid_2025-09-04"], mode="strict", options=options
    )
    rows, books = whole(conversion)
    trades = of_kind(rows, TRADE)
    assert len(trades) == 6675  # lines of the file
    assert len(trades) / span_s(rows) == pytest.approx(3.2, abs=0.05)
    assert aggressor_orders(trades) / span_s(rows) == pytest.approx(1.1, abs=0.05)
    spread_bps = (books[:, 2, 0] - books[:, 0, 0]) / books[:, 0, 0] * 1e4
    assert np.median(spread_bps) == pytest.approx(0.09, abs=0.005)
    snapshots = of_kind(rows, SNAPSHOT)
    assert len(snapshots) == 3785
    assert np.median(np.diff(snapshots["exch_ns"])) * S == pytest.approx(0.54, abs=0.03)
    gaps = of_kind(rows, GAP)
    assert len(gaps) == 1
    assert gaps["val"][0] == pytest.approx(18, abs=0.6)
    # the first trades precede the subscription
    assert trades["exch_ns"][0] < snapshots["exch_ns"][0] - 5e9
    # best quotes come in pairs, END on the second
    quotes = of_kind(rows, BBO, LOCAL)
    assert np.array_equal(quotes["flags"][::2] & END != 0, np.zeros(len(quotes) // 2, bool))
    assert np.all(quotes["flags"][1::2] & END)
    reference = of_kind(rows, REFERENCE)
    assert len(reference) == 15259  # pairs of lines of prices_ETH
    assert np.all(np.abs(reference["px"] - 4280) < 60)
    inst = conversion.instrument
    assert (inst.tick_size, inst.size_step, inst.significant_figures) == (0.1, 1e-5, 5)


def test_hyperliquid_books_follow_the_prints_of_their_block(recordings: Path) -> None:
    conversion = convert(
        "hyperliquid-csv", [recordings / "hyperliquid_2025-09-04"], options=Options(coin="BTC")
    )
    rows, _ = whole(conversion)
    seen = rows[rows["flags"] & EXCH != 0]
    block = seen["exch_ns"] // 1_000_000
    books = np.flatnonzero((seen["kind"] == SNAPSHOT) | (seen["kind"] == BBO))
    trades = np.flatnonzero(seen["kind"] == TRADE)
    # Of each block with both, the last print stands before the first book.
    last_print = dict(zip(block[trades].tolist(), trades.tolist(), strict=True))
    shared = [
        (last_print[b], i)
        for i, b in zip(books.tolist(), block[books].tolist(), strict=True)
        if b in last_print
    ]
    assert len(shared) > 500
    assert all(print_at < book_at for print_at, book_at in shared)


def test_hyperliquid_eth_repeats_17_trade_ids(recordings: Path) -> None:
    folder = recordings / "hyperliquid_2025-09-04"
    conversion = convert("hyperliquid-csv", [folder], mode="repair", options=Options(coin="ETH"))
    rows, _ = whole(conversion)
    report = conversion.report
    assert report.rows_dropped == {"duplicate_trade": 17}
    trades = of_kind(rows, TRADE)
    assert len(trades) == len(np.unique(trades["ref"])) == 6884 - 17
    assert ("exchange_order", "trades_ETH.csv.gz") in report.findings
    with pytest.raises(ValueError, match=r"trades_ETH\.csv\.gz: duplicate_trade ×17 \(row 1391"):
        list(convert("hyperliquid-csv", [folder], mode="strict", options=Options(coin="ETH")).chunks())


@pytest.mark.parametrize(
    ("name", "market", "prints"),
    [("usdm_btcusdt", "usdm", 21313), ("coinm_btcusd_perp", "coinm", 2286), ("spot_btcusdt", "spot", 9757)],
)
def test_binance_raw(recordings: Path, name: str, market: str, prints: int) -> None:
    file = recordings / "binance_2024-08-08" / f"{name}.gz"
    conversion = convert("binance-raw", [file], mode="repair")
    rows, _ = whole(conversion)
    report = conversion.report
    assert report.measured["market"] == market
    assert float(report.measured["clock_offset_ms"]) == pytest.approx(1270, abs=6)
    assert abs(float(report.measured["clock_drift_ppm"])) < 10
    trades = of_kind(rows, TRADE)
    assert len(trades) == prints  # trade lines of the file
    assert len(of_kind(rows, CLEAR)) == 1  # one REST image
    assert not report.rows_dropped
    assert "lost_messages" not in {code for code, _ in report.findings}
    delay_ms = (trades["recv_ns"] - trades["exch_ns"]) * 1e-6
    assert delay_ms.min() >= 0.0
    assert np.median(delay_ms) < 20.0
    if market == "usdm":
        assert len(trades) / span_s(rows) == pytest.approx(62, abs=1)
        assert aggressor_orders(trades) / span_s(rows) == pytest.approx(16, abs=1)
    if market == "coinm":
        inst = conversion.instrument
        assert (inst.contract, inst.contract_value, inst.size_step) == ("inverse", 100.0, 1.0)
        assert np.array_equal(trades["qty"], np.round(trades["qty"]))
    if market == "spot":
        assert np.all(of_kind(rows, BBO)["flags"] & INFERRED)
    with pytest.raises(ValueError, match="ms behind"):
        next(
            convert("binance-raw", [recordings / "binance_2024-08-08" / f"{name}.gz"], mode="strict").chunks()
        )


def test_binance_book_agrees_with_its_best_quotes(recordings: Path) -> None:
    """The book kept by diffs has the touch that bookTicker shows at the same update id."""
    conversion = convert(
        "binance-raw", [recordings / "binance_2024-08-08" / "usdm_btcusdt.gz"], mode="repair"
    )
    rows, _ = whole(conversion)
    seen = rows[rows["flags"] & EXCH != 0]
    start = np.flatnonzero(seen["kind"] == CLEAR)[0]
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    touch: dict[int, tuple[float, float]] = {}
    for row in seen[start : start + 120_000]:
        if row["kind"] == DEPTH:
            side = bids if row["side"] > 0 else asks
            if row["qty"] > 0:
                side[float(row["px"])] = float(row["qty"])
            else:
                side.pop(float(row["px"]), None)
            if row["flags"] & END and row["code"] == 0:
                touch[int(row["exch_ns"])] = (max(bids), min(asks))
    quotes = seen[(seen["kind"] == BBO)]
    last = {}
    for row in quotes:
        last[int(row["exch_ns"]), int(row["side"])] = float(row["px"])
    both = [(touch[t], (last[t, 1], last[t, -1])) for t in touch if (t, 1) in last and (t, -1) in last]
    assert len(both) > 200
    assert np.mean([ours == theirs for ours, theirs in both]) > 0.97


@pytest.mark.parametrize(("market", "prints"), [("fut", 11947), ("spot", 10215)])
def test_binance_books(recordings: Path, market: str, prints: int) -> None:
    folder = recordings / "binance_2026-02-16"
    options = Options(coin=f"btc_{market}", depth=200)
    conversion = convert("binance-books", [folder], mode="strict", options=options)
    rows, books = whole(conversion)
    assert len(of_kind(rows, TRADE)) == prints  # rows of the file
    snapshots = of_kind(rows, SNAPSHOT)
    assert len(snapshots) == 2559 - 2
    assert conversion.report.items_dropped == {"repeated_book": 2}
    assert books.shape[1:] == (4, 200)
    assert np.median(np.diff(snapshots["recv_ns"])) * 1e-6 == pytest.approx(117, abs=2)


def test_standx(recordings: Path) -> None:
    conversion = convert("standx", [recordings / "standx_btc"], mode="repair")
    prints = guessed = books = locked = gaps = 0
    first_ns = last_ns = 0
    longest_s = 0.0
    for rows, snapshots in conversion.chunks():
        trades = of_kind(rows, TRADE)
        assert np.all(trades["flags"] & INFERRED)
        prints += len(trades)
        guessed += int(np.count_nonzero(trades["code"] == AMBIGUOUS))
        fresh = of_kind(rows, SNAPSHOT)["ref"]
        books += len(fresh)
        locked += int(np.count_nonzero(snapshots[fresh, 0, 0] == snapshots[fresh, 2, 0]))
        gaps += len(of_kind(rows, GAP))
        longest_s = max(longest_s, of_kind(rows, GAP)["val"].max(initial=0.0))
        first_ns = first_ns or int(rows["recv_ns"][0])
        last_ns = int(rows["recv_ns"][-1])
    report = conversion.report
    assert (last_ns - first_ns) * S / 3600 == pytest.approx(45, abs=0.2)
    assert prints == 299_992  # rows of the files
    read_books = report.items_read - prints
    assert report.items_dropped["repeated_book"] / read_books == pytest.approx(0.5, abs=0.03)
    assert books == read_books - report.items_dropped["repeated_book"]
    assert locked / books == pytest.approx(0.46, abs=0.02)
    assert guessed / prints == pytest.approx(0.27, abs=0.03)
    # The README says 107 min; the receive times say 107.9 s between books, less with the prints.
    assert 60 < longest_s < 108
    assert "crossed_book" not in {code for code, _ in report.findings}
    assert gaps > 1000
