"""Limits and kill switch of a live session, of its limit file, its maker's sizes and the venue's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from undertow.config import Config, load
from undertow.live.spec import RunSpec
from undertow.monitor.facts import Grade as ShownGrade
from undertow.monitor.facts import Kill, SessionFacts
from undertow.risk.guard import Enforcer, Guard, Traded
from undertow.risk.memory import FileMemory, Latched, Memory
from undertow.risk.settings import RiskFile, bounds
from undertow.risk.switch import KillSwitch
from undertow.trading.margin import MarginBook
from undertow.trading.orders.account_limits import AccountGate, AccountLimits
from undertow.trading.orders.coins import Coin as OrderCoin
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.limits import Limits
from undertow.trading.orders.notices import Kind, Notice
from undertow.trading.paper_limits import PaperLimits
from undertow.trading.session import LiveSession
from undertow.units import NS_PER_S
from undertow.venue.errors import parse_refusal
from undertow.venue.refusals import Refusal
from undertow.venue.universe import Coin
from undertow.venue.venue_time import VenueTime

if TYPE_CHECKING:
    from undertow.live.assemble import Parts

LIMIT_SLACK = 1.5
"""The position limit at the point of sending over the maker's own.

The maker's moves with the price and counts a modify as its new order; the order manager counts the larger
of the two, and every order whose end it has not been told of.
"""

_ORDINARY = (Refusal.POST_ONLY, Refusal.IOC_NO_MATCH, Refusal.NEVER_PLACED, Refusal.CANNOT_MODIFY)
"""Refusals that a market in motion brings along."""


def risk_file(path: Path | None) -> RiskFile:
    """The limit file, or its defaults. Raises `ConfigError` naming every fault."""
    return load(path, RiskFile) if path is not None else RiskFile()


def position_usd(file: RiskFile, config: Config, coin: str) -> float:
    """The position limit of a coin at the point of sending, USD."""
    return file.of(coin).position_usd or config.risk.lot_usd * config.risk.q_max_lots * LIMIT_SLACK


def limits_of(file: RiskFile, config: Config, mids: Mapping[str, float]) -> dict[str, Limits]:
    """Limits of the coins of `mids`."""
    out = {}
    for coin, mid in mids.items():
        own, most_usd = file.of(coin), position_usd(file, config, coin)
        out[coin] = Limits(
            max_position_qty=most_usd / mid,
            max_order_usd=own.order_usd or most_usd,
            band=own.band_bps * 1e-4,
            orders_per_s=own.orders_per_s,
        )
    return out


def account_gate(file: RiskFile, margin: MarginBook) -> AccountGate:
    """Limits of the account as a whole."""
    total = {} if file.account.total_usd is None else {"max_total_usd": file.account.total_usd}
    limits = AccountLimits(leverage=margin.leverage, margin_share=file.account.margin_share, **total)
    return AccountGate(limits, lambda: margin.equity)


def order_coins(coins: Sequence[Coin], instruments: Mapping[str, object]) -> Coins:
    """The coins as orders name them."""
    return Coins([OrderCoin(coin.name, coin.asset, instruments[coin.name]) for coin in coins])  # type: ignore[arg-type]


def paper_limits(coins: Coins, limits: Mapping[str, Limits], account: AccountGate) -> PaperLimits:
    """The same limits before the paper matcher."""
    return PaperLimits(list(coins.by_name.values()), limits, account)


def kill_memory(spec: RunSpec, folder: Path, account: str | None, *, passing: bool) -> FileMemory:
    """Where the switch is kept: with the account's name, or in the session's own `folder` where the account
    (`passing`) ends with the session."""
    if passing:
        return FileMemory(folder / "kill.json")
    who = "paper" if spec.orders == "paper" or account is None else account.lower()
    return FileMemory(spec.folder / f"kill-{spec.network}-{who}.json")


class Ear:
    """Hears the order manager's notices: for the screen, and for the guard once there is one."""

    def __init__(self, facts: SessionFacts) -> None:
        self._facts = facts
        self.guard: Guard | None = None
        self.session: LiveSession | None = None

    def __call__(self, notice: Notice) -> None:
        """One notice."""
        facts = self._facts
        if notice.kind in (Kind.REFUSED, Kind.LIMIT) and notice.coin:
            own = facts.coin(notice.coin)
            whose = "the venue refuses" if notice.kind is Kind.REFUSED else "our own limit"
            own.refused, own.refused_ns = f"{whose}: {notice.text}", notice.now_ns
            own.rejects[str(notice.kind)] = own.rejects.get(str(notice.kind), 0) + 1
        elif notice.kind not in (Kind.ASKED, Kind.ORPHAN):
            facts.notes.append(f"{notice.kind}: {notice.text}")
            del facts.notes[:-20]
        if self.guard is not None and notice.kind is not Kind.LIMIT:
            self._tell(self.guard, notice)
            if self.session is not None:
                self.session.enforce(notice.now_ns)

    def _tell(self, guard: Guard, notice: Notice) -> None:
        coin, text, now_ns = notice.coin, notice.text, notice.now_ns
        if notice.kind is Kind.REQUESTS_EXHAUSTED:
            guard.on_exhausted(text, now_ns)
        elif notice.kind is Kind.POSITION:
            guard.on_unexplained(coin, notice.value, text, now_ns)
        elif notice.kind is Kind.REFUSED:
            refusal = parse_refusal(text).refusal
            if refusal is Refusal.HALTED:
                guard.on_halted(coin, text, now_ns)
            elif refusal not in _ORDINARY:
                guard.on_refused(coin, text, now_ns, max(1, round(notice.value)))


def show_kills(facts: SessionFacts, latched: Sequence[Latched]) -> None:
    """Put what is latched on the screen."""
    facts.kills = [_shown(held) for held in latched if not held.coin]
    for coin in {*facts.coins, *(held.coin for held in latched if held.coin)}:
        facts.coin(coin).kills = [_shown(held) for held in latched if held.coin == coin]


def _shown(held: Latched) -> Kill:
    grade: ShownGrade = held.grade.label  # type: ignore[assignment]
    return Kill(reason=str(held.reason), text=held.text, since_ns=held.since_ns, grade=grade, side=held.side)


def make_guard(
    spec: RunSpec,
    file: RiskFile,
    coins: Sequence[Coin],
    limits: Mapping[str, Limits],
    mids: Mapping[str, float],
    margin: MarginBook,
    session: LiveSession,
    enforcer: Enforcer | None,
    memory: Memory,
    facts: SessionFacts,
) -> Guard:
    """The guard of `session`, put in place. What `memory` holds is in force at once."""
    traded = {
        coin.name: Traded(
            session.lanes[coin.name].runner.instrument,
            coin.tiers,
            len(spec.references.get(coin.name, ())),
            limits[coin.name].max_order_usd,
        )
        for coin in coins
    }
    quantities = {coin: limit.max_position_qty for coin, limit in limits.items()}
    worth = {coin: quantity * mids[coin] for coin, quantity in quantities.items()}
    capital = margin.equity_usd
    guard = Guard(
        traded,
        bounds(file.kill, capital, quantities, worth),
        KillSwitch(may_flatten=file.kill.flatten, memory=memory),
        capital,
        session.gate,
        enforcers=() if enforcer is None else (enforcer,),
        changed=lambda latched: show_kills(facts, latched),
    )
    session.watcher = guard
    return guard


def tell_clock(guard: Guard, time: VenueTime, now_ns: int) -> None:
    """How far the venue's clock is from ours."""
    ahead = time.ahead(now_ns)
    unsure_s = None if ahead.unsure_ns is None else ahead.unsure_ns / NS_PER_S
    guard.on_clock(ahead.ns / NS_PER_S, unsure_s, now_ns)


def tell_guard(parts: Parts, now_ns: int) -> None:
    """What only the client knows: clocks and budget; put in force whatever has changed."""
    client, guard = parts.client, parts.guard
    tell_clock(guard, client.time, now_ns)
    if parts.spec.orders == "venue":
        guard.on_budget(client.budget.left, now_ns)
    parts.memory.note_marks(guard.book.marks, now_ns)
    if guard.switch.unkept and guard.switch.unkept not in parts.facts.notes:
        parts.facts.notes.append(guard.switch.unkept)
    parts.session.enforce(now_ns)
