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
``DEPTH``         the level of ``side`` at ``px`` now shows ``qty`` (0 removes it); ``code`` 1:
                  part of a full image of the book; 2: the sum of the orders there
``CLEAR``         levels of ``side`` (0: both) from the touch through ``px`` are void
                  (``px`` NaN: the whole side)
``SNAPSHOT``      ``ref``: row of the snapshot table. Replaces the book inside the window the
                  snapshot spans; levels beyond its last one become *unknown*, not empty
``BBO``           the best level of ``side`` is ``qty`` at ``px`` (``qty`` 0: side empty)
``TRADE``         one print; ``side`` the aggressor's (0 unknown), ``ref`` the trade id;
                  ``code`` 1: the side was inferred and the quotes did not decide it
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
``ORDER_ADD``     a market order of id ``ref`` joins the end of the level of ``side`` at ``px``
                  with ``qty``; ``code`` 1: part of a full image of the book
``ORDER_CANCEL``  the market order ``ref`` is gone, whole; ``px``, ``qty``: what it was
``ORDER_MODIFY``  the market order ``ref`` now has ``qty`` at ``px``. A new price or more than
                  it had puts it at the end of its level, less keeps its place
``ORDER_EXEC``    ``qty`` of the market order ``ref``, resting on ``side``, was executed. The
                  order itself changes by the ORDER_MODIFY or ORDER_CANCEL that follows
================  =========================================================================

Order-level rows (the last four; the semantics of hftbacktest's and Databento's market-by-order
events) serve the exchange's queues alone. Every change they make to a level also stands as a DEPTH
row of code 2, which is what the books are built from; `undertow.data.orders` makes those rows.

Two clocks. Rows flagged ``EXCH`` are seen by the exchange's book at ``exch_ns``, rows flagged
``LOCAL`` by the maker at ``recv_ns``. Nearly all rows carry both flags. Where arrival order and
exchange order differ, `order_for_two_clocks` splits a row in two, so that the ``EXCH`` rows are
non-decreasing in ``exch_ns`` and the ``LOCAL`` rows in ``recv_ns`` (the scheme of hftbacktest).
"""

from __future__ import annotations

from bisect import bisect_left
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
ORDER_ADD: Final = 20
ORDER_CANCEL: Final = 21
ORDER_MODIFY: Final = 22
ORDER_EXEC: Final = 23

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
    ORDER_ADD: "order_add",
    ORDER_CANCEL: "order_cancel",
    ORDER_MODIFY: "order_modify",
    ORDER_EXEC: "order_exec",
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

# codes of market rows
IMAGE: Final = 1
"""DEPTH, ORDER_ADD: part of a full image of the book, not a change."""
SUMMED: Final = 2
"""DEPTH: the sum of the orders of a level, whose order-level rows also stand in the recording."""
AMBIGUOUS: Final = 1
"""TRADE: the side was inferred and the quotes did not decide it."""

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
    """Return `rows` (shape (n,), `EVENT`, any order) ordered for both clocks.

    Guaranteed of the result:

    1. its rows flagged ``EXCH`` are those of the input in a stable sort by ``exch_ns``, its rows
       flagged ``LOCAL`` those of the input in a stable sort by ``recv_ns``; ties keep their input
       order, so rows of one message stay together;
    2. a row is split in two (an ``EXCH`` copy and a ``LOCAL`` copy, alike in all other fields) only
       where no place serves both clocks, and the number of splits is the least possible;
    3. if every ``recv_ns >= exch_ns``, the result is causal: no ``EXCH`` row stands before a
       ``LOCAL`` row that was received before it happened. A request sent on seeing a row can thus
       still meet every later ``EXCH`` row;
    4. a result is left as it is (the same array, not a copy), so the function is idempotent.

    Splits are least because the rows kept whole are a longest common subsequence of the two orders.
    Cost O(n log n), and O(n) for rows already in order. Raises ValueError for a row with neither flag.
    """
    flags = rows["flags"]
    exch_at = np.flatnonzero(flags & EXCH)
    local_at = np.flatnonzero(flags & LOCAL)
    if not np.all(flags & (EXCH | LOCAL)):
        at = int(np.flatnonzero((flags & (EXCH | LOCAL)) == 0)[0])
        raise ValueError(f"row {at} is flagged neither EXCH nor LOCAL: nobody would see it")
    exch, recv = rows["exch_ns"][exch_at], rows["recv_ns"][local_at]
    in_order = np.all(exch[1:] >= exch[:-1]) and np.all(recv[1:] >= recv[:-1])
    if in_order and _is_causal(rows, exch_at, local_at):
        return rows
    by_exch = exch_at[np.argsort(exch, kind="stable")]
    by_recv = local_at[np.argsort(recv, kind="stable")]
    # Place of each row on the exchange clock; rows of both clocks, in order of receipt.
    place = np.full(len(rows), -1, dtype=np.int64)
    place[by_exch] = np.arange(len(by_exch))
    both = by_recv[place[by_recv] >= 0]
    whole = both[_longest_increasing(place[both])]
    return _merge_clocks(rows, by_exch, by_recv, whole)


def _is_causal(rows: NDArray[np.void], exch_at: NDArray[np.int64], local_at: NDArray[np.int64]) -> bool:
    """Whether rows in order on both clocks keep what `order_for_two_clocks` promises third."""
    if len(exch_at) == len(local_at) == len(rows) or not np.all(rows["recv_ns"] >= rows["exch_ns"]):
        return True  # whole rows in order are causal; clocks that run backwards promise nothing
    happened = np.full(len(rows), np.iinfo(np.int64).min)
    happened[exch_at] = rows["exch_ns"][exch_at]
    return bool(np.all(np.maximum.accumulate(happened)[local_at] <= rows["recv_ns"][local_at]))


def _longest_increasing(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of a longest increasing subsequence of `places`, a sequence of distinct integers.

    Elements that already separate all before from all after belong to it; only the stretches in
    between are searched (patience sorting).
    """
    before = np.maximum.accumulate(places)
    after = np.minimum.accumulate(places[::-1])[::-1]
    settled = (places >= before) & (places <= after)
    keep = settled.copy()
    edges = np.flatnonzero(np.diff(np.concatenate(([True], settled, [True])).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2):
        keep[start + _patience(places[start:stop].tolist())] = True
    return np.flatnonzero(keep)


def _patience(values: list[int]) -> NDArray[np.int64]:
    """Indices of a longest increasing subsequence of distinct `values`, by patience sorting."""
    tops: list[int] = []  # smallest last value of an increasing subsequence of each length
    tops_at: list[int] = []
    previous = [-1] * len(values)
    for i, value in enumerate(values):
        pile = bisect_left(tops, value)
        if pile:
            previous[i] = tops_at[pile - 1]
        if pile == len(tops):
            tops.append(value)
            tops_at.append(i)
        else:
            tops[pile] = value
            tops_at[pile] = i
    chain = np.empty(len(tops), dtype=np.int64)
    at = tops_at[-1]
    for k in range(len(tops) - 1, -1, -1):
        chain[k] = at
        at = previous[at]
    return chain


def _merge_clocks(
    rows: NDArray[np.void], by_exch: NDArray[np.int64], by_recv: NDArray[np.int64], whole: NDArray[np.int64]
) -> NDArray[np.void]:
    """Interleave the two orders, which share the rows `whole`; between two of those, by own time."""
    is_whole = np.zeros(len(rows), dtype=bool)
    is_whole[whole] = True
    exch_whole, recv_whole = is_whole[by_exch], is_whole[by_recv]
    only_exch, only_recv = by_exch[~exch_whole], by_recv[~recv_whole]
    # The stretch a row stands in: how many whole rows precede it in its own order.
    exch_stretch = np.cumsum(exch_whole)[~exch_whole]
    recv_stretch = np.cumsum(recv_whole)[~recv_whole]
    source = np.concatenate([only_recv, only_exch, whole])
    stretch = np.concatenate([recv_stretch, exch_stretch, np.arange(1, len(whole) + 1)])
    first = np.concatenate([np.ones(len(only_recv) + len(only_exch), np.int8), np.zeros(len(whole), np.int8)])
    time = np.concatenate(
        [rows["recv_ns"][only_recv], rows["exch_ns"][only_exch], np.zeros(len(whole), np.int64)]
    )
    merged = np.lexsort((time, first, stretch))
    out = rows[source[merged]]
    only = np.concatenate(
        [
            np.full(len(only_recv), ~np.uint16(EXCH), np.uint16),
            np.full(len(only_exch), ~np.uint16(LOCAL), np.uint16),
            np.full(len(whole), ~np.uint16(0), np.uint16),
        ]
    )
    out["flags"] &= only[merged]
    return out
