"""Comparing messages by shape: the same keys, the same kinds of values, strings that read as numbers."""

from __future__ import annotations

from typing import Any


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return "text"
        return "text" if value.startswith("0x") else "decimal"
    return {int: "int", float: "float", type(None): "null", list: "list", dict: "object"}[type(value)]


def differences(
    got: Any,
    wanted: Any,
    *,
    free: frozenset[str] = frozenset(),
    at: str = "$",
    maybe: frozenset[str] = frozenset(),
) -> list[str]:
    """What of `got` differs in shape from `wanted`.

    Lists are compared by their first element where both have one. ``maybe``: keys that may be missing
    on either side; ``free``: keys whose value may be of any kind (nullable ones).
    """
    if isinstance(wanted, dict) and isinstance(got, dict):
        found = [f"{at}: lacks {key}" for key in wanted if key not in got and key not in maybe]
        found += [f"{at}: has {key}" for key in got if key not in wanted and key not in maybe]
        for key in wanted.keys() & got.keys() - free:
            found += differences(got[key], wanted[key], free=free, at=f"{at}.{key}", maybe=maybe)
        return found
    if isinstance(wanted, list) and isinstance(got, list):
        if wanted and got:
            return differences(got[0], wanted[0], free=free, at=f"{at}[0]", maybe=maybe)
        return []
    return [] if kind_of(got) == kind_of(wanted) else [f"{at}: {kind_of(got)} where {kind_of(wanted)} is due"]
