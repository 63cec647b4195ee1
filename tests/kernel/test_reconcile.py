"""The reconciler: nothing twice, an end, the limit never, the queue kept; over random histories."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from undertow.events import ACK, CANCEL, CANCEL_REJECTED, CANCELED, EVENT, FILL, MODIFY, NEW, OPEN, REJECTED
from undertow.instrument import Instrument, price_of
from undertow.kernel.desk import (
    ACTION,
    DESK,
    IOC,
    LIVE,
    MAX_ACTIONS,
    PENDING_CANCEL,
    PENDING_MODIFY,
    PENDING_NEW,
    desk_row,
    put_new,
)
from undertow.kernel.inputs import INPUTS
from undertow.kernel.keeping import gain_needed
from undertow.kernel.ladder import LADDER, level_value
from undertow.kernel.reconcile import RECONCILE, RECONCILE_PARAMS, reconcile
from undertow.records import Rec, new_record

INST = Instrument(name="COIN", tick_size=0.01, size_step=0.001, min_notional=1.0).record()
LIMIT = 12.0
ETA = 0.05


@dataclass
class Reconciler:
    """A desk, a wanted ladder and the scratch of the reconciler."""

    tolerance: float = 2.0
    size_tolerance: float = 0.25
    budget: int = 100
    by_value: bool = False
    price: float = 0.01
    desk: Rec = field(default_factory=lambda: new_record(DESK))
    ladder: Rec = field(default_factory=lambda: new_record(LADDER))
    scratch: Rec = field(default_factory=lambda: new_record(RECONCILE))
    x: Rec = field(default_factory=lambda: new_record(INPUTS))

    def __post_init__(self) -> None:
        self.params = new_record(RECONCILE_PARAMS)
        self.params.price_tolerance_bps = self.tolerance
        self.params.size_tolerance = self.size_tolerance
        self.params.max_requests = self.budget
        self.actions = np.zeros(MAX_ACTIONS, dtype=ACTION).view(np.recarray)
        self.params.most_reducing = 10.0 * self.price
        self.params.by_value = self.by_value
        self.x.mid, self.x.lot_qty, self.x.aggressor_lots, self.x.sigma_effective = 100.0, 1.0, 5.0, 0.4
        self.want([], [])

    def want(self, bids: list[tuple[int, float]], asks: list[tuple[int, float]]) -> None:
        for rungs, sign, levels in ((self.ladder.bid, 1, bids), (self.ladder.ask, -1, asks)):
            rungs.sign, rungs.levels = sign, len(levels)
            for k, (tick, qty) in enumerate(levels):
                rungs.tick[k], rungs.qty[k] = tick, qty
                rungs.reach_rate[k], rungs.edge_bps[k] = 0.1, 1.0 + k

    def run(self) -> list[Rec]:
        n = reconcile(
            self.scratch,
            self.params,
            INST,
            self.desk,
            self.ladder,
            self.x,
            ETA,
            self.price,
            LIMIT,
            self.actions,
            0,
        )
        return [self.actions[i].copy() for i in range(n)]

    def row(self, kind: int, ref: int, code: int = 0, **fields: float) -> None:
        row = new_record(EVENT)
        row.kind, row.ref, row.code = kind, ref, code
        for name, value in fields.items():
            row[name] = value
        desk_row(self.desk, INST, row)

    def acknowledge(self, actions: list[Rec]) -> None:
        for a in actions:
            if a.kind in (CANCEL, MODIFY):
                self.row(ACK, int(a.target), CANCELED)
            if a.kind in (NEW, MODIFY):
                self.row(ACK, int(a.id), OPEN)

    def exposure(self, side: int) -> float:
        """Position plus all that may still fill; of a modify, the order it makes."""
        orders = [o for o in self.orders() if o.side == side and o.status != PENDING_MODIFY]
        return float(self.desk.position * side + sum(o.leaves for o in orders))

    def orders(self) -> list[Rec]:
        return [self.desk.working[i] for i in range(self.desk.n_working)]

    def wanted(self) -> list[tuple[int, int, float]]:
        sides = ((1, self.ladder.bid), (-1, self.ladder.ask))
        return [(s, int(r.tick[k]), float(r.qty[k])) for s, r in sides for k in range(r.levels)]


BIDS = [(9_990, 1.0), (9_980, 1.5), (9_960, 2.0)]
ASKS = [(10_010, 1.0), (10_020, 1.5), (10_040, 2.0)]


def standing(**settings: float) -> Reconciler:
    r = Reconciler(**settings)  # type: ignore[arg-type]
    r.want(BIDS, ASKS)
    r.acknowledge(r.run())
    return r


def test_an_empty_desk_gets_the_ladder_and_then_nothing() -> None:
    r = Reconciler()
    r.want(BIDS, ASKS)
    actions = r.run()
    assert [(a.side, a.tick, a.qty) for a in actions if a.side == 1] == [(1, t, q) for t, q in BIDS]
    assert [(a.side, a.tick, a.qty) for a in actions if a.side == -1] == [(-1, t, q) for t, q in ASKS]
    assert r.run() == []
    r.acknowledge(actions)
    assert r.run() == []


def test_an_order_within_tolerance_keeps_its_queue_place_and_learns_the_new_forecast() -> None:
    r = standing()
    r.want([(9_992, 1.2), *BIDS[1:]], ASKS)
    r.ladder.bid.edge_bps[0] = 7.0
    assert r.run() == []
    assert r.orders()[[o.tick for o in r.orders()].index(9_990)].edge_bps == 7.0
    assert r.scratch.kept == 6


def test_an_order_beyond_tolerance_is_modified_in_one_request() -> None:
    r = standing()
    r.want([(9_994, 1.0), *BIDS[1:]], ASKS)
    (a,) = r.run()
    assert a.kind == MODIFY
    assert a.tick == 9_994


def test_a_level_that_moves_into_the_place_of_another_takes_its_order() -> None:
    """The ladder shifts by one rung: two orders stay, one travels."""
    r = standing(size_tolerance=1.0)
    r.want([(9_980, 1.5), (9_960, 2.0), (9_930, 1.0)], ASKS)
    (a,) = r.run()
    assert a.kind == MODIFY
    assert a.tick == 9_930


def test_cancels_come_first_then_the_reducing_side() -> None:
    r = standing()
    r.desk.position = -1.0
    r.want([(9_995, 1.0), (9_985, 1.5)], [(10_015, 1.0), (10_025, 1.5)])
    kinds = [(int(a.kind), int(a.side)) for a in r.run()]
    assert kinds[:2] == [(CANCEL, 1), (CANCEL, -1)]
    sides = [side for kind, side in kinds[2:]]
    assert sides == sorted(sides, reverse=True)
    assert 1 in sides


def test_the_budget_is_kept() -> None:
    r = Reconciler(budget=2)
    r.want(BIDS, ASKS)
    assert len(r.run()) == 2
    assert r.scratch.deferred == 4
    assert len(r.run()) == 2


def test_orders_in_flight_are_left_alone_but_counted() -> None:
    r = Reconciler()
    r.want([(9_990, 6.0)], [])
    (first,) = r.run()
    r.want([(9_950, 6.0)], [])
    assert r.run() == []
    r.acknowledge([first])
    (a,) = r.run()
    assert a.kind == MODIFY
    r.want([(9_940, 6.0)], [])
    assert r.run() == []
    assert r.exposure(1) == 6.0


def test_a_new_order_waits_until_a_cancel_has_made_room() -> None:
    r = Reconciler()
    r.want([(9_990, 6.0), (9_980, 6.0)], [])
    r.acknowledge(r.run())
    r.want([(9_990, 6.0)], [])
    (cancel,) = r.run()
    r.want([(9_990, 6.0), (9_970, 6.0)], [])
    assert r.run() == []
    assert r.scratch.deferred == 1
    r.acknowledge([cancel])
    (a,) = r.run()
    assert (a.kind, a.tick, a.qty) == (NEW, 9_970, 6.0)


def test_all_the_room_may_rest_and_still_move() -> None:
    r = Reconciler()
    r.want([(9_990, 12.0)], [])
    r.acknowledge(r.run())
    r.want([(9_980, 12.0)], [])
    (a,) = r.run()
    assert (a.kind, a.tick, a.qty) == (MODIFY, 9_980, 12.0)


def test_a_position_that_grew_sheds_the_deepest_orders() -> None:
    r = standing()
    r.desk.position = 8.5
    actions = r.run()
    assert [(a.kind, a.side, a.tick) for a in actions] == [(CANCEL, 1, 9_960)]


def test_nothing_meets_an_own_order_on_the_other_side() -> None:
    r = standing()
    r.want([(10_012, 1.0)], [(10_030, 1.0)])
    actions = r.run()
    assert all(a.side == -1 or a.kind == CANCEL for a in actions)
    r.acknowledge(actions)
    assert any(a.side == 1 and a.tick == 10_012 for a in r.run())


HAPPENINGS = ["want", "run", "open", "reject", "fill", "cancel", "late"]
levels = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 3_000)), min_size=0, max_size=5)
events = st.lists(
    st.tuples(
        st.sampled_from(["want", "run", "open", "reject", "fill", "cancel", "late"]), st.integers(0, 50)
    ),
    min_size=1,
    max_size=40,
)


def _ladder(raw: list[tuple[int, int]], side: int, room: float) -> list[tuple[int, float]]:
    """Distinct prices outward, whole steps, cumulatively within the room, as `settle_sizes` makes."""
    found, left = [], room
    for away in sorted({away for away, _ in raw}):
        qty = dict(raw)[away] / 1000
        if qty <= left:
            found.append((10_000 - side * away, qty))
            left -= qty
    return found


def _happen(r: Reconciler, what: str, pick: int) -> float:
    """One thing the venue may do to one of the orders; returns what filled in a race with a modify."""
    leaving = (PENDING_CANCEL, PENDING_MODIFY)
    status = {"open": (PENDING_NEW,), "reject": (PENDING_NEW,), "cancel": leaving, "late": (PENDING_CANCEL,)}
    status |= {"fill": (LIVE, *leaving)}
    orders = [o for o in r.orders() if o.status in status[what]]
    if not orders:
        return 0.0
    o = orders[pick % len(orders)]
    if what == "fill":
        qty = float(o.leaves) if pick % 2 else round(float(o.leaves) / 2, 3)
        raced = max(qty, 0.001) if o.status == PENDING_MODIFY else 0.0
        r.row(FILL, int(o.id), side=int(o.side), px=price_of(INST, int(o.tick)), qty=max(qty, 0.001))
        return raced
    code = {"open": OPEN, "reject": REJECTED, "cancel": CANCELED, "late": CANCEL_REJECTED}[what]
    r.row(ACK, int(o.id), code)
    return 0.0


@settings(max_examples=300, deadline=None)
@given(ladders=st.lists(st.tuples(levels, levels), min_size=1, max_size=6), history=events)
def test_over_any_history_the_limit_holds_and_nothing_is_sent_twice(
    ladders: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]], history: list[tuple[str, int]]
) -> None:
    r = Reconciler()
    raced = 0.0
    for what, pick in [("want", 0), *history]:
        if what == "want":
            raw_bids, raw_asks = ladders[pick % len(ladders)]
            position = float(r.desk.position)
            r.want(_ladder(raw_bids, 1, LIMIT - position), _ladder(raw_asks, -1, LIMIT + position))
        elif what == "run":
            before = {side: r.exposure(side) for side in (1, -1)}
            actions = r.run()
            for side in (1, -1):
                assert r.exposure(side) <= max(before[side], LIMIT) + 1e-9
            ids = [int(a.target) for a in actions if a.kind != NEW]
            assert len(ids) == len(set(ids))
            assert r.run() == []
            bids = [o.tick for o in r.orders() if o.side > 0]
            asks = [o.tick for o in r.orders() if o.side < 0]
            assert not bids or not asks or max(bids) < min(asks)
        else:
            raced += _happen(r, what, pick)
    assert abs(r.desk.position) <= LIMIT + raced + 1e-9


@settings(max_examples=200, deadline=None)
@given(first=st.tuples(levels, levels), then=st.tuples(levels, levels), seed=st.integers(0, 5))
def test_the_desk_comes_to_the_wanted_ladder(
    first: tuple[list[tuple[int, int]], list[tuple[int, int]]],
    then: tuple[list[tuple[int, int]], list[tuple[int, int]]],
    seed: int,
) -> None:
    r = Reconciler(tolerance=0.0, size_tolerance=0.0)
    for bids, asks in (first, then):
        r.want(_ladder(bids, 1, LIMIT), _ladder(asks, -1, LIMIT))
        for _ in range(30):
            actions = r.run()
            if not actions:
                break
            r.acknowledge(actions)
        assert actions == []
        assert sorted((int(o.side), int(o.tick), float(o.leaves)) for o in r.orders()) == sorted(r.wanted())
        assert all(o.status == LIVE for o in r.orders())


def test_a_full_desk_sends_no_more_than_it_can_hold() -> None:
    r = Reconciler(budget=1000)
    r.want([(9_990 - k, 0.01) for k in range(20)], [(10_010 + k, 0.01) for k in range(20)])
    for shift in range(1, 12):
        r.run()
        r.want([(9_990 - 30 * shift - k, 0.01) for k in range(20)], [])
    assert r.desk.n_working <= 128
    assert pytest.approx(r.exposure(1)) == sum(o.leaves for o in r.orders() if o.side == 1)


class Valued(Reconciler):
    """Wanted levels with margins and reach rates as a decision makes them: κ = 0.5, A = 0.2, r at 100."""

    def __init__(self, **settings: float) -> None:
        super().__init__(by_value=True, **settings)  # type: ignore[arg-type]

    def want(self, bids: list[tuple[int, float]], asks: list[tuple[int, float]], fair: float = 0.0) -> None:
        super().want(bids, asks)
        for rungs in (self.ladder.bid, self.ladder.ask):
            rungs.kappa, rungs.rate, placed = 0.5, 0.2, 0.0
            rungs.distinct = rungs.levels
            for k in range(rungs.levels):
                depth = rungs.sign * (10_000 - rungs.tick[k])
                rungs.depth_bps[k] = depth
                rungs.margin_bps[k] = depth + rungs.sign * fair
                rungs.reach_rate[k] = 0.2 * np.exp(-0.5 * depth)
                worth = level_value(rungs, ETA, 5.0, k, placed, placed + rungs.qty[k])
                rungs.expected_pnl[k] = rungs.reach_rate[k] * worth
                placed += rungs.qty[k]

    def run(self) -> list[Rec]:
        for i in range(self.desk.n_working):
            order = self.desk.working[i]
            order.depth_bps = order.reach_bps = order.side * (10_000 - order.tick)
        return super().run()


def one_bid(tick: int, price: float = 0.01, **settings: float) -> Valued:
    r = Valued(tolerance=0.0, price=price, **settings)
    r.want([(tick, 1.0)], [])
    r.acknowledge(r.run())
    return r


def test_an_order_moves_when_that_gains_more_than_is_asked_for() -> None:
    """Λ·v at depth δ, from first principles: 0.2·e^(−δ/2)·∫₀¹ e^(−S/5)·(δ − S/20) dS.

    f is 0.2·e^(−1)·∫₀¹ e^(−S/5) dS/κ and (κσ)² = 0.04 (`kernel.keeping`).
    """
    reached = 5.0 * (1.0 - np.exp(-0.2))

    def earns(depth: float) -> float:
        tail = 25.0 - np.exp(-0.2) * 30.0
        return float(0.2 * np.exp(-0.5 * depth) * (depth * reached - tail / 20.0))

    def asked(price: float) -> float:
        return gain_needed(price, 0.04, float(0.2 * np.exp(-1.0) * reached / 0.5), False)

    gain = earns(2.0) - earns(5.0)
    assert gain > 0.0
    price = float(brentq(lambda p: asked(p) - gain, 1e-6, 100.0))
    for share, moves in ((0.99, True), (1.01, False)):
        r = one_bid(9_995, share * price)
        r.want([(9_998, 1.0)], [])
        assert len(r.run()) == int(moves)
        assert r.scratch.unmoved == int(not moves)


def test_a_place_near_the_front_is_worth_keeping_longer() -> None:
    """The same order, the same wanted level; only the queue before the order differs."""
    sent = []
    for queue_bps in (0.0, 1.0):
        r = one_bid(9_997, 0.05)
        r.want([(9_998, 1.0)], [])
        r.desk.working[0].depth_bps, r.desk.working[0].reach_bps = 3.0, 3.0 + queue_bps
        sent.append(len(Reconciler.run(r)))
    assert sent == [0, 1]


def test_an_order_that_loses_is_moved_up_to_its_loss_whatever_a_request_costs() -> None:
    for price, falls in ((3.0, 4.0), (30.0, 25.0), (3_000.0, 250.0)):
        r = one_bid(9_998, price)
        r.want([(9_992, 1.0)], [], fair=-2.5)  # r fell below the bid: it loses half a bp a fill
        assert r.run() == []
        r.want([(9_992 - round(falls), 1.0)], [], fair=-2.0 - falls)
        (a,) = r.run()
        assert (a.kind, a.tick) == (MODIFY, 9_992 - round(falls))


def test_what_no_level_wants_stays_while_it_does_not_lose_and_is_in_no_ones_way() -> None:
    def left(fair: float = 0.0, price: float = 0.01) -> Valued:
        r = Valued(price=price)
        r.want([(9_997, 1.0), (9_994, 3.0)], [])
        r.acknowledge(r.run())
        r.want([(9_997, 1.0), (9_994, 0.0)], [], fair=fair)
        return r

    r = left()
    assert r.run() == []
    assert (r.scratch.kept, r.scratch.unmoved, r.scratch.deferred) == (2, 1, 0)
    assert [int(a.kind) for a in left(price=0.0).run()] == [CANCEL]
    r = left(fair=-9.0)
    assert CANCEL in [int(a.kind) for a in r.run()]
    r = left()
    r.want([(9_997, 1.0), (9_996, 9.0)], [])  # nine more beside the three exceed the limit of twelve
    for _ in range(3):
        r.acknowledge(r.run())
    assert {(o.tick, o.leaves) for o in r.orders()} == {(9_997, 1.0), (9_996, 9.0)}


def test_without_a_price_what_no_level_wants_is_canceled() -> None:
    r = Valued()
    r.want(BIDS, [])
    r.acknowledge(r.run())
    r.want([], [])
    assert {int(a.kind) for a in r.run()} == {CANCEL}


def test_within_tolerance_nothing_is_weighed() -> None:
    r = one_bid(9_998, 0.0)
    r.params.price_tolerance_bps = 2.0
    r.want([(9_997, 1.0)], [], fair=-10.0)
    assert r.run() == []


def test_without_requests_only_the_reducing_side_sends_and_it_still_moves() -> None:
    for position, side in ((2.0, -1), (-2.0, 1), (0.0, 0)):
        r = Valued(price=np.inf)
        r.params.most_reducing = 0.1
        r.desk.position = position
        r.want(BIDS, ASKS)
        actions = r.run()
        assert {int(a.side) for a in actions} == ({side} if side else set())
        r.acknowledge(actions)
        r.want([(9_998, 1.0)], [(10_002, 1.0)])
        moved = [a for a in r.run() if a.kind != CANCEL]
        assert [(int(a.side), a.tick) for a in moved] == ([(side, 10_000 - 2 * side)] if side else [])


def test_without_requests_what_enlarges_the_position_can_still_be_canceled() -> None:
    r = Valued(price=0.01)
    r.want(BIDS, ASKS)
    r.acknowledge(r.run())
    r.price, r.desk.position = np.inf, 2.0
    r.want([], ASKS)
    assert {(int(a.kind), int(a.side)) for a in r.run()} == {(CANCEL, 1)}


def test_takers_are_neither_moved_nor_counted_as_levels_but_fill_the_room() -> None:
    r = Valued()
    put_new(r.desk, r.actions, 0, 1, 10_001, 1.0, IOC, False, -1, 0.0, 1.0)
    r.want([(9_990, 12.0)], [])
    assert r.run() == []  # 1 + 12 would exceed the limit
    r.want([(9_990, 11.0)], [])
    (a,) = r.run()
    assert (a.kind, a.tick) == (NEW, 9_990)


@settings(max_examples=300, deadline=None)
@given(
    ladders=st.lists(st.tuples(levels, levels), min_size=1, max_size=6),
    history=events,
    price=st.sampled_from([0.0, 0.01, 0.3, np.inf]),
    fair=st.floats(-30.0, 30.0),
)
def test_weighing_moves_the_limit_holds_and_nothing_is_sent_twice(
    ladders: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]],
    history: list[tuple[str, int]],
    price: float,
    fair: float,
) -> None:
    r = Valued(price=price)
    r.params.most_reducing = 0.1
    raced = 0.0
    for what, pick in [("want", 0), *history]:
        if what == "want":
            raw_bids, raw_asks = ladders[pick % len(ladders)]
            position = float(r.desk.position)
            bids, asks = _ladder(raw_bids, 1, LIMIT - position), _ladder(raw_asks, -1, LIMIT + position)
            r.want(bids, asks, fair=fair if pick % 2 else 0.0)
        elif what == "run":
            before = {side: r.exposure(side) for side in (1, -1)}
            position = float(r.desk.position)
            actions = r.run()
            for side in (1, -1):
                assert r.exposure(side) <= max(before[side], LIMIT) + 1e-9
            if price == np.inf:
                assert all(a.kind == CANCEL or a.side * position < 0.0 for a in actions)
            assert r.run() == []
        else:
            raced += _happen(r, what, pick)
    assert abs(r.desk.position) <= LIMIT + raced + 1e-9
