"""Views say what the records say, for every maker; the PnL parts add up to the cash."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernel.session import START_NS

from undertow.config import Config
from undertow.events import EVENT, MAKER
from undertow.instrument import Instrument, cash_change, fee_amount, position_value
from undertow.kernel.intensity import kappa_interval
from undertow.kernel.l2book import level_qty
from undertow.kernel.state import PARAMS, STATE
from undertow.maker import OBSERVATION
from undertow.makers import MAKERS, make
from undertow.monitor.pnl import HORIZONS_S, FillWatch
from undertow.monitor.view import SessionView, from_json, to_json
from undertow.records import new_record
from undertow.units import s_to_ns

from .replayed import replayed
from .watched import Watched, quoting

S = s_to_ns(1.0)


@pytest.fixture(scope="module")
def session() -> Watched:
    s = quoting()
    s.filled(s.working(1)[0], 0.05)
    s.acknowledge(s.timer())
    return s


def test_the_numbers_are_the_records(session: Watched) -> None:
    coin, state, params = session.coin(), session.state, session.maker.params
    out = new_record(OBSERVATION)
    session.maker.observe(state, params, session.inst, session.book, out)
    assert coin.price.mid == out.mid
    assert coin.reservation.px == pytest.approx(float(out.reservation_px), rel=1e-12)
    assert coin.belief.sigma_bps_per_sqrt_s == pytest.approx(float(out.sigma_bps_per_sqrt_s))
    assert coin.belief.drift_bps_per_s == pytest.approx(float(out.drift_bps_per_s))
    assert coin.belief.drift_sd_bps_per_s == pytest.approx(float(out.drift_sd_bps_per_s))
    assert coin.position.qty == out.position == 0.05
    assert coin.position.lots == pytest.approx(float(state.inputs.position_lots))
    assert coin.pnl.total == pytest.approx(float(out.equity))
    assert (coin.bid.best_px, coin.ask.best_px) == (out.best_bid_px, out.best_ask_px)
    assert coin.requests_left == state.allowance.remaining
    for index, seen in ((0, coin.belief.kappa_bid_95), (1, coin.belief.kappa_ask_95)):
        assert seen == pytest.approx(
            kappa_interval(state.estimators.intensity, params.estimators.intensity, index)
        )


def test_requests_are_counted_from_when_the_watch_began() -> None:
    s = quoting()
    before = int(s.state.desk.requests)
    assert s.coin().requests == 0
    s.lose_orders()
    s.timer()
    assert s.coin().requests == int(s.state.desk.requests) - before > 0


def test_the_parts_of_the_reservation_price_add_up(session: Watched) -> None:
    r = session.coin().reservation
    parts = (r.drift_bps, r.alpha_bps, r.funding_bps, r.flow_bps, r.costs_bps, r.inventory_bps)
    assert all(part is not None for part in parts)
    assert sum(part or 0.0 for part in parts) == pytest.approx(r.offset_bps)


def test_the_ladder_stands_beside_the_market(session: Watched) -> None:
    coin, desk = session.coin(), session.state.desk
    for side in (coin.bid, coin.ask):
        ticks = [round(level.px / 0.01) for level in side.levels]
        assert ticks == sorted(set(ticks), reverse=side.sign > 0)
        for level, tick in zip(side.levels, ticks, strict=True):
            shown = level_qty(session.book, side.sign, tick)
            assert level.market_qty == (shown if shown > 0.0 else None)
        own = sum(desk.working[i].leaves for i in range(desk.n_working) if desk.working[i].side == side.sign)
        assert sum(level.own_qty for level in side.levels) == pytest.approx(own)
        rungs = session.state.ladder.bid if side.sign > 0 else session.state.ladder.ask
        wanted = rungs.qty[: rungs.levels][rungs.reason[: rungs.levels] == 0]
        assert side.wanted == len(wanted)
        assert side.wanted_qty == pytest.approx(wanted.sum())
        assert sum(side.reasons.values()) == rungs.levels - len(wanted)
        # every quoted level is on show, at its price or at the order that stands for it
        quoted = {k + 1 for k in range(rungs.levels) if rungs.reason[k] == 0}
        assert quoted == {level.level for level in side.levels if level.worth is not None}


def test_views_go_through_json_unchanged(session: Watched) -> None:
    view = session.view()
    line = to_json(view)
    assert from_json(line) == view
    assert b"\n" not in line
    assert b"NaN" not in line


def test_looking_leaves_the_records_alone(session: Watched) -> None:
    before = (session.state.tobytes(), session.book.tobytes(), session.maker.params.tobytes())
    session.view()
    assert before == (session.state.tobytes(), session.book.tobytes(), session.maker.params.tobytes())


@pytest.mark.parametrize("name", MAKERS)
def test_every_maker_is_shown_with_what_it_has(name: str) -> None:
    view: SessionView | None = None
    for view in replayed({"X": ("hl-btc", 3, name)}, 8.0, every_s=4.0):
        assert from_json(to_json(view)) == view
    assert view is not None
    coin = view.coins[0]
    assert coin.price.mid is not None
    assert coin.position.limit_lots
    assert coin.lot_usd == Config().risk.lot_usd
    assert coin.bid.has_ladder is (name == "undertow")
    assert {f.source for f in coin.feeds} == {"bbo", "book", "trades"}
    made = make(name, Config(), Instrument(name="X", tick_size=1.0, size_step=1e-5))
    assert (made.state.dtype == STATE and made.params.dtype == PARAMS) is (name == "undertow")


fills = st.lists(
    st.tuples(
        st.sampled_from([1, -1]),
        st.integers(9_900, 10_100),  # price, ticks
        st.integers(1, 500),  # quantity, steps
        st.integers(0, 40),  # seconds since the one before
        st.integers(9_900, 10_100),  # the mid then
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(fills, st.sampled_from(["linear", "inverse"]), st.integers(9_900, 10_100))
def test_parts_add_up_and_markouts_are_what_the_mid_did(
    trades: list[tuple[int, int, int, int, int]], contract: str, last: int
) -> None:
    """Against sums written out by hand; mids change only when a fill comes, and are seen every second."""
    instrument = Instrument(
        name="C",
        tick_size=0.01,
        size_step=0.001,
        contract=contract,
        contract_value=2.0,  # type: ignore[arg-type]
    )
    inst = instrument.record()
    watch = FillWatch(inst)
    desk = {"fees": 0.0, "funding": 0.25, "volume": 0.0}
    cash = position = 0.0
    mids: list[tuple[int, float]] = []
    rows = []
    now = START_NS
    for side, tick, steps, wait, mid_tick in trades:
        for _ in range(wait):
            now += S
            watch.on_mid(now, mids[-1][1] if mids else math.nan)
        px, qty, mid = tick * 0.01, steps * 0.001, mid_tick * 0.01
        mids.append((now, mid))
        watch.on_mid(now, mid)
        row = new_record(EVENT)
        row["recv_ns"], row["side"], row["px"], row["qty"], row["code"] = now, side, px, qty, MAKER
        row["val"] = fee_amount(inst, px, qty, 1.5)
        watch.on_fill(row, mid)
        rows.append((now, side, qty, px, mid))
        cash += cash_change(inst, side, px, qty)
        position += side * qty
        desk["fees"] += row["val"]
    end = last * 0.01
    watch.on_mid(now, end)
    total = cash + position_value(inst, end, position) - desk["fees"] + desk["funding"]
    parts = watch.parts(total, desk, (0.0, 0.0, 0.0))

    def worth(px: float) -> float:
        return float(position_value(inst, px, 1.0))

    assert parts.spread == pytest.approx(
        sum(s * q * (worth(m) - worth(p)) for _, s, q, p, m in rows), abs=1e-9
    )
    loss = 0.0
    for at, side, qty, _, mid in rows:
        due = at + round(HORIZONS_S[1] * 1e9)
        later = end if due > now else next(m for t, m in reversed(mids) if t < due)
        loss -= side * qty * (worth(later) - worth(mid))
    assert parts.markout_loss == pytest.approx(loss, abs=1e-9)
    made = parts.spread - parts.markout_loss - parts.fees + parts.funding + (parts.inventory or 0.0)
    assert made == pytest.approx(total, abs=1e-9)
    assert parts.fills == len(rows)


def test_a_position_found_at_the_start_is_not_pnl() -> None:
    s = Watched()
    s.state.desk.position = 3.0
    s.watch.add_coin("COIN", s.maker, s.state, s.maker.params, s.instrument, s.book)
    assert s.coin().pnl.total is None
    s.show(100.0)
    assert s.coin().pnl.total == 0.0
    s.show(101.0)
    assert s.coin().pnl.total == pytest.approx(3.0)


def test_coins_are_looked_at_in_turns() -> None:
    s = Watched()
    s.watch.add_coin("SECOND", s.maker, s.state, s.maker.params, s.instrument, s.book)
    s.show(100.0)
    s.watch.view(s.now_ns, fresh=True)
    s.show(110.0)
    s.watch.look_next(s.now_ns)
    view = s.watch.view(s.now_ns)
    assert [c.price.mid for c in view.coins] == [110.0, 100.0]
    assert view is s.watch.latest
    with pytest.raises(KeyError, match="there are: COIN, SECOND"):
        view.coin("THIRD")
    assert np.isclose(s.watch.turn_s, 1 / 8)
