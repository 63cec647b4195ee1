"""Two makers in one market: what each did, and when each withdrew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from undertow.account.withdrawal import trend_seen_at_ns, withdrawn_at_ns
from undertow.replay.engine import ReplayResult
from undertow.replay.log import MARKOUT_HORIZONS_S

_FIVE_S: Final = MARKOUT_HORIZONS_S.index(5.0)


@dataclass(frozen=True)
class Side:
    """One of the two makers: what it is called and what it did."""

    name: str
    result: ReplayResult

    @property
    def loss_5s_bps(self) -> float:
        """Mean 5 s markout loss over its fills, each counted once."""
        fills = self.result.fills
        losses = -fills["side"] * 1e4 * (fills["mid_after"][:, _FIVE_S] / fills["mid"] - 1.0)
        known = losses[np.isfinite(losses)]
        return float(known.mean()) if len(known) else float("nan")

    @property
    def pnl(self) -> float:
        """Cash, fees and the final position at the last mid, quote currency."""
        ledger = self.result.ledger
        held = float(ledger["position"]) * float(ledger["last_mid"])
        return float(ledger["cash"]) - float(ledger["fees"]) + float(ledger["funding"]) + held


@dataclass(frozen=True)
class Duel:
    """What the page shows. `sides`: two, the first the one to beat. `direction` of the trend: ±1.

    `reach_bps`: an order further from the mid counts as withdrawn. `marks`: clock times of what the
    record says, with a word each. `lead`, `notes`: sentences for the reader.
    """

    title: str
    sides: tuple[Side, Side]
    direction: int
    reach_bps: float
    lead: str
    notes: Sequence[str] = ()
    marks: Mapping[int, str] = field(default_factory=dict)
    recorded: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def withdrew_ns(self, side: Side) -> int | None:
        """When `side` withdrew the orders that buy into the trend (bids in a fall)."""
        return withdrawn_at_ns(side.result.observations, -self.direction, self.reach_bps)

    def seen_ns(self) -> int | None:
        """When the second maker's drift posterior had seen the trend."""
        return trend_seen_at_ns(self.sides[1].result.observations, self.direction)


def clock(ns: int | None) -> str:
    """A UTC time of day, or that it never came."""
    return "never" if ns is None else datetime.fromtimestamp(ns * 1e-9, UTC).strftime("%H:%M:%S")


def summary(duel: Duel) -> dict[str, Any]:
    """The page's numbers as plain data."""
    return {
        "title": duel.title,
        "trend_seen": clock(duel.seen_ns()),
        "makers": {
            side.name: {
                "final_position": float(side.result.ledger["position"]),
                "max_abs_position": float(side.result.ledger["max_abs_position"]),
                "fills": int(side.result.ledger["fills"]),
                "loss_5s_bps": side.loss_5s_bps if np.isfinite(side.loss_5s_bps) else None,
                "pnl_usd": side.pnl,
                "withdrew": clock(duel.withdrew_ns(side)),
            }
            for side in duel.sides
        },
    }
