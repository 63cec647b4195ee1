"""Writing one row of a generated market."""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.events import REFERENCE
from undertow.instrument import price_of
from undertow.synthetic.world import Out, World


@compiled
def qty_of(w: World, steps: int) -> float:
    """Quantity of whole size steps (a tenth is 1 / 10, not 1 · 0.1)."""
    inverse = np.floor(1.0 / w.inst.size_step + 0.5)
    if abs(inverse * w.inst.size_step - 1.0) < 1e-9:
        return steps / inverse
    return steps * w.inst.size_step


@compiled
def level_px(w: World, k: int, m: int) -> float:
    """Price of level `m` of side `k`."""
    return price_of(w.inst, (1 - 2 * k) * m * w.state.tick_step)


@compiled
def put_row(
    w: World, out: Out, kind: int, side: int, px: float, qty: float, ref: int, recv_ns: int, flags: int
) -> None:
    """Append a row that happened now."""
    row = out.rows[out.count.rows]
    row.exch_ns = w.state.now_ns
    row.recv_ns = recv_ns
    row.px = px
    row.qty = qty
    row.val = 0.0
    row.ref = ref
    row.kind = kind
    row.side = side
    row.flags = flags
    row.asset = 1 if kind == REFERENCE else 0
    row.code = 0
    out.count.rows += 1
