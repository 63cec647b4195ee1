"""Money to the last millionth: fees, margin, funding, liquidation.

Expected figures are worked out by hand from the formulas of the facts ("Fees", "Funding", "Margin").
"""

from __future__ import annotations

import pytest
from tests.exchange.still import ALICE, BOB, PX, START_NS, STEP, Bench, conserved

from undertow.exchange import margin
from undertow.exchange.funding import payment, rate_of
from undertow.exchange.happenings import Fill, FundingPaid, FundingSettled, Liquidated
from undertow.exchange.listing import Dex, Rules
from undertow.exchange.mark import sample_premium, update_prices
from undertow.exchange.numbers import divide, parse, plain, usd, wire

BID, ASK = PX - STEP, PX + STEP
MILLION = 10**6


def relever(b: Bench, cross: bool, leverage: int) -> dict:
    return b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": cross, "leverage": leverage})


def last_fill(b: Bench, user: str) -> Fill:
    return [e for e in b.ex.drain() if isinstance(e, Fill) and e.user == user][-1]


def test_numbers_on_the_wire() -> None:
    assert [wire(v, 1) for v in (841430, 0, -5)] == ["84143.0", "0.0", "-0.5"]
    assert [plain(v, 5) for v in (56057, 8_414_300_000, -1)] == ["0.56057", "84143", "-0.00001"]
    assert usd(915_857_000) == "915.857"
    assert [parse(t, 2) for t in ("1", "1.20", "1.234", "1e3", "-1", ".5", "", None)] == [
        100, 120, None, None, None, None, None, None,
    ]  # fmt: skip
    assert [divide(n, 2) for n in (3, -3, 1, -1, 4)] == [2, -2, 1, -1, 2]


def test_taker_and_maker_fees_by_tier() -> None:
    b = Bench()
    b.order(ALICE, 1, ASK, 123, "Ioc")
    notional = 123 * ASK
    assert last_fill(b, ALICE).fee_micro == divide(notional * 45, 100_000)
    b.rest(ALICE, -1, PX, 123)
    b.order(BOB, 1, PX, 123, "Ioc")
    fill = last_fill(b, ALICE)
    assert (fill.fee_micro, fill.crossed) == (divide(123 * PX * 15, 100_000), False)
    assert (fill.direction, fill.closed_micro) == ("Close Long", -123 * STEP)
    b.ex.controls.set_fee_tier(ALICE, volume_14d_usd=3e9, maker_share=0.02)
    b.rest(ALICE, 1, BID + STEP, 123)
    b.order(BOB, -1, PX, 123, "Ioc")
    assert last_fill(b, ALICE).fee_micro == divide(-123 * PX * 2, 100_000)  # a rebate of 0.2 bp
    conserved(b.ex)


def test_a_builders_fee_needs_leave_and_comes_on_top() -> None:
    b = Bench()
    builder = {"b": "0x" + "AA" * 20, "f": 10}
    order = {"type": "order", "orders": [b.spec(1, ASK, 200, "Ioc")], "grouping": "na", "builder": builder}
    assert b.act(ALICE, order)["response"] == "Builder fee has not been approved"
    b.ex.approve_builder_fee(ALICE, "0x" + "aa" * 20, 10)
    assert b.act(ALICE, order)["status"] == "ok"
    fill = last_fill(b, ALICE)
    assert fill.builder_micro == 200 * ASK // 10_000
    assert fill.fee_micro == divide(200 * ASK * 45, 100_000) + fill.builder_micro
    conserved(b.ex)


def test_builder_dex_scale_growth_and_names() -> None:
    b = Bench(
        ("dex:X",), dexes=(Dex("dex", deployer_fee_scale=1.0),), growth_mode=True, funding_multiplier=2.0
    )
    assert b.coin.asset == 110_000
    b.order(ALICE, 1, ASK, 200, "Ioc")
    assert last_fill(b, ALICE).fee_micro == divide(200 * ASK * 9, 100_000)  # 4.5 bp · 2 · 0.1
    requests = b.ex.account(ALICE).requests
    assert requests.traded_micro == 200 * ASK
    assert requests.counted_micro == 20 * ASK
    assert b.ex.account(ALICE).purse("dex").raw == MILLION * MILLION - 200 * ASK - divide(
        200 * ASK * 9, 100_000
    )
    assert b.ex.account(ALICE).purse("").raw == 0


def test_directions_and_closed_pnl_of_a_flip() -> None:
    b = Bench()
    b.order(ALICE, 1, ASK, 100, "Ioc")
    assert last_fill(b, ALICE).direction == "Open Long"
    b.order(ALICE, -1, BID, 150, "Ioc")
    fill = last_fill(b, ALICE)
    assert (fill.direction, fill.start_steps, fill.closed_micro) == ("Long > Short", 100, -100 * 2 * STEP)
    position = b.ex.account(ALICE).position(b.coin)
    assert (position.steps, position.cost) == (-50, -50 * BID)
    conserved(b.ex)


def test_cross_margin_summary_and_liquidation_price() -> None:
    b = Bench(usd=1_000.0, max_leverage=40)
    b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 20})
    b.order(ALICE, 1, ASK, 1000, "Ioc")
    purse = b.ex.account(ALICE).purse("")
    cross = margin.cross_summary(purse)
    fee = divide(1000 * ASK * 45, 100_000)
    assert cross.raw == 1000 * MILLION - 1000 * ASK - fee
    assert cross.value == 1000 * MILLION - 1000 * STEP - fee
    assert cross.used == 1000 * PX // 20
    assert cross.maintenance == 1000 * PX // 80
    assert margin.withdrawable(purse) == cross.value - 1000 * PX // 10
    liq = margin.liquidation_px(purse, purse.positions["X"])
    # there, value equals maintenance: raw + size·px = size·px/80
    assert liq == pytest.approx(-cross.raw / 1e6 / 10.0 / (1 - 1 / 80), abs=1e-9)


def test_tiers_deduct_so_that_maintenance_is_continuous() -> None:
    b = Bench(max_leverage=40, margin_tiers=((0.0, 40), (1_000.0, 20), (5_000.0, 10)))
    tiers = b.coin.tiers
    assert [t.deduction for t in tiers] == [0, 12_500_000, 137_500_000]
    for tier in tiers[1:]:
        assert margin.maintenance(b.coin, tier.lower) == margin.maintenance(b.coin, tier.lower - 1)
    b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 40})
    assert "margin tier limit" in b.order(ALICE, 1, ASK, 1100, "Ioc")["error"]
    assert "filled" in b.order(ALICE, 1, ASK, 900, "Ioc")


def test_isolated_margin_in_and_out() -> None:
    b = Bench(usd=1_000.0)
    b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": False, "leverage": 10})
    b.order(ALICE, 1, ASK, 200, "Ioc")
    purse = b.ex.account(ALICE).purse("")
    position = purse.positions["X"]
    fee = divide(200 * ASK * 45, 100_000)
    assert purse.raw == 1000 * MILLION - 20 * ASK
    assert position.raw == 20 * ASK - 200 * ASK - fee
    assert b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 10})[
        "response"
    ] == ("Cannot switch leverage type with open position.")
    add = {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": 10_500_000}
    assert b.act(ALICE, add)["status"] == "ok"
    assert purse.raw == 1000 * MILLION - 20 * ASK - 10_500_000
    assert b.act(ALICE, {**add, "ntli": -10_000_000})["status"] == "ok"
    assert b.act(ALICE, {**add, "ntli": -10_000_000})["status"] == "err"
    b.order(ALICE, -1, BID, 100, "Ioc")
    second = divide(100 * BID * 45, 100_000)
    equity = position.raw + position.steps * BID
    assert position.steps == 100
    assert equity == pytest.approx((20 * ASK - 200 * ASK - fee + 500_000 - second + 200 * BID) / 2, abs=1)
    b.order(ALICE, -1, BID, 100, "Ioc")
    assert purse.positions == {}
    conserved(b.ex)


def test_strict_isolation_keeps_margin_in() -> None:
    b = Bench(margin_mode="strictIsolated")
    b.order(ALICE, 1, ASK, 200, "Ioc")
    take = {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": -1}
    assert "Cannot remove margin" in b.act(ALICE, take)["response"]
    assert (
        b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 2})["status"]
        == "err"
    )
    assert b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": False, "leverage": 99})[
        "response"
    ] == ("Invalid leverage value")


@pytest.mark.parametrize(
    ("premium", "rate"),
    [(0.0, 125_000), (0.0003, 125_000), (0.001, 625_000), (-0.002, -1_875_000), (1.0, 400_000_000)],
)
def test_funding_rate(premium: float, rate: int) -> None:
    """F8h = P + clamp(1 bp − P, ±5 bp), an eighth an hour, at most 4 %."""
    assert rate_of(Bench().coin, premium) == rate


def test_builder_dex_funding_has_its_own_premium_interest_and_multiplier() -> None:
    b = Bench(("dex:X",), funding_multiplier=0.5, interest_8h=0.0, impact_usd=100.0)
    b.market.context.oracle_px = 99.0
    update_prices(b.coin, START_NS + 1)
    sample_premium(b.coin)
    assert b.coin.prices.premiums == [pytest.approx(100.0 / 99.0 - 1.0)]
    assert rate_of(b.coin, 0.001) == round(0.0005 / 8 * 0.5 * 1e10)


def test_main_dex_premium_is_zero_while_the_oracle_lies_inside_the_impact_prices() -> None:
    b = Bench(impact_usd=100.0)
    sample_premium(b.coin)
    b.market.context.oracle_px = 99.5
    update_prices(b.coin, START_NS + 1)
    sample_premium(b.coin)
    assert b.coin.prices.premiums == [0.0, pytest.approx((99.99 - 99.5) / 99.5)]


def test_funding_is_paid_on_the_oracle_once_an_hour() -> None:
    rules = Rules(block_ns=1_000_000_000, oracle_every_ns=60_000_000_000, premium_every_ns=60_000_000_000)
    b = Bench(rules=rules)
    b.order(ALICE, 1, ASK, 300, "Ioc")
    b.rest(ALICE, -1, PX, 100)
    b.order(BOB, 1, PX, 100, "Ioc")
    b.order(BOB, -1, BID, 150, "Ioc")
    before = {user: b.ex.account(user).purse("").raw for user in (ALICE, BOB)}
    b.ex.drain()
    b.run(3600)
    events = b.ex.drain()
    rate = next(e.rate for e in events if isinstance(e, FundingSettled))
    assert rate == 125_000
    paid = {e.user: e for e in events if isinstance(e, FundingPaid)}
    assert paid[ALICE].micro == -payment(200, b.coin.oracle, rate) == -divide(200 * PX * 125_000, 10**10)
    assert paid[BOB].micro == payment(50, b.coin.oracle, rate)
    assert paid[ALICE].time_ms == START_NS // 10**6 + 3_600_000
    for user in (ALICE, BOB):
        assert b.ex.account(user).purse("").raw == before[user] + paid[user].micro
    conserved(b.ex)


def crash(b: Bench, px: int, size: int = 100_000) -> None:
    """The background's book and the oracle move to `px` (ticks)."""
    for side in (1, -1):
        b.market.books[side] = {px - side * STEP * i: size for i in range(1, 9)}
    b.market.context.oracle_px = b.market.context.reference_px = px / 10_000
    b.run(2)


FAST = Rules(oracle_every_ns=70_000_000)


def leveraged(usd: float = 1_000.0, **terms: object) -> Bench:
    b = Bench(usd=usd, rules=FAST, max_leverage=40, **terms)
    b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 40})
    b.market.books[-1][ASK] = 10**6
    b.order(ALICE, 1, ASK, round(usd * 20), "Ioc")
    b.ex.drain()
    return b


def test_a_liquidation_sells_on_the_book() -> None:
    b = leveraged()
    oid = b.rest(ALICE, 1, 90 * PX // 100, 20)
    crash(b, 96 * PX // 100 // STEP * STEP)
    events = b.ex.drain()
    found = next(e for e in events if isinstance(e, Liquidated))
    assert (found.user, found.backstop) == (ALICE, False)
    fill = next(e for e in events if isinstance(e, Fill))
    assert fill.liquidation is not None
    assert fill.liquidation[2] == "market"
    assert b.steps(ALICE) == 0
    assert b.known(ALICE, oid).status == "liquidatedCanceled"
    assert b.ex.account(ALICE).purse("").raw > 0
    conserved(b.ex)


def test_what_the_book_cannot_take_goes_to_the_backstop() -> None:
    b = leveraged()
    crash(b, 95 * PX // 100 // STEP * STEP, size=10)
    crash(b, 94 * PX // 100 // STEP * STEP, size=10)
    found = [e for e in b.ex.drain() if isinstance(e, Liquidated)][-1]
    assert found.backstop
    assert b.steps(ALICE) == 0
    assert b.ex.account(ALICE).purse("").raw == 0
    assert b.state.backstop.steps(b.coin) > 0
    conserved(b.ex)


def test_large_positions_go_by_fifths() -> None:
    b = leveraged(usd=10_000.0)
    crash(b, 9_614 * PX // 10_000 // STEP * STEP, size=10**6)
    assert b.steps(ALICE) in (160_000, 0)
    sold = [e.steps for e in b.ex.drain() if isinstance(e, Fill) and e.user == ALICE]
    assert sold[0] == 40_000


def test_an_isolated_loss_stays_with_the_position() -> None:
    b = Bench(usd=1_000.0, rules=FAST)
    b.act(ALICE, {"type": "updateLeverage", "asset": 0, "isCross": False, "leverage": 20})
    b.order(ALICE, 1, ASK, 400, "Ioc")
    free = b.ex.account(ALICE).purse("").raw
    crash(b, 80 * PX // 100 // STEP * STEP)
    assert b.steps(ALICE) == 0
    assert b.ex.account(ALICE).purse("").raw >= free
    conserved(b.ex)


def test_mark_is_the_median_and_a_builder_dex_moves_one_percent_at_a_time() -> None:
    b = Bench(rules=FAST)
    b.market.context.oracle_px, b.market.context.reference_px = 101.0, 100.4
    b.run()
    assert b.coin.mark == 1_004_000  # of oracle + basis (about 101), 100 and 100.4
    hip3 = Bench(("dex:X",), rules=FAST)
    crash(hip3, 90 * PX // 100 // STEP * STEP)
    assert hip3.coin.mark == round(round(PX * 0.99) * 0.99)
