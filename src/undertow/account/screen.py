"""The account as a few lines of plain text, for a terminal."""

from __future__ import annotations

import math

from undertow.account.build import Account, remarks


def _money(value: float) -> str:
    return f"{'-' if value < 0 else ' '}{abs(value):,.2f}"


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}" if math.isfinite(value) else "-"


def lines(account: Account) -> list[str]:
    """The parts of the PnL, the range, the session and what to read first."""
    usd, bps = account.parts.total_usd, account.parts.total_bps
    h = account.parts.horizon_s
    rows = (
        ("captured spread", usd.spread, bps.spread),
        (f"- markout loss ({h:g} s)", -usd.markout_loss, -bps.markout_loss),
        ("- fees", -usd.fees, -bps.fees),
        ("± funding", usd.funding, bps.funding),
        ("± inventory", usd.inventory, bps.inventory),
    )
    width = max(len(_money(value)) for _, value, _ in (*rows, ("", usd.pnl, 0.0)))
    shown = [f"{'':22}{'USD':>{width}}   bps of volume"]
    shown += [f"{name:22}{_money(value):>{width}}   {rate + 0.0:+.3f}" for name, value, rate in rows]
    shown.append(f"{'PnL':22}{_money(usd.pnl):>{width}}   {bps.pnl:+.3f}")
    shown.append(
        f"reconciled with the ledger's cash: {_money(account.pnl_usd).strip()} USD, "
        f"difference {abs(account.parts.residual_usd):.4f}"
    )
    if account.outcomes:
        low, high = (f(o.pnl_usd for o in account.outcomes) for f in (min, max))
        shown.append(
            f"range over queue models and latencies: {_money(low).strip()} to {_money(high).strip()} USD "
            f"({len(account.outcomes)} runs)"
        )
    r = account.requests
    shown += [
        "",
        f"{len(account.fills):,} fills, {account.volume_usd:,.0f} USD traded, {account.round_trips:,} round "
        f"trips, {r.total:,} requests ({_number(r.per_usd, 3)} per USD)",
        f"position at most {account.max_position_usd:,.0f} USD, half-life "
        f"{_number(account.half_life_s, 0)} s; drawdown {account.max_drawdown_usd:,.2f} USD",
    ]
    found = remarks(account)
    if found:
        shown += ["", *(f"! {text}" for text in found)]
    return shown
