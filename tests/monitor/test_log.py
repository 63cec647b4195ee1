"""The log: one schema, private files, no secret in it whatever it is handed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.monitor import log
from undertow.monitor.log import EventLog, LogLine, read_log
from undertow.monitor.notable import Notable
from undertow.monitor.redact import HIDDEN, redact, redacted


class FixedClock:
    """A clock that stands still."""

    def now_ns(self) -> int:
        return 1_790_244_000_123_456_789


def written(path: Path) -> list[LogLine]:
    return list(read_log(path))


def test_a_line_has_time_session_coin_event_and_fields(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "session.jsonl"
    with EventLog(path, "s1", FixedClock()) as events:
        events.write("start", mode="paper", coins=["BTC"])
        events.write("fill", "BTC", px=100.5, qty=0.1, oid=7)
        events.note(Notable(kind="stale", coin="BTC", text="feed bbo is 9 s old", time_ns=1, urgent=True))
    start, fill, feed = written(path)
    assert start == LogLine(
        time="2026-09-24T10:00:00.123456Z",
        session="s1",
        coin="",
        event="start",
        fields={"mode": "paper", "coins": ["BTC"]},
    )
    assert (fill.coin, fill.event, fill.fields) == ("BTC", "fill", {"px": 100.5, "qty": 0.1, "oid": 7})
    assert (feed.event, feed.fields["kind"], feed.fields["urgent"]) == ("feed", "stale", True)


def test_files_are_private_also_those_found(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_text("")
    path.chmod(0o644)
    old = os.umask(0)
    try:
        with EventLog(path, "s1", FixedClock(), most_bytes=200) as events:
            for _ in range(6):
                events.write("note", text="x" * 50)
                events.flush()
    finally:
        os.umask(old)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + log.KEPT
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(written(file)) == 1


def test_urgent_events_are_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with EventLog(path, "s1", FixedClock()) as events:
        events.write("fill", "BTC", px=1.0)
        assert path.read_bytes() == b""
        events.write("kill", reason="loss")
        assert [line.event for line in written(path)] == ["fill", "kill"]


def test_a_disk_that_is_full_stops_the_log_not_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = EventLog(tmp_path / "session.jsonl", "s1", FixedClock())

    def full(fd: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(log.os, "write", full)
        events.write("error", error="x")
    assert events.failed.endswith("No space left on device")
    events.write("kill", reason="y")
    events.close()
    events.close()


def test_an_exception_is_noted_without_its_secrets(tmp_path: Path) -> None:
    path, key = tmp_path / "session.jsonl", "0x" + "ab" * 32
    with pytest.raises(RuntimeError), EventLog(path, "s1", FixedClock()):
        raise RuntimeError(f"cannot sign with {key}")
    (line,) = written(path)
    assert line.fields == {"error": f"RuntimeError: cannot sign with {HIDDEN}"}


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_text('{"time":"t","session":"s","coin":"","event":"party","fields":{}}\n')
    with pytest.raises(msgspec.ValidationError, match=r"line 1: .*party"):
        written(path)


hexes = st.binary(min_size=28, max_size=65).map(bytes.hex)
prefixes = st.sampled_from(["", "0x", "key=", "sig: 0x", '{"a":"0x'])
plain = st.text(max_size=20)


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.tuples(prefixes, hexes), lambda x: st.lists(x, max_size=3) | st.dictionaries(plain, x, max_size=3)
    )
)
def test_no_key_or_signature_gets_through(tmp_path_factory: pytest.TempPathFactory, secret: Any) -> None:
    """Keys of 32 bytes, signatures r and s short of leading zeros, whole signatures of 65 bytes."""
    found: list[str] = []

    def joined(value: Any) -> Any:
        if isinstance(value, tuple):
            found.append(value[1])
            return value[0] + value[1]
        if isinstance(value, list):
            return [joined(v) for v in value]
        return {k: joined(v) for k, v in value.items()}

    path = tmp_path_factory.getbasetemp() / "session.jsonl"
    path.unlink(missing_ok=True)
    with EventLog(path, "s1", FixedClock()) as events:
        events.write("note", "BTC", value=joined(secret))
    text = path.read_text()
    assert [h for h in found if h in text] == []
    assert len(written(path)) == 1


@pytest.mark.parametrize(
    "value",
    [
        {"signature": {"r": "0x1", "s": "0x2", "v": 27}},
        {"r": "0x1f", "s": "0x2f"},
        {"private_key": "short", "Agent-Key": "x", "token": "abc", "password": "p"},
        {"key": 12345},
    ],
)
def test_fields_named_like_secrets_are_hidden(value: dict[str, Any]) -> None:
    assert set(redacted(value).values()) == {HIDDEN}


def test_what_is_no_secret_stays() -> None:
    kept = {
        "address": "0x" + "ab" * 20,
        "cloid": "0x" + "cd" * 16,
        "oid": 123456789012,
        "px": 100.5,
        "text": "sizes 0.001 and side B",
        "none": None,
        "flag": True,
    }
    assert redacted(kept) == kept
    assert redacted({"n": int("ab" * 32, 16)}) == {"n": HIDDEN}
    assert redacted({"raw": b"\x01" * 32}) == {"raw": "<32 bytes>"}
    assert redact("tx 0x" + "0f" * 32 + " seen") == f"tx {HIDDEN} seen"
