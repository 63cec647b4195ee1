"""A session from its first row until every order is cancelled, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from undertow.journal.schema import JournalError
from undertow.live.assemble import Parts
from undertow.live.facts import Facts
from undertow.live.guarding import tell_guard
from undertow.live.proving import start_proven
from undertow.monitor.display import VIEW_EVERY_S
from undertow.monitor.view import SessionView
from undertow.trading.orders.stopping import OrdersLeft

T = TypeVar("T")
Show = Callable[[SessionView], None]
_BUDGET_EVERY_S = 30.0
TIDY_EVERY_S = 20.0
"""How often the journal's log is synced to the disk: a power failure costs no more than that."""


class Stopped(Exception):
    """The session was told to end before it had begun."""


@dataclass
class Traded:
    """How trading ended: what the account is worth, orders left, what broke, what is to be said."""

    equity_usd: float = 0.0
    orders_left: int = 0
    said: list[str] = field(default_factory=list)
    broke: BaseException | None = None


async def trade(parts: Parts, stop: asyncio.Event, show: Show) -> Traded:
    """Trade until the duration is over, `stop` is set or something breaks; then cancel everything.

    Raises `Stopped` where nothing was begun.
    """
    facts, traded = Facts(parts), Traded()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(_close_journal, parts, stop, traded)
        await unless_stopped(stop, start_proven(parts))
        stack.push_async_callback(parts.links.close)
        watching = asyncio.create_task(_watch(parts, facts, show))
        stack.push_async_callback(_cancelled, watching)
        try:
            parts.links.start()
            traded.broke = await _until(stop, parts, watching)
        finally:
            await _end(parts, stop, traded)
        traded.equity_usd = await facts.equity()
        show(parts.watch.view(parts.client.clock.now_ns(), fresh=True))
    traded.said = facts.said
    return traded


def _close_journal(parts: Parts, stop: asyncio.Event, traded: Traded) -> None:
    """The last thing a session does: note how it ended."""
    how = parts.facts.stopping or ("stopped" if stop.is_set() else "it did not begin")
    broke = "" if traded.broke is None else f": {type(traded.broke).__name__}: {traded.broke}"
    with contextlib.suppress(JournalError):  # one that could not be written has said so
        parts.memory.journal.close(parts.client.clock.now_ns(), how + broke)


async def _end(parts: Parts, stop: asyncio.Event, traded: Traded) -> None:
    """Cancel everything, and say why it ends."""
    facts = parts.facts
    if traded.broke is not None:
        facts.notes.append(f"it broke: {type(traded.broke).__name__}: {traded.broke}")
    why = "something broke" if traded.broke else "stopped" if stop.is_set() else "its time is up"
    facts.stopping = facts.stopping or why
    try:
        await parts.session.stop()
    except OrdersLeft as error:
        traded.orders_left = max(len(error.oids), 1)
        facts.notes.append(str(error))


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is given up (`Stopped`) as soon as `stop` is set."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Stopped
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _until(stop: asyncio.Event, parts: Parts, watching: asyncio.Task[None]) -> BaseException | None:
    """Wait for the end of the duration or for `stop`; what broke meanwhile, if anything did."""
    loop = asyncio.get_running_loop()
    until = math.inf if parts.spec.duration_s is None else loop.time() + parts.spec.duration_s
    while loop.time() < until and not stop.is_set():
        if watching.done():
            return watching.exception()
        if parts.session.failure is not None:
            return parts.session.failure
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(until - loop.time(), 0.1))
    return None


async def _watch(parts: Parts, facts: Facts, show: Show) -> None:
    """Look at the session a few times a second, and ask the venue what it alone knows now and then."""
    clock = parts.client.clock
    budget_at = view_at = 0.0
    loop = asyncio.get_running_loop()
    tidy_at = loop.time() + TIDY_EVERY_S if parts.memory.tidies else math.inf
    while True:
        now_ns = clock.now_ns()
        parts.links.look(now_ns)
        facts.note(now_ns)
        tell_guard(parts, now_ns)
        parts.watch.look_next(now_ns)
        if loop.time() >= view_at:
            view_at = loop.time() + VIEW_EVERY_S
            show(parts.watch.view(now_ns))
        if loop.time() >= budget_at and parts.links.is_up and parts.client.account is not None:
            budget_at = loop.time() + _BUDGET_EVERY_S
            for question in (parts.client.read_budget(), parts.client.read_time()):
                asyncio.create_task(_quietly(question))  # noqa: RUF006
        if loop.time() >= tidy_at:
            tidy_at = loop.time() + TIDY_EVERY_S
            await asyncio.to_thread(parts.memory.journal.tidy)
        await asyncio.sleep(parts.watch.turn_s)


async def _quietly(question: Awaitable[object]) -> None:
    """A question whose answer may be missing."""
    with contextlib.suppress(Exception):
        await question


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
