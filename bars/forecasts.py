"""Forecasts on probe orders at every depth: profit of a fill, and fills by depth.

Probes (`undertow.research.probe_maker`) stand at random depths whatever they are expected to earn; the first
half of every market calibrates, the second is reported. Losses, alphas and what is realised are over 10 s.
The markets' seeds are used for nothing else.
"""

from __future__ import annotations

import numpy as np

import undertow
from bars import Figure
from undertow.research.probes import Seen, depth_deciles, probe, slope_of

TITLE = "Forecasts on probe orders: profit of a fill, fills by depth; second half"
MARKETS = (("hl-btc", 6.0), ("hip3-hype", 24.0), ("binance-btc-volatile", 6.0))
"""Preset and deepest probe, bps."""
SEEDS = (9101, 9102, 9103, 9104)
HOURS = 8.0


def seen_of(preset: str, deepest_bps: float) -> Seen:
    """All seeds of a preset together."""
    out: Seen | None = None
    for seed in SEEDS:
        market = undertow.generate(preset, seed=seed, duration_s=HOURS * 3600.0)
        found = probe(market, deepest_bps=deepest_bps, seed=seed)
        out = found if out is None else out.joined(found)
    assert out is not None
    return out


def measure() -> list[Figure]:
    """Slopes and deciles of every preset."""
    figures = []
    for preset, deepest_bps in MARKETS:
        seen = seen_of(preset, deepest_bps)
        fit = slope_of(seen.predicted_bps, seen.realised_bps, seen.time_s)
        low, high = fit.interval
        near = fit.error > 0.1 or 0.75 <= fit.slope <= 1.25
        ranked = np.array_split(np.argsort(seen.predicted_bps, kind="stable"), 10)
        told = {
            "error": round(fit.error, 3),
            "interval": [round(low, 3), round(high, 3)],
            "fills": fit.fills,
            "mean_predicted_bps": round(float(seen.predicted_bps.mean()), 2),
            "mean_realised_bps": round(float(seen.realised_bps.mean()), 2),
            "deciles, predicted and realised bps": [
                [round(float(values[part].mean()), 2) for values in (seen.predicted_bps, seen.realised_bps)]
                for part in ranked
            ],
        }
        wanted = "its interval holds 1; .75-1.25 where the error is <= .1"
        name = f"{preset}: realised on predicted profit of a fill, slope"
        figures.append(Figure(name, round(fit.slope, 3), wanted, low <= 1.0 <= high and near, [], told))
        groups = depth_deciles(seen)
        rows = {
            f"{g.from_bps:.2f}-{g.to_bps:.2f} bps": f"{g.fills} fills, {g.predicted:.0f} predicted"
            for g in groups
        }
        met = sum(g.met for g in groups)
        name = f"{preset}: deciles of depth whose fills agree, of {len(groups)}"
        figures.append(
            Figure(name, met, "all, within 15 % or the 99 % interval", met == len(groups), [], rows)
        )
    return figures
