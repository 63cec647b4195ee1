"""Candles: whatever the interval, they hold exactly the prints of their span."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from undertow.exchange.candles import Candles
from undertow.exchange.subscriptions import INTERVALS_MS

PRINTS = st.lists(
    st.tuples(st.integers(0, 20_000_000), st.integers(1, 10**6), st.integers(1, 10**6)),
    min_size=1,
    max_size=80,
)


@given(PRINTS, st.sampled_from(["1m", "5m", "1h"]))
def test_a_candle_is_the_prints_of_its_span(raw: list[tuple[int, int, int]], interval: str) -> None:
    prints = sorted(raw, key=lambda entry: entry[0])
    candles = Candles()
    for time_ms, tick, steps in prints:
        candles.on_trade(time_ms, tick, steps)
    length = INTERVALS_MS[interval]
    found = candles.between(interval, 0, 10**9)
    assert [c.start_ms for c in found] == sorted({t // length * length for t, _, _ in prints})
    for candle in found:
        mine = [(tick, steps) for t, tick, steps in prints if t // length * length == candle.start_ms]
        ticks = [tick for tick, _ in mine]
        assert (candle.open, candle.close) == (ticks[0], ticks[-1])
        assert (candle.high, candle.low) == (max(ticks), min(ticks))
        assert candle.volume == sum(steps for _, steps in mine)
        assert candle.trades == len(mine)
    assert candles.last(interval) == found[-1]


def test_nothing_before_the_first_print() -> None:
    assert Candles().last("1m") is None
    assert Candles().between("1m", 0, 10**9) == []
