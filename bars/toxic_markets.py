"""Against what users would run: PnL at equal inventory risk over toxicity and liquidity.

The market is the generated `hip3-hype` at the fee of a market in growth mode (a tenth of 3 bps). The
baselines are tuned by one random search each (`BUDGET` settings on `TUNING_SEEDS`, middle cell); ours
runs at its defaults, with the calibration that comes with the preset. Each baseline's order size is
brought to our inventory deviation, cell by cell, on `MATCHING_SEEDS`; then all run on `SEEDS`, which
nothing has seen. The features' loadings were fitted on a seed of their own, at toxicity 1.
"""

from __future__ import annotations

import math
import os
import time
from typing import Any

import msgspec

from bars import Figure
from undertow.config import Config
from undertow.config.sections import Fees
from undertow.research.compare import Table, compare
from undertow.research.matching import Matched, match_all
from undertow.research.running import Cell
from undertow.research.tuning import tune
from undertow.research.variants import Variant

TITLE = "Makers over toxicity and liquidity, at matched inventory deviation"

MARKET = "hip3-hype"
DURATION_S = 3600.0
TOXICITIES, LIQUIDITIES = (0.75, 1.0, 1.5), (0.5, 1.0, 2.0)
MAKERS = ("undertow", "glft", "symmetric", "avellaneda", "six-gate")
BASE = Config(fees=Fees(maker_bps=0.3, taker_bps=0.9))
BUDGET = 12
TUNING_SEEDS = tuple(range(101, 113))
MATCHING_SEEDS = tuple(range(201, 213))
SEEDS = tuple(range(5001, 5001 + int(os.environ.get("UNDERTOW_GRID_SEEDS", "100"))))


def cell(toxicity: float, liquidity: float) -> Cell:
    """An hour of the market."""
    return Cell(market=MARKET, duration_s=DURATION_S, toxicity=toxicity, liquidity=liquidity)


def cells() -> list[Cell]:
    """Zero toxicity first, then the nine toxic cells."""
    toxic = [cell(t, liquidity) for t in TOXICITIES for liquidity in LIQUIDITIES]
    return [cell(0.0, 1.0), *toxic]


def tuned() -> list[Variant]:
    """Ours as it comes, every baseline as the search leaves it."""
    middle = [cell(1.0, 1.0)]
    found = [Variant(MAKERS[0], MAKERS[0], BASE)]
    for maker in MAKERS[1:]:
        best = tune(maker, middle, TUNING_SEEDS, budget=BUDGET, base=BASE)
        found.append(Variant(maker, maker, best.config))
    return found


def _told(table: Table, matched: list[Matched]) -> dict[str, Any]:
    rows = {
        row.label: {
            "pnl_usd": round(row.values["pnl"], 3),
            "error": round(row.errors["pnl"], 3),
            "inventory_sd_usd": round(row.inventory_sd_usd, 1),
            "fills": round(row.values["fills"], 1),
        }
        for row in table.rows
    }
    t = {label: round(-d["pnl"].t, 2) for label, d in table.differences.items() if label != "undertow"}
    return {
        "makers": rows,
        "t_of_ours_less_theirs": t,
        "order_usd": {m.variant.label: round(m.setting, 1) for m in matched},
    }


def measure() -> list[Figure]:
    """A figure per cell, and how many toxic cells are won."""
    started = time.monotonic()
    makers = tuned()
    figures, won = [], 0
    for here in cells():
        matched = match_all(makers, "undertow", here, MATCHING_SEEDS, tolerance=0.1)
        (table,) = compare([here], SEEDS, [m.variant for m in matched], reference="undertow")
        detail = _told(table, matched)
        name = f"toxicity {here.toxicity:g}, liquidity {here.liquidity:g}"
        least = min(detail["t_of_ours_less_theirs"].values())
        if here.toxicity == 0.0:
            ours = table.row("undertow")
            t = ours.values["pnl"] / ours.errors["pnl"] if ours.errors["pnl"] else math.nan
            figures.append(Figure(f"{name}: t of our PnL", round(t, 2), "> -2", t > -2.0, [], detail))
            continue
        won += least > 3.0
        figures.append(
            Figure(
                f"{name}: least t of ours less a baseline", round(least, 2), "> 3", least > 3.0, [], detail
            )
        )
        print(f"  {figures[-1].name}: {figures[-1].value}", flush=True)
    figures.append(Figure("toxic cells won, of 9", won, ">= 8", won >= 8, list(SEEDS)))
    minutes = (time.monotonic() - started) / 60.0
    settings = {m.label: msgspec.to_builtins(m.config) for m in makers}
    figures.append(
        Figure("minutes in all", round(minutes, 1), "<= 40", minutes <= 40.0, detail={"tuned": settings})
    )
    return figures
