"""All coins of a session looked at in turns; the latest `SessionView` for whoever asks.

The live loop owns a `SessionWatch`: it adds its coins, tells of fills, and on a timer calls
`look_next` (one coin at a time, so no look delays a frame by more than one coin's share) and `view`.
Other threads may read `latest`, nothing else: views are immutable.
"""

from __future__ import annotations

from typing import Final

from undertow.instrument import Instrument
from undertow.maker import Maker
from undertow.monitor.facts import SessionFacts
from undertow.monitor.latency import LatencyHistogram
from undertow.monitor.look import CoinWatch, kill_view, known
from undertow.monitor.view import CoinView, LatencyView, LinkView, SessionView
from undertow.records import Rec

LOOKS_PER_S: Final = 4.0
"""How often each coin is looked at, of few coins."""
MOST_LOOKS_PER_S: Final = 16.0
"""And all together, of many."""


class SessionWatch:
    """Turns live records into views."""

    def __init__(self, facts: SessionFacts) -> None:
        self.facts = facts
        self.latest: SessionView | None = None
        self._coins: dict[str, CoinWatch] = {}
        self._views: dict[str, CoinView] = {}
        self._turn = 0

    def add_coin(
        self, coin: str, maker: Maker, state: Rec, params: Rec, instrument: Instrument, book: Rec
    ) -> None:
        """Watch a coin by its live records (kept by reference). Adding it again watches new records.

        PnL is counted from here on: add a coin before its first row, and after a checkpoint has been
        restored into `state`.
        """
        self._coins[coin] = CoinWatch(coin, maker, state, params, instrument, book)
        self._views.pop(coin, None)

    def on_fill(self, coin: str, row: Rec) -> None:
        """A FILL row (`undertow.events.EVENT`) that the coin's maker has just been shown."""
        self._coins[coin].on_fill(row)

    @property
    def turn_s(self) -> float:
        """Seconds between calls of `look_next`."""
        return 1.0 / min(LOOKS_PER_S * max(len(self._coins), 1), MOST_LOOKS_PER_S)

    def look_next(self, now_ns: int) -> None:
        """Look at the coin whose turn it is."""
        if not self._coins:
            return
        coin = list(self._coins)[self._turn % len(self._coins)]
        self._turn += 1
        self._views[coin] = self._coins[coin].look(self.facts, now_ns)

    def view(self, now_ns: int, *, fresh: bool = False) -> SessionView:
        """The session; coins as last looked at, or all looked at now with `fresh`."""
        for coin, watch in self._coins.items():
            if fresh or coin not in self._views:
                self._views[coin] = watch.look(self.facts, now_ns)
        self.latest = self._session(now_ns, tuple(self._views[coin] for coin in self._coins))
        return self.latest

    def _session(self, now_ns: int, coins: tuple[CoinView, ...]) -> SessionView:
        facts = self.facts
        money, budget, link = facts.money, facts.budget, facts.connection
        elapsed = max(now_ns - facts.started_ns, 0) * 1e-9 if facts.started_ns > 0 else 0.0
        totals = [c.pnl.total for c in coins]
        pnl = None if any(t is None for t in totals) else sum(t for t in totals if t is not None)
        if money.equity_usd is not None and money.start_equity_usd is not None:
            pnl = money.equity_usd - money.start_equity_usd
        return SessionView(
            session=facts.session,
            mode=facts.mode,
            venue=facts.venue,
            market=facts.market,
            now_ns=now_ns,
            elapsed_s=elapsed,
            remaining_s=max(facts.ends_ns - now_ns, 0) * 1e-9 if facts.ends_ns > 0 else None,
            stopping=facts.stopping,
            link=LinkView(
                state=link.state,
                for_s=max(now_ns - link.since_ns, 0) * 1e-9 if link.since_ns > 0 else 0.0,
                attempt=link.attempt,
                reconnects=link.reconnects,
                note=link.note,
            ),
            equity_usd=money.equity_usd,
            pnl_usd=pnl,
            used_margin_usd=money.used_margin_usd,
            free_margin_usd=money.free_margin_usd,
            requests=budget.used or sum(c.requests for c in coins),
            requests_left=budget.left,
            requests_cap=budget.cap,
            weight_used=budget.weight_used,
            weight_cap=budget.weight_cap,
            kills=tuple(kill_view(k, now_ns) for k in facts.kills),
            coins=coins,
            latencies={name: latency_view(h) for name, h in facts.latencies.items()},
            notes=tuple(facts.notes[-5:]),
        )


def latency_view(histogram: LatencyHistogram) -> LatencyView:
    """Count and two quantiles."""
    p50, p99 = histogram.quantile_s(0.5), histogram.quantile_s(0.99)
    return LatencyView(
        n=histogram.n, p50_s=None if p50 is None else known(p50), p99_s=None if p99 is None else known(p99)
    )
