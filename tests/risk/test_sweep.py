"""What a sweep pulls, between the maker's cycles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.risk.guarding import guarded, resting
from tests.trading.driving import market, play, runner

from undertow.events import BBO, END, EVENT, EXCH, LOCAL, TRADE, empty_snapshots
from undertow.instrument import hyperliquid_perp
from undertow.kernel.desk import IOC
from undertow.risk.flatten import Flatten
from undertow.risk.settings import Kill
from undertow.risk.sweep import SweepWatch
from undertow.trading.playback import messages
from undertow.trading.restraint import OWN_IDS
from undertow.trading.seams import Received

FAST = settings(max_examples=100, deadline=None, derandomize=True)
NS = 1_000_000
MID = 100.0


def watch(keep: float = 0.5, least: float = 6.0, sigmas: float = 10.0) -> SweepWatch:
    made = SweepWatch(least, sigmas, keep)
    made.cycle(0, MID - 0.01, MID + 0.01)
    return made


@FAST
@given(
    bps=st.floats(-80.0, 80.0),
    keep=st.floats(0.0, 0.9),
    depth=st.floats(0.5, 100.0),
    side=st.sampled_from([1, -1]),
)
def test_a_quote_stays_if_it_kept_its_share_of_the_distance(bps, keep, depth, side) -> None:
    """Against the rule written out, quote by quote."""
    now = MID * math.exp(bps * 1e-4)
    pull = watch(keep).look(50 * NS, now, math.nan, math.nan, 0.5)
    quote = MID * (1.0 - side * depth * 1e-4)
    threshold = max(6.0, 10.0 * 0.5 * math.sqrt(0.05))
    kept = side * (now - quote) - keep * side * (MID - quote)
    if abs(-side * bps - threshold) < 1e-6 or abs(kept) < 1e-9:
        return
    gone = pull is not None and pull.side == side and side * (quote - pull.px) > 0.0
    assert gone == (-side * bps > threshold and kept < 0.0)


def test_prints_show_a_sweep_before_the_touch_does() -> None:
    subject = watch()
    low = MID * (1 - 20e-4)
    pull = subject.look(10 * NS, MID, low, math.nan, 0.1)
    assert pull is not None
    assert (pull.side, pull.move_bps) == (1, pytest.approx(19.0, abs=0.1))
    assert pull.px == pytest.approx(2 * (low + 0.01) - MID)
    assert subject.look(20 * NS, MID, low, math.nan, 0.1) is None  # the same again is no news
    further = subject.look(30 * NS, MID, MID * (1 - 40e-4), math.nan, 0.1)
    assert further is not None
    assert further.px < pull.px
    subject.cycle(100 * NS, low - 0.01, low + 0.01)
    assert subject.look(110 * NS, low, math.nan, math.nan, 0.1) is None


def test_without_a_sigma_the_threshold_is_three_times_as_high() -> None:
    for bps, fires in ((17.0, False), (19.0, True)):
        assert (watch().look(NS, MID * (1 - bps * 1e-4), math.nan, math.nan, math.nan) is not None) == fires
    assert SweepWatch(6.0, 10.0, 0.5).look(NS, MID, math.nan, math.nan, 1.0) is None  # no cycle yet


def test_quotes_are_pulled_within_the_message_that_shows_it() -> None:
    made = market(3, 100.0)
    one = runner("symmetric", made)
    session, paper, guard = guarded([one], Kill(jump_bps=1e4, jump_floor_bps=1e4))
    play(session, list(messages(made, "BTC"))[:400])
    book = guard.book.coins["BTC"].market
    bids = resting(paper, "BTC")[1]
    assert bids
    rows = np.zeros(1, dtype=EVENT)
    rows["kind"], rows["side"], rows["flags"] = TRADE, -1, EXCH | LOCAL | END
    rows["px"], rows["qty"] = book.mid_px * (1 - 30e-4), 5.0
    rows["exch_ns"] = rows["recv_ns"] = one.last_ns + NS
    inbox = paper.matchers["BTC"].cells.ex
    before, pulled = int(inbox["inbox_tail"][0]), session.counts.pulled
    session.deliver(Received("BTC", rows, empty_snapshots()))
    assert guard.counts.sweeps == 1
    assert session.counts.pulled - pulled == len(bids)  # all of them are within 30 bps of the new price
    assert int(inbox["inbox_tail"][0]) - before >= len(bids)
    assert guard.switch.latched == ()
    session.on_time(one.last_ns + 1_500 * NS)
    assert not {order for order, _, _ in resting(paper, "BTC")[1]} & {order for order, _, _ in bids}


def test_sweeps_can_be_turned_off() -> None:
    made = market(3, 60.0)
    one = runner("symmetric", made)
    session, _, guard = guarded([one], Kill(sweep=False))
    play(session, messages(made, "BTC"))
    assert guard.counts.sweeps == 0
    assert BBO  # the feed's rows are best quotes and prints


@FAST
@given(
    position=st.floats(-50.0, 50.0),
    px=st.floats(0.5, 2_000.0),
    most_usd=st.floats(20.0, 1e5),
)
def test_a_closing_order_reduces_and_can_trade(position: float, px: float, most_usd: float) -> None:
    instrument = hyperliquid_perp("A", 2)
    subject = Flatten(instrument, 30.0, 1.0, most_usd)
    (*found,) = subject.order(position, px, 0)
    if abs(position) < 0.0075 or 0.99 * most_usd / px < 0.01:
        assert not found
        return
    (order,) = found
    limit = float(order["tick"]) * instrument.tick_size
    assert order["side"] * position < 0
    assert order["side"] * (limit - px) >= 30e-4 * px * (1 - 1e-9)
    assert 0.0 < order["qty"] <= abs(position) + 0.0026
    assert order["qty"] * px <= most_usd
    assert (order["tif"], order["reduce_only"]) == (IOC, 1)
    assert order["id"] >= OWN_IDS
    assert not len(subject.order(position, px, 999 * NS))
    assert len(subject.order(position, px, 1_000 * NS)) == 1
    assert not len(subject.order(position, math.nan, 9_000 * NS))
