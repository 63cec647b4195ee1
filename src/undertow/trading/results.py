"""From what a session captured to what an account is made of.

A replay's venue writes its own fill log and ledger. Of a live session there are the rows: requests,
answers, fills, and the market. `result_of` makes of them the same `undertow.replay.ReplayResult`, for
paper and venue alike, so that everything that reads a replay reads a session. Mids are those of the book
the feed showed, by exchange time: the one before a fill is the last strictly older than it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.events import (
    ACK,
    CANCEL,
    CANCEL_REJECTED,
    EVENT,
    EXCH,
    FILL,
    FUNDING,
    INFERRED,
    MAKER,
    MODIFY,
    NEW,
    ORDER,
    REJECTED,
    TIMER,
)
from undertow.instrument import (
    Instrument,
    cash_change,
    funding_received,
    notional,
    round_size,
    tick_near,
)
from undertow.kernel.l2book import new_book
from undertow.maker import Maker
from undertow.records import Rec, new_record
from undertow.replay.engine import ReplayResult
from undertow.replay.log import FILL_LOG, LEDGER, MARKOUT_HORIZONS_S
from undertow.replay.settings import ReplaySettings
from undertow.trading import step
from undertow.trading.folder import Leg, SessionError, is_market, layout_of, legs_of
from undertow.trading.runner import cell, plain
from undertow.trading.step import MID, TOLD

_OWN: Final = (ORDER, ACK, FILL, FUNDING)


class Statement:
    """Collects a coin's rows in order; `finish` makes fill log and ledger of them.

    Memory grows with own rows and with changes of the mid (16 bytes each), not with the market's rows.
    """

    def __init__(self, instrument: Instrument, *, snapshot_fed: bool, window_ticks: int = 65_536) -> None:
        self.instrument = instrument
        self._insts = cell(instrument.record())
        self._window_ticks, self._snapshot_fed = window_ticks, snapshot_fed
        self.new_leg()
        self._mids: list[NDArray[np.void]] = []
        self._own: list[NDArray[np.void]] = []
        self._market_rows = self._timers = 0
        self._first_ns, self._last_ns, self._last_exch_ns = 0, 0, -(2**62)

    def open_with(self, position: float, px: float, time_ns: int) -> None:
        """The account began with a position: it stands in the log as a first fill at `px`, without a fee."""
        row = np.zeros(1, dtype=EVENT)
        row["exch_ns"] = row["recv_ns"] = time_ns
        row["kind"], row["code"], row["ref"] = FILL, MAKER, -1
        row["px"], row["qty"], row["side"] = px, abs(position), np.sign(position)
        self._own.append(row)

    def new_leg(self, book: bytes | None = None) -> None:
        """What follows was seen with a book that began as `book` (raw), or empty."""
        self._books = cell(new_book(window_ticks=self._window_ticks, erode=self._snapshot_fed))
        if book is not None and len(book) == self._books.nbytes:
            self._books[:] = np.frombuffer(book, dtype=self._books.dtype)

    def add(self, rows: NDArray[np.void], snapshots: NDArray[np.float64]) -> None:
        """Take captured rows and the table their SNAPSHOT rows count in."""
        rows = plain(rows)
        out = np.zeros(len(rows), dtype=MID)
        n = step.follow_mids(self._books, self._insts, rows, snapshots, out)
        if n:
            self._mids.append(out[:n].copy())
        market = rows[is_market(rows)]
        if len(market):
            if not self._first_ns:
                self._first_ns = min(int(market["exch_ns"][0]), int(market["recv_ns"][0]))
            self._last_exch_ns = max(self._last_exch_ns, int(market["exch_ns"].max()))
        if len(rows):
            self._last_ns = max(self._last_ns, int(rows["recv_ns"].max()))
        self._market_rows += len(market)
        self._timers += int(np.count_nonzero(rows["kind"] == TIMER))
        own = rows[np.isin(rows["kind"], _OWN)]
        if len(own):
            self._own.append(own)

    def finish(self, told: NDArray[np.void]) -> tuple[NDArray[np.void], Rec]:
        """Fill log (FILL_LOG) and ledger (LEDGER); `told` (TOLD) holds one record per FILL row."""
        mids = np.concatenate(self._mids) if self._mids else np.zeros(0, dtype=MID)
        own = np.concatenate(self._own) if self._own else np.zeros(0, dtype=EVENT)
        fills = self._fills(own[own["kind"] == FILL], told, mids)
        ledger = self._ledger(own, fills)
        ledger["last_mid"] = mids["px"][-1] if len(mids) else np.nan
        return fills, ledger

    def _fills(
        self, rows: NDArray[np.void], told: NDArray[np.void], mids: NDArray[np.void]
    ) -> NDArray[np.void]:
        fills = np.zeros(len(rows), dtype=FILL_LOG)
        inst = self._insts.view(np.recarray)[0]
        for name in ("exch_ns", "recv_ns", "px", "qty", "side"):
            fills[name] = rows[name]
        fills["order_id"], fills["fee"], fills["liquidity"] = rows["ref"], rows["val"], rows["code"]
        fills["tick"] = [tick_near(inst, px) for px in rows["px"].tolist()]
        fills["level"], fills["fill_rate"], fills["edge_bps"] = -1, np.nan, np.nan
        known = min(len(told), len(rows))
        for name in ("sent_ns", "level", "fill_rate", "edge_bps"):
            fills[name][:known] = told[name][:known]
        held = 0.0
        for k in range(len(fills)):
            held = _held(inst, held + float(fills["side"][k] * fills["qty"][k]))
            fills["position_after"][k] = held
        times = mids["exch_ns"]
        fills["mid"] = _at(mids["px"], np.searchsorted(times, fills["exch_ns"], side="left") - 1)
        for h, seconds in enumerate(MARKOUT_HORIZONS_S):
            then = fills["exch_ns"] + round(seconds * 1e9)
            mid = _at(mids["px"], np.searchsorted(times, then, side="right") - 1)
            fills["mid_after"][:, h] = np.where(then <= self._last_exch_ns, mid, np.nan)
        return fills

    def _ledger(self, own: NDArray[np.void], fills: NDArray[np.void]) -> Rec:
        ledger = new_record(LEDGER)
        inst = self._insts.view(np.recarray)[0]
        _count_requests(ledger, own)
        held = 0.0
        for row in own[np.isin(own["kind"], (FILL, FUNDING))]:
            px, qty, side = float(row["px"]), float(row["qty"]), int(row["side"])
            if row["kind"] == FILL:
                ledger["cash"] += cash_change(inst, side, px, qty)
                ledger["fees"] += row["val"]
                ledger["volume"] += notional(inst, px, qty)
                held = _held(inst, held + side * qty)
            elif row["flags"] & EXCH:
                ledger["funding"] += funding_received(inst, px, held, qty)
                ledger["settlements"] += 1
        ledger["position"] = held
        ledger["max_abs_position"] = np.abs(fills["position_after"]).max(initial=0.0)
        ledger["fills"] = len(fills)
        ledger["maker_fills"] = np.count_nonzero(fills["liquidity"] == MAKER)
        ledger["taker_fills"] = len(fills) - int(ledger["maker_fills"])
        ledger["rows"], ledger["cycles"] = self._market_rows, self._timers
        ledger["first_ns"], ledger["last_ns"] = self._first_ns, self._last_ns
        return ledger


def _count_requests(ledger: Rec, own: NDArray[np.void]) -> None:
    """Requests that went out, and their refusals; what the session itself held back is neither."""
    orders, acks = own[own["kind"] == ORDER], own[own["kind"] == ACK]
    ours = acks["flags"] & INFERRED != 0
    kept = np.unique(acks["ref"][ours & (acks["code"] != CANCEL_REJECTED)])
    sent = orders[~np.isin(orders["ref"], kept)]
    for name, code in (("new_orders", NEW), ("cancels", CANCEL), ("modifies", MODIFY)):
        ledger[name] = np.count_nonzero(sent["code"] == code)
    ledger["rejects"] = np.count_nonzero(~ours & (acks["code"] == REJECTED))
    ledger["late_cancels"] = np.count_nonzero(~ours & (acks["code"] == CANCEL_REJECTED))


def _held(inst: Rec, position: float) -> float:
    """A position as the venue keeps it: whole size steps."""
    size = round_size(inst, abs(position) + 0.25 * float(inst["size_step"]))
    return float(np.sign(position) * size)


def _at(values: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    if not len(values):
        return np.full(len(at), np.nan)
    return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)


def result_of(folder: Path, coin: str, maker: Maker, settings: ReplaySettings | None = None) -> ReplayResult:
    """The recorded session of a coin as the result a replay would give, all its legs together.

    `maker` gives the layout of the state, which is that of the last checkpoint; `settings` are those of
    the matcher, for the report. Raises `SessionError` where nothing of the coin was recorded, or its
    state has another layout.
    """
    legs = legs_of(folder, coin)
    if not legs:
        raise SessionError(f"{folder} holds nothing of {coin}")
    start = legs[-1].start
    if layout_of(maker.state.dtype) != start.state_layout:
        raise SessionError(f"{folder}: the state of {start.maker} has another layout in this version")
    statement = Statement(start.instrument, snapshot_fed=start.snapshot_fed, window_ticks=start.window_ticks)
    told = [_adopted(statement, legs[0], maker)]
    for leg in legs:
        told.append(leg.told())
        statement.new_leg(leg.book_start())
        for rows, snapshots in leg.chunks():
            statement.add(rows, snapshots)
    fills, ledger = statement.finish(np.concatenate(told))
    noted = legs[-1].checkpoint()
    raw = legs[-1].state_start() if noted is None else noted[1]
    state = np.frombuffer(bytearray(raw), dtype=maker.state.dtype).view(np.recarray)[0]
    return ReplayResult(
        fills=fills,
        observations=np.concatenate([leg.observations() for leg in legs]),
        ledger=ledger,
        maker_state=state,
        settings=settings or ReplaySettings(),
        instrument=start.instrument,
        captured=np.zeros(0, dtype=EVENT),
        seconds=0.0,
    )


def _adopted(statement: Statement, leg: Leg, maker: Maker) -> NDArray[np.void]:
    """Enter the position the leg began with, if any; what is told of that fill: nothing."""
    desk = np.frombuffer(leg.state_start(), dtype=maker.state.dtype)["desk"]
    position, cash = float(desk["position"][0]), float(desk["cash"][0])
    if position == 0.0:
        return np.zeros(0, dtype=TOLD)
    first = next((rows for rows, _ in leg.chunks()), np.zeros(1, dtype=EVENT))
    px = -cash / (position * statement.instrument.contract_value)
    statement.open_with(position, px, int(first["exch_ns"][0]))
    told = np.zeros(1, dtype=TOLD)
    told["order_id"], told["level"], told["fill_rate"], told["edge_bps"] = -1, -1, np.nan, np.nan
    return told
