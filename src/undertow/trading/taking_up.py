"""A session taken up again: which state each maker starts with, and what stands on its desk.

Of what a maker had learned the last checkpoint is used, discounted by the time away; what it holds and has
open comes from the journal, exactly (`undertow.trading.orders.recollect`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.events import FILL, LOCAL, ORDER
from undertow.journal.resume import discounted
from undertow.kernel.desk import LIVE, MAX_WORKING
from undertow.maker import Maker
from undertow.records import Rec
from undertow.trading.folder import layout_of, legs_of
from undertow.trading.orders.coins import Coin
from undertow.trading.orders.order import Order
from undertow.trading.orders.recollect import DeskFacts
from undertow.trading.runner import cell

_ID_GAP = 1_000
"""Ids left out after a restart: orders may have been decided that nothing on disk tells of."""


class Shown(NamedTuple):
    """What the capture says a coin's maker was shown: FILL rows, the highest order id, the latest receipt."""

    fills: int
    last_id: int
    last_ns: int


def shown(folder: Path, coin: str) -> Shown:
    """Read it from all legs of `coin`; zeros where nothing was captured."""
    fills, last_id, last_ns = 0, -1, 0
    for leg in legs_of(folder, coin):
        for rows, _ in leg.chunks():
            fills += int(np.count_nonzero(rows["kind"] == FILL))
            sent = rows["ref"][(rows["kind"] == ORDER) & (rows["flags"] & LOCAL != 0)]
            last_id = max(last_id, int(sent.max(initial=-1)))
            last_ns = max(last_ns, int(rows["recv_ns"].max(initial=0)))
    return Shown(fills, last_id, last_ns)


def checkpoint_of(folder: Path, coin: str, maker: Maker) -> NDArray[np.void] | None:
    """The last state noted of `coin`'s maker, an array of one; None where there is none of its layout."""
    dtype = cell(maker.state).dtype
    for leg in reversed(legs_of(folder, coin)):
        if leg.start.maker != maker.name or leg.start.state_layout != layout_of(maker.state.dtype):
            return None
        noted = leg.checkpoint()
        raw = leg.state_start() if noted is None else noted[1]
        if len(raw) == dtype.itemsize:
            return np.frombuffer(bytearray(raw), dtype=dtype)
    return None


def opening_cash(folder: Path, coin: str, maker: Maker) -> float:
    """Cash on the desk when the session began: minus what the position it took over was worth."""
    legs = legs_of(folder, coin)
    if not legs or legs[0].start.state_layout != layout_of(maker.state.dtype):
        return 0.0
    return float(np.frombuffer(legs[0].state_start(), dtype=maker.state.dtype)["desk"]["cash"][0])


def taken_up(
    maker: Maker,
    noted: NDArray[np.void] | None,
    facts: DeskFacts,
    seen: Shown,
    coin: Coin,
    opening_cash: float,
    now_ns: int,
) -> Rec:
    """The state to start with. `noted`: the checkpoint, None to start fresh but for the desk;
    `opening_cash`: what the position found when the session began was taken over at."""
    fresh = cell(maker.state)
    states = fresh
    if noted is not None:
        away_s = (now_ns - int(noted["desk"]["now_ns"][0])) * 1e-9
        states = discounted(noted, fresh, cell(maker.params), away_s)
    state = states.view(np.recarray)[0]
    set_desk(state.desk, facts, seen.last_id, coin, opening_cash)
    if "requests" in (maker.state.dtype.names or ()):  # a plan made by slots of the desk that was
        states["requests"] = fresh["requests"]
    return state


def set_desk(desk: Rec, facts: DeskFacts, last_id: int, coin: Coin, opening_cash: float) -> None:
    """Make a desk what the journal says: position, money and orders exactly.

    Of orders that stand on it already, what the maker thought of them stays. `last_id`: the highest the
    maker is known to have given an order.
    """
    account = facts.account
    old = {int(order["id"]): order.copy() for order in desk.working[: desk.n_working]}
    desk.position, desk.fills = coin.qty_of(account.lots), account.fills
    desk.cash, desk.fees = opening_cash + float(account.cash), float(account.fees)
    desk.funding, desk.volume = float(account.funding), float(account.volume)
    desk.next_id = max(int(desk.next_id), facts.last_id + 1, last_id + 1) + _ID_GAP
    desk.n_working = min(len(facts.working), MAX_WORKING)
    blank = np.zeros(1, dtype=desk.working.dtype)[0]
    for slot in range(MAX_WORKING):
        desk.working[slot] = blank
    for slot, (order, filled) in enumerate(facts.working[:MAX_WORKING]):
        _set_working(desk.working[slot], order, filled, coin, old.get(order.id))


def _set_working(slot: Rec, order: Order, filled: int, coin: Coin, old: np.void | None) -> None:
    """An order as it stood; what the maker thought of it comes from its old desk, if it stood there."""
    if old is not None:
        for name in old.dtype.names or ():
            slot[name] = old[name]
    else:
        slot.fill_rate, slot.edge_bps = 0.0, np.nan
        slot.ahead = slot.depth_bps = slot.reach_bps = np.nan
        slot.level = -1
    slot.id, slot.tick, slot.sent_ns = order.id, order.tick, order.sent_ns
    slot.qty, slot.leaves = coin.qty_of(order.lots), coin.qty_of(order.lots - filled)
    slot.side, slot.tif, slot.status = order.side, order.tif, LIVE
