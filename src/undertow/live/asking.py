"""From options and configuration to the session they ask for, and whether it may be.

Options come before ``[live]`` and ``[rollout]``. Mainnet is only ever chosen by its name, and orders there
only by ``--live`` and a configuration that names the account: neither alone is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from undertow.config import Config, Stage
from undertow.live.authority import how_to_make_an_agent
from undertow.live.keys import VARIABLE
from undertow.live.spec import CannotRun, Orders, RunSpec
from undertow.venue.endpoints import Network


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the command; None or empty: not given."""

    network: Network = "local"
    url: str = ""
    markets: tuple[str, ...] = ("hip3-hype",)
    coins: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    orders: Orders | None = None
    maker: str = "undertow"
    duration_s: float | None = 180.0
    seed: int = 1
    account_usd: float | None = None
    leverage: int | None = None
    latency_ms: float = 200.0
    folder: Path | None = None
    stage: Stage | None = None
    live: bool = False
    skip_stages: bool = False
    limits: Path | None = None


def spec_of(asked: Asked, config: Config, *, has_key: bool) -> RunSpec:
    """The session. Raises `CannotRun` naming everything that is missing for it, ValueError of a value."""
    section = config.live
    orders = orders_of(asked, config, has_key=has_key)
    missing = list(_missing(asked, config, orders, has_key=has_key))
    if missing:
        raise CannotRun(f"orders on {asked.network} need: " + "; ".join(missing))
    return RunSpec(
        network=asked.network,
        url=asked.url,
        markets=asked.markets,
        coins=asked.coins or section.coins,
        references=references_of(asked.references or section.references),
        orders=orders,
        maker=asked.maker,
        duration_s=asked.duration_s,
        seed=asked.seed,
        account_usd=section.account_usd if asked.account_usd is None else asked.account_usd,
        leverage=section.leverage if asked.leverage is None else asked.leverage,
        latency_ms=asked.latency_ms,
        folder=asked.folder or Path(section.folder),
        account=section.account.lower(),
        live=asked.live,
        expire_after_s=section.expire_after_s or None,
        stage=stage_of(asked, config, orders),
        skip_stages=asked.skip_stages,
        limits=asked.limits,
    )


def stage_of(asked: Asked, config: Config, orders: Orders) -> Stage:
    """The stage of the rollout that is asked for, else the most careful that makes sense."""
    stage = asked.stage or (None if config.rollout.stage == "auto" else config.rollout.stage)
    if stage is None:
        stage = "shadow" if orders == "paper" else "minimum" if asked.network == "mainnet" else "full"
    return stage


def orders_of(asked: Asked, config: Config, *, has_key: bool) -> Orders:
    """Where orders go: in shadow never to the venue; on a local exchange of its own always."""
    wanted = asked.orders or (None if config.live.orders == "auto" else config.live.orders)
    stage = asked.stage or config.rollout.stage
    if stage == "shadow":
        if asked.orders == "venue":
            raise CannotRun("--stage shadow sends nothing: drop --orders venue, or take --stage minimum")
        return "paper"
    if stage in ("minimum", "full") and wanted == "paper" and asked.network != "local":
        raise CannotRun(f"--stage {stage} sends orders: drop --orders paper, or take --stage shadow")
    if wanted is not None:
        return wanted
    if asked.network == "local" and not asked.url:
        return "venue"
    if has_key or stage in ("minimum", "full"):
        return "venue"
    return "paper"


def references_of(texts: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """``COIN=OTHER`` texts by coin. Raises ValueError for another form."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        coin, _, other = text.partition("=")
        if not coin or not other:
            raise ValueError(f"--reference {text} must be COIN=OTHER")
        found[coin] = (*found.get(coin, ()), other)
    return found


def _missing(asked: Asked, config: Config, orders: Orders, *, has_key: bool) -> Iterable[str]:
    """What is not there and must be, each with the way to get it."""
    if orders == "paper" or (asked.network == "local" and not asked.url):
        return
    if not has_key:
        yield (
            f"an agent key in {VARIABLE}, live.key_file or live.keyring_name "
            f"({how_to_make_an_agent(asked.network)}); without one: --orders paper"
        )
    if asked.network != "mainnet":
        return
    if not asked.live:
        yield "--live, which says that this is real money"
    if not config.live.account:
        yield 'a --config whose [live] section names the account (account = "0x…")'
