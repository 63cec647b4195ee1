"""Hyperliquid websocket lines. Shapes: hyperliquid_wire_examples.json, a collection of 57 frames
made from the venue's documentation and clients' recordings (values invented; each frame names its
source)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undertow.data.convert import Conversion, convert
from undertow.data.source import Options, SourceError
from undertow.events import (
    BBO,
    END,
    FUNDING,
    FUNDING_RATE,
    INFERRED,
    MARK,
    OPEN_INTEREST,
    ORACLE,
    REFERENCE,
    SNAPSHOT,
    TRADE,
    Chunk,
)

EXAMPLES = {
    e["name"]: e for e in json.loads((Path(__file__).parent / "hyperliquid_wire_examples.json").read_text())
}
HOUR_MS = 3_600_000
T0_MS = 480_000 * HOUR_MS


def capture(path: Path, messages: list[tuple[int | None, dict[str, Any]]]) -> Path:
    """A capture of (receive time in ms, message)."""
    lines = []
    for recv_ms, message in messages:
        prefix = "" if recv_ms is None else f"{recv_ms * 1_000_000} "
        lines.append(prefix + json.dumps(message))
    path.write_text("\n".join(lines) + "\n")
    return path


def converted(path: Path, mode: str = "strict", **options: Any) -> tuple[Chunk, Conversion]:
    conversion = convert("hyperliquid-ws", [path], mode=mode, options=Options(**options))  # type: ignore[arg-type]
    (chunk,) = conversion.chunks()
    return chunk, conversion


def bbo(coin: str, at_ms: int, bid: str | None, ask: str | None) -> dict[str, Any]:
    quotes = [None if px is None else {"px": px, "sz": "2", "n": 1} for px in (bid, ask)]
    return {"channel": "bbo", "data": {"coin": coin, "time": at_ms, "bbo": quotes}}


def trades(*prints: tuple[str, int, str, int]) -> dict[str, Any]:
    """Prints of (coin, time, side, id)."""
    data = [
        {
            "coin": c,
            "side": s,
            "px": "100",
            "sz": "0.5",
            "time": t,
            "hash": "0x",
            "tid": i,
            "users": ["a", "b"],
        }
        for c, t, s, i in prints
    ]
    return {"channel": "trades", "data": data}


def context(coin: str, **ctx: str | None) -> dict[str, Any]:
    return {"channel": "activeAssetCtx", "data": {"coin": coin, "ctx": ctx}}


def test_every_recorded_frame_is_used_or_named(tmp_path: Path) -> None:
    frames = [e["msg"] for e in EXAMPLES.values() if isinstance(e.get("msg"), dict) and "channel" in e["msg"]]
    assert len(frames) > 15
    path = capture(tmp_path / "a.jsonl", [(1790232240000 + k, m) for k, m in enumerate(frames)])
    chunk, conversion = converted(path, "repair", coin="BTC")
    report = conversion.report
    assert report.items_read == len(frames)
    assert set(report.items_dropped) == {"other_message", "other_coin", "aggregated_book"}
    kinds = set(chunk.rows["kind"].tolist())
    assert {SNAPSHOT, BBO, TRADE, MARK, ORACLE, OPEN_INTEREST, FUNDING_RATE} <= kinds
    assert conversion.instrument.size_step == 1e-5


def test_fields_of_each_channel(tmp_path: Path) -> None:
    names = ("l2Book default (20/side, ~5.4 s)", "bbo", "trades", "activeAssetCtx")
    frames = [(1790232240000, EXAMPLES[name]["msg"]) for name in names]
    chunk, _ = converted(capture(tmp_path / "a.jsonl", frames))
    rows = chunk.rows[chunk.rows["flags"] & 2 != 0]
    by_kind = {int(kind): rows[rows["kind"] == kind] for kind in np.unique(rows["kind"])}
    book = chunk.snapshots[by_kind[SNAPSHOT]["ref"][0]]
    assert (book[:, 0].tolist(), book.shape) == ([84143.0, 10.25923, 84144.0, 50.66449], (4, 20))
    assert np.isnan(book[:, 1:]).all()
    assert by_kind[SNAPSHOT]["exch_ns"][0] == 1790232236546 * 10**6 + 1
    assert by_kind[BBO][["px", "qty", "side"]].tolist() == [(84143.0, 10.25923, 1), (84144.0, 50.66449, -1)]
    assert (by_kind[BBO]["flags"] & END != 0).tolist() == [False, True]
    (trade,) = by_kind[TRADE]
    assert (trade["side"], trade["px"], trade["qty"]) == (-1, 84143.0, 0.00036)
    assert (trade["ref"], trade["exch_ns"]) == (1045359869404765, 1790232216193 * 10**6)
    assert by_kind[MARK]["px"].tolist() == [84148.0]
    assert by_kind[ORACLE]["px"].tolist() == [84198.0]
    assert by_kind[OPEN_INTEREST]["qty"].tolist() == [36585.31848]
    assert by_kind[FUNDING_RATE]["qty"].tolist() == [0.0000125]
    hour_ns = HOUR_MS * 10**6
    assert by_kind[FUNDING_RATE]["ref"][0] == (1790232240000 * 10**6 // hour_ns + 1) * hour_ns
    assert np.all(by_kind[MARK]["flags"] & INFERRED)


def test_null_side_empties_it_and_null_fields_say_nothing(tmp_path: Path) -> None:
    path = capture(
        tmp_path / "a.jsonl",
        [
            (T0_MS + 300, bbo("xyz:LOW", T0_MS, "100", None)),
            (T0_MS + 400, context("xyz:LOW", markPx=None, oraclePx="101", funding=None)),
        ],
    )
    chunk, conversion = converted(path)
    quotes = chunk.rows[chunk.rows["kind"] == BBO]
    assert quotes["qty"].tolist() == [2.0, 0.0]
    assert quotes["side"].tolist() == [1, -1]
    assert chunk.rows["kind"].tolist() == [BBO, BBO, ORACLE]
    assert conversion.source.coin == "xyz:LOW"
    assert conversion.instrument.maker_fee_bps == pytest.approx(3.0)


def test_replayed_trades_are_kept_once_with_both_times(tmp_path: Path) -> None:
    old, new = [("BTC", T0_MS - 20_000 + k, "B", k + 1) for k in range(3)], ("BTC", T0_MS, "A", 9)
    path = capture(
        tmp_path / "a.jsonl",
        [
            (T0_MS + 300, bbo("BTC", T0_MS, "100", "101")),
            (T0_MS + 400, trades(*old, new)),
            (T0_MS + 900, trades(old[2], new, ("BTC", T0_MS + 600, "A", 10))),
        ],
    )
    chunk, conversion = converted(path, "repair")
    assert conversion.report.rows_dropped == {"duplicate_trade": 2}
    heard = chunk.rows[(chunk.rows["kind"] == TRADE) & (chunk.rows["flags"] & 2 != 0)]
    assert heard["ref"].tolist() == [1, 2, 3, 9, 10]
    assert heard["recv_ns"].tolist() == [(T0_MS + ms) * 10**6 for ms in (400, 400, 400, 400, 900)]
    happened = chunk.rows[(chunk.rows["kind"] == TRADE) & (chunk.rows["flags"] & 1 != 0)]
    assert happened["exch_ns"][0] == (T0_MS - 20_000) * 10**6


def test_settlement_takes_the_last_rate_before_the_hour(tmp_path: Path) -> None:
    hour = T0_MS + HOUR_MS
    path = capture(
        tmp_path / "a.jsonl",
        [
            (hour - 2_000, bbo("BTC", hour - 2_300, "100", "101")),
            (hour - 1_500, context("BTC", funding="0.00002", oraclePx="100.5")),
            (hour - 500, context("BTC", funding="0.00003", oraclePx="100.6")),
            (hour + 500, context("BTC", funding="0.00001", oraclePx="100.7")),
            (hour + 1_500, context("BTC", funding="0.00001", oraclePx="100.8")),
        ],
    )
    chunk, _ = converted(path)
    (paid,) = chunk.rows[(chunk.rows["kind"] == FUNDING) & (chunk.rows["flags"] & 1 != 0)]
    assert (paid["qty"], paid["px"]) == (0.00003, 100.6)
    assert (paid["exch_ns"], paid["recv_ns"]) == (hour * 10**6, (hour + 500) * 10**6)
    assert paid["flags"] & INFERRED
    assert paid["flags"] & END


def test_a_settlement_nobody_saw_is_reported_not_made_up(tmp_path: Path) -> None:
    hour = T0_MS + HOUR_MS
    path = capture(
        tmp_path / "a.jsonl",
        [
            (hour - 90_000, bbo("BTC", hour - 90_300, "100", "101")),
            (hour - 89_000, context("BTC", funding="0.00002", oraclePx="100.5")),
            (hour + 500, context("BTC", funding="0.00001", oraclePx="100.7")),
        ],
    )
    chunk, conversion = converted(path)
    assert FUNDING not in chunk.rows["kind"]
    assert conversion.report.findings["unknown_settlement", "a.jsonl"].lines == [3]


def test_several_coins(tmp_path: Path) -> None:
    path = capture(
        tmp_path / "a.jsonl",
        [
            (T0_MS + 300, bbo("BTC", T0_MS, "100", "101")),
            (T0_MS + 310, bbo("ETH", T0_MS, "10", "12")),
            (T0_MS + 320, bbo("ETH", T0_MS, "10", None)),
            (T0_MS + 330, trades(("ETH", T0_MS, "B", 1), ("SOL", T0_MS, "B", 2))),
        ],
    )
    with pytest.raises(SourceError, match="choose a coin of BTC, ETH, SOL"):
        convert("hyperliquid-ws", [path])
    chunk, conversion = converted(path, coin="BTC", reference="ETH")
    rows = chunk.rows[chunk.rows["kind"] == REFERENCE]
    assert (rows["px"].tolist(), rows["asset"].tolist()) == ([11.0], [1])
    assert conversion.report.items_dropped == {"one_sided_reference": 1, "other_coin": 2}
    assert conversion.report.items_read == 5


def test_lines_without_receive_time(tmp_path: Path) -> None:
    path = capture(
        tmp_path / "a.jsonl",
        [(None, bbo("BTC", T0_MS, "100", "101")), (None, context("BTC", markPx="100.2"))],
    )
    chunk, conversion = converted(path)
    assert np.array_equal(chunk.rows["recv_ns"], chunk.rows["exch_ns"])
    assert conversion.report.findings["no_receive_time", "a.jsonl"].count == 2


@pytest.mark.parametrize(
    "line",
    [
        "12 not json",
        '5 {"channel": "bbo", "data": {"coin": "BTC"}}',
        '5 {"channel": "l2Book", "data": null}',
        "x {}",
    ],
)
def test_lines_that_cannot_be_read(tmp_path: Path, line: str) -> None:
    path = capture(tmp_path / "a.jsonl", [(T0_MS + 300, bbo("BTC", T0_MS, "100", "101"))] * 2)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=r"a\.jsonl: malformed ×1 \(row 3\)"):
        converted(path)
    _, conversion = converted(path, "repair")
    assert conversion.report.items_dropped == {"malformed": 1}
    assert conversion.report.items_read == 3
