"""A comparison as plain data for ``--json`` and as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from undertow.account.paired import Difference
from undertow.config import Config
from undertow.replay.log import MARKOUT_HORIZONS_S
from undertow.research.ablation import Ablation, step_rows
from undertow.research.compare import METRICS, Row, Table
from undertow.research.variants import Variant

SHOWN_HORIZONS_S = (1.0, 5.0, 10.0, 60.0, 600.0)


def known(value: float) -> float | None:
    """A number, None for NaN."""
    return value if math.isfinite(value) else None


def difference_dict(d: Difference) -> dict[str, Any]:
    """A difference as plain data."""
    return {**asdict(d), "value": known(d.value), "error": known(d.error), "t": known(d.t)}


def _row_dict(row: Row) -> dict[str, Any]:
    return {
        "label": row.label,
        "maker": row.maker,
        "values": {k: known(v) for k, v in row.values.items()},
        "errors": {k: known(v) for k, v in row.errors.items()},
        "pnl_bps": known(row.pnl_bps),
        "inventory_sd_usd": row.inventory_sd_usd,
        "markout_bps": [known(x) for x in row.markout_bps],
        "markout_error_bps": [known(x) for x in row.markout_error_bps],
        "pnl_of_sessions_usd": row.sessions,
        "pnl_of_blocks_usd": row.blocks,
    }


def table_dict(table: Table) -> dict[str, Any]:
    """A table as plain data; per session, losses positive."""
    return {
        "market": table.market,
        "seconds": table.seconds,
        "seeds": table.seeds,
        "horizon_s": table.horizon_s,
        "reference": table.reference,
        "markout_horizons_s": list(MARKOUT_HORIZONS_S),
        "makers": [_row_dict(row) for row in table.rows],
        "differences": {
            label: {key: difference_dict(d) for key, d in found.items()}
            for label, found in table.differences.items()
        },
    }


def changed(config: Config, base: Config | None = None) -> dict[str, Any]:
    """What `config` sets otherwise than `base` (the defaults), by ``section.key``."""
    mine, theirs = msgspec.to_builtins(config), msgspec.to_builtins(base or Config())
    return {
        f"{section}.{key}": value
        for section, values in mine.items()
        for key, value in values.items()
        if value != theirs[section][key]
    }


def variant_dict(variant: Variant) -> dict[str, Any]:
    """A variant as plain data: its maker and what its configuration changes."""
    return {"label": variant.label, "maker": variant.maker, "changes": changed(variant.config)}


def number(value: float, digits: int = 2) -> str:
    """A number for a column; a dash for NaN."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else "-"


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns lined up: the first to the left, the rest to the right."""
    widths = [max(len(r[k]) for r in (head, *rows)) for k in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def metric_rows(table: Table) -> list[list[str]]:
    """A line per metric, a cell per maker."""
    digits = {"": 1}
    lines = []
    for m in METRICS:
        name = f"{m.title}, {m.unit}" if m.unit else m.title
        lines.append([name, *(number(r.values[m.key], digits.get(m.unit, 2)) for r in table.rows)])
        if m.key == "pnl":
            if len(table.seeds) > 1:
                lines.append(["  standard error", *(number(r.errors["pnl"]) for r in table.rows)])
            lines.append(["  bps of volume", *(number(r.pnl_bps, 3) for r in table.rows)])
        if m.key == "inventory_sd" and len(table.seeds) > 1:
            lines.append(["  pooled", *(number(r.inventory_sd_usd) for r in table.rows)])
    for h in SHOWN_HORIZONS_S:
        k = MARKOUT_HORIZONS_S.index(h)
        lines.append([f"markout loss at {h:g} s, bps", *(number(r.markout_bps[k], 3) for r in table.rows)])
    return lines


def difference_row(label: str, found: Mapping[str, Difference]) -> list[str]:
    """PnL with its error and t, parts, volume and inventory deviation of a paired difference."""
    d = found["pnl"]
    keys = ("spread", "markout_loss", "inventory", "volume", "inventory_sd")
    sure = [number(d.value), number(d.error), number(d.t, 1)]
    return [label, *sure, *(number(found[key].value) for key in keys)]


DIFFERENCE_HEAD = ("", "PnL", "error", "t", "spread", "markout loss", "inventory", "volume", "inv. deviation")


def lines(table: Table) -> list[str]:
    """The table as text."""
    what = f"{table.seconds / 60.0:,.1f} min"
    if table.seeds:
        what += f", mean of {len(table.seeds)} seed{'s' * (len(table.seeds) > 1)}"
    title = f"{table.market}: {what}, markout loss to {table.horizon_s:g} s"
    shown = [title, "=" * len(title), *grid(["", *(r.label for r in table.rows)], metric_rows(table))]
    if table.differences:
        shown += ["", f"less {table.reference} on the same ticks, USD"]
        shown += grid(DIFFERENCE_HEAD, [difference_row(k, found) for k, found in table.differences.items()])
        d = next(iter(table.differences.values()))["pnl"]
        if not math.isfinite(d.error):
            unit = "seeds" if d.over == "seeds" else "blocks of ten minutes"
            shown.append(f"({d.pairs} {unit}: too few for an error)")
        else:
            how = "paired seeds" if d.over == "seeds" else "paired blocks of time, HAC"
            shown.append(f"({d.pairs} {how})")
    return shown


def ablation_lines(ablation: Ablation) -> list[str]:
    """An ablation as text: every rung, and what each phase adds to the one below."""
    rows = [difference_row(label, found) for label, found in step_rows(ablation)]
    shown = lines(ablation.whole)
    shown += ["", "less the rung below, USD", *grid(DIFFERENCE_HEAD, rows), ""]
    return shown + [f"{phase.name}: {phase.about}" for phase in ablation.phases]
