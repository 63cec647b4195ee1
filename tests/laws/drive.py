"""A compiled driver: shows rows to the estimators without a book, as a maker would.

Rows are `EVENT` records; a BBO row stands for "the mid is ``px``, the half-spread ``val`` bps".
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from undertow.events import BBO, FILL, TIMER, TRADE
from undertow.instrument import Instrument
from undertow.kernel.estimators import (
    ESTIMATORS,
    estimator_params,
    init_estimators,
    see_book,
    see_cycle,
    see_fill,
    see_other,
    see_trade,
)
from undertow.kernel.mids import last_mid
from undertow.records import Rec, new_record

INSTRUMENT = Instrument(name="test", tick_size=0.01, size_step=0.001)


@nb.njit(cache=True)
def drive(state: Rec, params: Rec, inst: Rec, rows: NDArray[np.void]) -> None:
    """Show every row, in order."""
    mid_ns = np.int64(0)
    for i in range(rows.shape[0]):
        row = rows[i]
        if row.kind == BBO:
            see_book(state, params, row.exch_ns, row.recv_ns, row.px, row.val)
            mid_ns = row.exch_ns
        elif row.kind == TRADE:
            see_trade(state, params, inst, row, last_mid(state.mids), mid_ns)
        elif row.kind == TIMER:
            see_cycle(state, params, row.recv_ns, last_mid(state.mids))
        elif row.kind == FILL:
            see_fill(state, row)
        else:
            see_other(state, params, inst, row)


def fresh(params: Rec | None = None) -> tuple[Rec, Rec]:
    """(state, params) ready to be driven."""
    params = estimator_params() if params is None else params
    state: Any = new_record(ESTIMATORS)
    init_estimators(state, params)
    return state, params
