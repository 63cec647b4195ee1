"""Rows on their way from the venue into the live loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Received(NamedTuple):
    """Rows that came in at one moment for one coin.

    ``rows``: shape (n,), `undertow.events.EVENT`, all with one receive time, the last row of a book
    message flagged END. ``snapshots``: shape (m, 4, depth); ``ref`` of a SNAPSHOT row counts in it.
    ``exch_ns`` never runs backward from one `Received` of a coin to the next, so rows need no order
    but the one they came in.
    """

    coin: str
    rows: NDArray[np.void]
    snapshots: NDArray[np.float64]


Deliver = Callable[[Received], None]
"""Takes rows into the live loop, in order of receipt, on the event loop's thread."""
