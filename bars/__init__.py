"""Every bar the project holds itself to, measured in full by ``make bars``.

A module here measures one subject. It has a ``TITLE`` and a function ``measure() -> list[Figure]``,
and raises `Unavailable` where it needs recordings or a peer that this machine does not have.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Unavailable(RuntimeError):
    """A bar cannot be measured on this machine; the text says what is missing."""


@dataclass(frozen=True)
class Figure:
    """One measured number: its name with unit, its value, the bar it must clear, whether it does."""

    name: str
    value: float | int | str
    bar: str
    passed: bool
    seeds: list[int] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)


def recordings() -> Path:
    """The folder of real recordings, ``UNDERTOW_DATA`` or ``../shared/data``."""
    path = Path(os.environ.get("UNDERTOW_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        raise Unavailable(f"no recordings at {path} (set UNDERTOW_DATA)")
    return path
