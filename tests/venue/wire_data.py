"""The recorded and made data of the wire tests."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).resolve().parent.parent.parent


@cache
def load(name: str) -> Any:
    """A JSON file of tests/venue/data."""
    return json.loads((DATA / name).read_text())


def payloads() -> dict[str, Any]:
    """What the official SDK sends to /exchange, by name of the call."""
    folder = DATA / "sdk_payloads"
    return {p.stem: json.loads(p.read_text()) for p in sorted(folder.glob("exchange_*.json"))}


@cache
def examples() -> dict[str, Any]:
    """Messages of ``wire_examples.json`` by name; those of one name as a list."""
    found: dict[str, Any] = {"ws error": []}
    for entry in load("wire_examples.json"):
        if entry["name"] == "ws error":
            found["ws error"].append(entry["msg"])
        else:
            found[entry["name"]] = entry["msg"]
    return found


def cassettes() -> list[tuple[str, Any, Any]]:
    """(file, request, reply) of the official SDK's recordings, list marks removed; skips without them."""
    shared = Path(os.environ.get("UNDERTOW_SHARED", ROOT.parent / "shared"))
    folder = shared / "hyperliquid" / "sdk_cassettes"
    if not folder.is_dir():
        pytest.skip(f"no recordings of the SDK at {folder} (set UNDERTOW_SHARED)")
    return [
        (path.stem, entry["request"], _without_marks(entry["response_trimmed"]))
        for path in sorted(folder.glob("*.json"))
        for entry in json.loads(path.read_text())
    ]


def _without_marks(value: Any) -> Any:
    if isinstance(value, list):
        marks = (isinstance(item, str) and item.startswith("... ") for item in value)
        return [_without_marks(item) for item, mark in zip(value, marks, strict=True) if not mark]
    if isinstance(value, dict):
        return {key: _without_marks(item) for key, item in value.items()}
    return value
