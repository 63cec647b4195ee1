"""23 December 2025, 19:44:21–24 UTC: −4.4 bps in two seconds, as dual and as bipower-only volatility saw it.

The recorded 1 Hz mid of a live maker is run through `kernel.volatility`, a tick per changed second (what
a volume clock would close at such a market's pace), in its session of the recording. The bipower-only
estimator is σ_clean at the slow half-life, what the source documents had before; σ_effective the one
that prices inventory and adverse selection now. Momentum is the return over the last two seconds; the
knife score as the documents define it (all windows fell; 500 ms return over 20 bps) cannot be read off a
1 Hz series and is given from the 2 s return as an upper bound.
"""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

import bars
from bars import Figure
from undertow.account.report.page import document
from undertow.kernel.volatility import (
    MEDIUM,
    SLOW,
    VOLATILITY,
    init_volatility,
    jump_weight,
    sigma_clean,
    sigma_effective,
    sigma_total,
    volatility_params,
    volatility_tick,
)
from undertow.records import new_record

TITLE = "23 December 2025: σ_effective against bipower only"

FALL: Final = datetime(2025, 12, 23, 19, 44, 21, tzinfo=UTC).timestamp()
MOMENTS: Final = (("before", 0.0), ("first step", 1.5), ("second step", 3.0), ("10 s later", 13.0))
"""Seconds after 19:44:21 at which the readings are told."""
SESSION_GAP_S: Final = 60.0
KNIFE_BPS: Final = 20.0


class Reading(NamedTuple):
    """What the estimators said at one moment: bps/√s, bps."""

    time_s: float
    clean: float
    total: float
    effective: float
    jump_share: float
    momentum_2s: float


def series(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (s) and mids of the recording's session around the fall."""
    with gzip.open(folder / "crash_2025-12-23" / "btc_mid_1hz.csv.gz", "rt") as file:
        rows = [(datetime.fromisoformat(r["utc"]).timestamp(), float(r["mid"])) for r in csv.DictReader(file)]
    times, mids = np.array(rows).T
    at = int(np.searchsorted(times, FALL))
    breaks = np.flatnonzero(np.diff(times) > SESSION_GAP_S) + 1
    first = int(breaks[breaks <= at].max(initial=0))
    last = int(breaks[breaks > at].min(initial=len(times)))
    return times[first:last], mids[first:last]


def readings(times: NDArray[np.float64], mids: NDArray[np.float64]) -> list[Reading]:
    """Every second's estimates, each from what was known then."""
    params = volatility_params()
    state = new_record(VOLATILITY)
    init_volatility(state, params)
    found = []
    for k in range(1, len(times)):
        volatility_tick(state, params, 1e4 * float(np.log(mids[k] / mids[k - 1])), times[k] - times[k - 1])
        back = max(int(np.searchsorted(times, times[k] - 2.0, side="right")) - 1, 0)
        found.append(
            Reading(
                float(times[k] - FALL),
                sigma_clean(state, params, SLOW),
                sigma_total(state, params, MEDIUM),
                sigma_effective(state, params),
                jump_weight(state, params),
                1e4 * float(np.log(mids[k] / mids[back])),
            )
        )
    return found


def at(found: list[Reading], second: float) -> Reading:
    """The last reading at or before `second` after 19:44:21."""
    return [r for r in found if r.time_s <= second][-1]


def told(found: list[Reading]) -> list[dict[str, Any]]:
    """The table: each moment's readings."""
    lines = []
    for name, second in MOMENTS:
        r = at(found, second)
        knife = min(max(-r.momentum_2s, 0.0) / KNIFE_BPS, 2.0)
        lines.append(
            {"moment": name, **{k: round(v, 3) for k, v in r._asdict().items()}, "knife ≤": round(knife, 2)}
        )
    return lines


def draw(found: list[Reading], path: Path) -> Path:
    """A page with both volatilities and momentum from a minute before to a minute after the fall.

    It shows the recorded market, so it is for the reader's own machine and not for the repository.
    """
    shown = [r for r in found if abs(r.time_s) <= 60.0]
    x = [r.time_s for r in shown]

    def trace(name: str, values: list[float], color: str, axis: str = "y") -> dict[str, Any]:
        line = {"color": color, "width": 2.0, "shape": "hv"}
        return {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": x,
            "y": values,
            "line": line,
            "yaxis": axis,
        }

    drawn = {
        "data": [
            trace("bipower only", [r.clean for r in shown], "@sell"),
            trace("σ_effective", [r.effective for r in shown], "@accent"),
            trace("2 s momentum", [r.momentum_2s for r in shown], "@ink2", "y2"),
        ],
        "layout": {
            "height": 520,
            "margin": {"l": 64, "r": 14, "t": 34, "b": 44},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
            "xaxis": {"title": {"text": "seconds after 19:44:21 UTC"}, "anchor": "y2"},
            "yaxis": {"title": {"text": "bps/√s"}, "domain": [0.4, 1.0]},
            "yaxis2": {"title": {"text": "bps"}, "domain": [0.0, 0.34], "zeroline": True},
        },
    }
    body = f"<header><h1>{TITLE}</h1></header><div class='figure' id='fall'></div>"
    path.parent.mkdir(parents=True, exist_ok=True)
    page = document(TITLE, body, msgspec.json.encode({"fall": drawn}).decode())
    path.write_text(page, encoding="utf-8")
    return path


def measure() -> list[Figure]:
    """Both estimators before, at and after the fall; the page goes to ``reports/dec23.html``."""
    found = readings(*series(bars.recordings()))
    draw(found, bars.ROOT / "reports" / "dec23.html")
    before, after = at(found, 0.0), at(found, 3.0)
    rise, plain = after.effective / before.effective, after.clean / before.clean
    fall = min(r.momentum_2s for r in found if 0.0 <= r.time_s <= 4.0)
    return [
        Figure("fall in two seconds, bps", round(fall, 2), "−4.4 ± 0.1", abs(fall + 4.4) <= 0.1),
        Figure(
            "σ_effective, after over before",
            round(rise, 2),
            "> bipower's",
            rise > plain,
            detail={"readings": told(found)},
        ),
        Figure("bipower only, after over before", round(plain, 2), "told, no bar", True),
    ]
