"""The feed of individual orders: the market of the full feed, and a queue at every level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from undertow.events import (
    CLEAR,
    DEPTH,
    END,
    ORDER_ADD,
    ORDER_CANCEL,
    ORDER_EXEC,
    ORDER_MODIFY,
    SUMMED,
)
from undertow.synthetic.generate import GeneratedMarket, generate

Rows = Callable[[GeneratedMarket], np.ndarray]
MARKETS = (("hl-btc", 120.0), ("binance-btc-volatile", 8.0))


@pytest.mark.parametrize(("preset", "duration_s"), MARKETS)
def test_it_is_the_full_feed_with_order_rows_between(preset: str, duration_s: float, all_rows: Rows) -> None:
    rows = all_rows(generate(preset, 3, duration_s, feed="orders"))
    full = all_rows(generate(preset, 3, duration_s, feed="full"))
    levels = rows[rows["kind"] < ORDER_ADD].copy()
    assert np.all(levels["code"][levels["kind"] == DEPTH] == SUMMED)
    levels["code"] = 0
    assert levels.tobytes() == full.tobytes()
    assert len(rows) > 1.2 * len(full)


@pytest.mark.parametrize(("preset", "duration_s"), MARKETS)
def test_levels_are_sums_and_executions_come_from_the_front(
    preset: str, duration_s: float, all_rows: Rows
) -> None:
    market = generate(preset, 4, duration_s, feed="orders")
    unit = market.instrument.size_step
    queues: dict[tuple[int, float], dict[int, int]] = {}
    shown: dict[tuple[int, float], int] = {}
    where: dict[int, tuple[int, float]] = {}
    executed = 0
    for row in all_rows(market):
        kind, ref, steps = int(row["kind"]), int(row["ref"]), float(row["qty"]) / unit
        level = (int(row["side"]), float(row["px"]))
        if kind == CLEAR:
            queues, shown, where = {}, {}, {}
        elif kind == DEPTH:
            shown[level] = round(steps)
        elif kind == ORDER_ADD:
            assert ref not in where
            where[ref] = level
            queues.setdefault(level, {})[ref] = round(steps)
        elif kind in (ORDER_CANCEL, ORDER_MODIFY, ORDER_EXEC):
            assert where[ref] == level
            queue = queues[level]
            if kind == ORDER_EXEC:
                executed += 1
                assert ref == next(iter(queue))
                assert 0 < round(steps) <= queue[ref]
            elif kind == ORDER_MODIFY:
                assert round(steps) < queue[ref] or ref == list(queue)[-1]  # growth only at the end
                queue[ref] = round(steps)
            else:
                del queue[ref], where[ref]
        if kind == DEPTH and row["flags"] & END:
            assert {k: n for k, n in shown.items() if n} == {
                k: sum(q.values()) for k, q in queues.items() if q
            }
    assert executed > 20


def test_levels_hold_several_orders(all_rows: Rows) -> None:
    rows = all_rows(generate("hl-btc", 5, 120.0, feed="orders"))
    first = rows["exch_ns"] == rows["exch_ns"][np.argmax(rows["kind"] == ORDER_ADD)]
    orders = np.sum(first & (rows["kind"] == ORDER_ADD)) / np.sum(first & (rows["kind"] == DEPTH))
    assert orders > 1.5
