"""The kill switch in chaos schedules: the real guard, and a judge that knows each rule by another way.

Whatever the guard is told the judge is told too; after each step what is latched must be what the judge says
should be. Of silence and of clocks the judge knows the truth, which the guard can only measure.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from undertow.events import BBO, EVENT, LOCAL, MARK, ORACLE
from undertow.live.guarding import Ear, tell_clock
from undertow.monitor.facts import SessionFacts
from undertow.risk.findings import Reason
from undertow.risk.guard import Guard, Traded
from undertow.risk.memory import FileMemory
from undertow.risk.settings import Kill, bounds
from undertow.risk.switch import KillSwitch
from undertow.trading.orders.manager import VenueExecution
from undertow.trading.orders.notices import Kind, Notice
from undertow.trading.seams import Holding, Received
from undertow.venue.client import VenueClient
from undertow.venue.errors import parse_refusal
from undertow.venue.refusals import Refusal

KILL = Kill(loss_usd=1.0, drawdown_usd=1.3, rejects=15, jump_bps=60.0, jump_floor_bps=60.0)
CAPITAL_USD = 100_000.0
ORDINARY = (Refusal.POST_ONLY, Refusal.IOC_NO_MATCH, Refusal.NEVER_PLACED, Refusal.CANNOT_MODIFY)
CLOSE = 1e-7
Key = tuple[Reason, str]


class NoGate:
    """In the place of a session's gate: the order manager alone holds orders back."""

    def restrain(self, coin: str, restraint) -> None:
        """Not looked at."""

    def sweep(self, coin: str, side: int, px: float) -> None:
        """Not looked at."""


class Held(NamedTuple):
    """Money and position of a coin as last told."""

    money: float
    qty: float


class KillJudge:
    """One process's guard and its judge. `true_ns`: the venue's clock, which nobody sets."""

    def __init__(
        self,
        manager: VenueExecution,
        client: VenueClient,
        true_ns: Callable[[], int],
        path: Path,
        expected: set[Key],
        fired: Counter[str],
    ) -> None:
        self._manager, self._client, self._true_ns = manager, client, true_ns
        self._fired, self.expected = fired, expected
        coins = manager.coins.by_name
        quantities = {name: gate.limit_lots * 0.01 for name, gate in manager.admission.gates.items()}
        worth = {name: 100.0 * qty for name, qty in quantities.items()}
        self.guard = Guard(
            {name: Traded(coin.instrument, ((0.0, 40),)) for name, coin in coins.items()},
            bounds(KILL, CAPITAL_USD, quantities, worth),
            KillSwitch(memory=FileMemory(path)),
            CAPITAL_USD,
            NoGate(),
            enforcers=(manager,),
        )
        self._ear = Ear(SessionFacts(session="chaos"))
        self._ear.guard = self.guard
        self._refused: list[tuple[int, int]] = []
        self._mids: dict[str, list[tuple[int, float]]] = {name: [] for name in coins}
        self._mid: dict[str, float] = {}
        self._reckoned: dict[str, float] = {}
        self._held: dict[str, Held] = {}
        self._base: dict[str, float] = {}
        self._shown_ns: dict[str, int] = {}
        self._start = self._peak = CAPITAL_USD
        self.compare("at the start")

    # ---- what both are told -----------------------------------------------------------------------

    def market(self, received: Received, mid: float, now_ns: int) -> None:
        """A best bid and offer."""
        coin = received.coin
        self.guard.on_market(received)
        self._shown_ns[coin], self._mid[coin] = self._true_ns(), mid
        self._jump(coin, mid, now_ns)
        held = self._held.get(coin)
        if held is not None and held.qty and mid != self._reckoned.get(coin):
            self._money(coin)
        self.compare(f"a mid of {coin}")

    def holdings(self, now_ns: int) -> None:
        """Positions and money of every coin with a price, by the order manager's ledger."""
        for coin, mid in self._mid.items():
            account, terms = self._manager.ledger.accounts[coin], self._manager.coins.by_name[coin]
            money, qty = float(account.cash - account.fees + account.funding), terms.qty_of(account.lots)
            base = self._base.setdefault(coin, money + qty * mid)
            self._held[coin] = Held(money, qty)
            holding = Holding(coin, money + qty * mid - base, mid, qty, 0.0, 0.0)
            self.guard.on_holding(holding, now_ns, acted=True)
            self._money(coin)
            self.compare(f"money of {coin}")

    def time(self, now_ns: int) -> None:
        """The clock, the budget, and silence."""
        self.guard.on_time(now_ns)
        tell_clock(self.guard, self._client.time, now_ns)
        left = self._client.budget.left
        self.guard.on_budget(left, now_ns)
        if left is not None and left < KILL.requests_kept:
            self._due(Reason.BUDGET)
        self._silence()
        self._clocks(now_ns)
        self.compare("time")

    def notice(self, notice: Notice) -> None:
        """What the order manager tells."""
        self._ear(notice)
        coin, refusal = notice.coin, parse_refusal(notice.text).refusal
        if notice.kind is Kind.REQUESTS_EXHAUSTED:
            self._due(Reason.BUDGET)
        elif notice.kind is Kind.POSITION and notice.value:
            self._due(Reason.UNEXPLAINED, coin)
        elif notice.kind is Kind.REFUSED and refusal is Refusal.HALTED:
            self._due(Reason.HALT, coin)
        elif notice.kind is Kind.REFUSED and refusal not in ORDINARY:
            self._refused += [(notice.now_ns, max(1, round(notice.value)))]
            window_ns = round(KILL.rejects_window_s * 1e9)
            if sum(n for at, n in self._refused if notice.now_ns - at < window_ns) >= KILL.rejects:
                self._due(Reason.REJECTS)
        self.compare(f"{notice.kind}: {notice.text}")

    # ---- a person ---------------------------------------------------------------------------------

    def kill(self, coin: str, now_ns: int) -> None:
        """By hand."""
        self.guard.kill("chaos", now_ns, coin=coin)
        self._due(Reason.MANUAL, coin)
        self.compare("by hand")

    def reset(self, now_ns: int) -> None:
        """By hand: what was latched counts anew."""
        self.guard.reset(now_ns)
        for reason, coin in self.expected:
            if reason is Reason.LOSS:
                self._start = self._equity
            elif reason is Reason.DRAWDOWN:
                self._peak = self._equity
            elif reason is Reason.REJECTS:
                self._refused.clear()
            elif reason is Reason.JUMP:
                self._mids[coin].clear()
            elif reason is Reason.STALE:
                self._shown_ns[coin] = self._true_ns()
        self.expected.clear()
        self.compare("reset")

    # ---- the rules, told otherwise ------------------------------------------------------------------

    def _jump(self, coin: str, mid: float, now_ns: int) -> None:
        seen, edge_ns = self._mids[coin], now_ns - round(KILL.jump_window_s * 1e9)
        seen.append((now_ns, mid))
        held = [px for at, px in seen[:-1] if at <= edge_ns][-1:]
        within = held + [px for at, px in seen if at > edge_ns]
        if max(abs(math.log(mid / px)) for px in within) * 1e4 >= KILL.jump_bps:
            self._due(Reason.JUMP, coin)

    @property
    def _equity(self) -> float:
        return CAPITAL_USD + sum(
            held.money + held.qty * self._mid[coin] - self._base[coin] for coin, held in self._held.items()
        )

    def _money(self, coin: str) -> None:
        self._reckoned[coin], equity = self._mid[coin], self._equity
        self._peak = max(self._peak, equity)
        for reason, below, limit in (
            (Reason.LOSS, self._start - equity, KILL.loss_usd),
            (Reason.DRAWDOWN, self._peak - equity, KILL.drawdown_usd),
        ):
            if abs(below - limit) < CLOSE:
                self._either(reason)
            elif below > limit:
                self._due(reason)

    def _silence(self) -> None:
        for coin in self._mids:
            silent_s = (self._true_ns() - self._shown_ns.setdefault(coin, self._true_ns())) / 1e9
            if silent_s > KILL.book_silent_s * 1.01 + 0.6:
                self._due(Reason.STALE, coin)
            elif silent_s > KILL.book_silent_s * 0.99 - 0.1:
                self._either(Reason.STALE, coin)

    def _clocks(self, now_ns: int) -> None:
        off_s = abs(self._true_ns() - now_ns) / 1e9
        unsure_ns = self._client.time.ahead(now_ns).unsure_ns
        if off_s < KILL.clock_skew_s or unsure_ns is None:
            return
        if off_s > KILL.clock_skew_s + 2e-9 * unsure_ns + 1e-3:
            self._due(Reason.CLOCK)
        else:
            self._either(Reason.CLOCK)

    def _due(self, reason: Reason, coin: str = "") -> None:
        if (reason, coin) not in self.expected:
            self.expected.add((reason, coin))
            self._fired[f"kill: {reason}"] += 1

    def _either(self, reason: Reason, coin: str = "") -> None:
        """It may have fired: the difference is smaller than what can be told apart."""
        if any(held.key == (reason, coin) for held in self.guard.switch.latched):
            self._due(reason, coin)

    def compare(self, when: str) -> None:
        """The guard holds what the judge says."""
        held = {one.key for one in self.guard.switch.latched}
        if held != self.expected:
            texts = [one.text for one in self.guard.switch.latched if one.key not in self.expected]
            raise AssertionError(
                f"kill switch after {when}: it should not hold {held - self.expected} {texts}, "
                f"it should hold {self.expected - held}"
            )


def shown(coin: str, px: tuple[float, float], now_ns: int) -> Received:
    """A best bid and offer as rows, mark and oracle between them."""
    rows = np.zeros(4, dtype=EVENT)
    rows["kind"], rows["flags"], rows["side"], rows["qty"] = (
        (BBO, BBO, MARK, ORACLE),
        LOCAL,
        (1, -1, 0, 0),
        1.0,
    )
    rows["px"] = (*px, 0.5 * sum(px), 0.5 * sum(px))
    rows["exch_ns"] = rows["recv_ns"] = now_ns
    return Received(coin, rows, np.empty((0, 4, 1)))
