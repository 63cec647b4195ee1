"""A live session from its beginning to its end.

    exchange (a local one starts here) -> client -> makers -> feed and orders -> screen -> stop -> account

The session ends after its duration, when `stop` is set, or when something breaks; in every case all
orders are cancelled first and the account is taken last.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from undertow import makers
from undertow.clock import Clock, WallClock
from undertow.config import Config
from undertow.exchange.child import Spawned
from undertow.exchange.spec import MarketSpec
from undertow.live import rollout
from undertow.live.about import about
from undertow.live.assemble import Found, Parts, look_around, make_runners, put_together, set_leverage
from undertow.live.authority import EXPIRY_WARNING_DAYS, Authority
from undertow.live.control import Control
from undertow.live.ending import CoinEnd, end_of
from undertow.live.facts import Facts
from undertow.live.joining import Net, join, net_of, stage_allowed
from undertow.live.local import (
    histories,
    local_markets,
    local_references,
    start_exchange,
    throwaway_signer,
)
from undertow.live.private import make_private, no_core_dump, private_files
from undertow.live.reload import Reloaded, Reloader
from undertow.live.shown import faults_of, shown_of
from undertow.live.spec import CannotRun, RunSpec
from undertow.live.stages import staged
from undertow.live.warming import watch
from undertow.live.watching import Watching
from undertow.monitor.facts import SessionFacts
from undertow.monitor.view import SessionView
from undertow.recording import Recording
from undertow.trading.capture import SessionRecorder
from undertow.trading.orders.stopping import OrdersLeft
from undertow.venue.client import VenueClient
from undertow.venue.signing import Signer

Say = Callable[[str], None]
Show = Callable[[SessionView], None]


@dataclass(frozen=True)
class Ended:
    """What a session leaves: its folder, an end per coin, equity before and after, what went wrong."""

    folder: Path
    coins: tuple[CoinEnd, ...]
    start_equity_usd: float
    equity_usd: float
    orders_left: int
    requests: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Used:
    """Configurations of a session: as read, as makers get it, and the way from one to the other."""

    read: Config
    made: Config
    make: Callable[[Config], Config]
    skipped: tuple[str, ...] = ()


async def run_session(
    spec: RunSpec,
    config: Config,
    *,
    signer: Signer | None,
    say: Say,
    show: Show,
    control: Control,
    net: Net | None = None,
) -> Ended:
    """Run a session. `say` gets lines on the way to the first quote, `show` the views while it runs.

    `net`: the ways to the venue, where they are not those of ``spec``. Whatever is written is its
    owner's alone. Raises `CannotRun` or `KeyRefused` where it cannot start as asked, `OSError` where the
    exchange cannot be reached.
    """
    with private_files():
        async with contextlib.AsyncExitStack() as stack:
            return await _run(spec, config, signer, say, show, control, net, stack)


async def _run(
    spec: RunSpec,
    config: Config,
    signer: Signer | None,
    say: Say,
    show: Show,
    control: Control,
    net: Net | None,
    stack: contextlib.AsyncExitStack,
) -> Ended:
    clock = WallClock()
    markets: tuple[MarketSpec, ...] = ()
    child: Spawned | None = None
    if signer is not None:
        no_core_dump()
    if spec.network == "local" and not spec.url and net is None:
        markets = local_markets(spec)
        signer = throwaway_signer()
        say(f"starting the local exchange with {', '.join(m.coin for m in markets)}")
        child = await start_exchange(spec, markets, signer.address)
        stack.push_async_callback(child.stop)
        spec = msgspec.structs.replace(
            spec,
            url=child.url,
            account="",
            coins=spec.coins or tuple(m.coin for m in markets),
            references=spec.references or local_references(markets),
        )
    net = net or net_of(spec, clock)
    stack.push_async_callback(net.http.close)
    spec, client, authority = await join(spec, net, clock, signer)
    skipped = stage_allowed(spec, config)
    _tell_authority(authority, say)
    preset = markets[0].source if len(markets) == 1 else None
    past = histories(markets, spec.seed, child.start_ns) if child is not None else {}
    found = await look_around(client, spec, spec.coins, config)

    def make(read: Config) -> Config:
        return makers.with_calibration(staged(read, spec.stage, found.instruments, found.mids), preset)

    used = Used(config, make(config), make, skipped)
    parts = await _prepared(spec, used, client, clock, found, past, say)
    watching = Watching(config, parts.facts, parts.watch, parts.recorder.folder, clock, say)
    async with watching:
        return await _lived(parts, used, control, show, watching)


def _tell_authority(authority: Authority | None, say: Say) -> None:
    """Who trades for whom, and how long still."""
    if authority is None or authority.role != "agent":
        return
    for_whom = f"{authority.account}" + (f", which {authority.owner} owns" if authority.vault else "")
    days = authority.days_left
    left = "" if days is None else f"; it expires in {days:.0f} days"
    say(f"trading with an agent for {for_whom}{left}")
    if days is not None and days < EXPIRY_WARNING_DAYS:
        say("the agent expires soon: approve a new one before it does")


async def _prepared(
    spec: RunSpec,
    used: Used,
    client: VenueClient,
    clock: Clock,
    found: Found,
    past: Mapping[str, Recording],
    say: Say,
) -> Parts:
    """Everything up to the first row."""
    leverage = {coin.name: float(min(spec.leverage, coin.max_leverage)) for coin in found.coins}
    if spec.orders == "venue":
        leverage = await set_leverage(client, found.coins, spec.leverage)
    runners = make_runners(spec, used.made, found.instruments, None)
    for runner in runners:
        if runner.coin in past:
            watch(runner, past[runner.coin])
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{spec.maker}"
    folder = spec.folder / name
    stage = "" if spec.stage == "full" else f", stage {spec.stage}"
    coins = ", ".join(spec.coins)
    say(f"{spec.maker} on {coins} ({spec.network}{stage}), {found.equity_usd:,.2f} USD; {folder}")
    mode = {"mainnet": "live", "testnet": "testnet"}.get(spec.network, "paper")
    facts = SessionFacts(
        session=name,
        mode="paper" if spec.orders == "paper" else mode,  # type: ignore[arg-type]
        venue=spec.network,
        market=", ".join(spec.markets if spec.network == "local" else spec.coins),
    )
    make_private(folder)
    recorder = SessionRecorder(folder, execution=spec.orders, about=about(used.read, spec))
    return put_together(spec, used.made, client, clock, found, leverage, runners, facts, recorder)


async def _lived(parts: Parts, used: Used, control: Control, show: Show, watching: Watching) -> Ended:
    """From the first row to the account."""
    facts = Facts(parts)
    left = 0

    def seen(view: SessionView) -> None:
        watching.show(view)
        show(view)

    spec = parts.spec
    watching.tell("start", f"{spec.maker} on {', '.join(spec.coins)} ({spec.network}, {spec.stage}) begins")
    for text in used.skipped:
        facts.said.append(f"Stages of the rollout were skipped; missing was: {text}.")
        parts.facts.notes.append(f"stages skipped: {text}")
    async with contextlib.AsyncExitStack() as stack:
        await parts.session.start()
        parts.links.start()
        stack.push_async_callback(parts.links.close)
        control.attach(_reloading(parts, used, watching))
        stack.callback(control.attach, None)
        task = asyncio.create_task(_watch(parts, facts, seen))
        stack.push_async_callback(_cancelled, task)
        await _until(control.stop, parts, task)
        parts.facts.stopping = parts.facts.stopping or (
            "stopped" if control.stop.is_set() else "its time is up"
        )
        try:
            await parts.session.stop()
        except OrdersLeft as error:
            left = max(len(error.oids), 1)
            parts.facts.notes.append(str(error))
        equity = await facts.equity()
        seen(parts.watch.view(parts.client.clock.now_ns(), fresh=True))
    ended = _ended(parts, used, facts, equity, left)
    gained = equity - ended.start_equity_usd
    watching.tell(
        "stop",
        f"ended ({parts.facts.stopping}): {equity:,.2f} USD, {gained:+,.2f}, orders left: {left}",
        urgent=left > 0,
    )
    return ended


def _ended(parts: Parts, used: Used, facts: Facts, equity: float, left: int) -> Ended:
    """The account of every coin, and a line in the rollout's record."""
    spec, session = parts.spec, parts.facts.session
    said = tuple(facts.said)
    ends = []
    for runner in parts.session.runners:
        end = end_of(parts.recorder.folder, runner.coin, runner.maker, spec, used.made, said)
        faults = faults_of(parts.execution, parts.facts, runner.coin, left)
        line = shown_of(end, spec, session, faults, used.skipped)
        rollout.add(spec.folder, spec.network, spec.account, runner.coin, line)
        ends.append(end)
    start = parts.facts.money.start_equity_usd or 0.0
    requests = sum(int(runner.desk.requests) for runner in parts.session.runners)
    notes = tuple(parts.facts.notes)
    return Ended(parts.recorder.folder, tuple(ends), start, equity, left, requests, notes)


def _reloading(parts: Parts, used: Used, watching: Watching) -> Callable[[Callable[[], Config]], Reloaded]:
    """How the session takes another configuration."""
    reloader = Reloader(
        used.read,
        used.make,
        parts.spec.maker,
        parts.session.runners,
        parts.recorder,
        lambda config: about(config, parts.spec),
    )

    def reload(read: Callable[[], Config]) -> Reloaded:
        done = reloader.reload(read, parts.client.clock.now_ns())
        parts.facts.notes.append(done.text)
        watching.tell("config", done.text)
        return done

    return reload


async def _until(stop: asyncio.Event, parts: Parts, watching: asyncio.Task[None]) -> None:
    """Wait for the end of the duration, for `stop`, or for something to break."""
    waiting: list[asyncio.Task[object]] = [asyncio.create_task(stop.wait()), watching]
    timeout = parts.spec.duration_s
    done, _ = await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    waiting[0].cancel()
    for task in done:
        if task is watching and (error := watching.exception()) is not None:
            raise error


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
