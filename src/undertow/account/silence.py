"""Why was there no quote? The maker's tally of reasons, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undertow.kernel.ladder import REASON_NAMES
from undertow.records import Rec

MEANINGS: Final = {
    "quoted": ("the level had a quote", "E[PnL] over its resting life, bps·lots"),
    "margin": ("a fill there loses against the reservation price", "margin, bps"),
    "value": ("it would not earn its request", "E[PnL] over its resting life, bps·lots"),
    "limit": ("the position limit leaves no room", "position limit, lots"),
    "minimum": ("less than the venue takes; carried to the next level", "its value, USD"),
    "merged": ("shares its price with a nearer level", "that level, from 1"),
    "pooled": ("worth as much one level deeper, its request counted", "margin, bps"),
    "warming": ("the estimators have not seen enough", "seconds left"),
    "nobook": ("a side of the book is missing or stale", "seconds since the last book"),
    "crossed": ("the book is crossed", "by how much, bps"),
    "unreachable": ("no risk aversion gives the half-life asked for", "shortest reachable, s"),
}
"""What each word of `undertow.kernel.ladder` says, and what its number is."""


@dataclass(frozen=True)
class Reason:
    """Levels of one side left empty (or quoted) for one reason, over all decisions."""

    side: str
    word: str
    meaning: str
    number: str  # what `average` is
    levels: int
    share: float  # of all levels decided on this side
    average: float


def reasons_of(tally: Rec) -> list[Reason]:
    """The reasons in a `undertow.kernel.tally.TALLY` record, most frequent first, bids before asks."""
    found = []
    for row, side in ((0, "bid"), (1, "ask")):
        decided = max(int(tally["levels"][row].sum()), 1)
        for code, word in REASON_NAMES.items():
            levels = int(tally["levels"][row, code])
            if levels:
                meaning, number = MEANINGS.get(word, (word, ""))
                average = float(tally["value_total"][row, code]) / levels
                found.append(Reason(side, word, meaning, number, levels, levels / decided, average))
    return sorted(found, key=lambda r: (r.side != "bid", -r.levels))
