"""How often each level was left empty, and why: the reasons of `kernel.ladder`, counted.

Once per decision, for every level of both sides, the reason's count goes up by one and its number is
added to a sum, so a report can say by which rule and by how much a maker was silent.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ladder import REASON_NAMES
from undertow.records import Rec

N_REASONS: Final = len(REASON_NAMES)

TALLY: Final = np.dtype(
    [
        ("levels", "<i8", (2, N_REASONS)),  # index 0 bid, 1 ask; levels by reason, quoted ones too
        ("value_total", "<f8", (2, N_REASONS)),  # of the reasons' numbers
    ],
    align=True,
)


@compiled
def tally_ladder(tally: Rec, ladder: Rec) -> None:
    """Count the levels of a decided `ladder` by reason."""
    for k in range(ladder.bid.levels):
        reason = ladder.bid.reason[k]
        tally.levels[0, reason] += 1
        tally.value_total[0, reason] += ladder.bid.reason_value[k]
    for k in range(ladder.ask.levels):
        reason = ladder.ask.reason[k]
        tally.levels[1, reason] += 1
        tally.value_total[1, reason] += ladder.ask.reason_value[k]
