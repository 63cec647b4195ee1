"""A timetable of orders inside hftbacktest's L3 FIFO backtest, run in its own environment.

Started by `benchmarks.peer.process`. It reads one JSON command a line on standard input and answers
with one JSON line on standard output.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import BUY, FILLED, GTX, LIMIT, BacktestAsset, HashMapMarketDepthBacktest
from numba import njit, uint64


@njit
def note_fills(orders, fills, n_fills):
    """Append the orders filled since the last cycle (the engine keeps no list of fills)."""
    values = orders.values()
    while values.has_next():
        order = values.get()
        if order.status == FILLED:
            fills[n_fills, 0] = order.exch_timestamp
            fills[n_fills, 1] = 1 if order.side == BUY else -1
            fills[n_fills, 2] = order.exec_price_tick
            fills[n_fills, 3] = order.order_id
            n_fills += 1
    return n_fills


@njit
def follow(hbt, cycle_ns, live_ns, tick_size, due, ticks, sides, qty, fills):
    """Send each order when due, cancel it `live_ns` later; writes fills, returns their number."""
    sent = n_fills = 0
    while hbt.elapse(cycle_ns) == 0:
        n_fills = note_fills(hbt.orders(0), fills, n_fills)
        hbt.clear_inactive_orders(0)
        now = hbt.current_timestamp
        values = hbt.orders(0).values()
        while values.has_next():
            order = values.get()
            if order.cancellable and due[order.order_id - 1] + live_ns <= now:
                hbt.cancel(0, order.order_id, False)
        while sent < len(due) and due[sent] <= now:
            px = ticks[sent] * tick_size
            if sides[sent] > 0:
                hbt.submit_buy_order(0, uint64(sent + 1), px, qty, GTX, LIMIT, False)
            else:
                hbt.submit_sell_order(0, uint64(sent + 1), px, qty, GTX, LIMIT, False)
            sent += 1
    return n_fills


def run(job: dict[str, Any]) -> np.ndarray:
    """Run a job; its fills as (timestamp, side, tick, order id)."""
    events = np.load(job["events"])["data"]  # the engine keeps a bare pointer to it
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(job["latency_ns"], job["latency_ns"])
        .l3_fifo_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(job["tick_size"])
        .lot_size(job["lot_size"])
        .last_trades_capacity(0)
    )
    hbt = HashMapMarketDepthBacktest([asset])
    plan = np.load(job["orders"])
    fills = np.zeros((len(plan) + 1, 4), dtype=np.int64)
    columns = [np.ascontiguousarray(plan[name]) for name in ("due_ns", "tick", "side")]
    n = follow(hbt, job["cycle_ns"], job["live_ns"], job["tick_size"], *columns, job["qty"], fills)
    hbt.close()
    del events
    return fills[:n]


def main() -> None:
    """Serve commands until standard input ends."""
    for line in sys.stdin:
        job = json.loads(line)
        fills = run(job)
        np.save(Path(job["fills"]), fills)
        print(json.dumps({"fills": len(fills)}), flush=True)


if __name__ == "__main__":
    main()
