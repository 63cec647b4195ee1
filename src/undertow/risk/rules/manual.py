"""By hand."""

from __future__ import annotations

from undertow.risk.findings import Finding, Reason


def manual_finding(who: str, coin: str = "") -> Finding:
    """Somebody threw the switch; `who` says how they came in and what they said."""
    return Finding(Reason.MANUAL, f"by hand: {who}", 1.0, coin)
