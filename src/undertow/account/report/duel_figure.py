"""Two makers in one figure: price with quotes and fills, position, drift posterior."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.account.duel import Duel, Side, clock
from undertow.account.report.course import line, milliseconds
from undertow.account.report.figures import Figure, rounded
from undertow.account.report.text import number

COLORS: Final = ("@sell", "@accent")
HEIGHT: Final = 760
_PANELS: Final = (("y", 0.45, 1.0), ("y2", 0.2, 0.415), ("y3", 0.0, 0.165))


def _quotes(side: Side, color: str, t: NDArray[np.int64]) -> list[Figure]:
    o = side.result.observations
    found = []
    for word, column in (("bid", "best_bid_px"), ("ask", "best_ask_px")):
        quote = line(f"{side.name}: {word}", t, o[column], "y", 4, color=color, shape="hv")
        quote["line"]["width"] = 1.0
        found.append(quote | {"opacity": 0.55, "showlegend": False, "connectgaps": False})
    return found


def _fills(side: Side, color: str) -> list[Figure]:
    found = []
    for sign, word, symbol in ((1, "bought", "triangle-up"), (-1, "sold", "triangle-down")):
        fills = side.result.fills[side.result.fills["side"] == sign]
        found.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{side.name} {word} ({len(fills)})",
                "x": milliseconds(fills["exch_ns"]),
                "y": fills["px"].tolist(),
                "customdata": np.stack([fills["qty"], fills["position_after"]], axis=1).tolist(),
                "marker": {
                    "symbol": symbol,
                    "size": 12,
                    "color": color,
                    "line": {"color": "@page", "width": 1.2},
                },
                "hovertemplate": f"{side.name} {word} %{{customdata[0]}} at %{{y}}"
                "<br>position %{customdata[1]:.2f}<extra></extra>",
            }
        )
    return found


def _position(side: Side, color: str, t: NDArray[np.int64]) -> Figure:
    drawn = line(f"{side.name}: position", t, side.result.observations["position"], "y2", 3, color=color)
    drawn["line"] |= {"width": 2.0, "shape": "hv"}
    return drawn | {"showlegend": False}


def _drift(side: Side, t: NDArray[np.int64]) -> list[Figure]:
    o = side.result.observations
    mu, sd = o["drift_bps_per_s"], o["drift_sd_bps_per_s"]
    x = milliseconds(t)
    edge = {"type": "scatter", "mode": "lines", "x": x, "yaxis": "y3", "line": {"width": 0}}
    quiet = {"hoverinfo": "skip", "showlegend": False}
    middle = line("drift", t, mu, "y3", 4, color="@accent")
    middle["line"]["width"] = 1.8
    return [
        {**edge, **quiet, "y": rounded(mu - sd, 4)},
        {**edge, **quiet, "y": rounded(mu + sd, 4), "fill": "tonexty", "fillcolor": "@band"},
        middle | {"showlegend": False},
    ]


def _mark(ns: int, color: str, dash: str, panel: tuple[str, float, float] | None) -> Figure:
    low, high = (0.0, 1.0) if panel is None else panel[1:]
    at = ns // 1_000_000
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": at,
        "x1": at,
        "y0": low,
        "y1": high,
        "line": {"color": color, "width": 1.3, "dash": dash},
        "layer": "below",
    }


def _word(ns: int, y: float, text: str, color: str, anchor: str = "left") -> Figure:
    return {
        "x": ns // 1_000_000,
        "y": y,
        "xref": "x",
        "yref": "paper",
        "text": text,
        "showarrow": False,
        "xanchor": anchor,
        "yanchor": "top",
        "xshift": 5 if anchor == "left" else -5,
        "font": {"size": 12, "color": color},
        "align": anchor,
    }


def figure(duel: Duel) -> Figure:
    """Price, position and drift posterior over one time axis, with what happened when."""
    ours = duel.sides[1]
    t = ours.result.observations["time_ns"]
    mid = line("mid", t, ours.result.observations["mid"], "y", 4, color="@ink2")
    mid["line"]["width"] = 1.8
    data: list[Figure] = [mid]
    for side, color in zip(duel.sides, COLORS, strict=True):
        data += _quotes(side, color, side.result.observations["time_ns"])
    for side, color in zip(duel.sides, COLORS, strict=True):
        data += _fills(side, color)
        data.append(_position(side, color, side.result.observations["time_ns"]))
    data += _drift(ours, t)
    shapes, words = _annotations(duel)
    ledger = ours.result.ledger
    layout: Figure = {
        "height": HEIGHT,
        "hovermode": "x unified",
        "legend": {"orientation": "h", "y": 1.015, "yanchor": "bottom", "x": 0},
        "margin": {"l": 70, "r": 14, "t": 40, "b": 46},
        "shapes": shapes,
        "annotations": words,
        "xaxis": {
            "type": "date",
            "anchor": "y3",
            "range": milliseconds(np.array([int(t[0]), int(ledger["last_ns"])])),
        },
    }
    titles = ("price, USD", "position, contracts", "drift ± √P, bps/s")
    for (axis, low, high), title in zip(_PANELS, titles, strict=True):
        layout[axis.replace("y", "yaxis")] = {
            "domain": [low, high],
            "title": {"text": title, "standoff": 8},
            "zeroline": axis != "y",
            "nticks": 7 if axis == "y" else 5,
            "anchor": "x",
        }
    return {"data": data, "layout": layout}


def _annotations(duel: Duel) -> tuple[list[Figure], list[Figure]]:
    shapes: list[Figure] = []
    words: list[Figure] = []
    orders = "bids" if duel.direction < 0 else "asks"
    withdrew = [duel.withdrew_ns(side) for side in duel.sides]
    first = min((at for at in withdrew if at is not None), default=None)
    times = duel.sides[0].result.observations["time_ns"]
    middle_ns = (int(times[0]) + int(times[-1])) // 2 if len(times) else 0
    reach_ns = int(0.4 * (int(times[-1]) - int(times[0]))) if len(times) else 0
    for side, color, at in zip(duel.sides, COLORS, withdrew, strict=True):
        if at is not None:
            shapes.append(_mark(at, color, "dash", None))
            text = f"{side.name} withdrew its {orders} beyond {duel.reach_bps:.0f} bps, {clock(at)}"
            leftwards = at == first and at > middle_ns
            close = not leftwards and any(o is not None and 0 < o - at < reach_ns for o in withdrew)
            height = 0.955 if close else 0.995  # below the other's words, should its own reach so far
            words.append(_word(at, height, text, color, "right" if leftwards else "left"))
        shown = side.result.observations["position"]
        words.append(
            {
                "x": 1.0,
                "xref": "paper",
                "y": float(shown[-1]),
                "yref": "y2",
                "text": f"{side.name} {number(float(shown[-1]), 2, sign=True)}",
                "showarrow": False,
                "xanchor": "right",
                "yanchor": "bottom",
                "font": {"size": 12, "color": color},
            }
        )
    seen = duel.seen_ns()
    if seen is not None:
        shapes.append(_mark(seen, "@muted", "dot", _PANELS[2]))
        words.append(_word(seen, _PANELS[2][2], f"trend seen, {clock(seen)}", "@muted"))
    for ns, text in duel.marks.items():
        shapes.append(_mark(ns, "@muted", "dot", _PANELS[0]))
        words.append(_word(ns, _PANELS[0][1] + 0.045, text, "@muted"))
    return shapes, words
