"""Difference between the venue's clock and ours."""

from __future__ import annotations

from undertow.risk.findings import Finding, Reason


def skew_finding(ahead_s: float, uncertainty_s: float | None, limit_s: float) -> Finding | None:
    """Fires where the clocks certainly differ by `limit_s` seconds or more.

    `ahead_s`: the venue's clock less ours, wrong by at most `uncertainty_s` (None: never measured).
    """
    if uncertainty_s is None:
        return None
    least = abs(ahead_s) - uncertainty_s
    if least < limit_s:
        return None
    way = "ahead of" if ahead_s > 0.0 else "behind"
    text = f"the venue's clock is {abs(ahead_s):.2f} s {way} ours (±{uncertainty_s:.2f}), limit {limit_s:g} s"
    return Finding(Reason.CLOCK, text, least / limit_s)
