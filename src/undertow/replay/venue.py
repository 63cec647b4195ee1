"""The simulated venue's memory: own resting orders, requests and answers in flight, the account.

All of it is flat records and arrays, so that the matcher can be stepped, copied and resumed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.events import EVENT
from undertow.kernel.desk import MAX_WORKING
from undertow.kernel.l2book import NO_ASK, NO_BID, Book
from undertow.records import Rec, new_record
from undertow.replay.log import FILL_LOG, LEDGER, MARKOUT_HORIZONS_S
from undertow.replay.standing import MOST, STANDING_ORDERS, drop_void

FOREVER: Final = 2**62
"""A moment that never comes, ns."""

HORIZONS: Final = len(MARKOUT_HORIZONS_S)
ROOM: Final = 2_048
"""Free places the answer queue and the fill log must have before an exchange event is matched."""
MAX_RESTING: Final = 2 * MAX_WORKING
INBOX: Final = 1_024
MAX_TAKEN_LEVELS: Final = 1_024
"""Levels one taker order may walk; what is left then finds no liquidity."""

RESTING: Final = np.dtype(
    [
        ("id", "<i8"),
        ("tick", "<i8"),
        ("sent_ns", "<i8"),
        ("leaves", "<f8"),
        ("ahead", "<f8"),  # displayed quantity before us in the queue; others' only
        ("traded", "<f8"),  # printed at our price since the level's last update
        ("shown", "<f8"),  # displayed quantity at our price before the row being matched
        ("side", "i1"),
        ("reduce_only", "u1"),
        ("seen", "u1"),  # the feed has shown our level since we joined it
        ("shrunk", "u1"),  # reduce-only cut it below what the maker believes
        ("level", "<i2"),
        ("place", "<i8"),  # in the order of arrival of all orders, the market's too
    ],
    align=True,
)
"""An own order in the exchange's book. `side` is +1/-1; quantities in the venue's unit."""

REQUEST: Final = np.dtype(
    [
        ("arrival_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("id", "<i8"),
        ("target", "<i8"),
        ("tick", "<i8"),
        ("qty", "<f8"),
        ("kind", "u1"),  # NEW, CANCEL, MODIFY; 0 once done
        ("side", "i1"),
        ("tif", "u1"),
        ("reduce_only", "u1"),
        ("level", "<i2"),
    ],
    align=True,
)
"""A request on its way to the exchange."""

EXCHANGE: Final = np.dtype(
    [
        # cursors and clocks
        ("exch_at", "<i8"),
        ("local_at", "<i8"),
        ("next_exch_ns", "<i8"),
        ("next_timer_ns", "<i8"),
        ("next_sample_ns", "<i8"),
        ("end_ns", "<i8"),
        ("last_exch_ns", "<i8"),
        ("early_ns", "<i8"),  # block whose cancels and post-only orders are done
        ("last_arrival_ns", "<i8"),
        ("last_answer_ns", "<i8"),
        ("order_draws", "<i8"),
        ("answer_draws", "<i8"),
        # queues (rings, ever-growing counters)
        ("inbox_head", "<i8"),
        ("inbox_tail", "<i8"),
        ("outbox_head", "<i8"),
        ("outbox_tail", "<i8"),
        # own orders
        ("bids", "<i8"),
        ("asks", "<i8"),
        ("best_own_bid", "<i8"),
        ("best_own_ask", "<i8"),
        ("worst_own_bid", "<i8"),
        ("worst_own_ask", "<i8"),
        ("bid_mask", "<u8"),  # bit tick & 63 set where an own bid may rest
        ("ask_mask", "<u8"),
        ("reduce_only", "<i8"),
        # last touch with both sides
        ("mid_bid", "<i8"),
        ("mid_ask", "<i8"),
        # what is written down
        ("n_fills", "<i8"),
        ("fills_told", "<i8"),
        ("n_observations", "<i8"),
        ("n_captured", "<i8"),
        ("snapshot_base", "<i8"),
        ("next_markout_ns", "<i8"),
        ("markout_at", "<i8", (HORIZONS,)),
        ("ledger", LEDGER),
        ("next_place", "<i8"),  # of the next order to join a queue, ours or the market's
        ("final", "u1"),
        ("crowded", "u1"),
        ("bid_orders", RESTING, (MAX_RESTING,)),
        ("ask_orders", RESTING, (MAX_RESTING,)),
        ("inbox", REQUEST, (INBOX,)),
    ],
    align=True,
)
"""The whole state of the exchange but its book, its answers in flight and its log."""


class Venue(NamedTuple):
    """The exchange: its record, answers on their way (a ring), fill log, book and rules.

    ``standing``: the market's orders by id (`undertow.replay.standing`), unused but by the FIFO queue.
    """

    ex: Rec
    outbox: NDArray[np.void]
    fills: NDArray[np.void]
    horizons_ns: NDArray[np.int64]
    book: Book
    inst: Rec
    rules: Rec
    standing: Rec


def new_venue(inst: Rec, rules: Rec, book: Book) -> Venue:
    """A venue with an empty account, trading `inst` under `rules` on `book`."""
    ex = new_record(EXCHANGE)
    ex["next_exch_ns"] = ex["next_timer_ns"] = ex["next_sample_ns"] = ex["end_ns"] = FOREVER
    ex["next_markout_ns"] = FOREVER
    ex["early_ns"] = -1
    ex["next_place"] = 1
    ex["best_own_bid"], ex["best_own_ask"] = NO_BID, NO_ASK
    ex["worst_own_bid"], ex["worst_own_ask"] = NO_ASK, NO_BID
    ex["mid_bid"], ex["mid_ask"] = NO_BID, NO_ASK
    ex["ledger"]["last_mid"] = np.nan
    return Venue(
        ex=ex,
        outbox=np.zeros(16_384, dtype=EVENT),
        fills=np.zeros(8_192, dtype=FILL_LOG),
        horizons_ns=np.array([round(h * 1e9) for h in MARKOUT_HORIZONS_S], dtype=np.int64),
        book=book,
        inst=inst,
        rules=rules,
        standing=new_record(STANDING_ORDERS),
    )


def grown(venue: Venue) -> Venue:
    """The same venue with twice the room where it was short of it."""
    ex = venue.ex
    if venue.standing["taken"] >= MOST:
        drop_void(venue.standing)
    short = int(ex["outbox_tail"] - ex["outbox_head"]) > len(venue.outbox) - ROOM
    ex["crowded"] = 0
    if not short and int(ex["n_fills"]) <= len(venue.fills) - ROOM:
        return venue
    old = venue.outbox
    outbox = np.zeros(2 * len(old), dtype=EVENT)
    for at in range(int(ex["outbox_head"]), int(ex["outbox_tail"])):
        outbox[at % len(outbox)] = old[at % len(old)]
    fills = np.zeros(2 * len(venue.fills), dtype=FILL_LOG)
    fills[: len(venue.fills)] = venue.fills
    return venue._replace(outbox=outbox, fills=fills)
