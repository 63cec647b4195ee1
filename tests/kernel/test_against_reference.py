"""The compiled decision against the plain one of `reference_quotes`, over random markets.

Expected numbers: docs/model.md §§2-3 written out a second time, sharing no code with the kernel.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import reference_quotes as plain

from undertow.config import Config, Ladder, Risk
from undertow.instrument import Instrument
from undertow.kernel.decision import decide
from undertow.kernel.eta import RISK, price_horizon, solve_risk
from undertow.kernel.inputs import INPUTS
from undertow.kernel.l2book import new_book
from undertow.kernel.ladder import LADDER
from undertow.kernel.reservation import RESERVATION
from undertow.makers import undertow_params
from undertow.records import Rec, new_record

FEE_BPS = 0.3
MID = 100.0
TICK = 1e-6
Q_MAX, BETA = 12.0, 4.0
INSTRUMENT = Instrument(name="X", tick_size=TICK, size_step=1e-9, min_notional=0.0, maker_fee_bps=FEE_BPS)


def _market(rng: np.random.Generator) -> tuple[plain.Market, Rec, float]:
    """The same random market as plain numbers and as an `INPUTS` record, and a position."""
    kappa_bid, kappa_ask = rng.uniform(0.1, 1.5) * rng.uniform(0.8, 1.25, 2)
    rates = np.exp(rng.uniform(-4, 0.5)) * rng.uniform(0.6, 1.6, 2)
    flow = rates.sum() * np.array([0.5, 0.5]) * (1 + rng.uniform(-0.5, 0.5) * np.array([1, -1]))
    adverse = rng.uniform(0, 0.8, 2)
    funding = [(float(rng.normal(0, 0.3)), float(rng.uniform(1, 3600))) for _ in range(3)]
    m = plain.Market(
        rate_bid=rates[0],
        rate_ask=rates[1],
        kappa_bid=kappa_bid,
        kappa_ask=kappa_ask,
        sigma=float(rng.uniform(0.3, 2.5)),
        aggressor_lots=float(rng.uniform(1, 10)),
        cost_bid=adverse[0] + FEE_BPS,
        cost_ask=adverse[1] + FEE_BPS,
        drift=float(rng.normal(0, 0.03)),
        flow_rate_bid=flow[0],
        flow_rate_ask=flow[1],
        funding=funding,
    )
    x = new_record(INPUTS)
    x.mid, x.lot_qty = MID, 1.0
    x.position_lots = float(rng.uniform(-0.7, 0.7) * Q_MAX)
    x.sigma_clean = x.sigma_effective = x.sigma_total = m.sigma
    x.rate_bid, x.rate_ask = rates
    x.kappa_bid, x.kappa_ask = kappa_bid, kappa_ask
    x.flow_rate_bid, x.flow_rate_ask = flow
    x.aggressor_lots = m.aggressor_lots
    x.drift, x.drift_reversion, x.flow_reversion = m.drift, m.theta, m.theta_flow
    x.as_touch_bid, x.as_touch_ask = adverse
    x.as_nodes = 1
    x.as_bid[0], x.as_ask[0] = adverse
    x.settlements = 3
    for n, (f, t) in enumerate(funding):
        x.funding_bps[n], x.funding_in_s[n] = f, t
    x.resting_life_s = 30.0
    return m, x, float(x.position_lots)


def _decision(x: Rec, gamma: float) -> tuple[Rec, Rec, Rec]:
    config = Config(
        risk=Risk(q_max_lots=Q_MAX, inventory_beta=BETA, lot_usd=100.0),
        ladder=Ladder(levels=6, request_price_bps_lots=0.0),
    )
    params = undertow_params(config, INSTRUMENT)
    risk, ladder, reservation = new_record(RISK), new_record(LADDER), new_record(RESERVATION)
    risk.gamma_base = gamma
    inst = INSTRUMENT.record()
    price_horizon(risk, x, FEE_BPS)
    book, best = new_book(), round(MID / TICK)
    book.top.best_bid, book.top.best_ask = best - 10_000, best + 10_000
    decide(ladder, reservation, risk, params.risk, params.ladder, x, inst, book, 0, 0.0)
    return ladder, reservation, risk


@pytest.mark.parametrize("seed", range(40))
def test_decision_agrees_with_the_plain_statement(seed: int) -> None:
    m, x, q = _market(np.random.default_rng(seed))
    gamma = plain.gamma_from_kappa_eta(0.2, m, m.cost_bid, m.cost_ask)
    ladder, reservation, risk = _decision(x, gamma)
    expected = plain.reservation(m, gamma, q, Q_MAX, BETA)
    assert risk.eta_base * plain.kappa_mean(m) == pytest.approx(0.2, rel=1e-9)
    assert risk.eta == pytest.approx(expected["eta"], rel=1e-9)
    assert risk.rho == pytest.approx(expected["rho"], rel=1e-9)
    assert reservation.offset_bps == pytest.approx(expected["offset"], rel=1e-9, abs=1e-9)
    assert reservation.response_bps == pytest.approx(expected["response"], rel=1e-9, abs=1e-12)
    for name, part in (("drift", "drift"), ("funding", "funding"), ("flow", "flow"), ("lasting", "cost")):
        assert getattr(reservation, f"{part}_bps") == pytest.approx(expected[name], rel=1e-9, abs=1e-12)
    for side, rungs, cost in ((1, ladder.bid, m.cost_bid), (-1, ladder.ask, m.cost_ask)):
        _side_agrees(m, side, rungs, cost, expected, gamma, q)


def _side_agrees(
    m: plain.Market, side: int, rungs: Rec, cost: float, expected: dict[str, float], gamma: float, q: float
) -> None:
    half = plain.half_spread(m, gamma, expected["eta"], side)
    assert rungs.touch_offset_bps == pytest.approx(expected["offset"] - side * half, rel=1e-9, abs=1e-9)
    kappa, rate = (m.kappa_bid, m.rate_bid) if side > 0 else (m.kappa_ask, m.rate_ask)
    gaps = np.concatenate([[0.0], np.cumsum(0.3 * 1.35 ** np.arange(5))]) / kappa
    offsets = [expected["offset"] - side * (half + gap) for gap in gaps]
    touch_half_spread = 1.0  # bps: the book stands 10 000 ticks of 1e-6 from a mid of 100
    if max(side * x for x in offsets) > touch_half_spread:
        return  # a level beyond the opposite touch is clamped: tests/kernel/test_ladder.py
    losses = [plain.loss_at(cost - FEE_BPS, -side * x) for x in offsets]
    gained = [side * (expected["offset"] - x) for x in offsets]
    margins = [gain - loss - FEE_BPS for gain, loss in zip(gained, losses, strict=True)]
    rates = [rate * np.exp(-kappa * max(-side * x, touch_half_spread)) for x in offsets]
    for k in range(6):
        assert rungs.depth_bps[k] == pytest.approx(-side * offsets[k], abs=1e-3)
        assert rungs.margin_bps[k] == pytest.approx(margins[k], abs=1e-3)
        assert rungs.reach_rate[k] == pytest.approx(rates[k], rel=2e-3)
    wanted = plain.joint_sizes(
        m,
        list(rungs.margin_bps[:6]),
        list(rungs.reach_rate[:6]),
        expected["eta"],
        side,
        q,
        rungs.room_lots,
    )
    assert list(rungs.cumulative_lots[:6]) == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    below = 0.0
    for k in range(6):
        through = below + rungs.qty[k]
        pnl = plain.expected_pnl(
            m, rungs.margin_bps[k], rungs.reach_rate[k], expected["eta"], side, q, below, through
        )
        if rungs.qty[k] > 0:
            assert rungs.expected_pnl[k] == pytest.approx(pnl, rel=1e-6, abs=1e-12)
        below = through


@pytest.mark.parametrize("seed", range(20))
def test_gamma_of_kappa_eta_agrees_with_bisection(seed: int) -> None:
    m, x, _ = _market(np.random.default_rng(1000 + seed))
    params = undertow_params(Config(), INSTRUMENT)
    risk = new_record(RISK)
    gamma = solve_risk(risk, params.risk, x, FEE_BPS) / m.sigma**2
    assert gamma == pytest.approx(plain.gamma_from_kappa_eta(0.2, m, m.cost_bid, m.cost_ask), rel=1e-6)
