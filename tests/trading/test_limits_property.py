"""Before every send: position plus all resting and unacknowledged size on a side is within the limit.

The sum is taken from the matcher's (or model venue's) own books, not from what the limits believe. A fill
that races a modify may exceed the limit by that one order; without modifies nothing may.
"""

from __future__ import annotations

import random
from functools import lru_cache

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.trading.driving import market
from tests.trading.orders.sessions import Session, Trader, faults_of

from undertow.events import CANCEL, CANCEL_REJECTED, MODIFY, REJECTED
from undertow.replay.venue import INBOX
from undertow.trading.orders.account_limits import AccountGate, AccountLimits
from undertow.trading.orders.coins import Coin
from undertow.trading.orders.limits import Breach, Limits
from undertow.trading.orders.mids import Mids
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.paper_limits import PaperLimits
from undertow.trading.playback import messages
from undertow.trading.restraint import Restraint

FEW = settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


@lru_cache(maxsize=2)
def shown(seed: int):
    """A market whose lots are worth 110 USD, above the venue's least order."""
    made = market(seed, 120.0)
    return msgspec.structs.replace(made.instrument, size_step=0.001), list(messages(made, "BTC"))


class Drive:
    """A trader that asks for anything on a paper venue with limits."""

    def __init__(self, seed: int, limit_lots: int, *, modifies: bool = True, **account: float) -> None:
        instrument, self.messages = shown(3)
        self.coin = Coin("BTC", 0, instrument)
        self.limit = limit_lots
        gate = AccountGate(AccountLimits(**account), lambda: 1_000.0) if account else None
        limits = {"BTC": Limits(max_position_qty=self.coin.qty_of(limit_lots), orders_per_s=1000)}
        self.paper = PaperExecution(
            [PaperMarket("BTC", instrument)], limits=PaperLimits([self.coin], limits, gate), keep_fills=True
        )
        self.paper.begin(self.take)
        self.trader = Trader(self.coin, random.Random(seed))
        self.modifies, self.rng, self.mids = modifies, random.Random(seed + 1), Mids()
        self.matcher = self.paper.matchers["BTC"]
        self.send, self.matcher.send = self.matcher.send, self._checked
        self.worst = self.worst_usd = -(10**9)
        self.sent = self.largest = 0

    def take(self, received) -> None:
        self.trader.see(received)

    def run(self, n: int) -> None:
        for received in self.messages[:n]:
            now = int(received.rows["recv_ns"][-1])
            self.paper.on_time(now - 1)
            self.paper.on_market(received)
            self.mids.see(received)
            mid = self.mids.of("BTC")
            if mid > 0.0 and self.rng.random() < 0.3:
                tick = round(mid / self.coin.instrument.tick_size / 10) * 10
                actions = self.trader.decide(tick, now)
                if not self.modifies:
                    actions = actions[actions["kind"] != MODIFY]
                if len(actions):
                    self.paper.send("BTC", now, actions)

    def _checked(self, now_ns: int, actions) -> None:
        """Send, then count what the venue has and what is on its way to it."""
        self.send(now_ns, actions)
        self.sent += len(actions)
        ex = self.matcher.cells.ex[0]
        replaced: set[int] = set()
        under_way = {1: 0.0, -1: 0.0}
        for at in range(int(ex["inbox_head"]), int(ex["inbox_tail"])):
            request = ex["inbox"][at & (INBOX - 1)]
            if request["kind"] == MODIFY:
                replaced.add(int(request["target"]))
            if request["kind"] not in (0, CANCEL):
                under_way[int(request["side"])] += float(request["qty"])
                self.largest = max(self.largest, self.coin.lots_near(float(request["qty"])))
        for side, n, orders in ((1, ex["bids"], ex["bid_orders"]), (-1, ex["asks"], ex["ask_orders"])):
            rests = sum(float(o["leaves"]) for o in orders[: int(n)] if int(o["id"]) not in replaced)
            total = side * float(ex["ledger"]["position"]) + rests + under_way[side]
            self.worst = max(self.worst, self.coin.lots_near(total) - self.limit)
            self.worst_usd = max(self.worst_usd, total * self.mids.of("BTC"))


@FEW
@given(seed=st.integers(0, 2**31), limit=st.integers(1, 40))
def test_paper_never_goes_beyond_the_limit(seed: int, limit: int) -> None:
    drive = Drive(seed, limit, modifies=False)
    drive.run(250)
    assert drive.worst <= 0


@FEW
@given(seed=st.integers(0, 2**31), limit=st.integers(10, 40))
def test_paper_exceeds_it_by_a_racing_modify_at_most(seed: int, limit: int) -> None:
    drive = Drive(seed, limit)
    drive.run(250)
    assert drive.worst <= drive.largest


def test_the_limit_is_reached_and_refusals_are_answered() -> None:
    drive = Drive(5, 12)
    drive.run(400)
    assert drive.sent > 50
    assert drive.worst >= -2
    assert drive.paper.limits is not None
    refused = drive.paper.limits.refused["BTC", Breach.POSITION]
    assert refused > 20
    codes = [int(row["code"]) for row in drive.trader.rows]
    assert codes.count(REJECTED) >= refused
    assert CANCEL_REJECTED in codes


@pytest.mark.parametrize(
    ("account", "limit_usd", "why"),
    [
        ({"max_total_usd": 2_000.0}, 2_000.0, Breach.TOTAL),
        ({"leverage": {"BTC": 4.0}, "margin_share": 0.5}, 2_000.0, Breach.MARGIN),
    ],
)
def test_the_account_as_a_whole(account, limit_usd: float, why: Breach) -> None:
    drive = Drive(7, 10_000, modifies=False, **account)
    drive.run(400)
    assert drive.paper.limits is not None
    assert drive.paper.limits.refused["BTC", why] > 20
    assert 0.7 * limit_usd < drive.worst_usd <= limit_usd * 1.01  # the price moves after the send


def test_a_restraint_holds_at_the_limits_too() -> None:
    drive = Drive(5, 40)
    drive.run(200)
    assert drive.paper.limits is not None
    drive.paper.limits.restrain("BTC", Restraint(shut=True))
    sent = []
    drive.matcher.send = lambda now, actions: (sent.append(actions.copy()), drive.send(now, actions))
    drive.messages = drive.messages[200:]
    drive.run(200)
    assert all((actions["kind"] == CANCEL).all() for actions in sent)
    assert drive.paper.limits.refused["BTC", Breach.KILLED] > 10


class NoModifies(Session):
    """Sessions of the order manager whose makers never modify."""

    async def _trade(self, seconds: float) -> None:
        for trader in self.traders.values():
            decide = trader.decide

            def only(mid: int, now_ns: int, decide=decide):
                actions = decide(mid, now_ns)
                return actions[actions["kind"] != MODIFY]

            trader.decide = only
        await super()._trade(seconds)

    def check(self) -> None:
        assert self.worst <= 0, f"seed {self.seed}"


@pytest.mark.parametrize("seed", range(4))
def test_the_order_manager_never_goes_beyond_the_limit(seed: int) -> None:
    NoModifies(seed, faults_of(seed), 30.0).run()


@pytest.mark.parametrize(("name", "value"), [("max_total_usd", 0.0), ("margin_share", -1.0)])
def test_account_limits_are_positive(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        AccountLimits(**{name: value})
    with pytest.raises(ValueError, match="leverage of A"):
        AccountLimits(leverage={"A": 0.0})


def test_an_order_that_makes_nothing_worse_passes_whatever_the_account() -> None:
    gate = AccountGate(AccountLimits(max_total_usd=1.0, leverage={"A": 1.0}), lambda: 0.0)
    assert gate.breach("A", {"A": 100.0}, 100.0) is None
    assert gate.breach("A", {"A": 100.0}, 100.1) is Breach.TOTAL
    poor = AccountGate(AccountLimits(leverage={"A": 1.0}), lambda: np.nan)
    assert poor.breach("A", {"A": 0.0}, 1.0) is Breach.MARGIN
