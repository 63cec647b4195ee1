"""The course of the session in one figure: price and quotes, position, drift, equity over time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from undertow.account.build import Account
from undertow.account.decimate import averages, extremes, spread_evenly, starts
from undertow.account.report.figures import Figure, rounded

MAX_FILL_MARKERS: Final = 2000


def milliseconds(times_ns: NDArray[np.int64]) -> list[float]:
    """Times as plotly's date axis takes them."""
    out: list[float] = (times_ns // 1_000_000).tolist()
    return out


def line(
    name: str, times_ns: NDArray[np.int64], values: NDArray[np.float64], axis: str, digits: int, **style: Any
) -> Figure:
    """A line over time, thinned to what can be seen; `axis` is plotly's name of its y axis."""
    at = extremes(values)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": milliseconds(times_ns[at]),
        "y": rounded(values[at], digits),
        "yaxis": axis,
        "line": {"width": 1.2, **style},
        "hovertemplate": f"{name} %{{y}}<extra></extra>",
    }


def _band(
    name: str, times_ns: NDArray[np.int64], low: NDArray[np.float64], high: NDArray[np.float64], axis: str
) -> list[Figure]:
    at = starts(len(times_ns))
    x, edges = milliseconds(times_ns[at]), (averages(low), averages(high))
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
        "x": milliseconds(shown["exch_ns"]),
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


def _price(account: Account) -> list[Figure]:
    """Mid, own quotes, reservation price and fills."""
    o = account.observations
    t, digits = o["time_ns"], _price_digits(account.instrument.tick_size)
    data = [line("mid", t, o["mid"], "y", digits, color="@ink2")]
    quotes = (("own best bid", "best_bid_px", "@buySoft"), ("own best ask", "best_ask_px", "@sellSoft"))
    for name, column, color in quotes:
        if _seen(o[column]):
            data.append(line(name, t, o[column], "y", digits, color=color, shape="hv"))
    if _seen(o["reservation_px"]):
        r = line("reservation price", t, o["reservation_px"], "y", digits, color="@accent", dash="dot")
        data.append(r)
    return data + [_fills(account, side) for side in (1, -1) if (account.fills["side"] == side).any()]


def _drift(account: Account, axis: str) -> list[Figure]:
    """Drift and a band of one standard deviation."""
    o = account.observations
    t, drift, sd = o["time_ns"], o["drift_bps_per_s"], o["drift_sd_bps_per_s"]
    middle = line("drift", t, drift, axis, 6, color="@accent")
    return [*_band("drift ± √P", t, drift - sd, drift + sd, axis), middle | {"showlegend": False}]


def course(account: Account) -> Figure:
    """Price with quotes and fills, position, drift (where the maker has one) and equity, one time axis."""
    o = account.observations
    has_drift = _seen(o["drift_bps_per_s"])
    panels = [
        ("price", 3.0),
        ("position", 1.0),
        *([("drift, bps/s", 1.0)] if has_drift else []),
        ("equity, USD", 1.0),
    ]
    position = line("position", o["time_ns"], o["position"], "y2", 8, color="@ink2", shape="hv")
    data = [*_price(account), position | {"fill": "tozeroy", "fillcolor": "@band", "showlegend": False}]
    if has_drift:
        data += _drift(account, "y3")
    last = f"y{len(panels)}"
    equity = line("equity", o["time_ns"], o["equity"] * account.parts.usd_rate, last, 3, color="@ink2")
    data.append(equity | {"showlegend": False})
    layout: Figure = {
        "height": 280 + 130 * len(panels),
        "hovermode": "x unified",
        "legend": {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0},
        "margin": {"l": 74, "r": 14, "t": 40, "b": 36},
        "xaxis": {
            "type": "date",
            "anchor": last,
            "range": milliseconds(np.array([account.ledger["first_ns"], account.ledger["last_ns"]])),
            "showspikes": True,
            "spikethickness": 1,
            "spikedash": "dot",
        },
    }
    whole, top = sum(height for _, height in panels), 1.0
    for k, (title, height) in enumerate(panels):
        share = height / whole
        layout["yaxis" if k == 0 else f"yaxis{k + 1}"] = {
            "domain": [max(top - share + (0.03 if k + 1 < len(panels) else 0.0), 0.0), top],
            "title": {"text": title, "standoff": 8},
            "zeroline": k > 0,
            "nticks": 8 if k == 0 else 5,
            "anchor": "x",
        }
        top -= share
    layout["yaxis"]["tickformat"] = ",~f"
    return {"data": data, "layout": layout}
