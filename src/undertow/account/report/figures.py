"""The report's figures as plotly JSON. Colours are names; the page fills them in for its theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.account.build import Account
from undertow.account.calibration import EdgeGroup, FillRate
from undertow.account.markouts import MarkoutCurve
from undertow.account.report.text import usd
from undertow.account.scenarios import Outcome
from undertow.replay.log import MARKOUT_HORIZONS_S

Figure = dict[str, Any]

DEPTH_COLORS = ("@near", "@step2", "@step3", "@far")
AT_FILL_S = 0.25
"""Where a logarithmic axis shows the moment of the fill."""


def rounded(values: NDArray[np.float64], digits: int) -> list[float]:
    """Values as a list, rounded: a report carries no more digits than it shows."""
    out: list[float] = np.round(values, digits).tolist()
    return out


def _axis(title: str, **more: Any) -> Figure:
    return {"title": {"text": title, "standoff": 8}, **more}


def waterfall(account: Account) -> Figure:
    """The parts of the PnL, one step each, ending at the cash."""
    t = account.parts.total_usd
    steps = (
        ("Captured<br>spread", t.spread),
        ("Markout<br>loss", -t.markout_loss),
        ("Fees", -t.fees),
        ("Funding", t.funding),
        ("Inventory", t.inventory),
    )
    return {
        "data": [
            {
                "type": "waterfall",
                "x": [*(name for name, _ in steps), "PnL"],
                "y": [*(round(value, 4) for _, value in steps), round(t.pnl, 4)],
                "measure": ["relative"] * len(steps) + ["total"],
                "increasing": {"marker": {"color": "@gain"}},
                "decreasing": {"marker": {"color": "@loss"}},
                "totals": {"marker": {"color": "@ink2"}},
                "connector": {"line": {"color": "@rule", "width": 1}},
                "text": [usd(value) for _, value in steps] + [usd(t.pnl)],
                "textposition": "outside",
                "cliponaxis": False,
                "hovertemplate": "%{x}: %{text}<extra></extra>",
            }
        ],
        "layout": {
            "height": 330,
            "showlegend": False,
            "yaxis": _axis("USD", zeroline=True, tickformat="~s"),
            "xaxis": {"fixedrange": True, "showgrid": False},
            "margin": {"l": 58, "r": 12, "t": 26, "b": 44},
        },
    }


def outcomes(found: Sequence[Outcome]) -> Figure:
    """PnL of the session under each set of assumptions, the base among them."""
    ordered = sorted(found, key=lambda o: o.pnl_usd)
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [round(o.pnl_usd, 2) for o in ordered],
                "y": [o.name for o in ordered],
                "marker": {
                    "size": [13 if o.base else 10 for o in ordered],
                    "color": ["@ink2" if o.base else "@accent" for o in ordered],
                    "symbol": ["diamond" if o.base else "circle" for o in ordered],
                },
                "customdata": [[o.queue, o.latency, o.fills] for o in ordered],
                "hovertemplate": "%{x:$,.2f}<br>queue: %{customdata[0]}<br>latency: %{customdata[1]}"
                "<br>%{customdata[2]} fills<extra></extra>",
            }
        ],
        "layout": {
            "height": 90 + 34 * len(ordered),
            "showlegend": False,
            "xaxis": _axis("PnL, USD", zeroline=True, tickformat="$,~f"),
            "yaxis": {"fixedrange": True, "type": "category", "automargin": True},
            "margin": {"l": 110, "r": 20, "t": 10, "b": 44},
        },
    }


def _curve(c: MarkoutCurve, color: str, values: list[float], start: float | None) -> Figure:
    x = ([] if start is None else [AT_FILL_S]) + list(MARKOUT_HORIZONS_S)
    y = ([] if start is None else [start]) + values
    error = ([] if start is None else [0.0]) + c.error_bps
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"{c.label} ({c.fills:,})",
        "x": x,
        "y": [None if math.isnan(v) else round(v, 4) for v in y],
        "error_y": {
            "type": "data",
            "array": [0.0 if math.isnan(e) else round(e, 4) for e in error],
            "thickness": 1,
            "width": 3,
            "color": color,
        },
        "line": {"color": color, "width": 2},
        "marker": {"color": color, "size": 5},
        "hovertemplate": "%{fullData.name}<br>%{y:.3f} bps after %{x:g} s<extra></extra>",
    }


def markouts(curves: Sequence[MarkoutCurve], colors: Sequence[str], fee_bps: float) -> Figure:
    """Captured spread less markout loss against the time since the fill, with the fee to beat."""
    horizons = [AT_FILL_S, *MARKOUT_HORIZONS_S]
    labels = ["fill", *(f"{h:g} s" if h < 60 else f"{h / 60:g} min" for h in MARKOUT_HORIZONS_S)]
    return {
        "data": [
            _curve(c, color, c.edge_bps, c.spread_bps) for c, color in zip(curves, colors, strict=False)
        ],
        "layout": {
            "height": 380,
            "xaxis": _axis(
                "time since the fill", type="log", tickvals=horizons, ticktext=labels, tickangle=0
            ),
            "yaxis": _axis("mid against fill price, bps", zeroline=True),
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "margin": {"l": 58, "r": 14, "t": 48, "b": 46},
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": fee_bps,
                    "y1": fee_bps,
                    "line": {"color": "@muted", "width": 1, "dash": "dash"},
                }
            ],
            "annotations": [
                {
                    "xref": "paper",
                    "x": 1,
                    "y": fee_bps,
                    "xanchor": "right",
                    "yanchor": "bottom",
                    "showarrow": False,
                    "text": f"fee {fee_bps:.2f} bps",
                    "font": {"color": "@muted", "size": 11},
                }
            ],
        },
    }


def _center(rate: FillRate) -> float:
    """Where a range of depth is drawn; the last one has no end."""
    if math.isinf(rate.depth_high_bps):
        return 1.25 * rate.depth_low_bps
    return round(0.5 * (rate.depth_low_bps + rate.depth_high_bps), 4)


def fill_rates(rates: Sequence[FillRate]) -> Figure:
    """Forecast rate as a line, realised rate with its Poisson interval, by depth and side.

    Drawn to a little beyond the deepest fill; deeper forecasts are in the summary.
    """
    deepest = max((_center(r) for r in rates if r.fills > 0), default=max(map(_center, rates)))
    reach = 1.6 * deepest
    data = []
    for side, word, color in ((1, "bids", "@buy"), (-1, "asks", "@sell")):
        chosen = [r for r in rates if r.side == side]
        depth = [_center(r) for r in chosen]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{word}, forecast",
                "x": depth,
                "y": [r.predicted_rate for r in chosen],
                "line": {"color": color, "width": 2, "dash": "dot"},
                "hovertemplate": "%{fullData.name}: %{y:.2e} /s at %{x:.2f} bps<extra></extra>",
            }
        )
        seen = [(x, r) for x, r in zip(depth, chosen, strict=True) if r.fills > 0]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{word}, realised",
                "x": [x for x, _ in seen],
                "y": [r.realised_rate for _, r in seen],
                "customdata": [[r.fills, round(r.predicted_fills, 1), round(r.exposure_s)] for _, r in seen],
                "error_y": {
                    "type": "data",
                    "array": [r.high - r.realised_rate for _, r in seen],
                    "arrayminus": [r.realised_rate - r.low for _, r in seen],
                    "thickness": 1,
                    "width": 3,
                    "color": color,
                },
                "marker": {"color": color, "size": 7},
                "hovertemplate": "%{fullData.name}: %{y:.2e} /s at %{x:.2f} bps<br>%{customdata[0]} fills, "
                "%{customdata[1]} forecast, %{customdata[2]:,} s quoted<extra></extra>",
            }
        )
    return {
        "data": data,
        "layout": {
            "height": 380,
            "xaxis": _axis("depth from mid, bps", range=[0.0, reach]),
            "yaxis": _axis("fills per second of a resting order", type="log", tickformat=".0e", dtick=1),
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "entrywidth": 110},
            "margin": {"l": 66, "r": 14, "t": 48, "b": 46},
        },
    }


def edge(groups: Sequence[EdgeGroup]) -> Figure:
    """Realised against forecast profit of a fill, one point per quantile; the diagonal is honest."""
    x = [round(g.predicted_bps, 4) for g in groups]
    y = [round(g.realised_bps, 4) for g in groups]
    low, high = min([*x, 0.0]), max([*x, 0.0])
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": [low, high],
                "y": [low, high],
                "line": {"color": "@muted", "width": 1, "dash": "dash"},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "markers",
                "x": x,
                "y": y,
                "customdata": [g.fills for g in groups],
                "error_y": {
                    "type": "data",
                    "array": [0.0 if math.isnan(g.error_bps) else round(g.error_bps, 4) for g in groups],
                    "thickness": 1,
                    "width": 3,
                    "color": "@accent",
                },
                "marker": {"color": "@accent", "size": 8},
                "hovertemplate": "forecast %{x:.2f}, realised %{y:.2f} bps<br>"
                "%{customdata} fills<extra></extra>",
            },
        ],
        "layout": {
            "height": 380,
            "showlegend": False,
            "xaxis": _axis("forecast profit of a fill, bps", zeroline=True),
            "yaxis": _axis("realised by the horizon, bps", zeroline=True),
            "margin": {"l": 58, "r": 14, "t": 26, "b": 46},
        },
    }
