"""The course of the session in one figure: price and quotes, position, drift, equity over time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from undertow.account.build import Account
from undertow.account.decimate import averages, extremes, spread_evenly, starts
from undertow.account.report.figures import Figure, rounded

MAX_FILL_MARKERS: Final = 2000

_ROWS: Final = (("yaxis", 0.58, 1.0), ("yaxis2", 0.38, 0.55), ("yaxis3", 0.19, 0.35), ("yaxis4", 0.0, 0.16))


def _ms(times_ns: NDArray[np.int64]) -> list[float]:
    out: list[float] = (times_ns // 1_000_000).tolist()
    return out


def _line(
    name: str, times_ns: NDArray[np.int64], values: NDArray[np.float64], axis: str, digits: int, **line: Any
) -> Figure:
    at = extremes(values)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _ms(times_ns[at]),
        "y": rounded(values[at], digits),
        "yaxis": axis,
        "line": {"width": 1.2, **line},
        "hovertemplate": f"{name} %{{y}}<extra></extra>",
    }


def _band(
    name: str, times_ns: NDArray[np.int64], low: NDArray[np.float64], high: NDArray[np.float64], axis: str
) -> list[Figure]:
    at = starts(len(times_ns))
    x, edges = _ms(times_ns[at]), (averages(low), averages(high))
    base = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "yaxis": axis,
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    return [
        {**base, "y": rounded(edges[0], 6), "showlegend": False, "legendgroup": name},
        {
            **base,
            "y": rounded(edges[1], 6),
            "fill": "tonexty",
            "fillcolor": "@band",
            "name": name,
            "legendgroup": name,
        },
    ]


def _fills(account: Account, side: int) -> Figure:
    fills = account.fills[account.fills["side"] == side]
    shown = fills[spread_evenly(len(fills), MAX_FILL_MARKERS)]
    word, color = ("bought", "@buy") if side > 0 else ("sold", "@sell")
    return {
        "type": "scatter",
        "mode": "markers",
        "name": word if len(shown) == len(fills) else f"{word} ({len(shown):,} of {len(fills):,})",
        "x": _ms(shown["exch_ns"]),
        "y": shown["px"].tolist(),
        "customdata": np.stack([shown["qty"], shown["level"], shown["mid"]], axis=1).tolist(),
        "marker": {
            "symbol": "triangle-up" if side > 0 else "triangle-down",
            "size": 8,
            "color": color,
            "line": {"color": "@page", "width": 0.7},
        },
        "hovertemplate": f"{word} %{{customdata[0]}} at %{{y}}<br>level %{{customdata[1]}}, "
        "mid %{customdata[2]}<extra></extra>",
    }


def _price_digits(tick_size: float) -> int:
    return max(0, round(-np.log10(tick_size)) + 1)


def _seen(values: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(values).any())


def course(account: Account) -> Figure:
    """Price with quotes and fills, position, drift ± its standard deviation and equity, one time axis."""
    o = account.observations
    t, digits = o["time_ns"], _price_digits(account.instrument.tick_size)
    data = [_line("mid", t, o["mid"], "y", digits, color="@ink2")]
    if _seen(o["best_bid_px"]):
        data.append(_line("own best bid", t, o["best_bid_px"], "y", digits, color="@buySoft", shape="hv"))
    if _seen(o["best_ask_px"]):
        data.append(_line("own best ask", t, o["best_ask_px"], "y", digits, color="@sellSoft", shape="hv"))
    if _seen(o["reservation_px"]):
        data.append(
            _line("reservation price", t, o["reservation_px"], "y", digits, color="@accent", dash="dot")
        )
    data += [_fills(account, side) for side in (1, -1) if (account.fills["side"] == side).any()]
    data.append(_line("position", t, o["position"], "y2", 8, color="@ink2", shape="hv"))
    data[-1] |= {"fill": "tozeroy", "fillcolor": "@band", "showlegend": False}
    drift, sd = o["drift_bps_per_s"], o["drift_sd_bps_per_s"]
    if _seen(drift):
        data += _band("drift ± √P", t, drift - sd, drift + sd, "y3")
        data.append(_line("drift", t, drift, "y3", 6, color="@accent"))
        data[-1]["showlegend"] = False
    equity = o["equity"] * account.parts.usd_rate
    data.append(_line("equity", t, equity, "y4", 3, color="@ink2"))
    data[-1]["showlegend"] = False
    titles = ("price", "position", "drift, bps/s", "equity, USD")
    layout: Figure = {
        "height": 820,
        "hovermode": "x unified",
        "legend": {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0},
        "margin": {"l": 74, "r": 14, "t": 40, "b": 36},
        "xaxis": {
            "type": "date",
            "anchor": "y4",
            "showspikes": True,
            "spikethickness": 1,
            "spikedash": "dot",
        },
    }
    for (axis, low, high), title in zip(_ROWS, titles, strict=True):
        layout[axis] = {
            "domain": [low, high],
            "title": {"text": title, "standoff": 8},
            "zeroline": axis != "yaxis",
            "nticks": 8 if axis == "yaxis" else 4,
            "anchor": "x",
        }
    layout["yaxis"]["tickformat"] = ",~f"
    if not _seen(drift):
        layout["annotations"] = [
            {
                "xref": "paper",
                "yref": "paper",
                "x": 0.5,
                "y": 0.27,
                "showarrow": False,
                "text": "this maker estimates no drift",
                "font": {"color": "@muted", "size": 12},
            }
        ]
        layout["yaxis3"]["showticklabels"] = False
    return {"data": data, "layout": layout}
