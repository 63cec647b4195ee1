"""Markets as a live feed would bring them: one message at a time, in order of receipt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from undertow.events import EXCH, LOCAL, SNAPSHOT
from undertow.recording import Recording
from undertow.trading.seams import Received


def messages(market: Recording, coin: str) -> Iterator[Received]:
    """The rows of `market` as the maker receives them, all of one receive time together.

    Exchange times are raised to the latest received before, which is what a feed promises.
    """
    latest = -(2**62)
    for chunk in market.chunks():
        rows = chunk.rows[chunk.rows["flags"] & LOCAL != 0].copy()
        if not len(rows):
            continue
        rows["flags"] |= EXCH | LOCAL
        rows["exch_ns"] = np.maximum(np.maximum.accumulate(rows["exch_ns"]), latest)
        latest = int(rows["exch_ns"][-1])
        edges = np.flatnonzero(np.diff(rows["recv_ns"])) + 1
        for start, stop in zip([0, *edges], [*edges, len(rows)], strict=True):
            piece = rows[start:stop]
            at = piece["kind"] == SNAPSHOT
            table = chunk.snapshots[piece["ref"][at]]
            piece["ref"][at] = np.arange(len(table))
            yield Received(coin, piece, table)
