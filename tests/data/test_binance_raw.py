"""Binance captures made in code: the book's image, the sequence, and what is not on the book."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undertow.data.convert import Conversion, convert
from undertow.data.source import SourceError
from undertow.events import CLEAR, DEPTH, GAP, IMAGE, TRADE, Chunk

T0_MS = 1_700_000_000_000


def diff(u: int, pu: int, at_ms: int, bids: list[list[str]], U: int | None = None) -> dict[str, Any]:
    data = {
        "e": "depthUpdate",
        "E": T0_MS + at_ms,
        "T": T0_MS + at_ms,
        "s": "BTCUSDT",
        "U": pu + 1 if U is None else U,
        "u": u,
        "pu": pu,
        "b": bids,
        "a": [],
    }
    return {"stream": "btcusdt@depth@0ms", "data": data}


def image(last_id: int, at_ms: int) -> dict[str, Any]:
    return {
        "lastUpdateId": last_id,
        "E": T0_MS + at_ms,
        "T": T0_MS + at_ms,
        "bids": [["99.9", "1"], ["99.8", "2"]],
        "asks": [["100.1", "3"]],
    }


def trade(tid: int, at_ms: int, **changes: Any) -> dict[str, Any]:
    data = {
        "e": "trade",
        "E": T0_MS + at_ms,
        "T": T0_MS + at_ms,
        "s": "BTCUSDT",
        "t": tid,
        "p": "100.1",
        "q": "0.5",
        "X": "MARKET",
        "m": False,
    }
    return {"stream": "btcusdt@trade", "data": data | changes}


def converted(
    path: Path, messages: list[tuple[int, dict[str, Any]]], mode: str = "strict"
) -> tuple[Chunk, Conversion]:
    lines = [f"{(T0_MS + recv) * 10**6} {json.dumps(message)}" for recv, message in messages]
    path.write_text("\n".join(lines) + "\n")
    conversion = convert("binance-raw", [path], mode=mode)  # type: ignore[arg-type]
    (chunk,) = conversion.chunks()
    return chunk, conversion


def test_changes_wait_for_the_image(tmp_path: Path) -> None:
    chunk, conversion = converted(
        tmp_path / "a.txt",
        [
            (5, diff(10, 9, 1, [["99.0", "9"]])),
            (15, diff(20, 10, 11, [["99.1", "9"]])),
            (25, diff(30, 20, 21, [["99.2", "9"]])),
            (40, image(20, 12)),
            (45, diff(40, 30, 41, [["99.9", "0"]])),
        ],
    )
    rows = chunk.rows
    heard = rows[rows["flags"] & 2 != 0]
    assert heard["kind"].tolist() == [CLEAR, DEPTH, DEPTH, DEPTH, DEPTH, DEPTH]
    assert heard["code"].tolist() == [0, IMAGE, IMAGE, IMAGE, 0, 0]
    assert heard["px"][1:].tolist() == [99.9, 99.8, 100.1, 99.2, 99.9]
    # what waited could be used only once the image was there
    assert heard["recv_ns"].tolist() == [(T0_MS + ms) * 10**6 for ms in (40, 40, 40, 40, 40, 45)]
    assert conversion.report.items_dropped == {"covered_by_snapshot": 2}
    assert not conversion.report.findings


def test_a_break_in_the_sequence_is_a_gap(tmp_path: Path) -> None:
    chunk, conversion = converted(
        tmp_path / "a.txt",
        [
            (2, image(20, 1)),
            (5, diff(30, 20, 4, [["99.5", "1"]])),
            (8, diff(50, 40, 7, [["99.6", "1"]])),
        ],
    )
    assert chunk.rows["kind"].tolist() == [CLEAR, DEPTH, DEPTH, DEPTH, DEPTH, GAP, DEPTH]
    assert conversion.report.findings["lost_messages", "a.txt"].lines == [3]


def test_the_first_change_may_straddle_the_image(tmp_path: Path) -> None:
    _, conversion = converted(
        tmp_path / "a.txt",
        [
            (1, diff(30, 9, 1, [["99.5", "1"]], U=15)),
            (2, image(20, 1)),
            (5, diff(40, 30, 4, [["99.5", "2"]])),
        ],
    )
    assert not conversion.report.findings


def test_sides_and_trades_off_the_book(tmp_path: Path) -> None:
    messages = [
        (2, image(20, 1)),
        (3, diff(21, 20, 2, [])),
        (5, trade(1, 4)),
        (6, trade(2, 5, m=True)),
        (7, trade(3, 6, X="INSURANCE_FUND")),
    ]
    chunk, conversion = converted(tmp_path / "a.txt", messages)
    prints = chunk.rows[chunk.rows["kind"] == TRADE]
    assert prints["side"].tolist() == [1, -1]
    assert conversion.report.items_dropped == {"not_on_book": 1}


def test_bad_levels_are_dropped_one_by_one(tmp_path: Path) -> None:
    levels = [["99.5", "1"], ["nan", "1"], ["99.4", "-1"]]
    messages = [(2, image(20, 1)), (5, diff(30, 20, 4, levels))]
    with pytest.raises(ValueError, match=r"bad_price ×1 \(row 2\)"):
        converted(tmp_path / "a.txt", messages)
    chunk, conversion = converted(tmp_path / "a.txt", messages, "repair")
    assert chunk.rows["px"][-1] == 99.5
    assert conversion.report.rows_dropped == {"bad_price": 1, "bad_size": 1}
    assert np.count_nonzero(chunk.rows["flags"] & 4) == 2


def test_a_change_without_levels_is_malformed_and_counted_once(tmp_path: Path) -> None:
    broken = diff(30, 20, 4, [])
    broken["data"]["b"] = [["x", "1"]]
    messages = [(1, broken), (2, image(20, 1)), (5, diff(40, 30, 4, [["99.5", "1"]]))]
    _, conversion = converted(tmp_path / "a.txt", messages, "repair")
    assert conversion.report.items_dropped == {"malformed": 1}
    assert ("lost_messages", "a.txt") in conversion.report.findings


def test_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text('1700000000000 {"x": 1}\n')
    with pytest.raises(SourceError, match="need depth messages of one symbol, found nothing"):
        convert("binance-raw", [tmp_path / "a.txt"])
