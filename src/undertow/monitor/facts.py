"""What a session knows of itself beside its makers' records: plain numbers the loop writes as it goes.

A `SessionFacts` is filled in place, at no more cost than an assignment; whoever watches reads it when it
looks (`undertow.monitor.look`). Times are nanoseconds of the session's clock, 0: not yet.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from undertow.monitor.latency import LatencyHistogram

Mode = Literal["paper", "testnet", "live", "replay"]
Link = Literal["connecting", "up", "recovering", "down", "closed"]
Grade = Literal["accumulating", "cancel", "flatten"]


class Feed(msgspec.Struct, kw_only=True):
    """One source of market data of a coin (``bbo``, ``fast``, ``slow``, ``trades``, ``ctx``, ``ref:BTC``).

    ``limit_s``: an older one is stale; None: its silence means nothing. ``serves``: which side(s) may not
    grow without it, 0 both, ±1 one side (a stale level source names the side it stands behind).
    """

    last_ns: int = 0
    limit_s: float | None = None
    serves: int = 0


class Kill(msgspec.Struct, kw_only=True, frozen=True):
    """A latched reason of the kill switch. ``side``: 0 both, ±1 the side that may not grow."""

    reason: str
    text: str = ""
    since_ns: int = 0
    grade: Grade = "cancel"
    side: int = 0


class CoinFacts(msgspec.Struct, kw_only=True):
    """What is known of one coin outside its maker.

    ``halted``: why it does not trade (empty: it does). ``refused``: who refused an order last, the
    venue or a limit of ours, and in what words, at ``refused_ns``. ``kills``: latched for this coin alone.
    ``free_margin_usd`` of an isolated position; None: the account's counts.
    """

    feeds: dict[str, Feed] = msgspec.field(default_factory=dict)
    halted: str = ""
    refused: str = ""
    refused_ns: int = 0
    kills: list[Kill] = msgspec.field(default_factory=list)
    free_margin_usd: float | None = None
    liquidation_px: float | None = None
    mark_px: float | None = None
    oracle_px: float | None = None
    funding_rate: float | None = None  # per interval, a fraction of notional paid by a long
    rejects: dict[str, int] = msgspec.field(default_factory=dict)  # refusals by kind


class Connection(msgspec.Struct, kw_only=True):
    """The link to the venue: its state, since when, and what went wrong last."""

    state: Link = "connecting"
    since_ns: int = 0
    attempt: int = 0
    reconnects: int = 0
    note: str = ""


class Budget(msgspec.Struct, kw_only=True):
    """Requests of the address and weight of the IP address. ``left`` None: no limit known."""

    used: int = 0
    left: float | None = None
    cap: float | None = None
    weight_used: float = 0.0  # in the last minute
    weight_cap: float | None = None


class Money(msgspec.Struct, kw_only=True):
    """The account, USD; None: not known (the coins' own sums are shown)."""

    equity_usd: float | None = None
    start_equity_usd: float | None = None
    used_margin_usd: float | None = None
    free_margin_usd: float | None = None


class SessionFacts(msgspec.Struct, kw_only=True):
    """A session as its loop sees it. ``ends_ns`` 0: open end. ``stopping``: why it is winding down."""

    session: str
    mode: Mode = "paper"
    venue: str = "local"
    market: str = ""
    started_ns: int = 0
    ends_ns: int = 0
    stopping: str = ""
    connection: Connection = msgspec.field(default_factory=Connection)
    budget: Budget = msgspec.field(default_factory=Budget)
    money: Money = msgspec.field(default_factory=Money)
    kills: list[Kill] = msgspec.field(default_factory=list)
    coins: dict[str, CoinFacts] = msgspec.field(default_factory=dict)
    latencies: dict[str, LatencyHistogram] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)  # shown at the foot, newest last

    def coin(self, name: str) -> CoinFacts:
        """The facts of a coin, made on first use."""
        if name not in self.coins:
            self.coins[name] = CoinFacts()
        return self.coins[name]

    def latency(self, name: str) -> LatencyHistogram:
        """The histogram called `name` (``frame_to_order``, ``order``, ``feed``), made on first use."""
        if name not in self.latencies:
            self.latencies[name] = LatencyHistogram()
        return self.latencies[name]
