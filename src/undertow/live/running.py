"""A live session from its beginning to its end.

    exchange (a local one starts here) -> client -> makers -> feed and orders -> screen -> stop -> account

The session ends after its duration, when `stop` is set, or when something breaks; in every case all
orders are cancelled first and the account is taken last.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

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

Say = Callable[[str], None]
Show = Callable[[SessionView], None]
_UP_S = 20.0


@dataclass(frozen=True)
class Ended:
    """What a session leaves: its folder, an end per coin, equity before and after, what went wrong.

    ``broke``: the fault that ended it; its orders were cancelled and its account taken all the same.
    """

    folder: Path
    coins: tuple[CoinEnd, ...]
    start_equity_usd: float
    equity_usd: float
    orders_left: int
    requests: int
    notes: tuple[str, ...]
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
    async with contextlib.AsyncExitStack() as stack:
        markets: tuple[MarketSpec, ...] = ()
        child: Spawned | None = None
        if spec.network == "local" and not spec.url:
            markets = local_markets(spec)
            signer = signer or throwaway_signer()
            say(f"starting the local exchange with {', '.join(m.coin for m in markets)}")
            child = await start_exchange(spec, markets, signer.address)
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
        parts = await _prepared(spec, config, client, clock, preset, past, say)
        return await _lived(parts, config, stop, show)


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


async def _prepared(
    spec: RunSpec,
    config: Config,
    client: VenueClient,
    clock: Clock,
    preset: str | None,
    past: Mapping[str, Recording],
    say: Say,
) -> Parts:
    """Everything up to the first row."""
    found = await look_around(client, spec, spec.coins, config)
    leverage = {coin.name: float(min(spec.leverage, coin.max_leverage)) for coin in found.coins}
    if spec.orders == "venue":
        leverage = await set_leverage(client, found.coins, spec.leverage)
    runners = make_runners(spec, config, found.instruments, preset)
    for runner in runners:
        if runner.coin in past:
            watch(runner, past[runner.coin])
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{spec.maker}"
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


async def _lived(parts: Parts, config: Config, stop: asyncio.Event, show: Show) -> Ended:
    """From the first row to the account."""
    facts = Facts(parts)
    left = 0
    async with contextlib.AsyncExitStack() as stack:
        await parts.session.start(parts.mids)
        parts.links.start()
        stack.push_async_callback(parts.links.close)
        watching = asyncio.create_task(_watch(parts, facts, show))
        stack.push_async_callback(_cancelled, watching)
        broke = await _until(stop, parts, watching)
        if broke is not None:
            parts.facts.notes.append(f"it broke: {type(broke).__name__}: {broke}")
        ended = "it broke" if broke is not None else "stopped" if stop.is_set() else "its time is up"
        parts.facts.stopping = parts.facts.stopping or ended
        try:
            await parts.session.stop()
        except OrdersLeft as error:
            left = len(error.args)
            parts.facts.notes.append(str(error))
        equity = await facts.equity()
        show(parts.watch.view(parts.client.clock.now_ns(), fresh=True))
    ends = tuple(
        end_of(parts.recorder.folder, runner.coin, runner.maker, parts.spec, config, tuple(facts.said))
        for runner in parts.session.runners
    )
    start = parts.facts.money.start_equity_usd or 0.0
    requests = sum(int(runner.desk.requests) for runner in parts.session.runners)
    notes = tuple(parts.facts.notes)
    return Ended(parts.recorder.folder, ends, start, equity, left, requests, notes, broke)


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


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


__all__ = ["CannotRun", "Ended", "run_session"]
