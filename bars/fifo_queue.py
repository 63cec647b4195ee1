"""The exact queue against hftbacktest's, and every queue model against the exact queue.

The market is generated and publishes its orders one by one; a timetable of orders is placed at the
touch and beyond it, alike in every run.

*Parity.* Without partial fills and with constant latency, orders fill at the same moments in
hftbacktest's L3 FIFO backtest. One rule differs by design and is counted apart: what is executed at a
price worse than an own order's fills it here, but not there, where an order is met only at its own
price or when the other side's touch reaches it.

*Bias.* A queue model's fills over those of the exact queue, less one. A generated market withdraws
orders drawn at random from the level, whatever their place; a real one need not.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import numpy as np
from benchmarks.peer.process import VERSION, Peer
from numpy.typing import NDArray

from bars import Figure
from bars._scheduled import scheduled
from bars.snapshot_bias import BEYOND_BPS, timetable
from undertow.data.hftbacktest_export import export_hftbacktest
from undertow.data.memory import InMemoryRecording
from undertow.events import ORDER_EXEC
from undertow.instrument import step_ticks, tick_near
from undertow.replay import ReplaySettings, replay
from undertow.synthetic.generate import generate

TITLE = f"Exact queue: fills as in hftbacktest {VERSION} (L3), and the bias of the queue models"

SEEDS = (11, 12, 13, 14, 15, 16)
DURATION_S = 600.0
LIVE_NS = 10_000_000_000
CYCLE_MS = 50.0
SETTINGS = ReplaySettings(
    order_latency_ms=10,
    order_jitter_ms=0,
    response_latency_ms=10,
    response_jitter_ms=0,
    cycle_interval_ms=CYCLE_MS,
    sample_interval_s=0,
    queue_model="fifo",
)
MODELS = {
    "fifo": ("fifo", 3.0),
    "risk_averse": ("risk_averse", 3.0),
    "power 3": ("power", 3.0),
    "power 1": ("power", 1.0),
    "log": ("log", 3.0),
}
Fill = tuple[int, int, int, int]


def market(seed: int, duration_s: float = DURATION_S) -> InMemoryRecording:
    """A part of ``hl-btc`` with its orders, on a plain price grid and without a least order value."""
    made = generate("hl-btc", seed, duration_s, feed="orders")
    chunk = next(iter(made.chunks()))
    tick = tick_near(made.instrument.record(), chunk.rows["px"][chunk.rows["kind"] == ORDER_EXEC][0])
    grid = made.instrument.tick_size * step_ticks(made.instrument.record(), tick)
    instrument = msgspec.structs.replace(
        made.instrument, tick_size=grid, significant_figures=0, min_notional=0.0
    )
    return InMemoryRecording(made.name, instrument, list(made.chunks()), False)


def rows_of(recording: InMemoryRecording) -> NDArray[np.void]:
    """All rows of a recording."""
    return np.concatenate([chunk.rows for chunk in recording.parts])


def our_fills(
    recording: InMemoryRecording, orders: NDArray[np.void], settings: ReplaySettings
) -> NDArray[np.void]:
    """The fill log of the timetable."""
    return replay(recording, scheduled(orders.copy(), LIVE_NS), settings).fills


def parity(seed: int, peer: Peer, folder: Path) -> tuple[set[Fill], set[Fill], set[Fill]]:
    """Fills of both engines; only ours, by an execution at a worse price; otherwise apart."""
    recording = market(seed)
    orders, _ = timetable(rows_of(recording), recording.instrument)
    settings = msgspec.structs.replace(SETTINGS, partial_fills=False, block_rule=False)
    log = our_fills(recording, orders, settings)
    ours = {(int(f["exch_ns"]), int(f["side"]), int(f["tick"]), int(f["order_id"])) for f in log}
    export_hftbacktest(recording, folder / "events.npz")
    np.save(folder / "orders.npy", orders)
    job = {
        "events": str(folder / "events.npz"),
        "orders": str(folder / "orders.npy"),
        "fills": str(folder / "fills.npy"),
        "latency_ns": round(settings.order_latency_ms * 1e6),
        "cycle_ns": round(CYCLE_MS * 1e6),
        "live_ns": LIVE_NS,
        "tick_size": recording.instrument.tick_size,
        "lot_size": recording.instrument.size_step,
        "qty": float(orders["qty"][0]),
    }
    peer.run(job)
    theirs = {(a, b, c, d) for a, b, c, d in np.load(folder / "fills.npy").tolist()}
    worse = _met_at_worse_price(rows_of(recording), ours, recording.instrument.tick_size)
    met = {fill[3]: fill[0] for fill in worse}
    # An order met that way here is filled later there, or never.
    apart = {f for f in ours - theirs if f[3] not in met}
    apart |= {f for f in theirs - ours if f[0] <= met.get(f[3], 2**62)}
    return ours & theirs, worse - theirs, apart


def _met_at_worse_price(rows: NDArray[np.void], fills: set[Fill], tick_size: float) -> set[Fill]:
    """Fills at a moment at which an order of their side was executed at a worse price."""
    done = rows[rows["kind"] == ORDER_EXEC]
    worst: dict[tuple[int, int], int] = {}
    ticks = np.rint(done["px"] / tick_size).astype(np.int64)
    for ns, side, tick in zip(done["exch_ns"].tolist(), done["side"].tolist(), ticks.tolist(), strict=True):
        worst[ns, side] = max(worst.get((ns, side), -(2**62)), -side * tick)
    return {f for f in fills if worst.get((f[0], f[1]), -(2**62)) > -f[1] * f[2]}


def bias(seeds: tuple[int, ...] = SEEDS, duration_s: float = DURATION_S) -> dict[str, NDArray[np.int64]]:
    """Orders filled in full, by queue model and distance from the touch."""
    found: dict[str, NDArray[np.int64]] = {}
    for seed in seeds:
        recording = market(seed, duration_s)
        orders, classes = timetable(rows_of(recording), recording.instrument)
        for name, (model, power) in MODELS.items():
            settings = msgspec.structs.replace(SETTINGS, queue_model=model, queue_power=power)
            fills = our_fills(recording, orders, settings)
            got = np.bincount(fills["order_id"], weights=fills["qty"], minlength=len(orders) + 1)[1:]
            done = got >= orders["qty"] * (1 - 1e-9)
            filled = np.bincount(classes[done], minlength=len(BEYOND_BPS))
            found[name] = found.get(name, 0) + filled
    return found


def measure() -> list[Figure]:
    """Parity with the peer, then the bias of each queue model."""
    same, ours_only, apart = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder, Peer("hft_fifo.py") as peer:
        for seed in SEEDS:
            both, through, others = parity(seed, peer, Path(folder))
            same, ours_only, apart = same + len(both), ours_only + len(through), apart + len(others)
    figures = [
        Figure("fills that differ from hftbacktest's L3 FIFO", apart, "0", apart == 0, seeds=list(SEEDS)),
        Figure("identical fills", same, ">= 500", same >= 500, detail={"ours alone, through us": ours_only}),
    ]
    counts = bias()
    exact = counts.pop("fifo")
    detail = {"distance from the touch, bps": BEYOND_BPS, "fifo": exact.tolist()}
    figures.append(
        Figure(
            "fills of the exact queue", int(exact.sum()), ">= 1000", int(exact.sum()) >= 1_000, detail=detail
        )
    )
    for model, filled in counts.items():
        by_distance = [round(float(n / max(m, 1) - 1.0), 4) for n, m in zip(filled, exact, strict=True)]
        value = round(float(filled.sum() / exact.sum() - 1.0), 4)
        figures.append(
            Figure(f"bias of {model}", value, "reported", True, detail={"by distance": by_distance})
        )
    return figures
