"""The state of a generated market: one record, a ring of levels per side, and where rows go.

A `World` is everything a market is at one moment. `undertow.synthetic.simulator.step` advances it by
one block; whoever holds it may look at the book or take from it between steps, so orders from
outside need no other entrance than `undertow.synthetic.book.take`.

Levels are kept in *mirrored* coordinates: on side k (0 bid, 1 ask; sign +1, -1) the level at price
step l has coordinate m = sign·l, so that on both sides a higher m is a better price.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.events import EVENT
from undertow.records import Rec, new_record
from undertow.synthetic.params import MarketParams
from undertow.synthetic.params_record import params_record
from undertow.synthetic.rng import RNG, stream

SNAPSHOT_LEVELS: Final = 20
FAST_LEVELS: Final = 5
MAX_PRINTS: Final = 256
"""Most prints of one aggressor order; what is left joins the last one."""

QUEUE_ORDERS: Final = 32
"""Most orders of one level in style ``orders``; what more arrives joins the last one."""

STREAMS: Final = ("price", "jumps", "quotes", "flow", "book", "feed", "context", "orders")

STATE: Final = np.dtype(
    [
        *((name + "_rng", RNG) for name in STREAMS),
        ("now_ns", "<i8"),
        ("start_ns", "<i8"),
        ("block", "<i8"),
        # hidden price, in bps of log offset from the start
        ("v", "<f8"),
        ("drift", "<f8"),  # bps/s
        ("log_vol", "<f8"),
        ("jump_ns", "<i8"),  # when the coming jump happens
        ("jump_bps", "<f8"),
        # quotes
        ("center", "<f8"),  # bps of log offset, like v
        ("log_half", "<f8"),  # deviation of ln(half-spread) from its median
        ("tick_step", "<i8"),  # ticks per price step
        ("target", "<i8", (2,)),  # where the makers want the touch, mirrored coordinates
        ("top", "<i8", (2,)),  # at or above every occupied level; above the target, stale orders
        ("pressure", "<f8", (2,)),  # 0..1: a move against this side is coming
        ("at_risk", "<i8", (2,)),  # levels from the touch on that the move will pass
        # flow
        ("excite", "<f8", (2,)),  # added intensity by aggressor side (0 buys)
        ("gain_num", "<f8"),  # running mean of what an informed order would gain, bps
        ("gain_den", "<f8"),
        # context
        ("premium", "<f8"),  # deviation from its mean, bps
        ("oracle_x", "<f8"),  # oracle before the premium, bps of log offset
        ("mark_basis", "<f8"),  # slow mean of mid - oracle, bps
        ("premium_sum", "<f8"),
        ("premium_n", "<i8"),
        ("open_interest", "<f8"),
        ("next_funding_ns", "<i8"),
        # feed
        ("recv_ns", "<i8"),
        ("next_snapshot_ns", "<i8"),
        ("next_slow_ns", "<i8"),
        ("next_diff_ns", "<i8"),
        ("next_context_ns", "<i8"),
        ("next_reference_ns", "<i8"),
        ("bbo_level", "<i8", (2,)),  # last published
        ("bbo_qty", "<i8", (2,)),
        ("next_trade_id", "<i8"),
        ("next_order_id", "<i8"),
        ("n_dirty", "<i8"),
        ("regridded", "u1"),
        ("startled", "u1"),  # an aggressor order came in the last block
    ],
    align=True,
)

PATH: Final = np.dtype(
    [
        ("exch_ns", "<i8"),
        ("efficient_px", "<f8"),
        ("center_px", "<f8"),  # around which the market's makers quote
        ("drift_bps_per_s", "<f8"),
        ("sigma_bps_per_sqrt_s", "<f8"),
        ("pending_jump_bps", "<f8"),  # a jump informed traders already know of
    ],
    align=True,
)
"""The hidden state at the end of every block."""

ORDERS: Final = np.dtype(
    [
        ("exch_ns", "<i8"),
        ("trade_id", "<i8"),  # of its first print
        ("qty", "<f8"),  # filled
        ("signal_bps", "<f8"),  # what an informed trader knew
        ("side", "i1"),
        ("informed", "u1"),
        ("sweep", "u1"),
    ],
    align=True,
)
"""Every aggressor order and whether it was informed."""

QUEUE: Final = np.dtype(
    [
        ("m", "<i8"),  # the level these orders rest at
        ("n", "<i8"),
        ("ids", "<i8", (QUEUE_ORDERS,)),  # first come first
        ("steps", "<i8", (QUEUE_ORDERS,)),
    ],
    align=True,
)
"""The orders of one level."""

JUMPS: Final = np.dtype([("exch_ns", "<i8"), ("size_bps", "<f8")], align=True)
"""Every jump of the efficient price."""

COUNT: Final = np.dtype(
    [("rows", "<i8"), ("snapshots", "<i8"), ("path", "<i8"), ("orders", "<i8"), ("jumps", "<i8")], align=True
)


class World(NamedTuple):
    """A market at one moment.

    ``sizes``: shape (2, n), whole size steps by side and ``m & (n - 1)``. ``dirty``: same shape, 1
    where a change has not been published; ``dirty_levels``: shape (2n, 2), the (side, m) of those.
    ``queues``: shape (2, n), dtype `QUEUE`, the orders published for each level (style ``orders``; else
    one unused level).
    """

    state: Rec
    params: Rec
    inst: Rec
    sizes: NDArray[np.int64]
    dirty: NDArray[np.uint8]
    dirty_levels: NDArray[np.int64]
    queues: NDArray[np.void]


class Out(NamedTuple):
    """Where a stretch of a market is written: public rows and snapshots, and the truth beside them."""

    rows: NDArray[np.void]
    snapshots: NDArray[np.float64]
    path: NDArray[np.void]
    orders: NDArray[np.void]
    jumps: NDArray[np.void]
    count: Rec


def new_world(market: MarketParams, seed: int, start_ns: int) -> World:
    """A market at `start_ns` with an empty book; `simulator.begin` fills it."""
    n = 1 << (2 * market.depth.window_levels - 1).bit_length()
    state = new_record(STATE)
    for index, name in enumerate(STREAMS):
        state[name + "_rng"]["counter"] = stream(seed, index)
    state["now_ns"] = state["start_ns"] = state["recv_ns"] = start_ns
    state["open_interest"] = market.context.open_interest
    state["next_trade_id"] = state["next_order_id"] = 1
    params = params_record(market)
    return World(
        state,
        params,
        market.instrument.record(),
        np.zeros((2, n), np.int64),
        np.zeros((2, n), np.uint8),
        np.zeros((2 * n, 2), np.int64),
        np.zeros((2, n if params["wants_orders"] else 1), QUEUE),
    )


def most_rows_per_step(world: World) -> int:
    """Upper bound of the rows one block can write."""
    levels = world.sizes.shape[1]
    orders = 6 * levels * (QUEUE_ORDERS + 2) + 4 * MAX_PRINTS if world.params["wants_orders"] else 0
    return 4 * levels + 2 * MAX_PRINTS + 64 + orders


def new_out(world: World, n_rows: int) -> Out:
    """Buffers for about `n_rows` rows."""
    n_rows = max(n_rows, 2 * most_rows_per_step(world))
    return Out(
        np.zeros(n_rows, EVENT),
        np.full((n_rows // 16 + 16, 4, SNAPSHOT_LEVELS), np.nan),
        np.zeros(n_rows, PATH),
        np.zeros(n_rows, ORDERS),
        np.zeros(max(n_rows // 16, 1024), JUMPS),
        new_record(COUNT),
    )
