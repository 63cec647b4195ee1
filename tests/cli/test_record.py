"""``undertow record`` against a local exchange: the store replays, bad coins are named."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from undertow.cli.main import run
from undertow.data.store import open_recording
from undertow.exchange.child import spawn
from undertow.exchange.spec import LocalSpec, MarketSpec
from undertow.live.recording import record


def test_what_is_recorded_is_a_recording(tmp_path: Path) -> None:
    async def session() -> dict[str, int]:
        child = await spawn(LocalSpec((MarketSpec.preset("hl-btc"),), port=0))
        try:
            done = await record(
                "local",
                ("BTC",),
                {},
                tmp_path,
                url=child.url,
                duration_s=4.0,
                stop=asyncio.Event(),
                tell=lambda done: None,
            )
        finally:
            await child.stop()
        assert done.frames > 10
        assert done.frames_path is not None
        assert done.frames_path.stat().st_size > 0
        return dict(done.rows)

    rows = asyncio.run(session())
    recording = open_recording(tmp_path, "hyperliquid", "BTC")
    assert recording.n_rows == rows["BTC"] > 10
    assert recording.snapshot_fed
    assert recording.instrument.size_step == 1e-5


def test_nobody_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        [
            "record",
            "--coin",
            "BTC",
            "--venue",
            "local",
            "--url",
            "http://127.0.0.1:9",
            "--store",
            str(tmp_path),
        ]
    )
    assert code == 1
    assert "127.0.0.1:9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--duration", "0"], "--duration"),
        (["--url", "http://localhost:1"], "--venue local"),
        (["--venue", "local", "--reference", "BTC"], "COIN=OTHER"),
    ],
)
def test_wrong_calls(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["record", "--coin", "BTC", *options]) == 2
    assert says in capsys.readouterr().err


def test_json_is_plain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from undertow.cli.record import _tell
    from undertow.live.recording import Recorded

    _tell(Recorded(tmp_path, None), as_json=True, quiet=False)
    assert json.loads(capsys.readouterr().out)["rows"] == {}
