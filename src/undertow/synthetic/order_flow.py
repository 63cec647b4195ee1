"""Individual orders behind the levels, for the feed style ``orders``.

The market keeps whole levels; this splits what happens to them into orders, first come first served.
Growth of a level arrives as new orders of exponential size about the mean resting order. Shrinkage is
withdrawn by orders drawn at random from the level, whole but for the last, which is reduced. What
aggressors take is executed from the front. The draws have a stream of their own, so that the market
is the one that style ``full`` shows, row for row, with order-level rows between.
"""

from __future__ import annotations

from typing import Final

from undertow.compiled import compiled
from undertow.events import EXCH, LOCAL, ORDER_ADD, ORDER_CANCEL, ORDER_EXEC, ORDER_MODIFY
from undertow.records import Rec
from undertow.synthetic.rng import exponential, uniform
from undertow.synthetic.rows import level_px, put_row, qty_of
from undertow.synthetic.world import QUEUE_ORDERS, Out, World

_BOTH: Final = EXCH | LOCAL
_MOST_AT_ONCE: Final = 8
"""Most orders by which a level grows at one time."""


@compiled
def forget_orders(w: World) -> None:
    """All orders are void: the book has been cleared."""
    for k in range(2):
        for at in range(w.queues.shape[1]):
            w.queues[k, at].n = 0


@compiled
def _say(w: World, out: Out, kind: int, k: int, queue: Rec, i: int, steps: int, recv_ns: int) -> None:
    """Publish what happened to order `i` of a level."""
    px = level_px(w, k, queue.m)
    put_row(w, out, kind, 1 - 2 * k, px, qty_of(w, steps), queue.ids[i], recv_ns, _BOTH)


@compiled
def _drop(queue: Rec, at: int) -> None:
    for i in range(at, queue.n - 1):
        queue.ids[i] = queue.ids[i + 1]
        queue.steps[i] = queue.steps[i + 1]
    queue.n -= 1


@compiled
def _shrink(w: World, out: Out, k: int, queue: Rec, i: int, steps: int, recv_ns: int) -> int:
    """Take up to `steps` from order `i`; returns how many it took. An empty order is gone."""
    taken = min(steps, queue.steps[i])
    queue.steps[i] -= taken
    if queue.steps[i] == 0:
        _say(w, out, ORDER_CANCEL, k, queue, i, taken, recv_ns)
        _drop(queue, i)
    else:
        _say(w, out, ORDER_MODIFY, k, queue, i, queue.steps[i], recv_ns)
    return taken


@compiled
def _grow(w: World, out: Out, k: int, queue: Rec, steps: int, recv_ns: int) -> None:
    """`steps` join the end of the level."""
    mean_steps = max(w.params.resting_qty / w.inst.size_step, 1.0)
    for turn in range(_MOST_AT_ONCE):
        piece = max(1, int(exponential(w.state.orders_rng) * mean_steps + 0.5))
        if piece > steps or turn == _MOST_AT_ONCE - 1:
            piece = steps
        steps -= piece
        if queue.n < QUEUE_ORDERS:
            i = queue.n
            queue.n += 1
            queue.ids[i] = w.state.next_order_id
            queue.steps[i] = piece
            w.state.next_order_id += 1
            _say(w, out, ORDER_ADD, k, queue, i, piece, recv_ns)
        else:
            i = queue.n - 1
            queue.steps[i] += piece
            _say(w, out, ORDER_MODIFY, k, queue, i, queue.steps[i], recv_ns)
        if steps == 0:
            return


@compiled
def reconcile_orders(w: World, out: Out, k: int, m: int, shown: int, recv_ns: int) -> None:
    """Publish the orders that make level `m` of side `k` hold `shown` size steps."""
    queue = w.queues[k, m & (w.queues.shape[1] - 1)]
    if queue.m != m:
        while queue.n > 0:
            _shrink(w, out, k, queue, queue.n - 1, queue.steps[queue.n - 1], recv_ns)
        queue.m = m
    held = 0
    for i in range(queue.n):
        held += queue.steps[i]
    while held > shown:
        i = min(int(uniform(w.state.orders_rng) * queue.n), queue.n - 1)
        held -= _shrink(w, out, k, queue, i, held - shown, recv_ns)
    if held < shown:
        _grow(w, out, k, queue, shown - held, recv_ns)


@compiled
def execute_orders(w: World, out: Out, k: int, m: int, steps: int, recv_ns: int) -> None:
    """An aggressor took `steps` from level `m` of side `k`: from the orders at its front."""
    queue = w.queues[k, m & (w.queues.shape[1] - 1)]
    if queue.m != m:
        return
    while steps > 0 and queue.n > 0:
        _say(w, out, ORDER_EXEC, k, queue, 0, min(steps, queue.steps[0]), recv_ns)
        steps -= _shrink(w, out, k, queue, 0, steps, recv_ns)
