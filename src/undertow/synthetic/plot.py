"""Generated against recorded statistics, in one self-contained HTML page."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from undertow.synthetic.params import DEPTH_QUANTILES, SIZE_QUANTILES
from undertow.synthetic.presets import Preset
from undertow.synthetic.stats import (
    DISTANCE_PROBS,
    MARKOUT_HORIZONS_S,
    SIGMA_HORIZONS_S,
    TAIL_DEPTHS_BPS,
    Statistics,
)

RECORDED: Final = {"color": "#222222"}
GENERATED: Final = {"color": "#c8553d"}
_TITLES: Final = (
    "Volatility by horizon, bps/√s",
    "Markout of public aggressor orders, bps",
    "Markout of the largest tenth, bps",
    "Aggressor orders reaching deeper than x bps, 1/s",
    "Aggressor order size, cumulative",
    "Touch spread, bps, cumulative (time-weighted)",
    "Median level size by distance from the touch, price steps",
    "Occupied levels by distance from the touch, price steps",
    "Fitted moments: error in tolerances",
)


def comparison(preset: Preset, generated: Statistics) -> str:
    """HTML page comparing `generated` with what `preset` was fitted to.

    Where the preset comes from published figures, only its targets are drawn beside it.
    """
    figure = make_subplots(rows=3, cols=3, subplot_titles=_TITLES)
    sources = [("generated", GENERATED, _plain(generated))]
    if preset.recorded:
        sources.insert(0, ("recorded", RECORDED, preset.recorded))
    else:
        _published(figure, preset)
    for name, style, stats in sources:
        _curves(figure, name, style, stats)
        _distributions(figure, name, style, stats)
    _errors(figure, preset, generated)
    figure.update_layout(
        title=f"{preset.market.name}: generated (seed {generated.name.rsplit('-', 1)[-1]}) against "
        f"{preset.provenance.source}",
        height=1150,
        width=1500,
        template="simple_white",
        legend={"orientation": "h", "y": -0.04},
    )
    for row, col in ((1, 1), (1, 2), (1, 3), (2, 2), (3, 1)):
        figure.update_xaxes(type="log", row=row, col=col)
    for row, col in ((2, 1), (3, 1)):
        figure.update_yaxes(type="log", row=row, col=col)
    html: str = figure.to_html(include_plotlyjs=True, full_html=True)
    return html


def _plain(stats: Statistics) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(stats)
    return plain


def _line(name: str, style: dict[str, str], x: Any, y: Any, legend: bool = False, **more: Any) -> Any:
    return go.Scatter(
        x=list(x), y=list(y), name=name, legendgroup=name, showlegend=legend, line=style, marker=style, **more
    )


def _curves(figure: Any, name: str, style: dict[str, str], stats: dict[str, Any]) -> None:
    moments, doubt = stats["moments"], stats["standard_errors"]
    curves = (
        (1, 1, SIGMA_HORIZONS_S, "sigma_{:g}s"),
        (1, 2, MARKOUT_HORIZONS_S, "markout_{:g}s_bps"),
        (1, 3, MARKOUT_HORIZONS_S, "markout_large_{:g}s_bps"),
        (2, 1, TAIL_DEPTHS_BPS, "deeper_{:g}bps_per_s"),
    )
    for row, col, horizons, pattern in curves:
        keys = [(h, pattern.format(h)) for h in horizons if moments.get(pattern.format(h))]
        bars = {"type": "data", "array": [doubt.get(key, 0.0) for _, key in keys], "thickness": 1}
        x, y = [h for h, _ in keys], [moments[key] for _, key in keys]
        trace = _line(name, style, x, y, legend=(row, col) == (1, 1), error_y=bars, mode="lines+markers")
        figure.add_trace(trace, row=row, col=col)


def _distributions(figure: Any, name: str, style: dict[str, str], stats: dict[str, Any]) -> None:
    depth = stats["depth"]
    middle = DEPTH_QUANTILES.index(0.5)
    distance = [max(start, 0.5) for start in depth["from_steps"]]
    figure.add_trace(_line(name, style, stats["size_quantiles"], SIZE_QUANTILES), row=2, col=2)
    figure.add_trace(_line(name, style, stats["spread_quantiles_bps"], DISTANCE_PROBS), row=2, col=3)
    median = [row[middle] for row in depth["size_quantiles"]]
    figure.add_trace(_line(name, style, distance, median, mode="lines+markers"), row=3, col=1)
    figure.add_trace(_line(name, style, distance, depth["occupancy"], mode="lines+markers"), row=3, col=2)


def _published(figure: Any, preset: Preset) -> None:
    """Targets taken from published figures, as points."""
    for row, col, prefix, suffix in ((1, 1, "sigma_", "s"), (1, 2, "markout_", "s_bps")):
        points = [
            (float(name[len(prefix) : -len(suffix)]), target.value)
            for name, target in preset.targets.items()
            if name.startswith(prefix)
        ]
        x, y = zip(*points, strict=True)
        trace = _line("published", RECORDED, x, y, legend=col == 1, mode="markers")
        figure.add_trace(trace, row=row, col=col)


def _errors(figure: Any, preset: Preset, generated: Statistics) -> None:
    names = list(preset.targets)
    scaled = [preset.errors[name] / preset.targets[name].tolerance for name in names]
    bounded = np.clip(scaled, -6.0, 6.0)
    text = [
        f"{name}: target {preset.targets[name].value:.4g}, fitted {preset.fitted[name]:.4g}, "
        f"this market {generated.moments.get(name, float('nan')):.4g}"
        for name in names
    ]
    bars = go.Bar(
        y=names,
        x=bounded,
        orientation="h",
        marker=GENERATED,
        showlegend=False,
        hovertext=text,
        hoverinfo="text",
    )
    figure.add_trace(bars, row=3, col=3)
    figure.update_yaxes(tickfont={"size": 7}, row=3, col=3)
