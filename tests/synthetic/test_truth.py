"""The truth lies beside the rows and never in them; toxicity 0 is a martingale with blind flow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from undertow.events import END, EXCH, LOCAL, TRADE
from undertow.records import copy_record
from undertow.synthetic import simulator
from undertow.synthetic.generate import GeneratedMarket, generate
from undertow.synthetic.stats import measure
from undertow.synthetic.world import Out, World, new_out

Rows = Callable[[GeneratedMarket], np.ndarray]


def test_a_longer_market_begins_like_a_shorter_one(all_rows: Rows) -> None:
    short, long = (all_rows(generate("hl-btc", 9, span)) for span in (120.0, 240.0))
    assert long[: len(short)].tobytes() == short.tobytes()


def test_rows_carry_nothing_but_public_fields(all_rows: Rows) -> None:
    rows = all_rows(generate("hl-btc", 9, 600.0))
    assert np.all(rows["flags"] & ~np.uint16(EXCH | LOCAL | END) == 0)
    assert np.all(rows["val"] == 0.0)
    assert np.all(rows["code"] == 0)
    ids = rows["ref"][rows["kind"] == TRADE]
    np.testing.assert_array_equal(ids, np.arange(1, len(ids) + 1))


def _copied(world: World) -> World:
    arrays = (np.array(a) for a in world[3:])
    return World(copy_record(world.state), world.params, world.inst, *arrays)


def _run(world: World, until_ns: int) -> np.ndarray:
    out: Out = new_out(world, 400_000)
    assert simulator.advance(world, out, until_ns, 10_000)
    return out.rows[: out.count["rows"]].copy()


def test_an_altered_future_leaves_the_past() -> None:
    """Change the next jump (its time and size) while nobody knows of it: until the warning, no row
    differs; after it they do."""
    market = generate("hl-btc", 11, 1e6)
    world, _ = market.open()
    warning_ns = int(1e9 * float(world.params["jump_warning_s"]))
    while world.state["jump_ns"] - world.state["now_ns"] < warning_ns + 5_000_000_000:
        _run(world, int(world.state["now_ns"]) + 1_000_000_000)
    other = _copied(world)
    known_ns = int(world.state["jump_ns"]) - warning_ns - 200_000_000
    other.state["jump_bps"] *= -5.0
    before = _run(world, known_ns)
    assert len(before) > 50
    assert before.tobytes() == _run(other, known_ns).tobytes()
    later = known_ns + warning_ns + 5_000_000_000
    assert _run(world, later).tobytes() != _run(other, later).tobytes()


def test_truth_agrees_with_the_rows(all_rows: Rows) -> None:
    market = generate("hl-btc", 12, 1800.0)
    rows, truth = all_rows(market), market.truth()
    trades = rows[rows["kind"] == TRADE]
    first = np.searchsorted(trades["ref"], truth.orders["trade_id"])
    np.testing.assert_array_equal(trades["side"][first], truth.orders["side"])
    filled = np.add.reduceat(trades["qty"], first)
    np.testing.assert_allclose(filled, truth.orders["qty"])
    informed = truth.orders["informed"] == 1
    assert 0.02 < informed.mean() < 0.95
    agrees = truth.orders["side"] * np.sign(truth.orders["signal_bps"])
    assert np.all(agrees[informed] == 1)
    assert len(truth.jumps) > 0
    assert np.all(np.diff(truth.path["exch_ns"]) > 0)


def _markouts(toxicity: float, seeds: range, horizons: tuple[str, ...]) -> np.ndarray:
    runs = [measure(generate("hl-btc", s, 2400.0, toxicity=toxicity), errors=False).moments for s in seeds]
    return np.array([[run[f"markout_{h}_bps"] for h in horizons] for run in runs])


HORIZONS = ("0.5s", "1s", "5s", "30s")


def test_zero_toxicity_public_markouts_have_mean_zero() -> None:
    values = _markouts(0.0, range(20, 36), HORIZONS)
    t = values.mean(axis=0) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))
    assert np.all(np.abs(t) < 3.3), t
    assert abs(values.mean(axis=0)[0]) < 0.01


def test_toxicity_shows_in_public_markouts() -> None:
    """The same measurement, so that the test above can fail; and more toxicity costs more."""
    once, twice = (_markouts(x, range(20, 26), HORIZONS)[:, :3].mean(axis=0) for x in (1.0, 2.0))
    assert np.all(once > 0.05)
    assert np.all(twice > once)


def test_zero_toxicity_is_a_martingale() -> None:
    """No informed order, no drift, and the mid's variance grows linearly from 1 s on."""
    truth = generate("hl-btc", 13, 600.0, toxicity=0.0).truth()
    assert not truth.orders["informed"].any()
    assert np.all(truth.path["drift_bps_per_s"] == 0.0)
    runs = [measure(generate("hl-btc", s, 3600.0, toxicity=0.0), errors=False).moments for s in range(40, 48)]
    ratio = np.array([(run["sigma_10s"] / run["sigma_1s"]) ** 2 for run in runs])
    assert abs(ratio.mean() - 1.0) < 3.3 * ratio.std(ddof=1) / np.sqrt(len(ratio))


def test_books_thin_before_moves() -> None:
    """The touch leans towards the side that will give way, far more than rounding alone makes it."""
    blind, informed = (
        measure(generate("hl-btc", 14, 3600.0, toxicity=x), errors=False).moments["imbalance_before_move"]
        for x in (0.0, 1.0)
    )
    assert informed > 0.35
    assert blind < informed - 0.1
