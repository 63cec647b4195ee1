"""Everything of a session up to its first row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from undertow.clock import Clock
from undertow.config import Config
from undertow.live.about import about
from undertow.live.assemble import Found, Parts, look_around, make_runners, put_together, set_leverage
from undertow.live.guarding import kill_memory, order_coins, risk_file
from undertow.live.private import make_private
from undertow.live.remembering import SessionMemory, begin_memory, resume_memory, take_up
from undertow.live.spec import RunSpec
from undertow.live.warming import watch
from undertow.monitor.facts import SessionFacts
from undertow.recording import Recording
from undertow.trading.capture import SessionRecorder
from undertow.trading.orders.coins import Coins
from undertow.venue.client import VenueClient

Say = Callable[[str], None]
CHECKPOINT_S: Final = 15.0
"""How often a maker's state is noted: what a restart starts from is at most this old."""


@dataclass(frozen=True)
class Used:
    """Configurations of a session: as read, as makers get it, and the way from one to the other."""

    read: Config
    made: Config
    make: Callable[[Config], Config]
    skipped: tuple[str, ...] = ()


def as_it_is(config: Config) -> Used:
    """Makers get what was read."""
    return Used(config, config, lambda read: read)


async def prepare(
    spec: RunSpec,
    used: Used,
    client: VenueClient,
    clock: Clock,
    *,
    say: Say,
    found: Found | None = None,
    past: Mapping[str, Recording] | None = None,
    name: str | None = None,
    passing: bool = False,
) -> Parts:
    """The parts of a session, put together; nothing has been started.

    ``passing``: the account ends with the session, and so does what its kill switch holds. ``name``: of the
    session's folder. Raises `CannotRun`, and `JournalError` where the session's journal cannot be made or,
    with ``spec.resume``, taken up.
    """
    found = found or await look_around(client, spec, spec.coins, used.made)
    leverage = {coin.name: float(min(spec.leverage, coin.max_leverage)) for coin in found.coins}
    if spec.orders == "venue":
        leverage = await set_leverage(client, found.coins, spec.leverage)
    runners = make_runners(spec, used.made, found.instruments, None)
    for runner in runners:
        if past is not None and runner.coin in past:
            watch(runner, past[runner.coin])
    resumed = Path(spec.resume) if spec.resume else None
    name = (resumed.name if resumed else name) or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{spec.maker}"
    folder = resumed or spec.folder / name
    stage = "" if spec.stage == "full" else f", stage {spec.stage}"
    named = ", ".join(spec.coins)
    say(f"{spec.maker} on {named} ({spec.network}{stage}), {found.equity_usd:,.2f} USD; {folder}")
    make_private(folder)
    risk = risk_file(spec.limits)
    kept = kill_memory(spec, folder, client.account, passing=passing)
    coins = order_coins(found.coins, found.instruments)
    memory = _memory(folder, spec, used.read, client, found, coins, clock)
    try:
        for line in take_up(memory, folder, runners, coins, found.mids, clock.now_ns()):
            say(f"resumed {line}")
        noted = about(used.read, spec)
        recorder = SessionRecorder(folder, execution=spec.orders, about=noted, checkpoint_s=CHECKPOINT_S)
        facts = _facts(spec, name)
        return put_together(
            spec, used.made, client, clock, found, leverage, runners, facts, recorder, risk, kept, memory
        )
    except BaseException:
        memory.journal.close()
        raise


def _memory(
    folder: Path,
    spec: RunSpec,
    config: Config,
    client: VenueClient,
    found: Found,
    coins: Coins,
    clock: Clock,
) -> SessionMemory:
    """The journal of a new session, or of the one that is resumed."""
    account = client.account or ""
    if spec.resume:
        return resume_memory(folder, account, coins, clock)
    created_ms = client.time.venue_ms(clock.now_ns())
    return begin_memory(folder, spec, config, account, coins, found.equity_usd, clock, created_ms)


def _facts(spec: RunSpec, name: str) -> SessionFacts:
    mode = {"mainnet": "live", "testnet": "testnet"}.get(spec.network, "paper")
    return SessionFacts(
        session=name,
        mode="paper" if spec.orders == "paper" else mode,  # type: ignore[arg-type]
        venue=spec.network,
        market=", ".join(spec.markets if spec.network == "local" else spec.coins),
    )
