"""A session on a local exchange with all that watches it on, hours in minutes; then every account of it.

Journal, exchange, what the makers' rows give (the report), and the metrics: five witnesses of one session,
who must say the same. Virtual time; the metrics are scraped over HTTP as Prometheus does.
"""

from __future__ import annotations

import asyncio
import io
import re
import urllib.request
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import msgspec
from tests.live.full_session import SIGNER, START_NS, FullSession, World

from undertow.clock import run_virtually
from undertow.config import Config, Metrics
from undertow.exchange.local import MarketSpec
from undertow.journal.reading import Reader
from undertow.journal.verify import Verdict, verify
from undertow.live.ending import CoinEnd, end_of
from undertow.live.verifying import account_of
from undertow.live.watching import Watching
from undertow.monitor.screen import Screen
from undertow.monitor.view import SessionView
from undertow.venue.client import VenueClient

HOUR_NS = 3_600_000_000_000
LEAD_S = 60.0
"""From the start to the first funding settlement."""
DRAW_S, SCRAPE_S = 2.0, 60.0
FEW_CENTS = 0.005
FUNDS_USD = 10_000


class Watched(FullSession):
    """A session whose views go to log, metrics and a screen."""

    watching: Watching
    screen: Screen
    drawn = 0
    _draw_at = 0.0

    def _show(self, view: SessionView) -> None:
        super()._show(view)
        self.watching.show(view)
        now = asyncio.get_running_loop().time()
        if now >= self._draw_at:
            self._draw_at, self.drawn = now + DRAW_S, self.drawn + 1
            self.screen.draw(view)


@dataclass
class Course:
    """What a session came to. ``differences``: between its witnesses, a sentence each."""

    hours: float
    fills: int = 0
    volume_usd: float = 0.0
    payments: int = 0
    views_drawn: int = 0
    scrapes: int = 0
    log_lines: int = 0
    equity_usd: float = 0.0
    exactly: dict[str, float] = field(default_factory=dict)
    """Largest difference between the journal and the report's floats, by what it is of."""
    differences: list[str] = field(default_factory=list)


def lived(market: MarketSpec, maker: str, hours: float, seed: int, folder: Path, config: Config) -> Course:
    """Run a session of `hours` on `market` and compare its witnesses."""
    course, kept = Course(hours), {}
    verdict = run_virtually(_lived(market, maker, hours, seed, folder, config, course, kept))
    course.differences += [f"exchange: {text}" for text in verdict.differences]
    session: Watched = kept["session"]
    for runner in session.parts.session.runners:
        end = end_of(folder / "s", runner.coin, runner.maker, session.spec, config, ())
        lots = verdict.journal[end.coin].lots * float(kept["rows"][end.coin].lot_size)
        _compare_report(course, verdict, end, lots)
        _compare_metrics(course, verdict, end, lots, kept["metrics"])
    course.log_lines = len((folder / "s" / "log.jsonl").read_text().splitlines())
    return course


async def _lived(
    market: MarketSpec,
    maker: str,
    hours: float,
    seed: int,
    folder: Path,
    config: Config,
    course: Course,
    kept: dict,
) -> Verdict:
    start_ns = (START_NS // HOUR_NS + 1) * HOUR_NS - round(LEAD_S * 1e9)
    world = World(seed, (market,), start_ns=start_ns, funds=float(FUNDS_USD))
    pump = asyncio.create_task(world.pump())
    await asyncio.sleep(0.5)
    coin = market.coin
    session = kept["session"] = Watched(world, folder, maker=maker, config=config, coins=[coin])
    with Screen(io.StringIO(), size=(120, 40)) as session.screen:
        await _watched(session, folder, hours, course, kept)
    course.views_drawn = session.drawn
    with Reader(folder / "s") as reader:
        if faults := reader.faults():
            course.differences += [f"journal: {fault}" for fault in faults]
        rows, openings = reader.coins(), reader.openings().values()
        kept["rows"] = rows
        client = VenueClient(world.net(), world.net(), world.clock, network="local", account=SIGNER.address)
        since_ms = min(opening.ignore_before_ms for opening in openings)
        verdict = verify(reader, await account_of(client, SIGNER.address, rows, since_ms))
        course.payments = sum(1 for _ in reader.payments())
    _compare_equity(course, verdict, coin, rows[coin].lot_size, world)
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    return verdict


async def _watched(session: Watched, folder: Path, hours: float, course: Course, kept: dict) -> None:
    """From the first row to the end in order, scraped all along."""
    await session.begin()
    parts = session.parts
    session.watching = Watching(
        session.config, parts.facts, parts.watch, folder / "s", session.world.clock, lambda text: None
    )
    async with session.watching as watching:
        assert watching.metrics is not None
        url, loop = f"http://127.0.0.1:{watching.metrics.port}/metrics", asyncio.get_running_loop()
        until = loop.time() + hours * 3600.0
        while loop.time() < until:
            await asyncio.sleep(min(SCRAPE_S, until - loop.time() + 1e-9))
            assert session.broke is None, session.broke
            kept["metrics"] = _scraped(url)
            course.scrapes += 1
        ended = await session.end()
        kept["metrics"] = _scraped(url)
    course.equity_usd = ended.equity_usd
    if ended.orders_left or session.world.account().live:
        course.differences.append(f"orders left: {len(session.world.account().live)}")


def _scraped(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=30.0) as reply:
        text = reply.read().decode()
    found = re.findall(r"^(undertow_\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def _compare_equity(course: Course, verdict: Verdict, coin: str, lot_size: Decimal, world: World) -> None:
    """What the account is worth at the exchange's mark, by its own books and by the journal's sums."""
    sums, listed = verdict.journal[coin], world.coins[coin]
    mark = Decimal(listed.mark) / 10**listed.px_decimals
    purses = world.account().purses.values()
    theirs = sum(
        p.raw + sum(held.raw + held.steps * held.coin.mark for held in p.positions.values()) for p in purses
    )
    ours = FUNDS_USD * len(purses) + sums.cash + sums.lots * lot_size * mark - sums.fees + sums.funding
    apart = course.exactly["equity at the mark, exchange"] = float(abs(ours - Decimal(theirs) / 10**6))
    if apart >= FEW_CENTS:
        course.differences.append(f"equity: journal {ours}, exchange {Decimal(theirs) / 10**6}")


def _compare_report(course: Course, verdict: Verdict, end: CoinEnd, position: float) -> None:
    """The account the report is made of, against the journal."""
    sums, ledger = verdict.journal[end.coin], end.account.ledger
    course.fills += sums.fills
    course.volume_usd += float(ledger["volume"])
    if int(ledger["fills"]) != sums.fills:
        course.differences.append(f"fills of {end.coin}: journal {sums.fills}, report {int(ledger['fills'])}")
    for name in ("cash", "fees", "funding"):
        _cents(course, f"{name} of {end.coin}", float(getattr(sums, name)), float(ledger[name]), "report")
    _cents(course, f"position of {end.coin}", position, float(ledger["position"]), "report", 1e-9)
    pnl = end.account.pnl_usd
    mid = float(ledger["last_mid"])
    ours = float(sums.cash - sums.fees + sums.funding) + position * mid
    _cents(course, f"PnL of {end.coin}", ours, pnl, "report")
    total = end.account.parts.total_usd.pnl
    _cents(course, f"parts of the PnL of {end.coin}", ours, total, "report")


def _compare_metrics(
    course: Course, verdict: Verdict, end: CoinEnd, position: float, metrics: dict[str, float]
) -> None:
    """The last scrape against the journal."""
    sums, coin = verdict.journal[end.coin], end.coin

    def of(name: str, **labels: str) -> float:
        named = ",".join(f'{key}="{value}"' for key, value in {"coin": coin, **labels}.items())
        return metrics[f"{name}{{{named}}}"]

    if of("undertow_fills_total") != sums.fills:
        course.differences.append(
            f"fills of {coin}: journal {sums.fills}, metrics {of('undertow_fills_total')}"
        )
    ours = float(sums.cash - sums.fees + sums.funding) + position * of("undertow_mid")
    _cents(course, f"PnL of {coin}", ours, of("undertow_pnl_usd"), "metrics")
    _cents(course, f"fees of {coin}", -float(sums.fees), of("undertow_pnl_part_usd", part="fees"), "metrics")
    funding = of("undertow_pnl_part_usd", part="funding")
    _cents(course, f"funding of {coin}", float(sums.funding), funding, "metrics")


def _cents(
    course: Course, what: str, ours: float, theirs: float, whose: str, most: float = FEW_CENTS
) -> None:
    apart = abs(ours - theirs)
    course.exactly[f"{what}, {whose}"] = apart
    if not apart < most:
        course.differences.append(f"{what}: journal {ours:.6f}, {whose} {theirs:.6f}")


def with_everything_on(config: Config) -> Config:
    """`config` with its log in the session's folder and a metrics endpoint."""
    return msgspec.structs.replace(
        config, log=msgspec.structs.replace(config.log, path="session"), metrics=Metrics(port=0)
    )
