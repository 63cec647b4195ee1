"""What a check found."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """``fix``: what to do, empty where nothing is to be done. ``fail``: do not trade like this."""

    name: str
    state: State
    text: str
    fix: str = ""


def ok(name: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(name=name, state="ok", text=text)


def warn(name: str, text: str, fix: str) -> Finding:
    """Trading is possible; better not for long."""
    return Finding(name=name, state="warn", text=text, fix=fix)


def fail(name: str, text: str, fix: str) -> Finding:
    """Do not trade like this."""
    return Finding(name=name, state="fail", text=text, fix=fix)
