"""What came to an account and left it otherwise than by trading and funding."""

from __future__ import annotations

from typing import Any

from undertow.exchange.directory import Directory
from undertow.exchange.numbers import usd

Json = dict[str, Any]
MOST_ROWS = 500


def updates(directory: Directory, user: str, start_ms: int = 0, end_ms: int | None = None) -> list[Json]:
    """Deposits, withdrawals and transfers in [start_ms, end_ms], oldest first, at most 500.

    ``usdc`` < 0 left the account.
    """
    account = directory.account(user)
    if account is None:
        return []
    rows = [
        {
            "time": entry.time_ms,
            "hash": f"0x{0:064x}",
            "delta": {"type": entry.kind, "usdc": usd(entry.micro)},
        }
        for entry in account.ledger
        if entry.time_ms >= start_ms and (end_ms is None or entry.time_ms <= end_ms)
    ]
    return rows[:MOST_ROWS]
