"""Rows of a thin market around a given mid: best quotes, snapshots, prints."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.data.memory import InMemoryRecording
from undertow.events import BBO, END, EVENT, EXCH, LOCAL, SNAPSHOT, TRADE, Chunk
from undertow.instrument import Instrument
from undertow.units import s_to_ns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS: Final = 10
LEVEL_GAP_STEPS: Final = 6
LEVEL_QTY: Final = (0.4, 0.5, 0.6, 0.8, 1.2, 2.0, 3.0, 5.0, 8.0, 12.0)
"""Median displayed size by level, contracts: dust near the touch, so that an order of one contract
walks about 8 bps (κ = 1287 on the tape)."""
LATENCY_S: Final = 0.36
_BOTH: Final = EXCH | LOCAL


class Print(NamedTuple):
    """An aggressor order: `side` the aggressor's, `depth_bps` how far from the mid it reached."""

    time_s: float
    side: int
    qty: float
    depth_bps: float


class Quotes(NamedTuple):
    """Best prices in venue steps and all displayed sizes, one row a time.

    `times_s` (n,); `bid`, `ask` (n,) steps; `bid_qty`, `ask_qty` (n, LEVELS) contracts.
    """

    times_s: Floats
    bid: Ints
    ask: Ints
    bid_qty: Floats
    ask_qty: Floats


def quotes_around(mid: Floats, step: float, spread_steps: Ints) -> tuple[Ints, Ints]:
    """Best bid and ask in steps, so that their mean is `mid` rounded to half a step."""
    twice = np.rint(2.0 * mid / step).astype(np.int64)
    wide = spread_steps + ((twice - spread_steps) & 1)
    return (twice - wide) // 2, (twice + wide) // 2


def recording_of(
    name: str,
    instrument: Instrument,
    step: float,
    start_ns: int,
    quotes: Quotes,
    prints: list[Print],
    snapshot_s: float,
) -> InMemoryRecording:
    """The market as a recording: BBO at every time, a snapshot every `snapshot_s`, the prints."""
    n = len(quotes.times_s)
    best = np.zeros(2 * n, dtype=EVENT)
    at_ns = start_ns + np.rint(quotes.times_s * 1e9).astype(np.int64)
    best["exch_ns"] = np.repeat(at_ns, 2)
    best["kind"], best["flags"] = BBO, _BOTH
    best["side"][0::2], best["side"][1::2] = 1, -1
    best["px"][0::2], best["px"][1::2] = _px(quotes.bid, step), _px(quotes.ask, step)
    best["qty"][0::2], best["qty"][1::2] = quotes.bid_qty[:, 0], quotes.ask_qty[:, 0]
    best["flags"][1::2] |= END
    shown = np.flatnonzero(np.diff(np.floor(quotes.times_s / snapshot_s), prepend=-1.0) > 0)
    books = np.zeros(len(shown), dtype=EVENT)
    books["exch_ns"], books["kind"], books["flags"] = at_ns[shown], SNAPSHOT, _BOTH | END
    books["px"], books["ref"] = np.nan, np.arange(len(shown))
    trades = _trades(quotes, prints, step, start_ns)
    rows = np.concatenate([trades, books, best])
    rows["recv_ns"] = rows["exch_ns"] + s_to_ns(LATENCY_S)
    rows = rows[np.argsort(rows["exch_ns"], kind="stable")]
    chunk = Chunk(rows, _snapshots(quotes, shown, step))
    return InMemoryRecording.from_rows(name, instrument, chunk, snapshot_fed=True)


def _px(steps: Ints, step: float) -> Floats:
    px: Floats = np.round(steps * step, 10)
    return px


def _trades(quotes: Quotes, prints: list[Print], step: float, start_ns: int) -> NDArray[np.void]:
    """One print an order, at the deepest price it reached, never inside the touch."""
    rows = np.zeros(len(prints), dtype=EVENT)
    for number, order in enumerate(prints):
        at = int(np.searchsorted(quotes.times_s, order.time_s, side="right")) - 1
        touch = int(quotes.bid[at] if order.side < 0 else quotes.ask[at])
        mid = 0.5 * step * float(quotes.bid[at] + quotes.ask[at])
        reached = mid * (1.0 + order.side * order.depth_bps * 1e-4) / step
        if order.side < 0:
            tick = min(int(np.floor(reached + 1e-7)), touch)
        else:
            tick = max(int(np.ceil(reached - 1e-7)), touch)
        row = rows[number]
        row["exch_ns"] = start_ns + s_to_ns(order.time_s)
        row["kind"], row["side"], row["flags"] = TRADE, order.side, _BOTH | END
        row["px"], row["qty"], row["ref"] = round(tick * step, 10), order.qty, number + 1
    return rows


def _snapshots(quotes: Quotes, shown: Ints, step: float) -> Floats:
    table = np.empty((len(shown), 4, LEVELS))
    away = LEVEL_GAP_STEPS * np.arange(LEVELS)
    table[:, 0] = _px(quotes.bid[shown, None] - away, step)
    table[:, 1] = quotes.bid_qty[shown]
    table[:, 2] = _px(quotes.ask[shown, None] + away, step)
    table[:, 3] = quotes.ask_qty[shown]
    return table
