"""Histories of an account read page by page.

The venue caps a reply at 2000 fills or 500 payments, oldest first; the next page begins at the last
time of the one before and repeats what happened then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Final, TypeVar

from undertow.venue.client import VenueClient
from undertow.venue.failures import Unanswered
from undertow.venue.wire.account import Fill, FundingPayment
from undertow.venue.wire.info import UserFillsByTimeRequest, UserFundingRequest

T = TypeVar("T")
FILLS_PER_PAGE: Final = 2000
PAYMENTS_PER_PAGE: Final = 500
_MOST_PAGES: Final = 100


async def fills_since(client: VenueClient, account: str, start_ms: int) -> list[Fill]:
    """All fills of `account` from `start_ms` on, oldest first, each once (the venue keeps 10000)."""

    async def page(start: int) -> list[Fill]:
        return await client.info(UserFillsByTimeRequest(user=account, start_time=start), urgent=True)

    return await _paged(page, start_ms, FILLS_PER_PAGE, lambda f: f.time_ms, lambda f: (*f.key, f.time_ms))


async def payments_since(client: VenueClient, account: str, start_ms: int) -> list[FundingPayment]:
    """All funding payments of `account` from `start_ms` on, oldest first, each once."""

    async def page(start: int) -> list[FundingPayment]:
        rows = await client.info(UserFundingRequest(user=account, start_time=start), urgent=True)
        return [row.payment for row in rows]

    return await _paged(page, start_ms, PAYMENTS_PER_PAGE, lambda p: p.time_ms, lambda p: (p.time_ms, p.coin))


async def _paged(
    page: Callable[[int], Awaitable[list[T]]],
    start_ms: int,
    cap: int,
    time_of: Callable[[T], int],
    key_of: Callable[[T], Hashable],
) -> list[T]:
    found: dict[Hashable, T] = {}
    for _ in range(_MOST_PAGES):
        rows = await page(start_ms)
        found.update({key_of(row): row for row in rows})
        if len(rows) < cap:
            return sorted(found.values(), key=time_of)
        last_ms = max(time_of(row) for row in rows)
        if last_ms <= start_ms and min(time_of(row) for row in rows) == last_ms:
            raise Unanswered(f"{cap} entries share the time {last_ms} ms: the rest cannot be asked for")
        start_ms = last_ms
    raise Unanswered(f"a history of more than {_MOST_PAGES} pages")
