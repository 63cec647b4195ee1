"""The parts of a live session, put together: client, feed, makers, execution, account, screen's facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from undertow import makers
from undertow.clock import Clock
from undertow.config import Config
from undertow.instrument import Instrument
from undertow.live.guarding import (
    Ear,
    account_gate,
    limits_of,
    make_guard,
    order_coins,
    paper_limits,
)
from undertow.live.heard import HeardExecution
from undertow.live.links import Links
from undertow.live.remembering import SessionMemory, WrittenMemory
from undertow.live.spec import CannotRun, RunSpec
from undertow.monitor.facts import SessionFacts
from undertow.monitor.watch import SessionWatch
from undertow.replay.from_config import settings_of
from undertow.risk.guard import Guard
from undertow.risk.memory import FileMemory
from undertow.risk.settings import RiskFile
from undertow.trading.capture import SessionRecorder
from undertow.trading.margin import MarginBook
from undertow.trading.orders.account_limits import AccountGate
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.limits import Limits
from undertow.trading.orders.manager import OrderOptions, VenueExecution
from undertow.trading.orders.venue_port import AccountReports, ClientPort
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.paper_journal import JournaledPaper
from undertow.trading.runner import CoinRunner
from undertow.trading.seams import Execution
from undertow.trading.session import LiveSession
from undertow.units import NS_PER_MS, NS_PER_S
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient
from undertow.venue.failures import VenueFailure
from undertow.venue.feed import MarketFeed
from undertow.venue.fees import read_fees
from undertow.venue.universe import Coin, UnknownCoin, discover
from undertow.venue.wire.actions import UpdateLeverage
from undertow.venue.wire.info import AllMidsRequest, ClearinghouseStateRequest


@dataclass
class Parts:
    """A session ready to start."""

    spec: RunSpec
    client: VenueClient
    feed: MarketFeed
    session: LiveSession
    execution: PaperExecution | VenueExecution
    links: Links
    watch: SessionWatch
    facts: SessionFacts
    coins: tuple[Coin, ...]
    instruments: dict[str, Instrument]
    mids: dict[str, float]
    recorder: SessionRecorder
    guard: Guard
    kept: FileMemory
    memory: SessionMemory


@dataclass
class Found:
    """What the venue says before the first row: the coins, their rules, where they stand, the money."""

    coins: tuple[Coin, ...]
    instruments: dict[str, Instrument]
    mids: dict[str, float]
    equity_usd: float


async def look_around(client: VenueClient, spec: RunSpec, coins: tuple[str, ...], config: Config) -> Found:
    """Ask the venue for its time and for `coins`. Raises `CannotRun` naming what it does not have."""
    await client.read_time()
    dexes = sorted({coin.partition(":")[0] for coin in coins if ":" in coin})
    wants_spot = any("/" in name or "@" in name for names in spec.references.values() for name in names)
    try:
        universe = await discover(client, dexes=dexes, spot=wants_spot)
        found = tuple(universe.perp(coin) for coin in coins)
        for names in spec.references.values():
            for name in names:
                universe.reference(name)
    except UnknownCoin as error:
        raise CannotRun(str(error)) from error
    fees = await read_fees(client) if client.account is not None else None
    instruments = {coin.name: coin.instrument(fees) for coin in found}
    if spec.orders == "paper":
        instruments = {name: _charged(instrument, config) for name, instrument in instruments.items()}
    mids: dict[str, float] = {}
    equity = spec.account_usd if spec.orders == "paper" else 0.0
    for dex in dict.fromkeys(coin.dex for coin in found):
        here: dict[str, float] = await client.info(AllMidsRequest(dex=dex))
        mids |= here
        if spec.orders == "venue" and client.account is not None:
            state = await client.info(ClearinghouseStateRequest(user=client.account, dex=dex))
            equity += state.margin_summary.account_value
    missing = [coin.name for coin in found if not mids.get(coin.name, 0.0) > 0.0]
    if missing:
        raise CannotRun(f"{missing[0]} has no mid: its book is empty, nothing can be priced")
    if not equity > 0.0:
        raise CannotRun(
            f"account {client.account} holds no money where {found[0].name} trades: fund it first"
        )
    return Found(found, instruments, mids, equity)


def _charged(instrument: Instrument, config: Config) -> Instrument:
    """`instrument` under the fees of ``[fees]``, which a paper account may choose."""
    given = {"maker_fee_bps": config.fees.maker_bps, "taker_fee_bps": config.fees.taker_bps}
    return msgspec.structs.replace(instrument, **{k: v for k, v in given.items() if v is not None})


async def set_leverage(client: VenueClient, coins: tuple[Coin, ...], leverage: int) -> dict[str, float]:
    """Ask for `leverage` on every coin, as far as the coin allows it; what holds, by coin."""
    held = {}
    for coin in coins:
        wanted = min(leverage, coin.max_leverage)
        action = UpdateLeverage(asset=coin.asset, is_cross=not coin.only_isolated, leverage=wanted)
        try:
            reply = await client.act(action)
        except VenueFailure as error:
            raise CannotRun(f"leverage of {coin.name} could not be set: {error}") from error
        if reply.refused is not None:
            raise CannotRun(f"leverage {wanted} of {coin.name} was refused: {reply.refused.text}")
        held[coin.name] = float(wanted)
    return held


def make_runners(
    spec: RunSpec, config: Config, instruments: dict[str, Instrument], preset: str | None
) -> list[CoinRunner]:
    """A maker on every coin. `preset`: the generated market traded, whose calibration then comes along."""
    used = makers.with_calibration(config, preset)
    return [
        CoinRunner(
            coin,
            instrument,
            makers.make(spec.maker, used, instrument),
            interval_ms=config.quoting.interval_ms,
        )
        for coin, instrument in instruments.items()
    ]


def _venue_execution(
    spec: RunSpec,
    client: VenueClient,
    clock: Clock,
    coins: Coins,
    limits: Mapping[str, Limits],
    gate: AccountGate,
    ear: Ear,
    memory: SessionMemory,
) -> VenueExecution:
    """Orders to the venue, with limits the makers cannot bypass."""
    execution = VenueExecution(
        ClientPort(client, coins),
        coins,
        limits,
        clock,
        session=memory.about.number,
        options=OrderOptions(expire_after_s=spec.expire_after_s),
        listener=ear,
        account=gate,
        journal=memory.journal,
    )
    if memory.recollection is not None:
        client.nonces.raise_to(memory.recollection.last_nonce)
        execution.adopt(memory.recollection.memory)
    return execution


def put_together(
    spec: RunSpec,
    config: Config,
    client: VenueClient,
    clock: Clock,
    found: Found,
    leverage: dict[str, float],
    runners: list[CoinRunner],
    facts: SessionFacts,
    recorder: SessionRecorder,
    risk: RiskFile,
    kept: FileMemory,
    memory: SessionMemory,
) -> Parts:
    """Connect the parts to each other; nothing is started yet."""
    watch, ear = SessionWatch(facts), Ear(facts)
    start_equity_usd = memory.about.start_equity_usd
    margin = MarginBook(start_equity_usd, leverage)
    mids = {coin.name: found.mids[coin.name] for coin in found.coins}
    limits, gate = limits_of(risk, config, mids), account_gate(risk, margin)
    coins = order_coins(found.coins, found.instruments)
    execution: PaperExecution | VenueExecution
    journalled: Execution
    if spec.orders == "paper":
        markets = [PaperMarket(coin.name, coin.instrument) for coin in coins.by_name.values()]
        refuse = paper_limits(coins, limits, gate)
        execution = PaperExecution(markets, settings_of(config), keep_fills=True, limits=refuse)
        journalled = JournaledPaper(execution, memory.journal, coins, clock, memory.recollection)
    else:
        execution = journalled = _venue_execution(spec, client, clock, coins, limits, gate, ear, memory)
    heard: Execution = HeardExecution(journalled, watch.on_fill)
    feed = MarketFeed([coin.name for coin in found.coins], spec.references)
    for name, seen in memory.shown.items():
        feed.coin(name).resumed(seen.last_ns)
    resumed = memory.recollection is not None
    session = LiveSession(runners, heard, clock, recorder=recorder, margin=margin, resumed=resumed)
    enforcer = execution.limits if isinstance(execution, PaperExecution) else execution
    latches = WrittenMemory(kept, memory.journal, clock)
    guard = make_guard(spec, risk, found.coins, limits, mids, margin, session, enforcer, latches, facts)
    ear.session, ear.guard = session, guard
    if memory.marks is not None:
        guard.book.go_on_from(memory.marks)
    if memory.recollection is not None:
        guard.number_from(memory.recollection.last_own_id + 1)
    account = None
    if isinstance(execution, VenueExecution):
        account = AccountFeed(
            client,
            AccountReports(execution),
            since_ms=memory.since_ms,
            payments_since_ms=memory.about.created_ns // NS_PER_MS,  # by the venue's clock
            dexes=tuple(dict.fromkeys(coin.dex for coin in found.coins)),
            orders=False,
        )
    orders = execution if isinstance(execution, VenueExecution) else None
    links = Links(client, feed, session, account, facts.connection, orders)
    session.stale = links.stale
    for runner in runners:
        state, params = runner.state, runner.params.view(np.recarray)[0]
        watch.add_coin(runner.coin, runner.maker, state, params, runner.instrument, runner.book)
    facts.started_ns = clock.now_ns()
    if spec.duration_s is not None:
        facts.ends_ns = facts.started_ns + round(spec.duration_s * NS_PER_S)
    facts.money.start_equity_usd = start_equity_usd
    return Parts(
        spec,
        client,
        feed,
        session,
        execution,
        links,
        watch,
        facts,
        found.coins,
        found.instruments,
        found.mids,
        recorder,
        guard,
        kept,
        memory,
    )
