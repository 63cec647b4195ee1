"""What the kill switch leaves of a coin's orders: what reduces the position, or nothing.

An order reduces the position as long as something of it is left once everything sent before on the same
side has filled. Such orders stay and may be sent anew, then reduce-only, so that the venue cuts what is
too large; all others go. A coin that is *shut* keeps nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.events import CANCEL
from undertow.kernel.desk import ACTION, PENDING_CANCEL
from undertow.trading.runner import CoinRunner

BOTH: Final = frozenset((1, -1))
OWN_IDS: Final = 1 << 31
"""Orders that the session sends of its own accord have ids from here on; no desk knows them."""


class Restraint(NamedTuple):
    """``sides`` (+1, -1) that may not grow the position; ``shut``: nothing may stand at all."""

    sides: frozenset[int] = BOTH
    shut: bool = False


class Sweep(NamedTuple):
    """Orders of ``side`` at ``px`` or better for whoever takes them are pulled once."""

    side: int
    px: float

    def hits(self, side: int, px: float) -> bool:
        """Whether an order is among them."""
        return side == self.side and side * (px - self.px) >= -1e-12 * self.px


def working_of(runner: CoinRunner) -> NDArray[np.void]:
    """Orders on the coin's desk, in the order in which they were sent."""
    desk = runner.states["desk"][0]
    working: NDArray[np.void] = desk["working"][: int(desk["n_working"])]
    return working


def alive_qty(runner: CoinRunner, left_out: Collection[int], up_to: int) -> tuple[float, float]:
    """Quantity of the bids and asks on the desk with ids up to `up_to`, those `left_out` not counted."""
    working = working_of(runner)
    alive = (working["status"] < PENDING_CANCEL) & (working["id"] <= up_to)
    if left_out:
        alive &= ~np.isin(working["id"], list(left_out))
    leaves, bid = working["leaves"], working["side"] > 0
    return float(leaves[alive & bid].sum()), float(leaves[alive & ~bid].sum())


def reducible(runner: CoinRunner, side: int) -> float:
    """How much an order of `side` could reduce the position by."""
    return max(0.0, -side * float(runner.states["desk"][0]["position"]))


def grows(runner: CoinRunner, side: int, left_out: Collection[int], order_id: int) -> bool:
    """Whether the order, after those of its side sent before it, could grow or turn the position."""
    bids, asks = alive_qty(runner, left_out, order_id)
    held = reducible(runner, side)
    return (bids if side > 0 else asks) > held + 0.5 * runner.instrument.size_step


def reduces(runner: CoinRunner, side: int, left_out: Collection[int], order_id: int) -> bool:
    """Whether something of the position is left for the order after those of its side sent before it."""
    bids, asks = alive_qty(runner, left_out, order_id - 1)
    return reducible(runner, side) - (bids if side > 0 else asks) > 0.5 * runner.instrument.size_step


def leaves(
    restraint: Restraint, runner: CoinRunner, side: int, left_out: Collection[int], order_id: int
) -> bool:
    """Whether `restraint` leaves the order standing."""
    if restraint.shut:
        return False
    return side not in restraint.sides or reduces(runner, side, left_out, order_id)


def cancel_of(order: np.void) -> NDArray[np.void]:
    """The cancel of an order on a desk (`undertow.kernel.desk.WORKING`), an array of one ACTION."""
    action = np.zeros(1, dtype=ACTION)
    action["id"] = action["target"] = order["id"]
    action["tick"], action["qty"] = order["tick"], order["leaves"]
    action["side"], action["level"], action["kind"] = order["side"], order["level"], CANCEL
    return action
