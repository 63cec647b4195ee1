"""A live session from its beginning to its end.

    exchange (a local one starts here) -> client -> makers -> feed and orders -> screen -> stop -> account

The session ends after its duration, when it is told to, or when something breaks; in every case all
orders are cancelled first and the account is taken last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from undertow import makers
from undertow.clock import Clock, WallClock
from undertow.config import Config
from undertow.exchange.child import Spawned
from undertow.exchange.spec import MarketSpec
from undertow.live import rollout
from undertow.live.about import about
from undertow.live.assemble import Parts, look_around
from undertow.live.authority import EXPIRY_WARNING_DAYS, Authority
from undertow.live.controlled import controlled
from undertow.live.deadman import protected
from undertow.live.ending import CoinEnd, end_of
from undertow.live.garbage import rarely_collected
from undertow.live.handle import NOT_RUNNING, Handle
from undertow.live.joining import Net, http_url, join, net_of, stage_allowed
from undertow.live.local import (
    histories,
    local_markets,
    local_references,
    start_exchange,
    throwaway_signer,
)
from undertow.live.preparing import Say, Used, prepare
from undertow.live.private import no_core_dump, private_files
from undertow.live.reload import Reloaded, Reloader
from undertow.live.remembering import taken_up_spec
from undertow.live.shown import faults_of, shown_of
from undertow.live.spec import CannotRun, RunSpec
from undertow.live.stages import staged
from undertow.live.trade import Show, Stopped, Traded, trade, unless_stopped
from undertow.live.watching import Watching
from undertow.monitor.view import SessionView
from undertow.recording import Recording
from undertow.venue.client import VenueClient
from undertow.venue.signing import Signer


@dataclass(frozen=True)
class Ended:
    """What a session leaves: its folder, an end per coin, equity before and after, what went wrong.

    ``folder`` None: it was stopped before it began, and nothing was sent. ``broke``: the fault that ended
    it; its orders were cancelled and its account taken all the same.
    """

    folder: Path | None = None
    coins: tuple[CoinEnd, ...] = ()
    start_equity_usd: float = 0.0
    equity_usd: float = 0.0
    orders_left: int = 0
    requests: int = 0
    notes: tuple[str, ...] = ()
    broke: BaseException | None = None


@dataclass(frozen=True)
class _Joined:
    """A session at its venue: what is known before its parts are made."""

    spec: RunSpec
    used: Used
    client: VenueClient
    parts: Parts
    watched: Signer | None
    """Whose orders a dead-man's switch watches; None: they end with the exchange, or go nowhere."""
    outside: bool
    """Whether other processes can talk to it."""
    passing: bool
    """Whether its account ends with it: then there is nothing to roll out."""


async def run_session(
    spec: RunSpec,
    config: Config,
    *,
    signer: Signer | None,
    say: Say,
    show: Show,
    handle: Handle,
    net: Net | None = None,
) -> Ended:
    """Run a session. `say` gets lines on the way to the first quote, `show` the views while it runs.

    `net`: the ways to the venue, where they are not those of ``spec``. Whatever is written is its
    owner's alone. Raises `CannotRun`, `KeyRefused` or `JournalError` where it cannot start as asked,
    `OSError` where the exchange cannot be reached.
    """
    if signer is not None:
        no_core_dump()
    clock = WallClock()
    if spec.resume:
        spec, config = taken_up_spec(spec, config)
    try:
        with private_files():
            async with contextlib.AsyncExitStack() as stack:
                joined = await unless_stopped(
                    handle.stop, _joined(spec, config, signer, say, clock, net, stack)
                )
                folder = joined.parts.recorder.folder
                watching = Watching(config, joined.parts.facts, joined.parts.watch, folder, clock, say)
                async with watching:
                    return await _lived(joined, handle, show, watching)
    except Stopped:
        return Ended()


async def _joined(
    spec: RunSpec,
    config: Config,
    signer: Signer | None,
    say: Say,
    clock: Clock,
    net: Net | None,
    stack: contextlib.AsyncExitStack,
) -> _Joined:
    """At the venue, with everything made and nothing started."""
    markets: tuple[MarketSpec, ...] = ()
    child: Spawned | None = None
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
    watched = signer if spec.dead_man and spec.orders == "venue" and child is None and net is None else None
    outside = net is None
    net = net or net_of(spec, clock)
    stack.push_async_callback(net.http.close)
    spec, client, authority = await join(spec, net, clock, signer)
    skipped = stage_allowed(spec, config)
    _tell_authority(authority, say)
    preset = markets[0].source if len(markets) == 1 else None
    past: Mapping[str, Recording] = histories(markets, spec.seed, child.start_ns) if child is not None else {}
    found = await look_around(client, spec, spec.coins, config)

    def make(read: Config) -> Config:
        return makers.with_calibration(staged(read, spec.stage, found.instruments, found.mids), preset)

    used = Used(config, make(config), make, skipped)
    passing = child is not None
    parts = await prepare(spec, used, client, clock, say=say, found=found, past=past, passing=passing)
    return _Joined(spec, used, client, parts, watched, outside, passing)


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


async def _lived(joined: _Joined, handle: Handle, show: Show, watching: Watching) -> Ended:
    """From the first row to the account."""
    parts, used, spec = joined.parts, joined.used, joined.spec

    def seen(view: SessionView) -> None:
        watching.show(view)
        show(view)

    watching.tell("start", f"{spec.maker} on {', '.join(spec.coins)} ({spec.network}, {spec.stage}) begins")
    for text in used.skipped:
        parts.facts.notes.append(f"stages skipped: {text}")
    handle.attach(_reloading(parts, used, watching))
    try:
        async with contextlib.AsyncExitStack() as stack:
            if joined.outside:
                await stack.enter_async_context(controlled(parts))
            traded = await _watched_trade(joined, handle, seen)
    finally:
        handle.attach(None)
    traded.said += [f"Stages of the rollout were skipped; missing was: {text}." for text in used.skipped]
    ended = account(parts, used, traded, counts=not joined.passing)
    gained = ended.equity_usd - ended.start_equity_usd
    broke = "" if ended.broke is None else f" {type(ended.broke).__name__}: {ended.broke};"
    watching.tell(
        "stop",
        f"ended ({parts.facts.stopping}):{broke} {ended.equity_usd:,.2f} USD, {gained:+,.2f}, "
        f"orders left: {ended.orders_left}",
        urgent=ended.orders_left > 0 or ended.broke is not None,
    )
    return ended


async def _watched_trade(joined: _Joined, handle: Handle, seen: Show) -> Traded:
    """Trade, under a dead-man's switch where orders would outlive the process."""
    with rarely_collected():
        if joined.watched is None:
            return await trade(joined.parts, handle.stop, seen)
        async with protected(joined.parts, http_url(joined.spec), joined.watched) as protection:
            traded = await trade(joined.parts, handle.stop, seen)
            protection.orders_left = traded.orders_left > 0
        return traded


def account(parts: Parts, used: Used, traded: Traded, *, counts: bool = True) -> Ended:
    """The account of every coin with its report, and, where it `counts`, a line in the rollout's record."""
    spec, session, folder = parts.spec, parts.facts.session, parts.recorder.folder
    said, ends = tuple(traded.said), []
    for runner in parts.session.runners:
        end = end_of(folder, runner.coin, runner.maker, spec, used.made, said)
        ends.append(end)
        if counts:
            faults = faults_of(parts.execution, parts.facts, runner.coin, traded)
            line = shown_of(end, spec, session, faults, used.skipped)
            rollout.add(spec.folder, spec.network, spec.account, runner.coin, line)
    return Ended(
        folder=folder,
        coins=tuple(ends),
        start_equity_usd=parts.facts.money.start_equity_usd or 0.0,
        equity_usd=traded.equity_usd,
        orders_left=traded.orders_left,
        requests=sum(int(runner.desk.requests) for runner in parts.session.runners),
        notes=tuple(parts.facts.notes),
        broke=traded.broke,
    )


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
        if any(runner.capture is None for runner in parts.session.runners):  # not begun, or ended
            return NOT_RUNNING
        done = reloader.reload(read, parts.client.clock.now_ns())
        parts.facts.notes.append(done.text)
        watching.tell("config", done.text)
        return done

    return reload


__all__ = ["CannotRun", "Ended", "Stopped", "run_session"]
