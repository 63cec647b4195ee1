"""Avellaneda-Stoikov: formulas by hand, the fit against scipy's, signs at the order price, timers.

Hand-computed: mid 1000, γ = 0.5, σ = 2, κ = 1.5, q = 0.25: spread = 1 + 4·ln(4/3) = 2.150728289807124,
r = 1000 - 0.25 = 999.75. What the strategy does when is Hummingbot's (see the module).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import curve_fit
from tests.replay.markets import COIN, START_NS

from undertow.baselines.avellaneda import make_avellaneda, on_fill, on_timer, on_trade
from undertow.baselines.avellaneda_math import fit_exponential, instant_volatility, merge_levels, quotes
from undertow.baselines.avellaneda_records import AvellanedaSettings
from undertow.config import Config
from undertow.events import CANCEL, EVENT, FILL, NEW, TIMER, TRADE
from undertow.instrument import price_of
from undertow.kernel.desk import ACTION, LIVE, MAX_ACTIONS
from undertow.kernel.l2book import Book, new_book, set_level
from undertow.maker import Maker
from undertow.makers import make
from undertow.records import Rec, new_record
from undertow.replay import replay
from undertow.synthetic.generate import generate

S = 1_000_000_000
FAST = AvellanedaSettings(
    volatility_ticks=4, intensity_ticks=2, refresh_s=5.0, filled_delay_s=7.0, risk_factor=0.5
)


def test_quotes_by_hand() -> None:
    r, spread, bid, ask = quotes(1000.0, 0.25, 0.5, 2.0, 1.5, 1.0, 0.0, False)
    assert spread == pytest.approx(1.0 + 4.0 * math.log(4 / 3))
    assert (r, bid, ask) == pytest.approx((999.75, 999.75 - spread / 2, 999.75 + spread / 2))
    # half the horizon left halves what σ adds; the paper's σ² doubles it at σ = 2
    r, spread, *_ = quotes(1000.0, 0.25, 0.5, 2.0, 1.5, 0.5, 0.0, False)
    assert (r, spread) == pytest.approx((999.875, 0.5 + 4.0 * math.log(4 / 3)))
    r, spread, *_ = quotes(1000.0, 0.25, 0.5, 2.0, 1.5, 1.0, 0.0, True)
    assert (r, spread) == pytest.approx((999.5, 2.0 + 4.0 * math.log(4 / 3)))
    # the least spread holds on both sides of the mid, not of r
    *_, bid, ask = quotes(1000.0, 0.25, 0.5, 2.0, 1.5, 1.0, 6.0, False)
    assert (bid, ask) == (997.0, 1003.0)


def test_volatility_is_over_all_entries_of_the_ring() -> None:
    # oldest to newest 10, 11, 13, 12: √((1 + 4 + 1) / 4)
    assert instant_volatility(np.array([13.0, 12.0, 10.0, 11.0]), 1) == pytest.approx(math.sqrt(1.5))


@pytest.mark.parametrize("seed", range(12))
def test_fit_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 60))
    x = np.sort(rng.choice(np.arange(1, 200), n, replace=False)).astype(np.int64)
    kappa = rng.uniform(0.02, 0.4)
    y = 50.0 * np.exp(-kappa * x * 0.05 * 20) * rng.gamma(3.0, 1 / 3.0, n)
    alpha, found = fit_exponential(x, y, n, 0.05)

    def residual(a: float, b: float) -> float:
        return float(((y - a * np.exp(-b * x * 0.05)) ** 2).sum())

    (a, b), _ = curve_fit(
        lambda t, a, b: a * np.exp(-b * t),
        x * 0.05,
        y,
        p0=(0.0, 0.0),
        method="dogbox",
        bounds=([0, 0], [np.inf, np.inf]),
        maxfev=20_000,
    )
    assert residual(alpha, found) <= residual(a, b) * (1.0 + 1e-9)
    if residual(a, b) <= residual(alpha, found) * (1.0 + 1e-6):  # dogbox found the same minimum
        assert (alpha, found) == pytest.approx((a, b), rel=1e-2)


def test_fit_of_one_level_says_nothing_and_a_rising_curve_has_no_decay() -> None:
    x, y = np.array([1, 2, 3], np.int64), np.array([1.0, 2.0, 3.0])
    assert all(math.isnan(v) for v in fit_exponential(x, y, 1, 0.1))
    assert fit_exponential(x, y, 3, 0.1) == pytest.approx((2.0, 0.0))


def test_equal_levels_are_summed() -> None:
    x, y = np.empty(4, np.int64), np.empty(4)
    n = merge_levels(np.array([5, 2, 5, 3], np.int64), np.array([1.0, 2.0, 4.0, 8.0]), x, y)
    assert (x[:n].tolist(), y[:n].tolist()) == ([2, 3, 5], [2.0, 8.0, 5.0])


class Desk:
    """A maker stepped by hand, second by second."""

    def __init__(self, settings: AvellanedaSettings = FAST) -> None:
        self.maker: Maker = make_avellaneda(COIN, settings)
        self.state: Rec = self.maker.fresh_state()
        self.inst = COIN.record()
        self.now = START_NS
        self.actions = np.zeros(MAX_ACTIONS, dtype=ACTION)

    def row(self, kind: int) -> Rec:
        row = new_record(EVENT)
        row["kind"], row["recv_ns"] = kind, self.now
        return row

    def second(self, mid_tick: int, prints: tuple[int, ...] = (), *, confirm: bool = True) -> list[Rec]:
        """A second at a touch of `mid_tick` ± 3, then `prints`; the actions, all confirmed at once."""
        book = book_at(mid_tick - 3, mid_tick + 3)
        self.state["desk"]["now_ns"] = self.now
        n = on_timer(self.state, self.maker.params, self.inst, book, self.row(TIMER), self.actions)
        sent = [self.actions[i].copy() for i in range(n)]
        if confirm:
            desk = self.state["desk"]
            stay = [w.copy() for w in desk["working"][: int(desk["n_working"])] if w["status"] <= LIVE]
            for i, order in enumerate(stay):
                desk["working"][i] = order
                desk["working"][i]["status"] = LIVE
            desk["n_working"] = len(stay)
        for tick in prints:
            row = self.row(TRADE)
            row["px"], row["qty"] = price_of(self.inst, tick), 1.0
            on_trade(self.state, self.maker.params, self.inst, book, row, self.actions)
        self.now += S
        return sent

    def warm(self) -> list[Rec]:
        """Seconds until it quotes; the orders it then sends."""
        for mid in (10_000, 10_004, 10_000, 10_004, 10_000):
            sent = self.second(mid, (mid + 4, mid + 4, mid - 8))
            if sent:
                return sent
        raise AssertionError("it never quoted")


def book_at(bid: int, ask: int) -> Book:
    book = new_book()
    set_level(book, 1, bid, 1.0)
    set_level(book, -1, ask, 1.0)
    return book


def sides(sent: list[Rec]) -> dict[int, tuple[int, float]]:
    return {int(a["side"]): (int(a["tick"]), float(a["qty"])) for a in sent if a["kind"] == NEW}


def test_orders_stand_where_the_formulas_say() -> None:
    desk = Desk(AvellanedaSettings(**{f: getattr(FAST, f) for f in FAST.__struct_fields__} | {"jump": False}))
    sent = sides(desk.warm())
    # prints 4 and 8 ticks (0.4 and 0.8) from the mid with volumes 2 : 1 each second: κ = ln 2 / 0.4
    assert float(desk.state["kappa"]) == pytest.approx(math.log(2) / 0.4, rel=1e-6)
    assert float(desk.state["sigma"]) == pytest.approx(math.sqrt(3 * 0.4**2 / 4))
    mid = float(desk.state["mid2"]) * 0.05
    r, spread, bid, ask = quotes(mid, 0.0, 0.5, math.sqrt(0.12), math.log(2) / 0.4, 1.0, 0.0, False)
    assert (r, spread) == pytest.approx((float(desk.state["reservation"]), float(desk.state["spread"])))
    assert sent[1][0] == math.floor(bid * 10 + 1e-7)
    assert sent[-1][0] == math.ceil(ask * 10 - 1e-7)


@pytest.mark.parametrize("sign", [1, -1])
def test_inventory_moves_both_order_prices_against_it_and_shrinks_what_adds(sign: int) -> None:
    more = {f: getattr(FAST, f) for f in FAST.__struct_fields__}
    more |= {"risk_factor": 8.0, "shape_factor": 1.0, "jump": False, "account_multiple": 1.0}
    flat, held = Desk(AvellanedaSettings(**more)), Desk(AvellanedaSettings(**more))
    held.state["desk"]["position"] = sign * 0.5  # 500 of 1 000 USD
    a, b = sides(flat.warm()), sides(held.warm())
    for side in (1, -1):
        assert sign * (b[side][0] - a[side][0]) < 0  # long: lower, short: higher
    assert b[sign][1] == 0.06  # 0.09996·e^(-0.5), down to the step
    assert b[-sign][1] == a[-sign][1] > b[sign][1]


def test_the_limit_leaves_only_the_reducing_side() -> None:
    desk = Desk()
    desk.state["desk"]["position"] = -1.0
    assert set(sides(desk.warm())) == {1}


def test_refresh_waits_for_cancels_and_for_the_tick_after() -> None:
    desk = Desk()
    desk.warm()
    kinds = []
    for i in range(12):
        mid = 10_050 + 10 * i
        kinds.append({int(a["kind"]) for a in desk.second(mid, (mid + 4,))})
    # at 5 s the orders go, a second later the new ones come, and so again
    assert kinds == [set()] * 4 + [{CANCEL}, {NEW}] + [set()] * 4 + [{CANCEL}, {NEW}]


def test_orders_within_the_tolerance_stay() -> None:
    more = {f: getattr(FAST, f) for f in FAST.__struct_fields__} | {"refresh_tolerance_bps": 500.0}
    desk = Desk(AvellanedaSettings(**more))
    desk.warm()
    assert all(desk.second(10_010, (10_014,)) == [] for _ in range(12))


def test_a_full_fill_delays_the_next_orders() -> None:
    desk = Desk()
    desk.warm()
    working = desk.state["desk"]
    filled = int(working["working"][0]["id"])
    working["working"][0] = working["working"][1].copy()
    working["n_working"] = 1
    row = desk.row(FILL)
    row["ref"] = filled
    on_fill(desk.state, desk.maker.params, desk.inst, book_at(1, 2), row, desk.actions)
    sent = [len(desk.second(10_050, (10_054,))) for _ in range(9)]
    assert sent == [0] * 7 + [1, 2]


def test_it_runs_in_a_replay_and_keeps_its_limit() -> None:
    config = Config()
    maker = make("avellaneda", config, COIN)
    assert maker.params["max_position_usd"] == config.risk.lot_usd * config.risk.q_max_lots
    market = generate("hl-btc", seed=1, duration_s=240.0)
    settings = AvellanedaSettings(
        volatility_ticks=20, intensity_ticks=20, refresh_s=2.0, filled_delay_s=0.0, max_position_usd=300.0
    )
    result = replay(market, make_avellaneda(market.instrument, settings))
    assert len(result.fills) > 10
    assert set(result.fills["side"].tolist()) == {1, -1}
    assert result.fills["sent_ns"].min() >= result.ledger["first_ns"] + 20 * S
    mid = float(result.ledger["last_mid"])
    assert result.ledger["max_abs_position"] * mid <= 300.0 + 100.0
    assert result.observations["reservation_px"][-1] == pytest.approx(mid, rel=0.01)


@pytest.mark.parametrize(("field", "value"), [("levels", 0), ("risk_factor", 0.0), ("tick_s", 99.0)])
def test_settings_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        AvellanedaSettings(**{field: value})
