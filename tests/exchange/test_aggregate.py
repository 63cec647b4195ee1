"""Merging of levels: nothing lost, nothing looks better than it is, few figures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from undertow.exchange.aggregate import Level, merged

LEVELS = st.lists(
    st.tuples(st.integers(1_000, 9_999_999), st.integers(1, 10**9), st.integers(1, 50)),
    min_size=1,
    max_size=60,
    unique_by=lambda level: level[0],
)
SIDES = st.sampled_from([1, -1])
AGGREGATIONS = st.sampled_from([(2, None), (3, None), (4, None), (5, None), (5, 1), (5, 2), (5, 5)])


@given(LEVELS, SIDES, AGGREGATIONS)
def test_laws_of_merging(raw: list[tuple[int, int, int]], side: int, how: tuple[int, int | None]) -> None:
    figures, mantissa = how
    levels = sorted((Level(*level) for level in raw), reverse=side > 0)
    found = merged(levels, side, figures, mantissa, depth=1000)
    assert sum(level.sz for level in found) == sum(level.sz for level in levels)
    assert sum(level.n for level in found) == sum(level.n for level in levels)
    prices = [level.px for level in found]
    assert prices == sorted(set(prices), reverse=side > 0)
    best, shown = levels[0].px, found[0].px
    assert side * (best - shown) >= 0
    assert all(len(str(px).rstrip("0")) <= figures for px in prices)
    assert merged(levels, side, figures, mantissa, depth=3) == found[:3]
    if mantissa is not None:
        step = [10 ** max(len(str(px)) - figures, 0) * mantissa for px in prices]
        assert all(px % s == 0 for px, s in zip(prices, step, strict=True) if len(str(px)) >= figures)


def test_by_hand() -> None:
    bids = [Level(84_143, 10, 1), Level(84_142, 5, 2), Level(84_139, 7, 1)]
    assert merged(bids, 1, 4, None, 20) == [Level(84_140, 15, 3), Level(84_130, 7, 1)]
    assert merged(bids, 1, 5, 5, 20) == [Level(84_140, 15, 3), Level(84_135, 7, 1)]
    asks = [Level(84_144, 10, 1), Level(84_151, 5, 2)]
    assert merged(asks, -1, 4, None, 20) == [Level(84_150, 10, 1), Level(84_160, 5, 2)]
