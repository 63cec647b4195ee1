"""19 February 2026 rebuilt: the old maker loses as it did, and what ours does in the same markets.

Bars: over 500 rebuilt paths the old maker's median final position within 20 % of +6.94, its fills within
30 % of 12, its mean 5 s markout loss within 20 % of the record's 4.25 bps (mean over the twelve recorded
fills; here the mean over a path's fills, then over paths). Ours with the old maker's lot and limit,
parameters frozen on the drift-free twin: median maximum |position| ≤ 1.3 contracts, 95th percentile
≤ 2.0, mean loss ≤ 20 % of the old maker's; the same mirrored; on the twin at least half the old maker's
volume and no less earned (paired by path, within two standard errors).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from bars import Figure
from bars._feb19_runs import Runs, named, run, variants
from undertow.scenarios import record
from undertow.scenarios.freeze import frozen

TITLE = "19 February 2026, rebuilt: the old maker and ours"
PATHS = int(os.environ.get("UNDERTOW_FEB19_PATHS", "500"))
FIRST = 1001
"""Seed of the first path: those up to 500 were seen while parameters were chosen."""
PART_PATHS = min(PATHS, 150)
"""Paths of the table's other makers."""


def old_figures(fall: Runs, sign: int, label: str) -> list[Figure]:
    """Whether the old maker's runs look like the record; `sign` −1 for the mirrored market."""
    final = float(np.median(sign * fall.final))
    fills = float(np.median(fall.fills))
    loss = float(np.nanmean(fall.loss_5s_bps))
    want, n, bps = record.FINAL_POSITION, len(record.FILLS), record.MEAN_LOSS_5S_BPS
    detail = {"percentiles of final position (5, 25, 75, 95)": _percentiles(sign * fall.final)}
    return [
        Figure(
            f"old maker, {label}: median final position, contracts",
            round(final, 2),
            f"{want} ± 20 %",
            abs(final - want) <= 0.2 * want,
            detail=detail,
        ),
        Figure(
            f"old maker, {label}: median fills", round(fills, 1), f"{n} ± 30 %", abs(fills - n) <= 0.3 * n
        ),
        Figure(
            f"old maker, {label}: mean 5 s markout loss, bps",
            round(loss, 2),
            f"{bps:.2f} ± 20 %",
            abs(loss - bps) <= 0.2 * bps,
        ),
    ]


def our_figures(ours: Runs, old: Runs, label: str) -> list[Figure]:
    """Position and loss of ours in a falling or rising market."""
    middle, high = float(np.median(ours.max_position)), float(np.percentile(ours.max_position, 95))
    loss, theirs = -float(ours.pnl.mean()), -float(old.pnl.mean())
    return [
        Figure(
            f"ours, {label}: median maximum |position|, contracts", round(middle, 2), "≤ 1.3", middle <= 1.3
        ),
        Figure(f"ours, {label}: 95th percentile of it, contracts", round(high, 2), "≤ 2.0", high <= 2.0),
        Figure(
            f"ours, {label}: mean loss over the old maker's",
            round(loss / theirs, 3),
            "≤ 0.20",
            loss <= 0.2 * theirs,
            detail={"mean loss, USD": round(loss, 3), "old maker's, USD": round(theirs, 3)},
        ),
    ]


def twin_figures(ours: Runs, old: Runs) -> list[Figure]:
    """Volume and PnL on the drift-free twin, path by path."""
    share = float(ours.volume.mean() / old.volume.mean())
    gained = ours.pnl - old.pnl
    mean, error = float(gained.mean()), float(gained.std(ddof=1) / np.sqrt(len(gained)))
    return [
        Figure("twin: our volume over the old maker's", round(share, 3), "≥ 0.50", share >= 0.5),
        Figure(
            "twin: our PnL less the old maker's, USD a path",
            round(mean, 4),
            "≥ 0 within two standard errors",
            mean >= -2.0 * error,
            detail={"standard error": round(error, 4), "ours": float(ours.pnl.mean())},
        ),
    ]


def table(runs: dict[str, dict[str, Runs]]) -> list[dict[str, Any]]:
    """One line per maker and market: medians, the 95th percentile, means with standard errors."""
    lines = []
    for maker, by_market in runs.items():
        for market, r in by_market.items():
            n = len(r.pnl)
            lines.append(
                {
                    "maker": maker,
                    "market": market,
                    "paths": n,
                    "max |position| median": round(float(np.median(r.max_position)), 2),
                    "max |position| 95 %": round(float(np.percentile(r.max_position, 95)), 2),
                    "final position median": round(float(np.median(r.final)), 2),
                    "fills median": float(np.median(r.fills)),
                    "volume mean": round(float(r.volume.mean()), 2),
                    "5 s loss bps": round(float(np.nanmean(r.loss_5s_bps)), 2),
                    "PnL mean USD": round(float(r.pnl.mean()), 3),
                    "PnL error": round(float(r.pnl.std(ddof=1) / np.sqrt(n)), 3),
                    "PnL less ours, paired": _paired(r, runs.get("ours", {}).get(market)),
                }
            )
    return lines


def _paired(runs: Runs, ours: Runs | None) -> list[float] | None:
    """Mean difference in PnL path by path, and its standard error."""
    if ours is None or runs is ours:
        return None
    n = min(len(runs.pnl), len(ours.pnl))
    less = runs.pnl[:n] - ours.pnl[:n]
    return [round(float(less.mean()), 4), round(float(less.std(ddof=1) / np.sqrt(len(less))), 4)]


def _percentiles(values: Any) -> list[float]:
    return [round(float(v), 2) for v in np.percentile(values, (5, 25, 75, 95))]


def measure() -> list[Figure]:
    """Everything at `PATHS` paths (500 unless ``UNDERTOW_FEB19_PATHS`` says otherwise)."""
    config, seeds = frozen(), range(FIRST, FIRST + PATHS)
    old = {m: run(named("six-gate", config), m, seeds) for m in ("fall", "mirrored", "twin")}
    made = variants(config)
    runs: dict[str, dict[str, Runs]] = {"old maker": old}
    for name, make in made.items():
        wanted = ("fall", "mirrored", "twin") if name == "ours" else ("fall", "twin")
        runs[name] = {m: run(make, m, seeds if name == "ours" else seeds[:PART_PATHS]) for m in wanted}
    ours = runs["ours"]
    return [
        *old_figures(old["fall"], 1, "fall"),
        *old_figures(old["mirrored"], -1, "mirrored"),
        *our_figures(ours["fall"], old["fall"], "fall"),
        *our_figures(ours["mirrored"], old["mirrored"], "mirrored"),
        *twin_figures(ours["twin"], old["twin"]),
        Figure(
            "makers and parts compared",
            f"{PATHS} paths, parts {PART_PATHS}",
            "a table, no bar",
            True,
            [FIRST, FIRST + PATHS - 1],
            {
                "table": table(runs),
            },
        ),
    ]
