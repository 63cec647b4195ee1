"""From looks to lines, log and alerts, on virtual time."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from undertow.clock import LoopClock, run_virtually
from undertow.monitor.display import Display, how_to_show, watch_session
from undertow.monitor.facts import Kill
from undertow.monitor.log import EventLog, read_log

from .watched import NAME, Watched, quoting


def test_how_to_show() -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    assert how_to_show(terminal) == "screen"
    assert how_to_show(terminal, plain=True) == "plain"
    assert how_to_show(io.StringIO()) == "plain"
    assert how_to_show(io.StringIO(), json=True) == "json"
    assert how_to_show(terminal, quiet=True) == "nothing"


def shown(s: Watched, display: Display, seconds: float) -> None:
    """Watch `s` for virtual `seconds`; the kill switch latches after two thirds of them."""

    async def main() -> None:
        clock = LoopClock(s.now_ns)
        task = asyncio.create_task(watch_session(s.watch, display, clock))
        await asyncio.sleep(seconds * 2 / 3)
        s.facts.kills.append(Kill(reason="loss", text="-5 USD"))
        await asyncio.sleep(seconds / 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with display:
        run_virtually(main())


def test_plain_lines_and_the_log_of_a_session(tmp_path: Path) -> None:
    s, out = quoting(), io.StringIO()
    path = tmp_path / "log.jsonl"

    class Still:
        def now_ns(self) -> int:
            return s.now_ns

    with EventLog(path, "s1", Still()) as log:
        shown(s, Display("plain", out, log=log), 30.0)
    lines = out.getvalue().splitlines()
    assert sum(f"{NAME} mid" in line for line in lines) == 6
    assert sum("kill switch (cancel): loss: -5 USD" in line for line in lines) == 1
    assert [line.event for line in read_log(path)][:2] == ["quote", "kill"]


def test_json_lines_come_four_times_a_second() -> None:
    s, out = quoting(), io.StringIO()
    shown(s, Display("json", out), 10.0)
    views = [json.loads(line) for line in out.getvalue().splitlines()]
    assert 38 <= len(views) <= 42
    assert views[-1]["kills"][0]["reason"] == "loss"
    assert views[-1]["coins"][0]["why_code"] == "kill"


def test_a_reader_that_went_away_ends_the_lines_not_the_session() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    display = Display("json", Gone())
    shown(quoting(), display, 3.0)
    assert display.mode == "nothing"
