"""Signs at the final order price, over random states, one input changed at a time.

Each case builds a random market, maker and position (q_max from one lot up), prices it through the
production path (horizon, risk, reservation price, depths, grid, clamp, ladder, reconciler) and looks
at the ticks of the actions that would reach the venue, then changes one input and looks again.

*Strict* is asserted on the touch quotes before rounding and clamp; *never reversed* on the final
ticks, level by level (an action carries its level). Which levels are worth a request changes with
the state too, so the *best* price may jump by a level where the touch level comes or goes: that is
the request cut, counted beside. Statements about the width of the spread are asserted on final ticks
where the post-only clamp binds in neither state: where it binds, one of the two prices is the
market's and not ours, and r may move the other towards it. Those too are counted, not hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bars import Figure
from undertow.config import Config, Ladder, Risk
from undertow.instrument import Instrument, hyperliquid_perp
from undertow.kernel import cycle
from undertow.kernel.desk import ACTION, MAX_ACTIONS
from undertow.kernel.eta import price_horizon
from undertow.kernel.l2book import new_book
from undertow.kernel.ladder import QUOTED
from undertow.makers import gap_multiples, make_undertow
from undertow.records import Rec

TITLE = "Signs at the final order price"
SEED = 20260219

INSTRUMENTS = (
    (hyperliquid_perp("BTC", 5), 110_000.0),
    (hyperliquid_perp("ETH", 4), 4_400.0),
    (hyperliquid_perp("HYPE", 2), 29.0),
    (hyperliquid_perp("COARSE", 0), 1.9),
    (Instrument(name="BTCUSDT", tick_size=0.1, size_step=0.001, min_notional=10.0), 60_000.0),
    (Instrument(name="FINE", tick_size=1e-4, size_step=1e-5, min_notional=1.0), 100.0),
)


@dataclass
class Quote:
    """What reaches the venue for one state, ticks by level, and what was exact before rounding."""

    bids: dict[int, int]
    asks: dict[int, int]
    bid_offset: float
    ask_offset: float
    flow_bps: float
    clamped: bool


class Desk:
    """A maker on one instrument whose inputs are typed by hand."""

    def __init__(self, instrument: Instrument, reference_px: float) -> None:
        self.instrument, self.reference_px = instrument, reference_px
        self.inst = instrument.record()
        maker = make_undertow(Config(risk=Risk(), ladder=Ladder()), instrument, warmup_s=0.0)
        self.params, self.state = maker.params, maker.fresh_state()
        self.book = new_book()
        self.actions = np.zeros(MAX_ACTIONS, dtype=ACTION).view(np.recarray)

    @property
    def x(self) -> Rec:
        """The `INPUTS` record."""
        return self.state.inputs

    def randomise(self, rng: np.random.Generator) -> None:
        """A random market, maker and position."""
        x, risk, top = self.x, self.params.risk, self.book.top

        def log_uniform(low: float, high: float) -> float:
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))

        risk.q_max_lots = log_uniform(1.0, 50.0)
        risk.beta = rng.uniform(0.0, 10.0)
        self.state.risk.gamma_base = log_uniform(1e-6, 1.0)
        ladder = self.params.ladder
        ladder.levels = rng.integers(1, 9)
        ladder.gap_multiple[:] = gap_multiples(rng.uniform(0.05, 1.0), rng.uniform(1.0, 2.0))
        tick_px = self.instrument.tick_size
        mid = self.reference_px * rng.uniform(0.7, 1.4)
        half_ticks = max(mid * log_uniform(0.02, 8.0) * 1e-4 / tick_px, 0.5)
        top.best_bid = int(mid / tick_px - half_ticks)
        top.best_ask = max(int(mid / tick_px + half_ticks), top.best_bid + 1)
        x.mid = 0.5 * (top.best_bid + top.best_ask) * tick_px
        x.lot_qty = log_uniform(max(20.0, 3.0 * self.inst.size_step * mid), 1e4) / x.mid
        x.position_lots = rng.uniform(-1.0, 1.0) * risk.q_max_lots
        self.inst.maker_fee_bps = rng.uniform(-0.3, 4.5)
        x.sigma_effective = log_uniform(0.1, 5.0)
        x.sigma_clean = x.sigma_effective * rng.uniform(0.4, 1.2)
        x.sigma_total = x.sigma_effective
        x.kappa_bid, x.kappa_ask = log_uniform(0.05, 6.0), log_uniform(0.05, 6.0)
        x.rate_bid, x.rate_ask = log_uniform(0.005, 5.0), log_uniform(0.005, 5.0)
        phi, flow = rng.uniform(-0.8, 0.79), log_uniform(0.02, 2.0)
        x.flow_rate_bid, x.flow_rate_ask = flow * (1.0 + phi), flow * (1.0 - phi)
        x.aggressor_lots = log_uniform(0.3, 300.0)
        x.drift = rng.normal(0.0, 0.05)
        x.drift_reversion, x.flow_reversion = log_uniform(0.005, 1.0), log_uniform(1e-3, 0.1)
        x.resting_life_s = log_uniform(1.0, 100.0)
        self._randomise_costs(rng)

    def _randomise_costs(self, rng: np.random.Generator) -> None:
        x = self.x
        x.as_touch_bid, x.as_touch_ask = rng.uniform(0.0, 3.0, 2)
        for curve, touch in ((x.as_bid, x.as_touch_bid), (x.as_ask, x.as_touch_ask)):
            curve[: x.as_nodes] = np.maximum(touch + self._curve(rng), 0.0)
        x.settlements = rng.integers(1, 4)
        x.funding_bps[: x.settlements] = rng.normal(0.0, 1.0, x.settlements)
        x.funding_in_s[: x.settlements] = rng.uniform(0.0, 3600.0) + 3600.0 * np.arange(x.settlements)

    def _curve(self, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """AS at the nodes against that at the touch: either sign, up to half a bp per bp of depth."""
        gaps = np.diff(self.x.as_depth_bps[: self.x.as_nodes], prepend=0.0)
        curve = (rng.uniform(-0.5, 0.5, len(gaps)) * gaps).cumsum()
        return np.asarray(curve - curve[rng.integers(len(curve))])

    def quote(self) -> Quote:
        """Price the inputs as they stand on an empty desk; the ticks are those of the actions."""
        state, x = self.state, self.x
        state.desk.n_working = 0
        state.desk.position = x.position_lots * x.lot_qty
        price_horizon(state.risk, x, self.inst.maker_fee_bps)
        n = cycle.act_on_inputs(state, self.params, self.inst, self.book, QUOTED, 0.0, self.actions, 0)
        sent = self.actions[:n]
        ladder = state.ladder
        return Quote(
            {int(a.level): int(a.tick) for a in sent if a.side == 1},
            {int(a.level): int(a.tick) for a in sent if a.side == -1},
            float(ladder.bid.touch_offset_bps),
            float(ladder.ask.touch_offset_bps),
            float(state.reservation.flow_bps),
            any(r.tick[0] != r.touch_tick for r in (ladder.bid, ladder.ask)),
        )


@dataclass
class Law:
    """Counts of one law: cases, strictness missed before rounding, reversals after."""

    name: str
    change: Callable[[Desk, np.random.Generator], bool]
    sides: str  # "both lower", "bid lower", "wider"
    strict: bool = True
    cases: int = 0
    not_strict: int = 0
    reversed: int = 0
    compared: int = 0
    clamped: int = 0
    reversed_clamped: int = 0
    best_jumped: int = 0
    examples: list[str] = field(default_factory=list)


def _step(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(1e-3), 0.0)))


def _drift_down(desk: Desk, rng: np.random.Generator) -> bool:
    desk.x.drift -= 0.2 * _step(rng)
    return True


def _longer(desk: Desk, rng: np.random.Generator) -> bool:
    x, q_max = desk.x, desk.params.risk.q_max_lots
    x.position_lots = min(x.position_lots + 2.0 * q_max * _step(rng), q_max)
    return True


def _pay_more_funding(desk: Desk, rng: np.random.Generator) -> bool:
    desk.x.funding_bps[rng.integers(desk.x.settlements)] += 3.0 * _step(rng)
    return True


def _pay_more_soon(desk: Desk, rng: np.random.Generator) -> bool:
    desk.quote()
    desk.x.funding_in_s[0] = rng.uniform(0.0, 2.0) / desk.state.risk.rho
    desk.x.settlements = 1
    return True


def _sellers(desk: Desk, rng: np.random.Generator) -> bool:
    x = desk.x
    total = x.flow_rate_bid + x.flow_rate_ask
    phi = (x.flow_rate_bid - x.flow_rate_ask) / total
    phi += (0.8 - phi) * _step(rng)
    x.flow_rate_bid, x.flow_rate_ask = 0.5 * total * (1 + phi), 0.5 * total * (1 - phi)
    return True


def _dearer(desk: Desk, rng: np.random.Generator) -> bool:
    """More adverse selection on one side or both."""
    x, extra = desk.x, 3.0 * _step(rng)
    which = rng.integers(3)
    if which != 1:
        x.as_touch_bid += extra
        x.as_bid[: x.as_nodes] += extra
    if which != 0:
        x.as_touch_ask += extra
        x.as_ask[: x.as_nodes] += extra
    return True


def _higher_fee(desk: Desk, rng: np.random.Generator) -> bool:
    desk.inst.maker_fee_bps += 3.0 * _step(rng)
    return True


def _further_from_flat(desk: Desk, rng: np.random.Generator) -> bool:
    x, q_max = desk.x, desk.params.risk.q_max_lots
    sign = 1.0 if x.position_lots >= 0.0 else -1.0
    x.position_lots = sign * min(abs(x.position_lots) + q_max * _step(rng), q_max)
    return bool(desk.params.risk.beta > 0.0)


def laws() -> list[Law]:
    """The laws of the bar, with fresh counts."""
    return [
        Law("falling market: lower bid and ask", _drift_down, "both lower"),
        Law("longer position: lower bid and ask", _longer, "both lower"),
        Law("higher paid funding: bid not higher, long or short", _pay_more_funding, "bid lower", False),
        Law("higher paid funding within 2/rho: bid lower, long or short", _pay_more_funding, "bid lower"),
        Law("sellers dominate (phi up): lower bid", _sellers, "bid lower"),
        Law("larger AS: wider", _dearer, "wider"),
        Law("higher fee: wider", _higher_fee, "wider"),
        Law("larger position: wider (beta > 0)", _further_from_flat, "wider"),
    ]


def _strict(law: Law, before: Quote, after: Quote) -> bool:
    lower_bid = after.bid_offset < before.bid_offset
    if law.change is _sellers:
        # the term may be smaller than the last digit of the sum: ρ·τ_φ → 0 as risk aversion does
        return after.flow_bps < before.flow_bps and after.bid_offset <= before.bid_offset
    if law.sides == "bid lower":
        return lower_bid
    if law.sides == "both lower":
        return lower_bid and after.ask_offset < before.ask_offset
    return after.ask_offset - after.bid_offset > before.ask_offset - before.bid_offset


def _rose(before: dict[int, int], after: dict[int, int]) -> bool:
    return any(after[k] > before[k] for k in before.keys() & after.keys())


def _reversed(law: Law, before: Quote, after: Quote) -> bool:
    if law.sides == "wider":
        if not all(0 in side for q in (before, after) for side in (q.bids, q.asks)):
            return False
        return after.asks[0] - after.bids[0] < before.asks[0] - before.bids[0]
    return _rose(before.bids, after.bids) or (law.sides == "both lower" and _rose(before.asks, after.asks))


def _best_jumped(law: Law, before: Quote, after: Quote) -> bool:
    """Whether the best price moved the wrong way although no level did."""
    if law.sides == "wider":
        return False
    up_bid = before.bids and after.bids and max(after.bids.values()) > max(before.bids.values())
    up_ask = before.asks and after.asks and min(after.asks.values()) > min(before.asks.values())
    return bool(up_bid or (law.sides == "both lower" and up_ask))


def check(law: Law, desk: Desk, rng: np.random.Generator) -> None:
    """One random state, one change, one comparison."""
    desk.randomise(rng)
    if "within" in law.name:
        _pay_more_soon(desk, rng)
    before = desk.quote()
    position = desk.x.position_lots
    if not law.change(desk, rng):
        return
    if desk.x.position_lots == position and law.change in (_longer, _further_from_flat):
        return
    after = desk.quote()
    law.cases += 1
    if law.strict:
        law.not_strict += not _strict(law, before, after)
    elif _strict(law, after, before):
        law.not_strict += 1
    wrong = _reversed(law, before, after)
    if law.sides == "wider" and (before.clamped or after.clamped):
        law.clamped += 1
        law.reversed_clamped += wrong
        return
    law.compared += 1
    law.reversed += wrong
    law.best_jumped += not wrong and _best_jumped(law, before, after)
    if wrong and len(law.examples) < 5:
        law.examples.append(f"{desk.instrument.name} {before} -> {after}")


def run(cases: int, seed: int) -> list[Law]:
    """Check every law on `cases` random states, spread over the instruments."""
    found = laws()
    desks = [Desk(*pair) for pair in INSTRUMENTS]
    for law in found:
        rng = np.random.default_rng(seed)
        for i in range(cases):
            check(law, desks[i % len(desks)], rng)
    return found


def measure() -> list[Figure]:
    """Every law on 20 000 random states."""
    figures = []
    for law in run(20_000, SEED):
        detail = {
            "not strict before rounding": law.not_strict,
            "compared at the venue": law.compared,
            "reversed at the venue": law.reversed,
            "best price jumped by the request cut": law.best_jumped,
            "clamped, counted apart": law.clamped,
            "reversed while clamped": law.reversed_clamped,
            "examples": law.examples,
        }
        wrong = law.not_strict + law.reversed
        figures.append(
            Figure(f"{law.name}: violations in {law.cases} cases", wrong, "0", wrong == 0, [SEED], detail)
        )
    return figures
