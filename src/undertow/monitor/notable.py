"""What has changed between two views that a person, a log or an alert should hear of.

Each change is told once: the first quote, fills, a side that stops or starts quoting for a while, feeds
that go stale and come back, the link lost and regained, the kill switch, refusals, requests running out.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from undertow.monitor.numbers import count, price, quantity, seconds, signed, usd
from undertow.monitor.view import CoinView, FillView, KillView, SessionView
from undertow.monitor.why import QUOTING

Kind = Literal[
    "first_quote",
    "quoting",
    "not_quoting",
    "fill",
    "stale",
    "fresh",
    "disconnected",
    "connected",
    "kill",
    "kill_cleared",
    "halted",
    "resumed",
    "refused",
    "requests_low",
    "stopping",
]
SETTLED_S: Final = 3.0
"""A change of what a coin quotes is told when it has lasted so long."""
LOW_SHARE: Final = 0.1
"""Requests left, as a share of the cap, at which they are called low."""


class Notable(msgspec.Struct, frozen=True, kw_only=True):
    """One change. ``coin`` empty: of the session. ``urgent``: money or safety may be at stake."""

    kind: Kind
    coin: str
    text: str
    time_ns: int
    urgent: bool = False


class _Coin(msgspec.Struct):
    """What was last told of a coin."""

    quoted: bool = False
    code: str = ""
    candidate: str = ""
    since_ns: int = 0
    fills: int = 0
    stale: frozenset[str] = frozenset()
    kills: frozenset[str] = frozenset()
    halted: str = ""
    refused: str = ""


class Watcher:
    """Compares each view with what was told before."""

    def __init__(self) -> None:
        self._coins: dict[str, _Coin] = {}
        self._linked: bool | None = None
        self._kills: frozenset[str] = frozenset()
        self._low = False
        self._stopping = ""

    def changes(self, view: SessionView) -> list[Notable]:
        """What is new in `view`, the most upstream first."""
        found = [*self._session(view)]
        for coin in view.coins:
            found += self._coin(coin, self._coins.setdefault(coin.coin, _Coin()), view.now_ns)
        return found

    def _session(self, view: SessionView) -> list[Notable]:
        found: list[Notable] = []
        now = view.now_ns
        found += _kill_changes("", self._kills, view.kills, now)
        self._kills = frozenset(k.reason for k in view.kills)
        up = view.link.state == "up"
        if self._linked is not None and up != self._linked:
            kind: Kind = "connected" if up else "disconnected"
            note = f" ({view.link.note})" if view.link.note else ""
            text = f"link to {view.venue} is {view.link.state}{note}"
            found.append(Notable(kind=kind, coin="", text=text, time_ns=now, urgent=not up))
        if up or self._linked is not None:
            self._linked = up
        left, cap = view.requests_left, view.requests_cap
        low = left is not None and left < LOW_SHARE * (cap if cap else 10_000.0)
        if low and not self._low:
            text = f"{count(left)} requests left, {count(view.requests)} used"
            found.append(Notable(kind="requests_low", coin="", text=text, time_ns=now, urgent=True))
        self._low = low
        if view.stopping and view.stopping != self._stopping:
            found.append(Notable(kind="stopping", coin="", text=view.stopping, time_ns=now))
        self._stopping = view.stopping
        return found

    def _coin(self, coin: CoinView, told: _Coin, now: int) -> list[Notable]:
        found = _kill_changes(coin.coin, told.kills, coin.kills, now)
        told.kills = frozenset(k.reason for k in coin.kills)
        if coin.halted != told.halted:
            kind: Kind = "halted" if coin.halted else "resumed"
            text = f"halted: {coin.halted}" if coin.halted else "trades again"
            found.append(Notable(kind=kind, coin=coin.coin, text=text, time_ns=now, urgent=bool(coin.halted)))
            told.halted = coin.halted
        found += _feed_changes(coin, told, now)
        if coin.refused and coin.refused != told.refused:
            found.append(Notable(kind="refused", coin=coin.coin, text=coin.refused, time_ns=now))
        told.refused = coin.refused
        found += [
            Notable(kind="fill", coin=coin.coin, text=fill_text(fill, coin), time_ns=fill.time_ns)
            for fill in reversed(coin.fills[: max(coin.pnl.fills - told.fills, 0)])
        ]
        told.fills = coin.pnl.fills
        return [*found, *_quoting_changes(coin, told, now)]


def fill_text(fill: FillView, coin: CoinView) -> str:
    """A fill and the position after all fills so far."""
    edge = "" if fill.edge_bps is None else f", {signed(fill.edge_bps, 1)} bps from the mid"
    word = "bought" if fill.side > 0 else "sold"
    held = "flat" if not coin.position.qty else f"{coin.position.qty:+.6g} ({usd(coin.position.usd)} USD)"
    return f"{word} {quantity(fill.qty)} at {price(fill.px)}{edge}; position {held}"


def _kill_changes(coin: str, told: frozenset[str], kills: tuple[KillView, ...], now: int) -> list[Notable]:
    found = [
        Notable(
            kind="kill",
            coin=coin,
            text=f"kill switch ({k.grade}): {k.reason}{': ' if k.text else ''}{k.text}",
            time_ns=now,
            urgent=True,
        )
        for k in kills
        if k.reason not in told
    ]
    for reason in sorted(told - {k.reason for k in kills}):
        found.append(
            Notable(kind="kill_cleared", coin=coin, text=f"kill switch reset: {reason}", time_ns=now)
        )
    return found


def _feed_changes(coin: CoinView, told: _Coin, now: int) -> list[Notable]:
    stale = {f.source: f for f in coin.feeds if f.stale}
    found = []
    for source in sorted(stale.keys() - told.stale):
        f = stale[source]
        age = "never came" if f.age_s is None else f"is {seconds(f.age_s)} old"
        text = f"feed {source} {age} (limit {seconds(f.limit_s)})"
        found.append(Notable(kind="stale", coin=coin.coin, text=text, time_ns=now, urgent=True))
    for source in sorted(told.stale - stale.keys()):
        found.append(Notable(kind="fresh", coin=coin.coin, text=f"feed {source} is back", time_ns=now))
    told.stale = frozenset(stale)
    return found


def _quoting_changes(coin: CoinView, told: _Coin, now: int) -> list[Notable]:
    """The first quote at once; other changes of the cause when they have settled."""
    if not told.quoted and coin.bid.live + coin.ask.live > 0:
        told.quoted, told.code = True, coin.why_code
        told.candidate = coin.why_code
        return [Notable(kind="first_quote", coin=coin.coin, text=f"first quote: {coin.why}", time_ns=now)]
    if coin.why_code != told.candidate:
        told.candidate, told.since_ns = coin.why_code, now
    if told.candidate == told.code or now - told.since_ns < SETTLED_S * 1e9:
        return []
    told.code = told.candidate
    kind: Kind = "quoting" if told.code == QUOTING else "not_quoting"
    return [Notable(kind=kind, coin=coin.coin, text=coin.why, time_ns=now)]
