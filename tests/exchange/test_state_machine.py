"""Whatever several accounts and the background do, in any order, the exchange's laws hold."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.exchange.still import ALICE, BOB, CAROL, PX, STEP, Bench, conserved

from undertow.exchange.happenings import Fill, OrderUpdate, Traded
from undertow.exchange.listing import Rules
from undertow.exchange.orders import LIVE

USERS = st.sampled_from([ALICE, BOB, CAROL])
SIDES = st.sampled_from([1, -1])
OFFSETS = st.integers(-6, 6)
SIZES = st.sampled_from([5, 20, 50, 120, 400, 900])
REDUCE = st.sampled_from([False, False, False, True])
TIFS = st.sampled_from(["Alo", "Ioc", "Gtc"])


class ExchangeMachine(RuleBasedStateMachine):
    """Accounts with little money, so that margin, reduction and liquidation all happen."""

    @initialize(cross=st.booleans(), usd=st.sampled_from([60.0, 150.0, 5_000.0]))
    def begin(self, cross: bool, usd: float) -> None:
        self.b = Bench(
            usd=usd, rules=Rules(oracle_every_ns=140_000_000), margin_mode="" if cross else "noCross"
        )
        self.market, self.coin = self.b.market, self.b.coin
        self.middle = PX
        self.charged = dict.fromkeys((ALICE, BOB, CAROL), 0)
        self.last: dict[int, str] = {}
        self.filled: dict[int, int] = {}

    def submit(self, user: str, action: dict, count: int) -> None:
        ticket = self.b.send(user, action)
        if ticket.reply is None:  # passed the gate
            self.charged[user] += count
        if self.charged[user] % 3:  # else it shares its block with what follows
            self.pass_time(1)

    @rule(
        user=USERS, side=SIDES, offset=OFFSETS, steps=SIZES, tif=TIFS, reduce=REDUCE, n=st.integers(1, 2),
        cloid=st.sampled_from([None, "0x" + "11" * 16, "0x" + "22" * 16]),
    )  # fmt: skip
    def order(
        self, user: str, side: int, offset: int, steps: int, tif: str, reduce: bool, n: int, cloid: str | None
    ) -> None:
        spec = self.b.spec(side, self.middle + offset * STEP, steps, tif, reduce=reduce, cloid=cloid)
        specs = [spec] * n
        self.submit(user, {"type": "order", "orders": specs, "grouping": "na"}, len(specs))

    @rule(user=USERS, tpsl=st.sampled_from(["tp", "sl"]), side=SIDES, offset=OFFSETS, steps=SIZES)
    def trigger(self, user: str, tpsl: str, side: int, offset: int, steps: int) -> None:
        limit = self.middle + side * 20 * STEP
        spec = self.b.spec(
            side, limit, steps, reduce=True, trigger=(True, self.middle + offset * 3 * STEP, tpsl)
        )
        self.submit(user, {"type": "order", "orders": [spec], "grouping": "na"}, 1)

    @rule(user=USERS, pick=st.integers(0, 5), fast=st.booleans())
    def cancel(self, user: str, pick: int, fast: bool) -> None:
        oids = list(self.b.ex.account(user).live)[pick:]
        if oids:
            action = {"type": "cancel", "cancels": [{"a": 0, "o": oid} for oid in oids]}
            self.submit(user, {**action, "f": True} if fast else action, len(oids))

    @rule(user=USERS, pick=st.integers(0, 5), offset=OFFSETS, steps=SIZES, always=st.booleans())
    def modify(self, user: str, pick: int, offset: int, steps: int, always: bool) -> None:
        live = [o for o in self.b.ex.account(user).live.values() if o.trigger is None][pick:]
        if live:
            spec = self.b.spec(live[0].side, self.middle + offset * STEP, steps, "Gtc")
            action = {"type": "batchModify", "modifies": [{"oid": live[0].oid, "order": spec}]}
            self.submit(user, {**action, "a": True} if always else action, 1)

    @rule(side=SIDES, depth=st.integers(0, 8), steps=st.integers(0, 600))
    def background_level(self, side: int, depth: int, steps: int) -> None:
        tick = self.middle - side * STEP * depth
        other = self.market.best(-side)
        if other is None or (other - tick) * side > 0:
            self.market.set(side, tick, steps)

    @rule(side=SIDES, steps=st.integers(1, 1500), to_limit=st.booleans())
    def background_order(self, side: int, steps: int, to_limit: bool) -> None:
        self.market.shoot(side, steps, self.middle + side * 3 * STEP if to_limit else None)
        self.pass_time(1)

    @rule(move=st.sampled_from([-500, -90, -8, 8, 90, 500]), size=st.sampled_from([0, 30, 600]))
    def background_leaps(self, move: int, size: int) -> None:
        self.middle += move * STEP
        for side in (1, -1):
            ticks = (self.middle - side * STEP * (1 + i) for i in range(8))
            self.market.books[side] = dict.fromkeys(ticks, size) if size else {}
        self.market.context.oracle_px = self.market.context.reference_px = self.middle / 10_000

    @rule(user=USERS, cross=st.booleans(), leverage=st.integers(1, 40))
    def set_leverage(self, user: str, cross: bool, leverage: int) -> None:
        self.submit(user, {"type": "updateLeverage", "asset": 0, "isCross": cross, "leverage": leverage}, 1)

    @rule(user=USERS, ntli=st.integers(-50_000_000, 50_000_000))
    def move_margin(self, user: str, ntli: int) -> None:
        self.submit(user, {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": ntli}, 1)

    @rule(blocks=st.integers(1, 4))
    def pass_time(self, blocks: int) -> None:
        self.b.run(blocks)
        self.check_events()

    def check_events(self) -> None:
        """One terminal status per order, its fills its own, reduce-only never growing, prints paired."""
        bought = sold = printed = 0
        for event in self.b.ex.drain():
            if isinstance(event, OrderUpdate):
                assert self.last.get(event.order.oid, "open") in LIVE, "something followed a last status"
                self.last[event.order.oid] = event.status
            elif isinstance(event, Fill) and event.oid:
                self.filled[event.oid] = self.filled.get(event.oid, 0) + event.steps
                order = self.b.known(event.user, event.oid)
                if order.reduce_only:
                    after = event.start_steps + event.side * event.steps
                    assert abs(after) < abs(event.start_steps)
                    assert after * event.start_steps >= 0
                assert (order.tick - event.tick) * order.side >= 0, "worse than its limit"
            if isinstance(event, Traded):
                printed += event.steps
            if isinstance(event, Fill) and event.liquidation is None:
                bought += event.steps if event.side > 0 else 0
                sold += event.steps if event.side < 0 else 0
        assert bought <= printed
        assert sold <= printed

    @invariant()
    def laws(self) -> None:
        if not hasattr(self, "b"):
            return
        conserved(self.b.ex)
        self.check_book()
        for user, charged in self.charged.items():
            account = self.b.ex.account(user)
            assert account.requests.used == charged
            assert set(account.live) == {
                o.oid for o in account.known.values() if o.live and o.oid in account.live
            }
            for order in account.live.values():
                assert order.live
                assert order.resting or order.trigger is not None
                assert self.filled.get(order.oid, 0) == order.filled
            for order in account.known.values():
                if not order.live:
                    assert not order.resting
                    assert order.status == self.last[order.oid]
                    assert (order.status == "filled") == (order.left == 0)

    def check_book(self) -> None:
        bid, ask = self.coin.resting.bids.best(), self.coin.resting.asks.best()
        assert bid is None or ask is None or bid < ask, "accounts' orders cross each other"
        resting = {o.oid for o in self.coin.resting.orders()}
        live = {o.oid for u in self.charged for o in self.b.ex.account(u).live.values() if o.resting}
        assert resting == live
        for side in (self.coin.resting.bids, self.coin.resting.asks):
            assert side.ticks() == sorted(side.levels, reverse=side.side > 0)
            for level in side.levels.values():
                ahead = [o.ahead for o in level.orders]
                assert ahead == sorted(ahead)
                assert all(0 <= a <= level.seen for a in ahead)
                times = [o.time_ns for o in level.orders]
                assert times == sorted(times), "time priority"
                assert all(o.left > 0 for o in level.orders)


TestExchange = ExchangeMachine.TestCase
TestExchange.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
