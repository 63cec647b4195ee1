"""Special functions compiled code has no library for: digamma, trigamma, the mean of a root of χ²."""

from __future__ import annotations

import math

from undertow.compiled import compiled


@compiled
def digamma(x: float) -> float:
    """ψ(x) for x > 0: recurrence to x ≥ 6, then the asymptotic series (error below 1e-9)."""
    total = 0.0
    while x < 6.0:
        total -= 1.0 / x
        x += 1.0
    i = 1.0 / (x * x)
    return (
        total + math.log(x) - 0.5 / x - i * (1.0 / 12.0 - i * (1.0 / 120.0 - i * (1.0 / 252.0 - i / 240.0)))
    )


@compiled
def trigamma(x: float) -> float:
    """ψ'(x) for x > 0: recurrence to x ≥ 6, then the asymptotic series (error below 1e-8)."""
    total = 0.0
    while x < 6.0:
        total += 1.0 / (x * x)
        x += 1.0
    i = 1.0 / (x * x)
    series = 1.0 / 6.0 - i * (1.0 / 30.0 - i * (1.0 / 42.0 - i / 30.0))
    return total + 1.0 / x + 0.5 * i + i / x * series


@compiled
def mean_root_chi2(freedom: float) -> float:
    """E√(χ²_ν/ν) = √(2/ν)·Γ((ν + 1)/2)/Γ(ν/2)."""
    half = 0.5 * freedom
    return math.exp(math.lgamma(half + 0.5) - math.lgamma(half)) / math.sqrt(half)
