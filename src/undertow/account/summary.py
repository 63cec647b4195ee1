"""The account as plain data (for ``--json``) and as a few lines of text (for a terminal)."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from undertow.account.build import Account, remarks
from undertow.account.decomposition import Totals
from undertow.account.markouts import MarkoutCurve
from undertow.replay.log import MARKOUT_HORIZONS_S


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _totals(t: Totals) -> dict[str, float]:
    return {**asdict(t), "pnl": t.pnl}


def _curve(c: MarkoutCurve) -> dict[str, Any]:
    return {
        "label": c.label,
        "fills": c.fills,
        "spread_bps": c.spread_bps,
        "fee_bps": c.fee_bps,
        "loss_bps": [_known(x) for x in c.loss_bps],
        "error_bps": [_known(x) for x in c.error_bps],
        "counts": c.counts,
    }


def summary(account: Account) -> dict[str, Any]:
    """Every number of the account as JSON-ready data; what is not known is None.

    Money in USD under ``usd``, the same per traded volume under ``bps``. ``markout_loss`` and
    ``fees`` are losses: PnL = spread - markout_loss - fees + funding + inventory.
    """
    parts, s = account.parts, account.sharpe
    return {
        "pnl_usd": account.pnl_usd,
        "usd": _totals(parts.total_usd),
        "bps": _totals(parts.total_bps),
        "horizon_s": parts.horizon_s,
        "reconciliation": {
            "parts_usd": parts.total_usd.pnl,
            "ledger_usd": account.pnl_usd,
            "difference_usd": parts.residual_usd,
            "late_fills": parts.late,
            "unpriced_fills": parts.unpriced,
        },
        "range": [{**asdict(o), "totals": _totals(o.totals)} for o in account.outcomes],
        "session": {
            "seconds": account.duration_s,
            "rows": int(account.ledger["rows"]),
            "cycles": int(account.ledger["cycles"]),
            "fills": len(account.fills),
            "maker_fills": int(account.ledger["maker_fills"]),
            "taker_fills": int(account.ledger["taker_fills"]),
            "volume_usd": account.volume_usd,
            "round_trips": account.round_trips,
            "max_position_usd": account.max_position_usd,
            "mean_abs_position_usd": account.mean_abs_position_usd,
            "final_position_usd": account.final_position_usd,
            "max_drawdown_usd": account.max_drawdown_usd,
            "position_half_life_s": _known(account.half_life_s),
            "settlements": int(account.ledger["settlements"]),
        },
        "sharpe": None if s is None else asdict(s),
        "requests": {
            **asdict(account.requests),
            "total": account.requests.total,
            "per_usd": _known(account.requests.per_usd),
            "share_of_allowance": account.requests.share_of_allowance,
        },
        "markouts": {
            "horizons_s": list(MARKOUT_HORIZONS_S),
            "curves": [_curve(c) for c in (account.everything, *account.by_side, *account.by_depth)]
            if len(account.fills)
            else [],
        },
        "splits": {key: frame.to_dicts() for key, frame in account.splits.items()},
        "fill_rates": [asdict(r) for r in account.fill_rates],
        "edge": [{**asdict(g), "error_bps": _known(g.error_bps)} for g in account.edge],
        "reasons": [{**asdict(r), "average": _known(r.average)} for r in account.reasons],
        "remarks": remarks(account),
    }
