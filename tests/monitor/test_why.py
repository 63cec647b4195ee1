"""Every cause of not quoting, on state records driven through `dispatch`; and which of several is told."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from tests.kernel.session import COIN, START_NS

from undertow.config import Config
from undertow.events import ACK, CANCELED, GAP, REJECTED
from undertow.kernel.fill_track import NODES
from undertow.kernel.l2book import new_book
from undertow.makers import MAKERS
from undertow.monitor.facts import Feed, Kill, SessionFacts
from undertow.monitor.watch import SessionWatch
from undertow.monitor.why import RANK
from undertow.units import s_to_ns

from .watched import NAME, Watched, quoting


def changed(**sections: dict[str, object]) -> Config:
    """The default configuration with some fields replaced."""
    config = Config()
    parts = {
        name: msgspec.structs.replace(getattr(config, name), **fields) for name, fields in sections.items()
    }
    return msgspec.structs.replace(config, **parts)


def test_quoting_both_sides_is_said_with_how_many_and_from_where() -> None:
    s = quoting()
    coin = s.coin()
    assert coin.why_code == "quoting"
    bids, asks = s.working(1), s.working(-1)
    best_bid = max(int(o["tick"]) for o in bids) * 0.01
    best_ask = min(int(o["tick"]) for o in asks) * 0.01
    assert coin.why == (
        f"quoting both sides: {len(bids)} bids from {best_bid:g}, {len(asks)} asks from {best_ask:g}"
    )


def test_before_the_first_book() -> None:
    s = Watched()
    assert (s.code, s.why) == ("book", "not quoting: no book yet")


def test_before_the_first_decision() -> None:
    s = Watched()
    s.show(100.0)
    assert (s.code, s.why) == ("idle", "not quoting: no decision yet")


def test_warming_up_says_how_long() -> None:
    s = Watched()
    s.show(100.0)
    for _ in range(100):
        s.show(100.0)
        s.timer()
    assert (s.code, s.why) == ("warming", "not quoting: warming up, 20 s left")


def test_only_a_position_is_quoted_away_while_warming() -> None:
    s = Watched()
    s.show(100.0)
    s.position(5.0)
    s.acknowledge(s.timer())
    coin = s.coin()
    assert coin.why_code == "warming"
    assert coin.why.startswith("no bid: warming up, 30 s left; quoting ")
    assert coin.ask.live > 0


def test_orders_on_their_way() -> None:
    s = quoting()
    s.lose_orders()
    sent = s.timer()
    assert s.code == "in_flight"
    assert "on the way to the venue" in s.why
    s.acknowledge(sent)
    assert s.code == "quoting"


def test_a_refused_order_gives_the_venues_words() -> None:
    s = quoting()
    s.lose_orders()
    for action in s.timer():
        s.send(kind=ACK, ref=int(action.id), code=REJECTED)
    own = s.facts.coin(NAME)
    own.refused, own.refused_ns = "the venue refuses: Order has invalid price.", s.now_ns
    assert (s.code, s.why) == ("refused", "not quoting: the venue refuses: Order has invalid price.")
    own.refused_ns = s.now_ns - s_to_ns(11.0)
    assert s.code == "waiting"


def test_a_book_with_one_side() -> None:
    s = quoting()
    s.table[0] = [[99.9, 99.8, 99.7], [5.0] * 3, [np.nan] * 3, [np.nan] * 3]
    s.send(kind=3, ref=0)
    s.acknowledge(s.timer())
    assert (s.code, s.why) == ("book", "not quoting: the book has no asks")


def test_an_old_book() -> None:
    s = quoting()
    for _ in range(320):
        s.acknowledge(s.timer())
    assert s.code == "book"
    assert s.why == "not quoting: the book is 32 s old"
    s.show(100.0)
    assert s.why == "not quoting: the book is back, the next decision uses it"


def test_after_a_gap_in_the_feed() -> None:
    s = quoting()
    s.send(kind=GAP, val=3.0)
    s.acknowledge(s.timer())
    assert s.code == "book"
    assert s.why == "not quoting: no book since the gap in the feed"


def test_a_crossed_book() -> None:
    s = quoting()
    s.show(100.0, half_spread=-0.05)
    s.acknowledge(s.timer())
    assert s.code == "crossed"
    assert s.why == "not quoting: the book is crossed by 10.0 bps"


def test_a_stale_feed_is_named_with_its_age_and_limit() -> None:
    s = quoting()
    own = s.facts.coin(NAME)
    own.feeds["fast"] = Feed(last_ns=s.now_ns - s_to_ns(4.0), limit_s=3.0)
    own.feeds["trades"] = Feed(last_ns=s.now_ns - s_to_ns(90.0))
    # it still quotes: told beside it
    assert s.why.startswith("quoting both sides: ")
    assert s.why.endswith(" (feed fast 4.0 s old)")
    s.send(kind=GAP, val=4.0)
    s.acknowledge(s.timer())
    assert (s.code, s.why) == ("feed", "not quoting: feed fast 4.1 s old (limit 3.0 s)")


def test_a_feed_that_never_came() -> None:
    s = Watched()
    s.facts.coin(NAME).feeds["bbo"] = Feed(limit_s=5.0)
    assert s.code == "book"
    s.now_ns += s_to_ns(6.0)
    assert s.why == "not quoting: feed bbo never came (limit 5.0 s)"


def test_a_source_that_serves_one_side_stops_that_side() -> None:
    s = quoting()
    for order in s.working(1):
        s.send(kind=ACK, ref=int(order["id"]), code=CANCELED)
    s.facts.coin(NAME).feeds["slow"] = Feed(last_ns=s.now_ns - s_to_ns(30.0), limit_s=20.0, serves=1)
    assert s.code == "feed"
    assert s.why.startswith("no bid: feed slow 30 s old (limit 20 s); quoting ")


def test_no_requests_left() -> None:
    s = Watched(changed(quoting={"request_budget": 40.0}))
    s.warm(60.0)
    assert s.coin().out_of_requests
    s.lose_orders()
    s.acknowledge(s.timer())
    assert s.code == "requests"
    assert "no requests left" in s.why
    assert s.why.endswith("used): trade to earn more")


def test_the_venues_own_count_of_requests() -> None:
    s = Watched()
    s.show(100.0)
    s.facts.budget.left, s.facts.budget.used = 0.0, 12_000
    s.warm(1.0)
    s.now_ns += s_to_ns(30.0)  # warm, and nothing stands
    s.show(100.0)
    s.timer()
    assert s.why == "not quoting: no requests left (12000 used): trade to earn more"


def test_at_the_position_limit_the_other_side_still_quotes() -> None:
    s = quoting()
    s.position(12.0)
    s.settle()
    coin = s.coin()
    assert coin.why_code == "limit"
    assert coin.why.startswith("no bid: at the limit of 12 lots (long 12.0); quoting ")
    s.position(-12.0)
    s.settle()
    assert s.why.startswith("no ask: at the limit of 12 lots (short 12.0); quoting ")


def test_no_free_margin() -> None:
    s = quoting()
    s.lose_orders()
    s.timer()
    s.facts.money.free_margin_usd = 0.0
    assert (s.code, s.why) == ("margin_account", "not quoting: no free margin (0.00 USD)")
    s.facts.coin(NAME).free_margin_usd = 50.0  # isolated: its own counts
    assert s.code == "in_flight"


def test_a_half_life_nothing_reaches() -> None:
    s = Watched(changed(risk={"half_life_s": 0.01}))
    s.warm(40.0)
    assert s.code == "unreachable"
    assert s.why.startswith("not quoting: no γ reaches the half-life asked for; the shortest is ")


def test_fills_that_lose() -> None:
    s = quoting()
    s.lose_orders()
    # takers cost more than twice the depth they reach, wherever that is
    s.state.estimators.markout.curve[:] = 2.2 * NODES + 1.0
    s.state.estimators.markout.refresh_ns = s.now_ns
    s.acknowledge(s.timer())
    coin = s.coin()
    assert coin.bid.reasons == {"margin": coin.bid.reasons["margin"]}
    assert coin.why_code == "margin"
    loss = -max(float(m) for m in s.state.ladder.bid.reason_value[: s.state.ladder.bid.levels])
    assert f"no bid: a fill at the best level loses {loss:.1f} bps" in coin.why


def test_levels_not_worth_a_request() -> None:
    s = Watched(changed(ladder={"request_price_bps_lots": 1e5}))
    s.warm(40.0)
    assert s.code == "value"
    assert "of the 1e+05 a request costs (bps·lots)" in s.why


def test_a_maker_that_has_not_decided_for_seconds() -> None:
    s = Watched(warmup_s=0.0)
    s.show(100.0)
    s.timer()
    s.now_ns += s_to_ns(7.0)
    s.show(100.0)
    assert (s.code, s.why) == ("idle", "not quoting: no decision for 7.0 s: no timers reach the maker")


LINKS = {
    "connecting": "not quoting: connecting to the venue for 2.0 s",
    "recovering": "not quoting: reconnected, reloading orders, fills and position for 2.0 s",
    "down": "not quoting: no connection to the venue for 2.0 s, attempt 3 (reset); {n} orders unattended",
    "closed": "not quoting: connection closed for 2.0 s",
}


@pytest.mark.parametrize("state", LINKS)
def test_without_a_connection(state: str) -> None:
    s = quoting()
    link = s.facts.connection
    link.state, link.since_ns = state, s.now_ns - s_to_ns(2.0)  # type: ignore[assignment]
    if state == "down":
        link.attempt, link.note = 3, "reset"
    assert s.code == "connection"
    assert s.why == LINKS[state].format(n=len(s.working(1)) + len(s.working(-1)))


def test_halted_stopping_and_killed() -> None:
    s = quoting()
    s.facts.coin(NAME).halted = "delisted"
    assert (s.code, s.why) == ("halted", "not quoting: COIN is halted: delisted")
    s.facts.stopping = "the session is over"
    assert (s.code, s.why) == ("stopping", "not quoting: the session is over")
    s.facts.kills.append(Kill(reason="loss", text="-120 of -100 USD", since_ns=s.now_ns, grade="cancel"))
    assert (s.code, s.why) == ("kill", "not quoting: kill switch, loss: -120 of -100 USD; reset by hand")


def test_a_graded_kill_stops_the_accumulating_side_alone() -> None:
    s = quoting()
    s.position(5.0)
    s.settle()
    s.facts.coin(NAME).kills.append(Kill(reason="drawdown", grade="accumulating"))
    coin = s.coin()
    assert coin.why_code == "kill"
    assert coin.why.startswith("no bid: kill switch, drawdown; reset by hand; quoting ")
    s.position(0.0)
    assert s.why == "not quoting: kill switch, drawdown; reset by hand"
    s.facts.coin(NAME).kills[0] = Kill(reason="limit", grade="accumulating", side=-1)
    assert s.coin().why.startswith("no ask: kill switch, limit; reset by hand; quoting ")


def _kill(s: Watched) -> None:
    s.facts.kills.append(Kill(reason="manual"))


def _stopping(s: Watched) -> None:
    s.facts.stopping = "ends"


def _down(s: Watched) -> None:
    s.facts.connection.state = "down"


def _halt(s: Watched) -> None:
    s.facts.coin(NAME).halted = "x"


def _stale(s: Watched) -> None:
    s.facts.coin(NAME).feeds["bbo"] = Feed(last_ns=1, limit_s=1.0)


def _crossed(s: Watched) -> None:
    s.show(100.0, half_spread=-0.05)


def _idle(s: Watched) -> None:
    s.now_ns += s_to_ns(8.0)


def _margin(s: Watched) -> None:
    s.facts.money.free_margin_usd = -1.0


CHAIN: list[tuple[str, Callable[[Watched], None]]] = [
    *(("kill", _kill), ("stopping", _stopping), ("connection", _down), ("halted", _halt)),
    *(("feed", _stale), ("crossed", _crossed), ("idle", _idle), ("margin_account", _margin)),
]


@pytest.mark.parametrize("first", range(len(CHAIN)))
def test_the_most_upstream_cause_is_told(first: int) -> None:
    s = Watched(warmup_s=0.0)
    s.show(100.0)
    s.timer()
    for code, cause in reversed(CHAIN[first:]):
        cause(s)
        assert s.code == code
    codes = [RANK.index(code) for code, _ in CHAIN]
    assert codes == sorted(codes)


@pytest.mark.parametrize("name", [n for n in MAKERS if n != "undertow"])
def test_makers_without_a_ladder_say_what_can_be_seen(name: str) -> None:
    maker = MAKERS[name](Config(), COIN)
    facts = SessionFacts(session="s", started_ns=START_NS)
    facts.connection.state = "up"
    watch, state, book = SessionWatch(facts), maker.fresh_state(), new_book()
    watch.add_coin(NAME, maker, state, maker.params, COIN, book)

    def coin() -> tuple[str, str]:
        view = watch.view(START_NS, fresh=True).coins[0]
        return view.why_code, view.why

    assert coin() == ("book", "not quoting: no book yet")
    book.top.best_bid, book.top.best_ask, book.top.recv_ns = 9_995, 10_005, START_NS
    assert coin()[0] == "unwanted"
    assert f"{maker.name} wants no bid now" in coin()[1]
    for k, side in enumerate((1, -1)):
        order = state.desk.working[k]
        order.id, order.side, order.tick, order.leaves, order.status = k, side, 10_000 - 10 * side, 1.0, 2
    state.desk.n_working = 2
    assert coin() == ("quoting", "quoting both sides: 1 bid from 99.9, 1 ask from 100.1")
    state.desk.n_working = 1
    state.desk.position = -1e6
    assert coin()[0] == "limit"
    assert coin()[1].startswith("no ask: at the limit of ")


def test_codes_are_documented() -> None:
    """docs/screen.md names every code."""
    from tests.conftest import ROOT

    text = (ROOT / "docs" / "screen.md").read_text()
    assert [code for code in RANK if f"`{code}`" not in text] == []
