"""The event row: everything that happens in a market or to a maker, in one fixed-size record.

A recording is a sequence of rows (``EVENT``) in the order in which they were *received*, plus a
table of L2 snapshots that ``SNAPSHOT`` rows point into. Replay, paper and live trading feed the
same rows to the same kernel; own orders, acknowledgements, fills and timers are rows too, which is
what makes a recorded session replayable to the identical state.

Fields
------
``exch_ns``  when it happened at the exchange, nanoseconds since the epoch (UTC)
``recv_ns``  when this machine received it, same clock; ``recv_ns >= exch_ns`` after conversion
``px``       price in quote currency (see the table for rows that carry something else)
``qty``      quantity in the venue's unit: coins (linear) or contracts (inverse)
``val``      kind-dependent extra value
``ref``      kind-dependent reference: snapshot row, trade id, order id, settlement time
``kind``     one of the constants below
``side``     +1 bid/buy, -1 ask/sell, 0 none or unknown
``flags``    bit set of ``EXCH | LOCAL | END | ...``
``asset``    0 for the traded instrument, k for reference asset k
``code``     kind-dependent small integer: order status, request kind, liquidity, reason

================  =========================================================================
kind              meaning of the fields
================  =========================================================================
``DEPTH``         the level of ``side`` at ``px`` now shows ``qty`` (0 removes it)
``CLEAR``         levels of ``side`` (0: both) from the touch through ``px`` are void
                  (``px`` NaN: the whole side)
``SNAPSHOT``      ``ref``: row of the snapshot table. Replaces the book inside the window the
                  snapshot spans; levels beyond its last one become *unknown*, not empty
``BBO``           the best level of ``side`` is ``qty`` at ``px`` (``qty`` 0: side empty)
``TRADE``         one print; ``side`` the aggressor's (0 unknown), ``ref`` the trade id
``FUNDING``       a settlement: ``qty`` the rate for the interval, a fraction of notional paid by
                  a long, ``px`` the oracle price it is charged on
``FUNDING_RATE``  the rate expected at the coming settlement: ``qty`` rate, ``ref`` its time (ns)
``MARK``          ``px`` mark price
``ORACLE``        ``px`` oracle price
``OPEN_INTEREST`` ``qty`` open interest in the venue's unit
``REFERENCE``     ``px`` price of reference asset ``asset``
``GAP``           the feed was silent or lost ``ref`` messages; ``val`` seconds. Nothing known
                  before it may be assumed unchanged after it
``ORDER``         own request leaving: ``code`` NEW/CANCEL/MODIFY, ``ref`` order id
``ACK``           venue's answer: ``code`` the order's status, ``ref`` order id, ``qty`` remaining
``FILL``          own fill: ``ref`` order id, ``px``, ``qty``, ``side`` ours, ``val`` fee in quote
                  currency (negative: rebate), ``code`` MAKER/TAKER
``TIMER``         the clock: ``recv_ns`` is now
================  =========================================================================

Two clocks. Rows flagged ``EXCH`` are seen by the exchange's book at ``exch_ns``, rows flagged
``LOCAL`` by the maker at ``recv_ns``. Nearly all rows carry both flags. Where arrival order and
exchange order differ, `order_for_two_clocks` splits a row in two, so that the ``EXCH`` rows are
non-decreasing in ``exch_ns`` and the ``LOCAL`` rows in ``recv_ns`` (the scheme of hftbacktest).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

EVENT: Final = np.dtype(
    [
        ("exch_ns", "<i8"),
        ("recv_ns", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("val", "<f8"),
        ("ref", "<i8"),
        ("kind", "u1"),
        ("side", "i1"),
        ("flags", "<u2"),
        ("asset", "<u2"),
        ("code", "<u2"),
    ],
    align=True,
)

DEPTH: Final = 1
CLEAR: Final = 2
SNAPSHOT: Final = 3
BBO: Final = 4
TRADE: Final = 5
FUNDING: Final = 6
FUNDING_RATE: Final = 7
MARK: Final = 8
ORACLE: Final = 9
OPEN_INTEREST: Final = 10
REFERENCE: Final = 11
GAP: Final = 12
ORDER: Final = 16
ACK: Final = 17
FILL: Final = 18
TIMER: Final = 19

KIND_NAMES: Final = {
    DEPTH: "depth",
    CLEAR: "clear",
    SNAPSHOT: "snapshot",
    BBO: "bbo",
    TRADE: "trade",
    FUNDING: "funding",
    FUNDING_RATE: "funding_rate",
    MARK: "mark",
    ORACLE: "oracle",
    OPEN_INTEREST: "open_interest",
    REFERENCE: "reference",
    GAP: "gap",
    ORDER: "order",
    ACK: "ack",
    FILL: "fill",
    TIMER: "timer",
}

# flags
EXCH: Final = 1
"""The exchange's book sees this row."""
LOCAL: Final = 2
"""The maker sees this row."""
END: Final = 4
"""Last row of one message: the book is consistent after it, and `on_book` is called."""
INFERRED: Final = 8
"""A field (usually a trade's side) was inferred, not recorded."""
REPAIRED: Final = 16
"""A field was repaired on conversion; the conversion report says how."""

# codes of ORDER rows and of actions
NEW: Final = 1
CANCEL: Final = 2
MODIFY: Final = 3

# codes of ACK rows: what the order is now
OPEN: Final = 1
FILLED: Final = 2
CANCELED: Final = 3
REJECTED: Final = 4
EXPIRED: Final = 5
"""The unfilled part of an IOC order, or a reduce-only order that would have grown the position."""
CANCEL_REJECTED: Final = 6
"""The cancel came too late; the order's own end is reported separately."""

# codes of FILL rows
MAKER: Final = 1
TAKER: Final = 2


class Chunk(NamedTuple):
    """A stretch of a recording that is in memory.

    ``rows``: shape (n,), dtype `EVENT`, in order of receipt.
    ``snapshots``: shape (m, 4, depth), float64: bid prices, bid sizes, ask prices, ask sizes, best
    first, NaN beyond the last level. ``ref`` of a SNAPSHOT row indexes the first axis *of this
    chunk's table*.
    """

    rows: NDArray[np.void]
    snapshots: NDArray[np.float64]


def empty_snapshots(depth: int = 1) -> NDArray[np.float64]:
    """A snapshot table with no rows, for feeds that carry none."""
    return np.empty((0, 4, depth), dtype=np.float64)


def order_for_two_clocks(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return ``rows`` ordered for both clocks, splitting rows where one order cannot serve both.

    ``rows`` may come in any order. In the result the rows flagged ``EXCH`` are non-decreasing in
    ``exch_ns`` and those flagged ``LOCAL`` in ``recv_ns``; a row that can stand in one place for
    both keeps both flags. Ties keep their input order, so rows of one message stay together.

    Cost O(n log n); the split rows are appended copies, so a feed in order is returned unchanged
    (the same array, not a copy).
    """
    n = len(rows)
    if n < 2:
        return rows
    exch, recv = rows["exch_ns"], rows["recv_ns"]
    if np.all(exch[1:] >= exch[:-1]) and np.all(recv[1:] >= recv[:-1]):
        return rows
    by_recv = rows[np.argsort(recv, kind="stable")]
    flags = by_recv["flags"]
    # In arrival order, a row keeps its place on the exchange clock if nothing before it is later
    # and nothing after it is earlier; the rest lend their EXCH flag to a copy in exchange order.
    exch = by_recv["exch_ns"]
    latest_before = np.maximum.accumulate(exch)
    earliest_after = np.minimum.accumulate(exch[::-1])[::-1]
    in_place = (exch >= latest_before) & (exch <= earliest_after)
    if bool(in_place.all()):
        return by_recv
    moved = np.flatnonzero(~in_place)
    only_exch = by_recv[moved]
    only_exch["flags"] &= ~np.uint16(LOCAL)
    only_exch = only_exch[np.argsort(only_exch["exch_ns"], kind="stable")]
    only_local = by_recv.copy()
    only_local["flags"][moved] = flags[moved] & ~np.uint16(EXCH)
    # Insert each exchange-only row before the first in-place row that is later on that clock.
    place_rows = np.flatnonzero(in_place)
    slot = np.searchsorted(exch[place_rows], only_exch["exch_ns"], side="right")
    at = np.append(place_rows, n)[slot]
    return np.insert(only_local, at, only_exch)
