"""A small fixed sample of the bar `bars.feb19`: the old maker loses as it did, and each bar can be read.

The bounds are the bar's, widened for twenty paths instead of five hundred.
"""

from __future__ import annotations

import msgspec
import numpy as np
from bars._feb19_runs import Runs, named, run
from bars.feb19 import old_figures, our_figures, table, twin_figures

from undertow.config.sections import Flow
from undertow.scenarios import record
from undertow.scenarios.freeze import frozen

SEEDS = range(1, 21)


def old(market: str) -> Runs:
    return run(named("six-gate", frozen()), market, SEEDS)


def test_the_old_maker_looks_like_the_record_both_ways_round() -> None:
    fall, mirrored = old("fall"), old("mirrored")
    for runs, sign in ((fall, 1), (mirrored, -1)):
        assert abs(np.median(sign * runs.final) - record.FINAL_POSITION) <= 0.25 * record.FINAL_POSITION
        assert abs(np.median(runs.fills) - len(record.FILLS)) <= 0.4 * len(record.FILLS)
        loss = np.nanmean(runs.loss_5s_bps)
        assert abs(loss - record.MEAN_LOSS_5S_BPS) <= 0.3 * record.MEAN_LOSS_5S_BPS
        assert -1.4 < runs.pnl.mean() < -0.5
    # the mirror is the same session up to rounding to ticks
    assert np.median(np.abs(fall.final + mirrored.final)) < 0.5


def test_without_a_drift_it_neither_loses_nor_leans() -> None:
    twin = old("twin")
    assert twin.pnl.mean() > 0.0
    assert abs(twin.final.mean()) < 3.0
    assert abs(np.nanmean(twin.loss_5s_bps)) < 1.0


def test_ours_stays_small_where_orders_come_from_one_side() -> None:
    """Of paths that are not reported: what the flow's memory of twenty orders is worth."""
    config, seeds = frozen(), range(20_001, 20_025)
    forgets = msgspec.structs.replace(config, flow=Flow())
    ours, theirs = (run(named("undertow", used), "fall", seeds) for used in (config, forgets))
    assert np.median(ours.max_position) <= 1.3
    assert np.percentile(ours.max_position, 90) <= 2.1
    assert ours.pnl.mean() > theirs.pnl.mean()


def test_figures_say_what_the_runs_say() -> None:
    runs = Runs(*np.array([[7.0, 12, 4.2, 7.5, -0.9, 8.0], [6.5, 13, 4.3, 7.0, -0.7, 7.0]]).T)
    ours = Runs(*np.array([[1.0, 4, 1.0, 1.2, -0.1, 5.0], [0.5, 3, 1.0, 1.0, -0.1, 5.0]]).T)
    assert all(f.passed for f in old_figures(runs, 1, "fall"))
    assert not old_figures(runs, -1, "mirrored")[0].passed
    assert [f.passed for f in our_figures(ours, runs, "fall")] == [True] * 3
    assert [f.passed for f in our_figures(runs, ours, "fall")] == [False] * 3
    assert [f.passed for f in twin_figures(ours, runs)] == [True, True]
    assert not twin_figures(ours, Runs(*np.array([runs.volume * 3.0] * 6)))[0].passed
    (line,) = table({"ours": {"fall": ours}})
    assert line["volume mean"] == 5.0
