"""A second parameter set beside the quoting one: both trade the same ticks, each with its own account.

The shadow's orders are matched like the quoting maker's and met by the same market, but never by it: the
two do not share a queue, a fill or a position. What they differ by is paired over blocks of time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from undertow.account.decomposition import DEFAULT_HORIZON_S
from undertow.account.measures import Measures, measure
from undertow.account.paired import BLOCK_S, Difference, over_blocks
from undertow.replay.engine import ReplayResult
from undertow.replay.log import MARKOUT_HORIZONS_S


@dataclass(frozen=True)
class Shadow:
    """What the quoting maker and its shadow made of one session.

    `changes` maps ``section.key`` to the pair (quoting, shadow) of what their configurations set
    differently; `difference` is the shadow's PnL less the quoting maker's, USD.
    """

    name: str
    quoting: Measures
    shadow: Measures
    difference: Difference
    horizon_s: float
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def shadow_of(
    quoting: ReplayResult,
    shadow: ReplayResult,
    name: str,
    *,
    horizon_s: float = DEFAULT_HORIZON_S,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
) -> Shadow:
    """The account of both; raises where either does not reconcile with cash."""
    mine = measure(quoting, horizon_s, block_s=BLOCK_S)
    other = measure(shadow, horizon_s, block_s=BLOCK_S)
    pairs = zip(other.blocks_usd, mine.blocks_usd, strict=True)
    return Shadow(name, mine, other, over_blocks([a - b for a, b in pairs]), horizon_s, changes or {})


def rows(found: Shadow) -> list[tuple[str, float, float]]:
    """(what, quoting, shadow) of everything that is shown; losses negative, USD unless named."""
    at = MARKOUT_HORIZONS_S.index(found.horizon_s)

    def of(m: Measures) -> list[tuple[str, float]]:
        t, known = m.totals, m.known_usd[at]
        return [
            ("captured spread", t.spread),
            ("- markout loss", -t.markout_loss),
            ("- fees", -t.fees),
            ("± funding", t.funding),
            ("± inventory", t.inventory),
            ("PnL", m.pnl_usd),
            ("fills", float(m.fills)),
            ("volume", m.volume_usd),
            ("markout loss, bps", 1e4 * m.loss_usd[at] / known if known else math.nan),
            ("mean |position|", m.mean_abs_usd),
            ("inventory deviation", m.inventory_sd_usd),
            ("largest |position|", m.max_abs_usd),
            ("drawdown", m.max_drawdown_usd),
            ("requests", float(m.requests)),
        ]

    both = zip(of(found.quoting), of(found.shadow), strict=True)
    return [(what, mine, other) for (what, mine), (_, other) in both]


def said(d: Difference) -> str:
    """How sure the difference is, in words."""
    if not math.isfinite(d.error):
        return f"{d.pairs} blocks of ten minutes are too few for an error"
    return f"± {d.error:,.2f} (t = {d.t:.1f}, {d.pairs} paired blocks of ten minutes, HAC)"


def lines(found: Shadow) -> list[str]:
    """The two accounts side by side, as text."""
    shown = [f"{'shadow: ' + found.name:22}{'quoting':>14}{'shadow':>14}{'difference':>14}"]
    for what, mine, other in rows(found):
        cells = (f"{v:14,.2f}" if math.isfinite(v) else f"{'-':>14}" for v in (mine, other, other - mine))
        shown.append(f"{what:22}{''.join(cells)}")
    d = found.difference
    shown.append(f"PnL of the shadow less the quoting one: {d.value:+,.2f} USD, {said(d)}")
    return shown


def as_dict(found: Shadow) -> dict[str, Any]:
    """The two accounts as plain data."""
    d = found.difference

    def known(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "name": found.name,
        "changes": {path: {"quoting": a, "shadow": b} for path, (a, b) in found.changes.items()},
        "rows": {what: {"quoting": known(a), "shadow": known(b)} for what, a, b in rows(found)},
        "pnl_difference_usd": {
            "value": d.value,
            "error": known(d.error),
            "t": known(d.t),
            "blocks": d.pairs,
        },
        "pnl_of_blocks_usd": {
            "quoting": list(found.quoting.blocks_usd),
            "shadow": list(found.shadow.blocks_usd),
        },
    }
