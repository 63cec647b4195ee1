"""The Python API: the example runs, frames and summary agree with the account."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import polars as pl
import pytest

import undertow
from undertow import makers
from undertow.config import Config
from undertow.replay import ReplaySettings
from undertow.research.variants import patched

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "session.py"


def test_the_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("example_session", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    report = module.main(600.0, tmp_path)
    assert report.is_file()
    shown = capsys.readouterr().out
    assert "optimistic" in shown
    assert "snapshot" in shown


def test_frames_and_summary_tell_one_story() -> None:
    market = undertow.generate("hl-btc", seed=7, duration_s=600.0)
    session = undertow.run(market, "symmetric", settings=ReplaySettings(capture=True), extent="off")
    fills, summary = session.fills, session.summary
    assert summary["session"]["fills"] == len(fills) == len(session.result.fills)
    assert summary["usd"]["spread"] == pytest.approx(fills["spread_usd"].sum())
    assert fills["time"].is_sorted()
    seen = session.events.filter(pl.col("kind") == "fill")
    # Fills still on their way to the maker when the recording ends are in the log, not in its events.
    assert 0 <= len(fills) - len(seen) <= 3
    bought = (seen["side"] == "buy").cast(pl.Float64) * 2.0 - 1.0
    as_the_maker_knows = float(-(bought * seen["px"] * seen["qty"]).sum())
    assert float(session.result.maker_state["desk"]["cash"]) == pytest.approx(as_the_maker_knows)
    assert session.observations["time"].dtype == pl.Datetime("ns", "UTC")
    assert summary["range"] == []


def test_what_the_package_offers_exists() -> None:
    for name in undertow.__all__:
        assert getattr(undertow, name) is not None
    assert set(undertow.__all__) <= set(dir(undertow))
    with pytest.raises(AttributeError, match="nonsense"):
        undertow.nonsense  # noqa: B018


def test_a_shadow_trades_beside_without_touching(tmp_path: Path) -> None:
    market = undertow.generate("hl-btc", seed=3, duration_s=240.0)
    near = patched(Config(), {"symmetric.half_spread_bps": 0.3})
    both = undertow.run(market, "symmetric", extent="off", shadow=near)
    alone = undertow.run(market, "symmetric", extent="off")
    other = undertow.run(market, "symmetric", config=near, extent="off")
    assert both.shadow is not None
    assert alone.shadow is None
    assert both.result.fills.tobytes() == alone.result.fills.tobytes()
    assert both.shadow.quoting.pnl_usd == alone.account.pnl_usd
    assert both.shadow.shadow.pnl_usd == other.account.pnl_usd
    assert both.shadow.difference.value == pytest.approx(other.account.pnl_usd - alone.account.pnl_usd)
    assert both.shadow.changes == {"symmetric.half_spread_bps": (5.0, 0.3)}
    with pytest.raises(ValueError, match="named by a string"):
        undertow.run(market, makers.make("symmetric", near, market.instrument), shadow=near)
