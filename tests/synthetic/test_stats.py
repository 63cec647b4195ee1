"""Statistics on recordings whose statistics are known by construction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from undertow.events import BBO, END, EVENT, EXCH, LOCAL, TRADE, Chunk, empty_snapshots
from undertow.instrument import Instrument
from undertow.synthetic.stats import measure

START = 1_700_000_000_000_000_000


class Typed:
    """A recording of typed rows."""

    name = "typed"
    instrument = Instrument(name="X", tick_size=0.01, size_step=0.1)
    snapshot_fed = True

    def __init__(self, rows: list[tuple[float, int, int, float, float]]) -> None:
        self.rows = np.zeros(len(rows), EVENT)
        for row, (at_s, kind, side, px, qty) in zip(self.rows, rows, strict=True):
            row["exch_ns"] = START + round(at_s * 1e9)
            row["recv_ns"] = row["exch_ns"] + 5_000_000
            row["kind"], row["side"], row["px"], row["qty"] = kind, side, px, qty
            row["flags"] = EXCH | LOCAL | (END if kind == TRADE or side < 0 else 0)

    @property
    def n_rows(self) -> int:
        return len(self.rows)

    @property
    def span_ns(self) -> tuple[int, int]:
        return int(self.rows["recv_ns"][0]), int(self.rows["recv_ns"][-1])

    def chunks(self) -> Iterator[Chunk]:
        yield Chunk(self.rows[:3], empty_snapshots())
        yield Chunk(self.rows[3:], empty_snapshots())


def _quote(at_s: float, bid: float, ask: float) -> list[tuple[float, int, int, float, float]]:
    return [(at_s, BBO, 1, bid, 1.0), (at_s, BBO, -1, ask, 1.0)]


def test_orders_prints_and_markouts() -> None:
    """Twenty buys a second apart, each of two prints on two levels; the mid rises 1 bp 0.3 s later."""
    rows = _quote(0.0, 99.99, 100.01)
    for i in range(20):
        mid = 100.0 + 0.01 * i
        rows += [(i + 1.0, TRADE, 1, mid + 0.01, 0.5), (i + 1.0, TRADE, 1, mid + 0.02, 1.5)]
        rows += _quote(i + 1.3, mid, mid + 0.02)
    rows += _quote(40.0, 100.0, 100.02)
    seen = measure(Typed(rows), errors=False)
    m = seen.moments
    assert m["orders_per_s"] == pytest.approx(20 / 40, rel=1e-6)
    assert m["prints_per_order"] == 2
    assert m["levels_per_walk"] == 2
    assert m["walk_share"] == 1.0
    assert seen.mean_order_qty == pytest.approx(2.0)
    assert m["markout_0.5s_bps"] == pytest.approx(1.0, rel=2e-3)
    assert m["markout_5s_bps"] == pytest.approx(np.mean([min(5, 20 - i) for i in range(20)]), rel=3e-3)
    assert m["distance_mean_bps"] == pytest.approx(2.0, rel=2e-3)
    assert m["beyond_touch_mean_bps"] == pytest.approx(1.0, rel=2e-3)
    assert m["spread_mean_bps"] == pytest.approx(2.0, rel=2e-3)
    assert m["touch_moves_per_s"] == pytest.approx(22 / 40, rel=0.05)
    assert seen.latency_ms[2] == pytest.approx(5.0)


def test_volatility_of_a_random_walk() -> None:
    """Steps of one tick every 0.1 s: 1 bp per step is √10 bps/√s at every horizon."""
    random = np.random.default_rng(5)
    ticks = 100_000 + np.cumsum(random.choice((-1, 1), 20_000))
    rows = [row for i, t in enumerate(ticks) for row in _quote(0.1 * i, t / 1000 - 0.01, t / 1000 + 0.01)]
    rows += [(0.1 * i + 0.05, TRADE, 1 if i % 2 else -1, ticks[i] / 1000, 1.0) for i in range(0, 20_000, 100)]
    rows.sort(key=lambda row: row[0])
    typed = Typed(rows)
    typed.instrument = Instrument(name="X", tick_size=0.001, size_step=0.1)
    m = measure(typed, errors=False).moments
    for horizon in ("0.5s", "1s", "5s", "30s"):
        assert m[f"sigma_{horizon}"] == pytest.approx(np.sqrt(10) * 0.1, rel=0.1)


def test_a_recording_without_trades_is_refused() -> None:
    with pytest.raises(ValueError, match="aggressor orders"):
        measure(Typed(_quote(0.0, 99.99, 100.01) + _quote(1.0, 100.0, 100.02) + _quote(2.0, 99.99, 100.01)))
