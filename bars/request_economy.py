"""PnL against requests: what is left of the PnL of requoting without limit as requests get dearer.

An hour of the generated `hip3-hype` a seed, at the fees of a market in growth mode (a tenth of the
preset's) and with the calibration that comes with it; rows are paired by seed. The maker has its
defaults but for lot and price. The rules were made on seeds 9101 to 9180, the bar's price was
chosen on those and on seeds 7001 to 7160; none of them is reported.
``python -m bars._request_picture`` draws the table.
"""

from __future__ import annotations

from itertools import pairwise

from bars import Figure
from bars._request_runs import SEEDS, Row, tables

TITLE = "PnL against requests"
MOST_PER_USD, LEAST_SHARE = 0.5, 0.9
BAR_LOT_USD, BAR_PRICE = 100.0, 0.015


def told(row: Row) -> dict[str, float]:
    """A row as it is kept."""
    return {
        "per_usd": round(row.per_usd, 3),
        "pnl_usd": round(row.pnl_usd, 3),
        "error": round(row.error_usd, 3),
        "less_usd": round(row.less_usd, 3),
        "less_error": round(row.less_error_usd, 3),
        "share": round(row.share, 3),
        "share_error": round(row.share_error, 3),
        "volume_usd": round(row.volume_usd),
        "requests": round(row.requests),
        "seeds": row.seeds,
    }


def figures(found: dict[float, list[Row]]) -> list[Figure]:
    """The bar at 100 USD, and that requests fall as their price rises."""
    row = next(row for row in found[BAR_LOT_USD] if row.label == f"{BAR_PRICE:g}")
    detail = {f"lot {lot:g} USD": {r.label: told(r) for r in rows} for lot, rows in found.items()}
    made = [
        Figure(
            f"requests per USD, lots of 100 USD, {BAR_PRICE:g} bps·lots a request",
            round(row.per_usd, 3),
            "<= .5",
            row.per_usd <= MOST_PER_USD,
            list(SEEDS),
            detail,
        ),
        Figure(
            "PnL over that of requoting without limit, same runs",
            round(row.share, 3),
            ">= .9",
            row.share >= LEAST_SHARE,
            detail={"its standard error": round(row.share_error, 3)},
        ),
    ]
    for lot, rows in found.items():
        spent = [r.requests for r in rows[:-1]]
        falls = all(later < before for before, later in pairwise(spent))
        name = f"requests of the dearest over the free, lots of {lot:g} USD"
        made.append(Figure(name, round(spent[-1] / spent[0], 3), "falling in the price", falls))
    return made


def measure() -> list[Figure]:
    """All lots and prices."""
    return figures(tables())
