"""What the baselines share: an entrance that does nothing, and the plain observation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.compiled import compiled
from undertow.instrument import position_value, price_of
from undertow.kernel.l2book import Book, mid_price
from undertow.records import Rec


@compiled
def ignore(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, actions: NDArray[np.void]) -> int:
    """An entrance that takes no notice and no action."""
    return 0


@compiled
def observe_desk(desk: Rec, inst: Rec, book: Book, out: Rec) -> None:
    """Fill what any desk knows: mid, position, best own orders, equity; NaN for the rest."""
    mid = mid_price(book, inst)
    out.mid = mid
    out.position = desk.position
    out.reservation_px = np.nan
    out.drift_bps_per_s = np.nan
    out.drift_sd_bps_per_s = np.nan
    out.sigma_bps_per_sqrt_s = np.nan
    out.kappa_bid_per_bp = np.nan
    out.kappa_ask_per_bp = np.nan
    bid = ask = np.nan
    for slot in range(desk.n_working):
        order = desk.working[slot]
        px = price_of(inst, order.tick)
        if order.side > 0 and not px <= bid:
            bid = px
        elif order.side < 0 and not px >= ask:
            ask = px
    out.best_bid_px = bid
    out.best_ask_px = ask
    held = 0.0 if desk.position == 0.0 else position_value(inst, mid, desk.position)
    out.equity = desk.cash - desk.fees + desk.funding + held
