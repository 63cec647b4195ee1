"""A comparison as one HTML file: tables and figures, readable without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from undertow.account.report.page import document
from undertow.account.report.text import bps, escape, setting
from undertow.account.report.text import number as cell
from undertow.account.report.text import table as html_table
from undertow.replay.log import MARKOUT_HORIZONS_S
from undertow.research.compare import METRICS, Table
from undertow.research.show import changed
from undertow.research.variants import Variant

PARTS = (("spread", 1.0), ("markout_loss", -1.0), ("fees", -1.0), ("funding", 1.0), ("inventory", 1.0))


def write_page(
    tables: Sequence[Table],
    variants: Sequence[Variant],
    path: Path,
    made_of: Mapping[str, object],
    title: str = "Makers compared",
) -> Path:
    """Write the comparison to `path`, replacing what is there; returns it."""
    figures: dict[str, Any] = {}
    body = [f"<header><p class='kind'>Comparison</p><h1>{escape(title)}</h1></header>"]
    for k, table in enumerate(tables):
        body.append(_section(table, k, figures))
    body.append(_makers(variants, made_of))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(title, "".join(body), figures), encoding="utf-8")
    return path


def _section(table: Table, k: int, figures: dict[str, Any]) -> str:
    figures[f"parts{k}"], figures[f"pnl{k}"] = _parts(table), _pnl(table)
    figures[f"markouts{k}"] = _markouts(table)
    seeded = f", mean per session of {len(table.seeds)} seeds" if table.seeds else ""
    drawn = "".join(f'<div class="figure" id="{name}{k}"></div>' for name in ("pnl", "parts", "markouts"))
    return (
        f"<section><h2>{escape(table.market)}</h2><p class='lead'>{table.seconds / 60:,.0f} min{seeded}; the "
        "same ticks, fees, latency and queue for all.</p>"
        f"<h3>Less {escape(table.reference)}, ± one standard error</h3>{_differences(table)}"
        f"<h3>Each maker</h3>{_values(table)}{drawn}</section>"
    )


def _values(table: Table) -> str:
    rows = [
        [
            f"{m.title}{', ' + m.unit if m.unit else ''}",
            *(bps(r.values[m.key], r.errors[m.key]) for r in table.rows),
        ]
        for m in METRICS
    ]
    rows.insert(1, ["PnL, bps of volume", *(cell(r.pnl_bps, 3) for r in table.rows)])
    rows.append(["inventory deviation, pooled, USD", *(cell(r.inventory_sd_usd) for r in table.rows)])
    for i, h in enumerate(MARKOUT_HORIZONS_S):
        losses = [bps(r.markout_bps[i], r.markout_error_bps[i]) for r in table.rows]
        rows.append([f"markout loss at {h:g} s, bps", *losses])
    return html_table(["", *(escape(r.label) for r in table.rows)], rows)


def _differences(table: Table) -> str:
    keys = [m for m in METRICS if m.key not in ("rejects",)]
    rows = []
    for label, found in table.differences.items():
        shown = [bps(found[m.key].value, found[m.key].error) for m in keys]
        rows.append([escape(label), cell(found["pnl"].t, 1), *shown])
    return html_table(["", "t of the PnL", *(m.title for m in keys)], rows) if rows else ""


def _layout(y: str, **more: Any) -> dict[str, Any]:
    return {
        "yaxis": {"title": {"text": y}},
        "height": 320,
        "margin": {"l": 60, "r": 12, "t": 12, "b": 48},
        "legend": {"orientation": "h", "y": 1.12},
        **more,
    }


def _parts(table: Table) -> dict[str, Any]:
    """Parts of the PnL, stacked per maker; losses below zero."""
    labels = [r.label for r in table.rows]
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": key.replace("_", " "),
            "x": labels,
            "y": [sign * r.values[key] for r in table.rows],
        }
        for key, sign in PARTS
    ]
    pnl = {"type": "scatter", "mode": "markers", "name": "PnL", "x": labels}
    traces.append(
        {**pnl, "y": [r.values["pnl"] for r in table.rows], "marker": {"size": 11, "symbol": "diamond"}}
    )
    return {"data": traces, "layout": _layout("USD per session", barmode="relative")}


def _pnl(table: Table) -> dict[str, Any]:
    """PnL adding up over seeds, or over the recording's blocks."""
    seeded = bool(table.seeds)
    traces = []
    for r in table.rows:
        y = np.cumsum(r.sessions if seeded else r.blocks)
        x = table.seeds if seeded else list(range(1, len(y) + 1))
        traces.append({"type": "scatter", "mode": "lines", "name": r.label, "x": x, "y": y.tolist()})
    x_title = "seed" if seeded else "block of time"
    return {"data": traces, "layout": _layout("PnL so far, USD", xaxis={"title": {"text": x_title}})}


def _markouts(table: Table) -> dict[str, Any]:
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": r.label,
            "x": list(MARKOUT_HORIZONS_S),
            "y": [v if np.isfinite(v) else None for v in r.markout_bps],
        }
        for r in table.rows
    ]
    axis = {"type": "log", "title": {"text": "seconds after the fill"}}
    return {"data": traces, "layout": _layout("markout loss, bps", xaxis=axis)}


def _makers(variants: Sequence[Variant], made_of: Mapping[str, object]) -> str:
    blocks = []
    for v in variants:
        changes = changed(v.config) or {"configuration": "defaults"}
        entries = "".join(f"<dt>{escape(k)}</dt><dd>{escape(setting(x))}</dd>" for k, x in changes.items())
        blocks.append(f"<div><h3>{escape(v.label)} ({escape(v.maker)})</h3><dl>{entries}</dl></div>")
    code = "".join(f"<dt>{escape(k)}</dt><dd>{escape(setting(x))}</dd>" for k, x in made_of.items())
    blocks.append(f"<div><h3>Made of</h3><dl>{code}</dl></div>")
    return (
        "<section><h2>The makers</h2><p class='lead'>What each sets otherwise than the defaults.</p>"
        f"<div class='blocks'>{''.join(blocks)}</div></section>"
    )
