"""Everything of a session up to its first row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from undertow.clock import Clock
from undertow.config import Config
from undertow.live.about import about
from undertow.live.assemble import Found, Parts, look_around, make_runners, put_together, set_leverage
from undertow.live.guarding import kill_memory, risk_file
from undertow.live.private import make_private
from undertow.live.spec import RunSpec
from undertow.live.warming import watch
from undertow.monitor.facts import SessionFacts
from undertow.recording import Recording
from undertow.trading.capture import SessionRecorder
from undertow.venue.client import VenueClient

Say = Callable[[str], None]


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

    ``passing``: the account ends with the session, and so does what its kill switch holds.
    ``name``: of the session's folder (one that exists gets new legs). Raises `CannotRun`.
    """
    found = found or await look_around(client, spec, spec.coins, used.made)
    leverage = {coin.name: float(min(spec.leverage, coin.max_leverage)) for coin in found.coins}
    if spec.orders == "venue":
        leverage = await set_leverage(client, found.coins, spec.leverage)
    runners = make_runners(spec, used.made, found.instruments, None)
    for runner in runners:
        if past is not None and runner.coin in past:
            watch(runner, past[runner.coin])
    name = name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{spec.maker}"
    folder = spec.folder / name
    stage = "" if spec.stage == "full" else f", stage {spec.stage}"
    coins = ", ".join(spec.coins)
    say(f"{spec.maker} on {coins} ({spec.network}{stage}), {found.equity_usd:,.2f} USD; {folder}")
    make_private(folder)
    risk = risk_file(spec.limits)
    memory = kill_memory(spec, folder, client.account, passing=passing)
    recorder = SessionRecorder(folder, execution=spec.orders, about=about(used.read, spec))
    facts = _facts(spec, name)
    return put_together(
        spec, used.made, client, clock, found, leverage, runners, facts, recorder, risk, memory
    )


def _facts(spec: RunSpec, name: str) -> SessionFacts:
    mode = {"mainnet": "live", "testnet": "testnet"}.get(spec.network, "paper")
    return SessionFacts(
        session=name,
        mode="paper" if spec.orders == "paper" else mode,  # type: ignore[arg-type]
        venue=spec.network,
        market=", ".join(spec.markets if spec.network == "local" else spec.coins),
    )
