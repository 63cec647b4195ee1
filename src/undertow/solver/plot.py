"""`Comparison` as a page: reservation price, touch depths and sizes, exact against closed."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from undertow.solver.compare import Comparison

_EXACT = {"color": "#222222"}
_CLOSED = {"color": "#c8553d", "dash": "dash"}


def page(seen: Comparison) -> str:
    """Self-contained HTML; where the closed form is not to be trusted the ground is shaded."""
    titles = ["Reservation price over inventory, bps from mid", "Touch depths over inventory, bps"]
    if seen.sizes:
        titles.append("Bids of a flat maker: cumulative lots over depth, bps")
    figure = make_subplots(rows=1, cols=len(titles), subplot_titles=titles)
    lots = [row.lots for row in seen.rows]
    _pair(figure, 1, lots, [r.exact for r in seen.rows], [r.closed for r in seen.rows], legend=True)
    _pair(figure, 2, lots, [r.exact_bid for r in seen.rows], [r.closed_bid for r in seen.rows])
    _pair(figure, 2, lots, [r.exact_ask for r in seen.rows], [r.closed_ask for r in seen.rows])
    for row in seen.rows:
        if not row.trusted:
            for col in (1, 2):
                figure.add_vrect(
                    x0=row.lots - 0.5,
                    x1=row.lots + 0.5,
                    fillcolor="#c8553d",
                    opacity=0.12,
                    line_width=0,
                    row=1,
                    col=col,
                )
    if seen.sizes:
        exact = [s for s in seen.sizes if s.exact_lots == s.exact_lots]
        line = {"mode": "lines+markers", "showlegend": False}
        figure.add_scatter(
            x=[s.at_depth for s in exact], y=[s.exact_lots for s in exact], line=_EXACT, row=1, col=3, **line
        )
        steps: dict[str, Any] = {**_CLOSED, "shape": "hv"}
        figure.add_scatter(
            x=[s.depth for s in seen.sizes],
            y=[s.closed_lots for s in seen.sizes],
            line=steps,
            row=1,
            col=3,
            **line,
        )
    share = f", ladder {seen.utility[1] / seen.utility[0]:.1%} of the optimum" if seen.utility else ""
    shaded = "; shaded: not to be trusted" if not all(r.trusted for r in seen.rows) else ""
    figure.update_layout(
        title=f"Exact against closed form: κη {seen.kappa_eta:.3g}, φ {seen.imbalance:.2g}{share}{shaded}",
        template="simple_white",
        height=520,
        legend={"orientation": "h", "y": -0.12},
    )
    html: str = figure.to_html(include_plotlyjs=True, full_html=True)
    return html


def _pair(
    figure: Any, col: int, x: list[float], exact: list[float], closed: list[float], legend: bool = False
) -> None:
    for name, y, line in (("exact", exact, _EXACT), ("closed form", closed, _CLOSED)):
        figure.add_trace(
            go.Scatter(x=x, y=y, name=name, line=line, showlegend=legend, mode="lines+markers"),
            row=1,
            col=col,
        )
