"""Faults of parameters, in one wording."""

from __future__ import annotations

import math


def require(owner: str, low: float = 0.0, high: float = math.inf, **values: float) -> None:
    """Raise ValueError unless every value is finite and lies in (`low`, `high`]."""
    for name, value in values.items():
        if not (math.isfinite(value) and low < value <= high):
            raise ValueError(f"{owner}: {name} = {value} must lie above {low:g} and be at most {high:g}")


def require_not_negative(owner: str, **values: float) -> None:
    """Raise ValueError unless every value is finite and not negative."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise ValueError(f"{owner}: {name} = {value} must be finite and not negative")
