"""The address's request budget running out (facts §6: 10 000 and one per USD traded)."""

from __future__ import annotations

from undertow.risk.findings import Finding, Reason


def budget_finding(left: float | None, least: float) -> Finding | None:
    """Fires where fewer than `least` requests are left. None: no budget is known."""
    if left is None or left >= least:
        return None
    text = (
        f"{max(left, 0.0):,.0f} requests left of the address's budget, {least:,.0f} are kept to cancel with"
    )
    return Finding(Reason.BUDGET, text, least / left if left > 0.0 else least + 1.0)


def exhausted_finding(text: str) -> Finding:
    """The venue itself says that none are left."""
    return Finding(Reason.BUDGET, f"the venue: {text}")
