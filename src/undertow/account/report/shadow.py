"""The report's section on the shadow: two parameter sets on the same ticks."""

from __future__ import annotations

import numpy as np

from undertow.account.report.figures import Figure, rounded
from undertow.account.report.text import escape, number, setting, table
from undertow.account.shadow import Shadow, rows, said


def section(found: Shadow | None) -> str:
    """Both accounts side by side, and what the configurations differ in."""
    if found is None:
        return ""
    figures = [
        [escape(what), number(mine), number(other), number(other - mine, sign=True)]
        for what, mine, other in rows(found)
    ]
    differ = [
        [escape(path), escape(setting(mine)), escape(setting(other))]
        for path, (mine, other) in found.changes.items()
    ]
    changes = table(["setting", "quoting", "shadow"], differ, words=3) if differ else ""
    verdict = f"{number(found.difference.value, sign=True)} USD, {escape(said(found.difference))}"
    return (
        f"<section><h2>Beside it: {escape(found.name)}</h2><p class='lead'>A second parameter set on the "
        "same ticks, with orders and an account of its own. The two never meet. The shadow's PnL less the "
        f'quoting maker\'s: <b>{verdict}</b>.</p><div class=\'two\'><div class="figure" id="shadow"></div>'
        f"<div>{table(['', 'quoting', 'shadow', 'difference'], figures)}</div></div>{changes}</section>"
    )


def figure(found: Shadow) -> Figure:
    """PnL of both and of their difference, adding up over blocks of time."""
    mine, other = np.cumsum(found.quoting.blocks_usd), np.cumsum(found.shadow.blocks_usd)
    lines = (("quoting", mine, "@ink2"), ("shadow", other, "@near"), ("difference", other - mine, "@far"))
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": list(range(1, len(y) + 1)),
                "y": rounded(y, 4),
                "line": {"color": color, "dash": "dot" if name == "difference" else "solid"},
            }
            for name, y, color in lines
        ],
        "layout": {
            "height": 320,
            "xaxis": {"title": {"text": "blocks of ten minutes"}},
            "yaxis": {"title": {"text": "PnL so far, USD"}},
            "margin": {"l": 60, "r": 12, "t": 12, "b": 48},
            "legend": {"orientation": "h", "y": 1.12},
        },
    }
