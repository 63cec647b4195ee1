"""The session's facts for the screen: feed ages, margin, budget, what the gate held back."""

from __future__ import annotations

from undertow.live.assemble import Parts
from undertow.monitor.facts import Feed
from undertow.trading.gate import REASONS
from undertow.trading.orders.manager import VenueExecution
from undertow.units import NS_PER_S
from undertow.venue.failures import VenueFailure
from undertow.venue.wire.info import ClearinghouseStateRequest

_LIMITS_S = {"book": 3.0, "context": 10.0}
"""Sources whose silence means something, and after how long."""


class Facts:
    """Writes `SessionFacts` from the parts of a session. `said`: sentences for the report."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.said: list[str] = []

    def note(self, now_ns: int) -> None:
        """Everything that changes with time."""
        parts, facts = self._parts, self._parts.facts
        for coin in parts.feed.coins:
            self._feeds(coin, now_ns)
        margin = parts.session.margin
        if margin is not None:
            facts.money.equity_usd = margin.equity
            facts.money.used_margin_usd, facts.money.free_margin_usd = margin.used, margin.free
        budget = parts.client.budget
        facts.budget.used, facts.budget.left, facts.budget.cap = budget.used, budget.left, budget.cap
        for (coin, reason), count in parts.session.gate.counts.items():
            facts.coin(coin).rejects[REASONS[reason]] = count

    def _feeds(self, coin: str, now_ns: int) -> None:
        ages, own = self._parts.feed.ages(coin, now_ns), self._parts.facts.coin(coin)
        named = {name: getattr(ages, name) for name in ("book", "bbo", "fast", "slow", "trades", "context")}
        references = self._parts.spec.references.get(coin, ())
        named |= {f"ref:{name}": ages.references.get(k) for k, name in enumerate(references, start=1)}
        for name, age in named.items():
            feed = own.feeds.setdefault(name, Feed(limit_s=_LIMITS_S.get(name)))
            if age is not None:
                feed.last_ns = now_ns - round(age * NS_PER_S)

    async def equity(self) -> float:
        """What the account is worth at the end: by the venue where it knows, else by our own book."""
        parts = self._parts
        margin = parts.session.margin
        ours = margin.equity if margin is not None else 0.0
        if not isinstance(parts.execution, VenueExecution) or parts.client.account is None:
            return ours
        total = 0.0
        try:
            for dex in dict.fromkeys(coin.dex for coin in parts.coins):
                request = ClearinghouseStateRequest(user=parts.client.account, dex=dex)
                total += (await parts.client.info(request)).margin_summary.account_value
        except VenueFailure as error:
            self.said.append(f"Equity is our own sum: the venue's account could not be read ({error}).")
            return ours
        return total
