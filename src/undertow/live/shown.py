"""What a session that has ended says for the rollout's record."""

from __future__ import annotations

import numpy as np

from undertow.account.build import Account
from undertow.live.ending import CoinEnd
from undertow.live.rollout import Shown
from undertow.live.spec import RunSpec
from undertow.live.trade import Traded
from undertow.monitor.facts import SessionFacts
from undertow.trading.orders.manager import VenueExecution
from undertow.trading.orders.notices import Kind
from undertow.trading.seams import Execution


def faults_of(execution: Execution, facts: SessionFacts, coin: str, traded: Traded) -> tuple[str, ...]:
    """Why the session does not count for `coin`."""
    kills = [*facts.kills, *facts.coin(coin).kills]
    found = [f"kill switch: {kill.reason}" for kill in kills]
    if traded.orders_left:
        found.append(f"{traded.orders_left} orders left at the venue")
    if traded.broke is not None:
        found.append(f"it broke: {type(traded.broke).__name__}")
    if isinstance(execution, VenueExecution):
        odd = execution.notices.counts[Kind.POSITION]
        if odd:
            found.append(f"the venue's position was not the sum of the fills ({odd} times)")
    return tuple(found)


def shown_of(
    end: CoinEnd, spec: RunSpec, session: str, faults: tuple[str, ...], skipped: tuple[str, ...]
) -> Shown:
    """The line of one coin."""
    account = end.account
    predicted, realised, edge_fills = _edge(account)
    return Shown(
        session=session,
        began=session[:15],
        stage=spec.stage,
        maker=spec.maker,
        hours=account.duration_s / 3600.0,
        fills=len(account.fills),
        predicted_fills=float(sum(rate.predicted_fills for rate in account.fill_rates)),
        realised_fills=int(sum(rate.fills for rate in account.fill_rates)),
        predicted_bps=predicted,
        realised_bps=realised,
        edge_fills=edge_fills,
        faults=faults,
        skipped=skipped,
    )


def _edge(account: Account) -> tuple[float, float, int]:
    """Forecast and realised edge of the fills that carry a forecast, by volume, bps; and their number."""
    fills, parts = account.fills, account.parts
    if not len(fills):
        return 0.0, 0.0, 0
    known = np.isfinite(fills["edge_bps"]) & (fills["edge_bps"] != 0.0) & (parts.volume > 0.0)
    known &= np.isfinite(parts.fill_pnl)
    if not known.any():
        return 0.0, 0.0, 0
    volume = parts.volume[known]
    predicted = float((volume * fills["edge_bps"][known]).sum() / volume.sum())
    realised = float(parts.fill_pnl[known].sum() * parts.usd_rate / volume.sum() * 1e4)
    return predicted, realised, int(known.sum())
