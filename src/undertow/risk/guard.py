"""The one object a session is watched by: rules looked at as things happen, their verdict put in force.

    market, holdings, answers, time, notices ─► rulebook ─► switch ─► gate (and whoever `enforcers` are)

Everything happens within the call that brings the news; `undertow.trading.session` then cancels what may
stand no longer before any maker is shown the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from undertow.instrument import Instrument
from undertow.risk.findings import Finding, Grade, Reason
from undertow.risk.flatten import Flatten
from undertow.risk.memory import Latched
from undertow.risk.rulebook import CoinRules, Rulebook
from undertow.risk.rules.budget import budget_finding, exhausted_finding
from undertow.risk.rules.halt import halt_finding
from undertow.risk.rules.liquidation import Tiers
from undertow.risk.rules.manual import manual_finding
from undertow.risk.rules.skew import skew_finding
from undertow.risk.rules.unexplained import unexplained_finding
from undertow.risk.settings import Bounds
from undertow.risk.sweep import SweepWatch
from undertow.risk.switch import KillSwitch
from undertow.trading.restraint import Restraint
from undertow.trading.seams import Holding, Received
from undertow.units import NS_PER_MS

_EVERY_NS: Final = 250 * NS_PER_MS
_QUIET: Final[tuple[tuple[str, NDArray[np.void]], ...]] = ()


class Enforcer(Protocol):
    """Who holds orders back."""

    def restrain(self, coin: str, restraint: Restraint | None) -> None:
        """No more of `coin` than `restraint` (None: everything)."""
        ...


class SweepTaker(Enforcer, Protocol):
    """A session's gate (`undertow.trading.gate.Gate`)."""

    def sweep(self, coin: str, side: int, px: float) -> None:
        """Pull the orders of `side` at `px` or better, once."""
        ...


class Traded(NamedTuple):
    """A coin as the guard knows it: rules, margin tiers, number of reference assets, largest order (USD)."""

    instrument: Instrument
    tiers: Tiers
    references: int = 0
    order_usd: float = math.inf


class Counts(NamedTuple):
    """What the guard has done."""

    findings: int = 0
    sweeps: int = 0
    closing_orders: int = 0


class Guard:
    """A `undertow.trading.seams.Watcher`. `changed` is called with all that is latched after each change.

    ``enforcers``: others than the gate that refuse by the same verdicts (the order manager's limits).
    """

    def __init__(
        self,
        coins: Mapping[str, Traded],
        bounds: Bounds,
        switch: KillSwitch,
        capital_usd: float,
        gate: SweepTaker,
        *,
        enforcers: Sequence[Enforcer] = (),
        changed: Callable[[tuple[Latched, ...]], None] | None = None,
    ) -> None:
        kill = bounds.kill
        self.switch, self._gate, self._enforcers, self._changed = switch, gate, enforcers, changed
        tiers = {coin: traded.tiers for coin, traded in coins.items()}
        references = {coin: traded.references for coin, traded in coins.items()}
        self.book = Rulebook(bounds, capital_usd, tiers, references)
        self._flatten = {
            coin: Flatten(traded.instrument, kill.flatten_slip_bps, kill.flatten_every_s, traded.order_usd)
            for coin, traded in coins.items()
        }
        self._sweeps = {
            coin: SweepWatch(kill.sweep_bps, kill.sweep_sigmas, min(kill.sweep_keep, 0.95))
            for coin in (coins if kill.sweep else ())
        }
        self._closing: tuple[str, ...] = ()
        self._next_ns = 0
        self.counts = Counts()
        self._put_in_force()

    # ---- what happens (`undertow.trading.seams.Watcher`) ------------------------------------------

    def number_from(self, first: int) -> None:
        """Orders of the guard's own get ids from `first` on: an earlier process has used those below."""
        for flatten in self._flatten.values():
            flatten.number_from(first)

    def on_market(self, received: Received) -> None:
        """Market rows, before the maker sees them."""
        one = self.book.coins[received.coin]
        one.market.see(received.rows, received.snapshots)
        now_ns = int(received.rows["recv_ns"][-1])
        self._take(self.book.on_message(one, now_ns), now_ns)
        self._sweep(one, now_ns)

    def on_holding(self, holding: Holding, now_ns: int, *, acted: bool) -> None:
        """A coin's account; `acted`: its maker has just had its cycle."""
        one = self.book.coins[holding.coin]
        one.held(holding)
        if acted and holding.coin in self._sweeps:
            self._sweeps[holding.coin].cycle(now_ns, one.market.bid_px, one.market.ask_px)
        self._take(self.book.on_money(one), now_ns)

    def on_time(self, now_ns: int) -> None:
        """The clock has come to `now_ns`."""
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _EVERY_NS
        self._take(self.book.on_time(now_ns), now_ns)
        if self.switch.on_time(now_ns):
            self._put_in_force()

    def own_orders(self, now_ns: int) -> Sequence[tuple[str, NDArray[np.void]]]:
        """Closing orders of the coins that are to be flat."""
        if not self._closing:
            return _QUIET
        out = []
        for coin in self._closing:
            one = self.book.coins[coin]
            action = self._flatten[coin].order(one.position, one.market.px, now_ns)
            if len(action):
                self.counts = self.counts._replace(closing_orders=self.counts.closing_orders + 1)
                out.append((coin, action))
        return out

    # ---- what is told -----------------------------------------------------------------------------

    def on_refused(self, coin: str, text: str, now_ns: int, count: int = 1) -> None:
        """The venue refused orders of `coin`; post-only ones that would have traded do not belong here."""
        finding = self.book.rejects.refused(now_ns, f"{coin}: {text}" if coin else text, count)
        self._take([finding] if finding else [], now_ns)

    def on_halted(self, coin: str, text: str, now_ns: int) -> None:
        """The venue says that `coin` is not traded."""
        self._take([halt_finding(coin, text)], now_ns)

    def on_exhausted(self, text: str, now_ns: int) -> None:
        """The venue says that no requests are left."""
        self._take([exhausted_finding(text)], now_ns)

    def on_budget(self, left: float | None, now_ns: int) -> None:
        """Requests left, as known now (None: they are not)."""
        finding = budget_finding(left, self.book.bounds.kill.requests_kept)
        self._take([finding] if finding else [], now_ns)

    def on_clock(self, ahead_s: float, uncertainty_s: float | None, now_ns: int) -> None:
        """The venue's clock less ours, and how wrong that may be (None: never measured)."""
        finding = skew_finding(ahead_s, uncertainty_s, self.book.bounds.kill.clock_skew_s)
        self._take([finding] if finding else [], now_ns)

    def on_unexplained(self, coin: str, difference: float, text: str, now_ns: int) -> None:
        """The venue holds `difference` lots that no fill explains."""
        finding = unexplained_finding(coin, difference, text)
        self._take([finding] if finding else [], now_ns)

    def on_finding(self, finding: Finding, now_ns: int) -> None:
        """What somebody else found."""
        self._take([finding], now_ns)

    # ---- by hand ----------------------------------------------------------------------------------

    def kill(self, who: str, now_ns: int, *, coin: str = "", grade: Grade = Grade.CANCEL) -> None:
        """Throw the switch for `coin` (empty: all). Raises ValueError for a coin that is not traded."""
        self._check(coin)
        self.switch.latch(manual_finding(who, coin), now_ns, grade)
        self._put_in_force()

    def reset(self, now_ns: int, reason: Reason | None = None, coin: str | None = None) -> list[Latched]:
        """Let go of `reason` (None: all) on `coin` (None: wherever); what was let go.

        What the rule counts begins anew: loss and drawdown from the present equity, windows empty.
        Raises ValueError for a coin that is not traded.
        """
        self._check(coin or "")
        gone = self.switch.reset(reason, coin)
        for held in gone:
            self.book.again(held.reason, held.coin, now_ns)
        self._put_in_force()
        return gone

    def _check(self, coin: str) -> None:
        if coin and coin not in self.book.coins:
            raise ValueError(f"coin {coin!r} is not traded here; there are: {', '.join(self.book.coins)}")

    # ---- inside -----------------------------------------------------------------------------------

    def _sweep(self, one: CoinRules, now_ns: int) -> None:
        watch, market = self._sweeps.get(one.coin), one.market
        if watch is None:
            return
        pull = watch.look(now_ns, market.mid_px, market.low_px, market.high_px, one.jump.window.sigma_bps)
        if pull is not None:
            self.counts = self.counts._replace(sweeps=self.counts.sweeps + 1)
            self._gate.sweep(one.coin, pull.side, pull.px)

    def _take(self, findings: Iterable[Finding], now_ns: int) -> None:
        worse = False
        for finding in findings:
            if self.switch.latch(finding, now_ns) is not None:
                self.counts = self.counts._replace(findings=self.counts.findings + 1)
                worse = True
        if worse:
            self._put_in_force()

    def _put_in_force(self) -> None:
        """Tell whoever holds orders back what holds now."""
        closing = []
        for coin in self.book.coins:
            grade, sides = self.switch.verdict(coin)
            restraint = None if grade is None else Restraint(sides, grade >= Grade.CANCEL)
            for enforcer in (self._gate, *self._enforcers):
                enforcer.restrain(coin, restraint)
            if grade is Grade.FLATTEN:
                closing.append(coin)
        self._closing = tuple(closing)
        if self._changed is not None:
            self._changed(self.switch.latched)
