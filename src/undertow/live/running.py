"""A live session from its beginning to its end.

    exchange (a local one starts here) -> client -> makers -> feed and orders -> screen -> stop -> account

The session ends after its duration, when `stop` is set, or when something breaks; in every case all
orders are cancelled first and the account is taken last. `prepare` and `trade` do it over any client:
sockets, or an exchange in the same process on virtual time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

import undertow
from undertow.clock import Clock, WallClock
from undertow.config import Config
from undertow.exchange.child import Spawned
from undertow.exchange.spec import MarketSpec
from undertow.live.assemble import CannotRun, Parts, look_around, make_runners, put_together, set_leverage
from undertow.live.ending import CoinEnd, end_of
from undertow.live.facts import Facts
from undertow.live.local import (
    histories,
    local_markets,
    local_references,
    start_exchange,
    throwaway_signer,
)
from undertow.live.spec import RunSpec
from undertow.live.warming import watch
from undertow.monitor.facts import SessionFacts
from undertow.monitor.view import SessionView
from undertow.recording import Recording
from undertow.replay.from_config import settings_of
from undertow.trading.capture import SessionRecorder
from undertow.trading.orders.stopping import OrdersLeft
from undertow.venue.client import VenueClient
from undertow.venue.endpoints import endpoints
from undertow.venue.http import HttpxClient
from undertow.venue.signing import Signer
from undertow.venue.sockets import connector

T = TypeVar("T")
Say = Callable[[str], None]
Show = Callable[[SessionView], None]


class Stopped(Exception):
    """Told to stop before anything was sent."""


@dataclass(frozen=True)
class Ended:
    """What a session leaves: its folder, an end per coin, equity before and after, what went wrong.

    ``folder`` None: it was stopped before it began, and nothing was sent. ``broke``: the fault that ended
    it; its orders were cancelled and its account taken all the same.
    """

    folder: Path | None
    coins: tuple[CoinEnd, ...]
    start_equity_usd: float
    equity_usd: float
    orders_left: int
    requests: int
    notes: tuple[str, ...]
    broke: BaseException | None = None


@dataclass
class Traded:
    """How trading ended: what the account is worth, orders left, what broke, what is to be said."""

    equity_usd: float = 0.0
    orders_left: int = 0
    said: list[str] = field(default_factory=list)
    broke: BaseException | None = None


async def run_session(
    spec: RunSpec,
    config: Config,
    *,
    signer: Signer | None,
    say: Say,
    show: Show,
    stop: asyncio.Event,
) -> Ended:
    """Run a session. `say` gets lines on the way to the first quote, `show` the views while it runs.

    Raises `CannotRun` where it cannot start as asked, `OSError` where the exchange cannot be reached.
    """
    clock = WallClock()
    try:
        async with contextlib.AsyncExitStack() as stack:
            markets: tuple[MarketSpec, ...] = ()
            child: Spawned | None = None
            if spec.network == "local" and not spec.url:
                markets = local_markets(spec)
                signer = signer or throwaway_signer()
                say(f"starting the local exchange with {', '.join(m.coin for m in markets)}")
                child = await _unless_stopped(stop, start_exchange(spec, markets, signer.address))
                stack.push_async_callback(child.stop)
                spec = msgspec.structs.replace(
                    spec,
                    url=child.url,
                    coins=spec.coins or tuple(m.coin for m in markets),
                    references=spec.references or local_references(markets),
                )
            client = _client(spec, clock, signer)
            stack.push_async_callback(client.close)
            preset = markets[0].source if len(markets) == 1 else None
            past = histories(markets, spec.seed, child.start_ns) if child is not None else {}
            parts = await _unless_stopped(
                stop, prepare(spec, config, client, clock, say=say, preset=preset, past=past)
            )
            traded = await trade(parts, stop, show)
            return account(parts, config, traded)
    except Stopped:
        return Ended(None, (), 0.0, 0.0, 0, 0, ())


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
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


def _client(spec: RunSpec, clock: Clock, signer: Signer | None) -> VenueClient:
    """The client of `spec`'s network."""
    where = endpoints(spec.network)
    http_url = spec.url or where.http
    ws_url = http_url.replace("http", "ws", 1) + "/ws" if spec.url else where.ws
    return VenueClient(
        HttpxClient(http_url),
        connector(ws_url, clock),
        clock,
        network=spec.network,
        signer=signer,
        account=spec.account or None,
        seed=spec.seed,
    )


async def prepare(
    spec: RunSpec,
    config: Config,
    client: VenueClient,
    clock: Clock,
    *,
    say: Say,
    preset: str | None = None,
    past: Mapping[str, Recording] | None = None,
    name: str | None = None,
) -> Parts:
    """Everything up to the first row. ``name``: of the session's folder (one that exists gets new legs)."""
    past = past or {}
    found = await look_around(client, spec, spec.coins, config)
    leverage = {coin.name: float(min(spec.leverage, coin.max_leverage)) for coin in found.coins}
    if spec.orders == "venue":
        leverage = await set_leverage(client, found.coins, spec.leverage)
    runners = make_runners(spec, config, found.instruments, preset)
    for runner in runners:
        if runner.coin in past:
            watch(runner, past[runner.coin])
    name = name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{spec.maker}"
    folder = spec.folder / name
    say(f"{spec.maker} on {', '.join(spec.coins)} ({spec.network}), {found.equity_usd:,.2f} USD; {folder}")
    mode = {"mainnet": "live", "testnet": "testnet"}.get(spec.network, "paper")
    facts = SessionFacts(
        session=name,
        mode="paper" if spec.orders == "paper" else mode,  # type: ignore[arg-type]
        venue=spec.network,
        market=", ".join(spec.markets if spec.network == "local" else spec.coins),
    )
    recorder = SessionRecorder(
        folder,
        execution=spec.orders,
        about={
            "undertow": undertow.__version__,
            "config": msgspec.to_builtins(config),
            "settings": msgspec.to_builtins(settings_of(config)),
        },
    )
    return put_together(spec, config, client, clock, found, leverage, runners, facts, recorder)


async def trade(parts: Parts, stop: asyncio.Event, show: Show) -> Traded:
    """From the first row until every order is cancelled. Raises `Stopped` where nothing was begun."""
    facts, traded = Facts(parts), Traded()
    async with contextlib.AsyncExitStack() as stack:
        await _unless_stopped(stop, parts.session.start(parts.mids))
        stack.push_async_callback(parts.links.close)
        watching = asyncio.create_task(_watch(parts, facts, show))
        stack.push_async_callback(_cancelled, watching)
        try:
            parts.links.start()
            traded.broke = await _until(stop, parts, watching)
        finally:
            if traded.broke is not None:
                parts.facts.notes.append(f"it broke: {type(traded.broke).__name__}: {traded.broke}")
            parts.facts.stopping = parts.facts.stopping or _why(stop, traded)
            try:
                await parts.session.stop()
            except OrdersLeft as error:
                traded.orders_left = max(len(error.oids), 1)
                parts.facts.notes.append(str(error))
        traded.equity_usd = await facts.equity()
        show(parts.watch.view(parts.client.clock.now_ns(), fresh=True))
    traded.said = facts.said
    return traded


def _why(stop: asyncio.Event, traded: Traded) -> str:
    """Why the session ends, for the screen."""
    if traded.broke is not None:
        return "something broke"
    return "stopped" if stop.is_set() else "its time is up"


def account(parts: Parts, config: Config, traded: Traded) -> Ended:
    """The account of a session that has traded, and the report of each of its coins."""
    folder = parts.recorder.folder
    said = tuple(traded.said)
    ends = tuple(
        end_of(folder, runner.coin, runner.maker, parts.spec, config, said)
        for runner in parts.session.runners
    )
    start = parts.facts.money.start_equity_usd or 0.0
    requests = sum(int(runner.desk.requests) for runner in parts.session.runners)
    notes = tuple(parts.facts.notes)
    return Ended(folder, ends, start, traded.equity_usd, traded.orders_left, requests, notes, traded.broke)


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
    budget_at = 0.0
    loop = asyncio.get_running_loop()
    while True:
        if parts.session.failure is not None:
            raise parts.session.failure
        now_ns = clock.now_ns()
        parts.links.look(now_ns)
        facts.note(now_ns)
        parts.watch.look_next(now_ns)
        show(parts.watch.view(now_ns))
        if loop.time() >= budget_at and parts.links.is_up and parts.client.account is not None:
            budget_at = loop.time() + 30.0
            asyncio.create_task(_quietly(parts.client.read_budget()), name="budget")  # noqa: RUF006
        await asyncio.sleep(parts.watch.turn_s)


async def _quietly(question: Awaitable[object]) -> None:
    """A question whose answer may be missing."""
    with contextlib.suppress(Exception):
        await question


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


__all__ = ["CannotRun", "Ended", "Stopped", "Traded", "account", "prepare", "run_session", "trade"]
