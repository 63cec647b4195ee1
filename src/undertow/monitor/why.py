"""One line that answers "why am I not quoting?".

Causes stand in a chain: what lies upstream makes everything behind it idle, so the first that holds
is the answer. Per side, because a limit, a stale level source or the kill switch may stop one alone.

===============  =====================================================================================
code             when
===============  =====================================================================================
kill             the kill switch latched (the accumulating side alone, or both)
stopping         the session is winding down
connection       there is no usable link to the venue
halted           the venue has halted the coin
feed             a source is missing or older than its limit, and the side does not quote
book             a side of the book is missing, or the book is too old
crossed          the book is crossed
idle             the maker has not decided for seconds, or not yet
warming          the estimators have not seen enough
requests         the request budget is spent (the reducing side may still move)
margin_account   no free margin left
unreachable      no γ gives the half-life asked for
limit            the position limit leaves no room
refused          wanted, refused by the venue or held back by a limit at the point of sending
in_flight        wanted, sent, not acknowledged yet
waiting          wanted, not sent: no room, budget of the cycle, or an own order in the way
value, minimum,  the ladder's own reasons: not worth a request, below the venue's minimum, worth more
pooled, margin   deeper, or a fill there loses
unwanted         a maker without reasons wants nothing there
===============  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from undertow.monitor.facts import Kill, SessionFacts
from undertow.monitor.numbers import number, price, quantity, seconds, significant
from undertow.monitor.view import CoinView, SideView

QUOTING: Final = "quoting"
IDLE_S: Final = 5.0
"""A maker that has not decided for so long is idle."""


class Cause(NamedTuple):
    """Why a side does not quote: a code of the table above and its sentence."""

    code: str
    text: str


class _Ask(NamedTuple):
    """What a rule may look at."""

    coin: CoinView
    side: SideView
    facts: SessionFacts
    now_ns: int


_Rule = Callable[[_Ask], Cause | None]


def _for(now_ns: int, since_ns: int) -> str:
    return f" for {seconds(max(now_ns - since_ns, 0) * 1e-9)}" if since_ns > 0 else ""


def _kill(ask: _Ask) -> Cause | None:
    for kill in (*ask.facts.kills, *ask.facts.coin(ask.coin.coin).kills):
        if _kills(kill, ask.side):
            text = f"{kill.reason}: {kill.text}" if kill.text else kill.reason
            end = " (flattening)" if kill.grade == "flatten" else ""
            return Cause("kill", f"kill switch, {text}{end}; reset by hand")
    return None


def _kills(kill: Kill, side: SideView) -> bool:
    """Whether a latched reason forbids this side."""
    if kill.grade != "accumulating":
        return True
    if side.reduces:
        return False
    return kill.side in (0, side.sign)


def _stopping(ask: _Ask) -> Cause | None:
    return Cause("stopping", ask.facts.stopping) if ask.facts.stopping else None


def _connection(ask: _Ask) -> Cause | None:
    link = ask.facts.connection
    if link.state == "up":
        return None
    names = {
        "connecting": "connecting to the venue",
        "recovering": "reconnected, reloading orders, fills and position",
        "down": "no connection to the venue",
        "closed": "connection closed",
    }
    attempt = f", attempt {link.attempt}" if link.attempt > 1 else ""
    note = f" ({link.note})" if link.note else ""
    stands = ask.coin.bid.live + ask.coin.ask.live
    unattended = f"; {stands} orders unattended" if stands and link.state == "down" else ""
    since = _for(ask.now_ns, link.since_ns)
    return Cause("connection", f"{names[link.state]}{since}{attempt}{note}{unattended}")


def _halted(ask: _Ask) -> Cause | None:
    return Cause("halted", f"{ask.coin.coin} is halted: {ask.coin.halted}") if ask.coin.halted else None


def _feed(ask: _Ask) -> Cause | None:
    stale = [f for f in ask.coin.feeds if f.stale and f.serves in (0, ask.side.sign)]
    if not stale:
        return None
    names = [f"{f.source} {'never came' if f.age_s is None else f'{seconds(f.age_s)} old'}" for f in stale]
    limits = {f.limit_s for f in stale}
    limit = f" (limit {seconds(limits.pop())})" if len(limits) == 1 else ""
    return Cause("feed", f"feed {', '.join(names)}{limit}")


def _book(ask: _Ask) -> Cause | None:
    p = ask.coin.price
    if p.bid is None and p.ask is None:
        return Cause("book", "no book yet" if p.age_s is None else "the book is empty")
    if p.bid is None or p.ask is None:
        return Cause("book", f"the book has no {'bids' if p.bid is None else 'asks'}")
    if not ask.coin.fresh:
        return Cause("book", "no book since the gap in the feed")
    if "nobook" in ask.side.reasons and ask.coin.decided_ago_s is not None:
        back = p.age_s is not None and p.age_s <= ask.coin.decided_ago_s
        return Cause(
            "book",
            "the book is back, the next decision uses it" if back else f"the book is {seconds(p.age_s)} old",
        )
    return None


def _crossed(ask: _Ask) -> Cause | None:
    by = ask.coin.price.crossed_bps
    if by is None and "crossed" in ask.side.reasons:
        by = ask.side.numbers["crossed"]
    return None if by is None else Cause("crossed", f"the book is crossed by {number(by, 1)} bps")


def _idle(ask: _Ask) -> Cause | None:
    if not ask.side.has_ladder:
        return None
    ago = ask.coin.decided_ago_s
    if ago is None:
        return Cause("idle", "no decision yet")
    return (
        Cause("idle", f"no decision for {seconds(ago)}: no timers reach the maker") if ago > IDLE_S else None
    )


def _warming(ask: _Ask) -> Cause | None:
    left = ask.coin.warm_left_s
    if left > 0.0:
        return Cause("warming", f"warming up, {seconds(left)} left")
    if "warming" in ask.side.reasons:
        return Cause("warming", "warmed up, the next decision quotes")
    return None


def _requests(ask: _Ask) -> Cause | None:
    if ask.side.reduces:
        return None
    left = ask.facts.budget.left
    if ask.coin.out_of_requests or (left is not None and left <= 0.0):
        return Cause(
            "requests",
            f"no requests left ({ask.facts.budget.used or ask.coin.requests} used): trade to earn more",
        )
    return None


def _account_margin(ask: _Ask) -> Cause | None:
    if ask.side.reduces:
        return None
    own, account = ask.coin.free_margin_usd, ask.facts.money.free_margin_usd
    free = own if own is not None else account
    if free is not None and free <= 0.0:
        return Cause("margin_account", f"no free margin ({number(free)} USD)")
    return None


def _unreachable(ask: _Ask) -> Cause | None:
    if "unreachable" not in ask.side.reasons:
        return None
    shortest = seconds(ask.side.numbers["unreachable"])
    return Cause("unreachable", f"no γ reaches the half-life asked for; the shortest is {shortest}")


def _limit(ask: _Ask) -> Cause | None:
    side, position = ask.side, ask.coin.position
    if side.wanted > 0 or position.limit_lots is None:
        return None
    held = side.sign * (position.lots or 0.0)
    least = 1.0 if ask.coin.lot_usd is None else min(ask.coin.min_notional / ask.coin.lot_usd, 1.0)
    full = held + (least if side.has_ladder else 1.0) > position.limit_lots
    if full or side.at_limit:
        word = "long" if side.sign > 0 else "short"
        held_text = f"{word} {number(held, 1)}" if held > 0.05 else "orders fill it"
        return Cause("limit", f"at the limit of {quantity(position.limit_lots)} lots ({held_text})")
    return None


def _not_standing(ask: _Ask) -> Cause | None:
    """Wanted, and not there yet."""
    side = ask.side
    if side.wanted == 0 and side.flying == 0:
        return None
    if ask.coin.refused:
        return Cause("refused", ask.coin.refused)
    if side.flying > 0:
        return Cause("in_flight", f"{_orders(side.flying)} on the way to the venue")
    waits = f"{_levels(side.wanted)} wanted, not sent"
    if ask.coin.deferred > 0:
        return Cause("waiting", f"{waits}: room, the cycle's budget or an own order in the way")
    return Cause("waiting", f"{waits}: the next decision asks again")


def _ladder(ask: _Ask) -> Cause | None:
    """The ladder's own reasons; of several, that of the level nearest to quoting."""
    side = ask.side
    for reason in ("limit", "value", "minimum", "pooled", "margin"):
        if reason not in side.reasons:
            continue
        return Cause(reason, _ladder_text(reason, side.numbers[reason], ask.coin) + _mixed(side))
    return None


def _ladder_text(reason: str, value: float, coin: CoinView) -> str:
    if reason == "limit":
        return f"the limit of {quantity(value)} lots leaves no room"
    if reason == "value":
        cost = coin.request_price
        of = f"of the {significant(cost)} a request costs" if cost is not None else "too little for a request"
        return f"the best level earns {significant(value)} {of} (bps·lots)"
    if reason == "minimum":
        return f"{number(value, 1)} USD is less than the venue takes ({quantity(coin.min_notional)})"
    if reason == "pooled":
        return "everything is worth more one level deeper"
    return f"a fill at the best level loses {number(-value, 1)} bps"


def _mixed(side: SideView) -> str:
    """How many levels are empty for which reason, where there are several."""
    if len(side.reasons) < 2:
        return ""
    return " (" + ", ".join(f"{name} {n}" for name, n in side.reasons.items()) + ")"


def _unwanted(ask: _Ask) -> Cause:
    return Cause("unwanted", f"{ask.coin.maker} wants no {'bid' if ask.side.sign > 0 else 'ask'} now")


HARD: Final[tuple[_Rule, ...]] = (_kill, _stopping, _connection, _halted)
"""Causes that hold whatever still stands in the book."""
SOFT: Final[tuple[_Rule, ...]] = (
    *(_feed, _book, _crossed, _idle, _warming, _requests, _account_margin, _unreachable),
    *(_limit, _not_standing, _ladder),
)
RANK: Final = (
    *("kill", "stopping", "connection", "halted", "feed", "book", "crossed", "idle", "warming"),
    *("requests", "margin_account", "unreachable", "limit", "refused", "in_flight", "waiting"),
    *("value", "minimum", "pooled", "margin", "unwanted", QUOTING),
)


def _first(rules: Iterable[_Rule], ask: _Ask) -> Cause | None:
    for rule in rules:
        cause = rule(ask)
        if cause is not None:
            return cause
    return None


def cause_of(coin: CoinView, side: SideView, facts: SessionFacts, now_ns: int) -> Cause | None:
    """Why `side` of `coin` does not quote; None: it does."""
    ask = _Ask(coin, side, facts, now_ns)
    cause = _first(HARD, ask)
    if cause is not None:
        return cause
    if side.live > 0 and (side.wanted > 0 or side.reduces or not side.has_ladder):
        return None
    return _first(SOFT, ask) or _unwanted(ask)


def _orders(n: int) -> str:
    return f"{n} order" if n == 1 else f"{n} orders"


def _levels(n: int) -> str:
    return f"{n} level" if n == 1 else f"{n} levels"


def _standing(side: SideView) -> str:
    word = "bid" if side.sign > 0 else "ask"
    return f"{side.live} {word}{'' if side.live == 1 else 's'} from {price(side.best_px)}"


def _notes(coin: CoinView) -> str:
    """What is amiss although it quotes."""
    stale = [f"{f.source} {seconds(f.age_s)} old" for f in coin.feeds if f.stale]
    return f" (feed {', '.join(stale)})" if stale else ""


def _line(coin: CoinView, bid: Cause | None, ask: Cause | None) -> str:
    if bid is None and ask is None:
        return f"quoting both sides: {_standing(coin.bid)}, {_standing(coin.ask)}{_notes(coin)}"
    if bid is not None and bid == ask:
        return f"not quoting: {bid.text}"
    parts = []
    for word, side, cause in (("bid", coin.bid, bid), ("ask", coin.ask, ask)):
        rank = RANK.index(QUOTING if cause is None else cause.code)
        text = f"quoting {_standing(side)}" if cause is None else f"no {word}: {cause.text}"
        parts.append((rank, text))
    parts.sort(key=lambda part: part[0])
    return "; ".join(text for _, text in parts)


def explain(coin: CoinView, facts: SessionFacts, now_ns: int) -> CoinView:
    """`coin` with ``why`` and ``why_code`` filled."""
    causes = [cause_of(coin, side, facts, now_ns) for side in (coin.bid, coin.ask)]
    codes = [QUOTING if cause is None else cause.code for cause in causes]
    code = min(codes, key=RANK.index)
    return msgspec.structs.replace(coin, why=_line(coin, *causes), why_code=code)
