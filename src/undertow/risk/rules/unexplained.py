"""A position at the venue that no fill explains."""

from __future__ import annotations

from undertow.risk.findings import Finding, Reason


def unexplained_finding(coin: str, difference: float, text: str) -> Finding | None:
    """Fires where the venue holds `difference` lots (signed, not 0) more than the fills make."""
    if difference == 0.0:
        return None
    return Finding(Reason.UNEXPLAINED, text, 1.0, coin)
