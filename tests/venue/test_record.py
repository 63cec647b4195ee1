"""Raw frames on disk are read back by the converter as they came."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.venue.market_sim import COIN, Way, session

from undertow.data.convert import convert
from undertow.data.json_lines import captured_lines
from undertow.data.report import Report
from undertow.data.source import Options
from undertow.events import BBO, SNAPSHOT, TRADE
from undertow.venue.record import FrameWriter


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_frames_come_back(tmp_path: Path, name: str) -> None:
    messages = session(3, 300, Way({"bbo": 5.0, "fast": 5.0, "slow": 5.0, "trades": 5.0}))
    path = tmp_path / "new" / name
    with FrameWriter(path) as writer:
        for message in messages:
            writer(message.data, message.recv_ms * 1_000_000)
        writer(b'{"channel":\n"pong"}', messages[-1].recv_ms * 1_000_000 + 1)
    assert writer.messages == len(messages) + 1
    lines = list(captured_lines(path, Report()))
    assert [line.message for line in lines[:-1]] == [m.data for m in messages]
    assert [line.recv_ns for line in lines[:-1]] == [m.recv_ms * 1_000_000 for m in messages]
    conversion = convert("hyperliquid-ws", [path], mode="repair", options=Options(coin=COIN))
    kinds = {int(k) for chunk in conversion.chunks() for k in chunk.rows["kind"]}
    assert {SNAPSHOT, BBO, TRADE} <= kinds
    with pytest.raises(FileExistsError):
        FrameWriter(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_a_recorder_that_dies_loses_little(tmp_path: Path, name: str) -> None:
    """What was flushed is on disk; readers of compressed files drop their last block of 64 kB."""
    writer = FrameWriter(tmp_path / name)
    frame = b'{"channel":"pong","k":%d,"pad":"' + b"x" * 500 + b'"}'
    for second in range(10):
        for k in range(100):
            writer(frame % (100 * second + k), (second * 1000 + k) * 1_000_000)
    copy = tmp_path / f"copy-{name}"
    copy.write_bytes((tmp_path / name).read_bytes())
    writer.close()
    assert len(list(captured_lines(copy, Report()))) >= 1000 - 100 - 65_536 // 500
