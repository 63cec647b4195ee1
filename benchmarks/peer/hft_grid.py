"""The GLFT grid inside hftbacktest, run in hftbacktest's own environment.

Started by `benchmarks.peer.process` with the interpreter of that environment. It knows nothing of
undertow but the file ``glft_math.py``, whose path it is given. It reads one JSON command a line on
standard input and answers with one JSON line on standard output.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import (
    BUY,
    BUY_EVENT,
    FILLED,
    GTX,
    LIMIT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from numba import njit, uint64


def load(path: str) -> Any:
    """The module at `path`."""
    spec = importlib.util.spec_from_file_location("glft_math", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["glft_math"] = module
    spec.loader.exec_module(module)
    return module


glft = load(sys.argv[1])
fit_intensity, spread_of_changes = glft.fit_intensity, glft.spread_of_changes
coefficients, grid, BINS = glft.coefficients, glft.grid, glft.BINS


@njit
def on_rung(side, top, gap, levels, tick):
    distance = (top - tick) * side
    return distance >= 0 and distance % gap == 0 and distance // gap < levels


@njit
def note_fills(orders, fills, n_fills):
    """Append the orders filled since the last cycle (the engine keeps no list of fills)."""
    values = orders.values()
    while values.has_next():
        order = values.get()
        if order.status == FILLED:
            fills[n_fills, 0] = order.exch_timestamp
            fills[n_fills, 1] = order.side
            fills[n_fills, 2] = order.exec_price_tick
            n_fills += 1
    return n_fills


@njit
def deepest(trades, mid, tick_size):
    """How many ticks from the last cycle's mid the prints reached."""
    reached = -np.inf
    if np.isnan(mid):
        return reached
    for trade in trades:
        tick = float(int(np.floor(trade.px / tick_size + 0.5)))
        if trade.ev & BUY_EVENT == BUY_EVENT:
            reached = max(reached, tick - mid)
        else:
            reached = max(reached, mid - tick)
    return reached


@njit
def run_grid(
    hbt,
    cycle_ns,
    window,
    update,
    bins_used,
    gamma,
    spread_factor,
    skew_factor,
    levels,
    qty,
    max_orders,
    least_gap,
    tick_size,
    fills,
):
    """The loop of the tutorial, decisions by `glft_math`; writes fills, returns their number."""
    depths = np.full(window, np.nan)
    changes = np.full(window, np.nan)
    counts = np.zeros(BINS)
    a = k = volatility = mid = np.nan
    cycle = n_fills = 0
    cycle_s = cycle_ns * 1e-9
    while hbt.elapse(cycle_ns) == 0:
        orders = hbt.orders(0)
        n_fills = note_fills(orders, fills, n_fills)
        reached = deepest(hbt.last_trades(0), mid, tick_size)
        hbt.clear_last_trades(0)
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
        if best_bid <= 0 or best_ask > 1 << 40:
            continue
        depths[cycle % window] = np.nan if np.isnan(mid) else reached
        before, mid = mid, 0.5 * (best_bid + best_ask)
        changes[cycle % window] = mid - before
        if cycle % update == 0 and cycle >= window - 1:
            new_a, new_k = fit_intensity(depths, counts, window * cycle_s, bins_used)
            if np.isfinite(new_a) and new_k > 1e-6:
                a, k = new_a, new_k
            volatility = spread_of_changes(changes) * np.sqrt(1.0 / cycle_s)
        cycle += 1
        if np.isnan(k) or np.isnan(volatility):
            continue
        position = hbt.position(0) / qty
        c1, c2 = coefficients(gamma, a, k)
        bid, ask, gap = grid(
            mid, best_bid, best_ask, position, c1, c2, volatility, spread_factor, skew_factor, least_gap
        )
        bids = levels if position < max_orders else 0
        asks = levels if -position < max_orders else 0
        values = orders.values()
        while values.has_next():
            order = values.get()
            if order.cancellable:
                if order.side == BUY:
                    if not on_rung(1, bid, gap, bids, order.price_tick):
                        hbt.cancel(0, order.order_id, False)
                elif not on_rung(-1, ask, gap, asks, order.price_tick):
                    hbt.cancel(0, order.order_id, False)
        for rung in range(bids):
            tick = bid - gap * rung
            if tick > 0 and uint64(tick) not in orders:
                hbt.submit_buy_order(0, uint64(tick), tick * tick_size, qty, GTX, LIMIT, False)
        for rung in range(asks):
            tick = ask + gap * rung
            if uint64(tick) not in orders:
                hbt.submit_sell_order(0, uint64(tick), tick * tick_size, qty, GTX, LIMIT, False)
    return n_fills


def asset_of(events: np.ndarray, job: dict[str, Any]) -> BacktestAsset:
    """The asset of a job: power-law queue, constant latency, no partial fills."""
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(job["order_latency_ns"], job["response_latency_ns"])
        .power_prob_queue_model3(job["queue_power"])
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(job["tick_size"])
        .lot_size(job["lot_size"])
        .last_trades_capacity(100_000)
    )
    if job["depth"] == "roi":
        asset = asset.roi_lb(job["roi_low"]).roi_ub(job["roi_high"])
    return asset


def run(events: np.ndarray, job: dict[str, Any]) -> tuple[np.ndarray, float]:
    """Run a job once; returns its fills (timestamp, side, tick) and the seconds it took."""
    build = ROIVectorMarketDepthBacktest if job["depth"] == "roi" else HashMapMarketDepthBacktest
    hbt = build([asset_of(events, job)])
    fills = np.zeros((2_000_000, 3), dtype=np.int64)
    g = job["grid"]
    started = time.perf_counter()
    n = run_grid(
        hbt,
        job["cycle_ns"],
        g["window_cycles"],
        g["update_cycles"],
        g["bins_used"],
        g["gamma"],
        g["spread_factor"],
        g["skew_factor"],
        g["levels"],
        g["order_qty"],
        g["max_orders"],
        g["least_gap_ticks"],
        job["tick_size"],
        fills,
    )
    seconds = time.perf_counter() - started
    hbt.close()
    return fills[:n].copy(), seconds


def main() -> None:
    """Serve commands until standard input ends."""
    loaded: dict[str, np.ndarray] = {}
    for line in sys.stdin:
        job = json.loads(line)
        if job["events"] not in loaded:
            loaded.clear()
            loaded[job["events"]] = np.load(job["events"])["data"]
        fills, seconds = run(loaded[job["events"]], job)
        if job.get("fills"):
            np.save(Path(job["fills"]), fills)
        print(json.dumps({"fills": len(fills), "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
