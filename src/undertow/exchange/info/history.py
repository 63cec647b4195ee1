"""An account's past: fills, funding payments, what came and went."""

from __future__ import annotations

from typing import Any

from undertow.exchange.directory import Directory
from undertow.exchange.happenings import Fill
from undertow.exchange.shapes import aggregated, fill, funding

Json = dict[str, Any]
MOST_FILLS = 2000
MOST_ROWS = 500
FOREVER_MS = 2**62


def _shaped(events: list[Fill], aggregate: bool) -> list[Json]:
    shapes = [fill(event) for event in events]
    return aggregated(shapes, events) if aggregate else shapes


def fills_of(directory: Directory, user: str, *, aggregate: bool = False) -> list[Json]:
    """The latest fills, newest first, at most 2000."""
    account = directory.account(user)
    events = list(account.fills)[-MOST_FILLS:] if account is not None else []
    return _shaped(events, aggregate)[::-1]


def fills_between(
    directory: Directory, user: str, start_ms: int, end_ms: int | None, *, aggregate: bool = False
) -> list[Json]:
    """Fills in [start_ms, end_ms], oldest first, the first 2000: a client pages by the last time."""
    account = directory.account(user)
    if account is None:
        return []
    last = FOREVER_MS if end_ms is None else end_ms
    return _shaped([e for e in account.fills if start_ms <= e.time_ms <= last][:MOST_FILLS], aggregate)


def fundings_of(directory: Directory, user: str) -> list[Json]:
    """Funding payments as userFundings has them, newest first, at most 500."""
    account = directory.account(user)
    paid = list(account.fundings)[-MOST_ROWS:] if account is not None else []
    return [funding(event) for event in reversed(paid)]


def user_funding(directory: Directory, user: str, start_ms: int, end_ms: int | None) -> list[Json]:
    """Funding payments as the request userFunding has them, oldest first, at most 500."""
    account = directory.account(user)
    if account is None:
        return []
    last = FOREVER_MS if end_ms is None else end_ms
    rows: list[Json] = []
    for event in account.fundings:
        if start_ms <= event.time_ms <= last and len(rows) < MOST_ROWS:
            delta = funding(event)
            time_ms = delta.pop("time")
            rows.append({"time": time_ms, "hash": f"0x{0:064x}", "delta": {"type": "funding"} | delta})
    return rows
