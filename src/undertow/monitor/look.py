"""One coin looked at: a maker's records and the session's facts in, a `CoinView` out.

Reads memory the loop writes, on the loop's own thread, and calls nothing compiled where a record has
the number: a look costs a few hundred microseconds at most (``benchmarks/screen.py``), and
`undertow.monitor.watch` takes the coins in turns.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from undertow.instrument import Instrument
from undertow.kernel.intensity import gamma_interval, kappa_posterior
from undertow.kernel.l2book import NO_ASK, NO_BID
from undertow.kernel.state import PARAMS, STATE
from undertow.maker import OBSERVATION, Maker
from undertow.monitor.facts import CoinFacts, Feed, Kill, SessionFacts
from undertow.monitor.pnl import FillWatch
from undertow.monitor.sides import market_levels, own_orders, side_view
from undertow.monitor.view import (
    BeliefView,
    CoinView,
    FeedView,
    KillView,
    PositionView,
    PriceView,
    ReservationView,
    SideView,
)
from undertow.monitor.why import explain
from undertow.records import Rec, new_record

REFUSAL_FRESH_S: Final = 10.0
"""How long a refused order explains why nothing stands."""

_field = np.void.__getitem__
"""A field of a record without the attribute magic of `np.record`: a tenth of the time."""


def _parts(record: Rec, wanted: bool) -> dict[str, Any]:
    """The top fields of a record, by reference."""
    return {name: _field(record, name) for name in record.dtype.names or ()} if wanted else {}


def known(value: float) -> float | None:
    """None where a number is not finite."""
    value = float(value)
    return value if math.isfinite(value) else None


def seconds_since(then_ns: int, now_ns: int) -> float | None:
    """Seconds, None where `then_ns` is 0 (never)."""
    return max(now_ns - then_ns, 0) * 1e-9 if then_ns > 0 else None


def feed_view(source: str, feed: Feed, now_ns: int, since_ns: int) -> FeedView:
    """Age of a feed; one that never came is as old as the session."""
    age = seconds_since(feed.last_ns, now_ns)
    silent = age if age is not None else max(now_ns - since_ns, 0) * 1e-9
    stale = feed.limit_s is not None and silent > feed.limit_s
    return FeedView(source=source, age_s=age, limit_s=feed.limit_s, stale=stale, serves=feed.serves)


def kill_view(kill: Kill, now_ns: int) -> KillView:
    """A latched reason, and for how long."""
    since = seconds_since(kill.since_ns, now_ns) or 0.0
    return KillView(reason=kill.reason, text=kill.text, grade=kill.grade, side=kill.side, since_s=since)


class CoinWatch:
    """Looks at one coin of a session: holds references to its live records, copies nothing."""

    def __init__(
        self, coin: str, maker: Maker, state: Rec, params: Rec, instrument: Instrument, book: Rec
    ) -> None:
        self.coin, self.maker = coin, maker
        self.instrument, self._inst = instrument, instrument.record()
        self._state, self._params, self._book = state, params, book
        self._top = _field(book, "top")
        self._num, self._den = float(self._inst["tick_num"]), float(self._inst["tick_den"])
        self._desk = _field(state, "desk")
        self._full = state.dtype == STATE and params.dtype == PARAMS
        self._part, self._rule = _parts(state, self._full), _parts(params, self._full)
        self._intensity, self._intensity_rules = self._fits()
        self._seen = new_record(OBSERVATION)
        self.fills = FillWatch(self._inst)
        desk = self._desk
        self._since = (float(desk["fees"]), float(desk["funding"]), float(desk["volume"]))
        self._start_requests = int(desk["requests"])
        self._start_equity: float | None = None if float(desk["position"]) != 0.0 else self._equity(1.0)

    def _fits(self) -> tuple[Any, Any]:
        """The intensity estimator's arrays and prior, as `kernel.intensity.kappa_posterior` reads them."""
        if not self._full:
            return None, None
        state = _field(self._part["estimators"], "intensity")
        rules = _field(self._rule["estimators"], "intensity")
        prior = {name: float(rules[name]) for name in ("prior_orders", "cold_kappa")}
        return SimpleNamespace(hour=state["hour"], window=state["window"]), SimpleNamespace(**prior)

    def on_fill(self, row: Rec) -> None:
        """Count a FILL row that the maker has just been shown."""
        self.fills.on_fill(row, self._mid())

    def _px(self, tick: int) -> float:
        """`instrument.price_of`, uncompiled."""
        return tick * self._num / self._den

    def _mid(self) -> float:
        bid, ask = int(self._top["best_bid"]), int(self._top["best_ask"])
        if bid == NO_BID or ask == NO_ASK:
            return math.nan
        return 0.5 * (self._px(bid) + self._px(ask))

    def _equity(self, mid: float) -> float:
        desk, position = self._desk, float(self._desk["position"])
        worth = position * self.fills.worth(mid) if position != 0.0 else 0.0
        return float(desk["cash"]) - float(desk["fees"]) + float(desk["funding"]) + worth

    def _total(self, mid: float) -> float | None:
        """PnL since the watch began; None while it cannot be marked."""
        if not math.isfinite(mid) and float(self._desk["position"]) != 0.0:
            return None
        equity = self._equity(mid)
        if self._start_equity is None:
            self._start_equity = equity
        return equity - self._start_equity

    def look(self, facts: SessionFacts, now_ns: int) -> CoinView:
        """The coin as it stands."""
        own = facts.coin(self.coin)
        mid = self._mid()
        self.fills.on_mid(now_ns, mid)
        seen = self._observe() if not self._full and math.isfinite(mid) else None
        bid, ask = self._sides()
        desk = self._desk
        view = CoinView(
            coin=self.coin,
            maker=self.maker.name,
            time_ns=int(desk["now_ns"]),
            price=self._price(mid, now_ns),
            reservation=self._reservation(mid, seen),
            belief=self._belief(seen),
            bid=bid,
            ask=ask,
            position=self._position(mid, own),
            pnl=self.fills.parts(self._total(mid), desk, self._since),
            fills=self.fills.last,
            requests=int(desk["requests"]) - self._start_requests,
            min_notional=self.instrument.min_notional,
            rejects=dict(own.rejects) or ({"refused": int(desk["rejects"])} if desk["rejects"] else {}),
            **self._outside(facts, own, now_ns),
            **self._limits(now_ns),
        )
        return explain(view, facts, now_ns)

    def _outside(self, facts: SessionFacts, own: CoinFacts, now_ns: int) -> dict[str, Any]:
        """What the facts say of this coin."""
        refused = seconds_since(own.refused_ns, now_ns)
        fresh = refused is not None and refused <= REFUSAL_FRESH_S
        return {
            "feeds": tuple(feed_view(s, f, now_ns, facts.started_ns) for s, f in own.feeds.items()),
            "kills": tuple(kill_view(k, now_ns) for k in own.kills),
            "halted": own.halted,
            "refused": own.refused if fresh else "",
            "free_margin_usd": own.free_margin_usd,
            "funding_rate": own.funding_rate,
            "mark_px": own.mark_px,
            "oracle_px": own.oracle_px,
        }

    def _observe(self) -> Rec:
        self.maker.observe(self._state, self._params, self._inst, self._book, self._seen)
        return self._seen

    def _price(self, mid: float, now_ns: int) -> PriceView:
        bid, ask = int(self._top["best_bid"]), int(self._top["best_ask"])
        bid_px = None if bid == NO_BID else self._px(bid)
        ask_px = None if ask == NO_ASK else self._px(ask)
        both = bid_px is not None and ask_px is not None and mid > 0.0
        spread = self._px(ask - bid) / mid * 1e4 if both else None
        return PriceView(
            mid=known(mid),
            bid=bid_px,
            ask=ask_px,
            spread_bps=spread,
            age_s=seconds_since(int(self._top["recv_ns"]), now_ns),
            crossed_bps=-spread if spread is not None and spread < 0.0 else None,
        )

    def _sides(self) -> tuple[SideView, SideView]:
        desk = self._desk
        own, position = own_orders(desk), float(desk["position"])
        dust = 0.5 * self.instrument.size_step
        ladder = self._part["ladder"] if self._full else None
        lot_usd = self._lot_usd() or 0.0
        bid, ask = (
            side_view(
                sign,
                None if ladder is None else ladder[name],
                own,
                market_levels(self._book, sign),
                self._px,
                position,
                dust,
                lot_usd,
            )
            for sign, name in ((1, "bid"), (-1, "ask"))
        )
        return bid, ask

    def _reservation(self, mid: float, seen: Rec | None) -> ReservationView:
        if not self._full:
            px = known(seen["reservation_px"]) if seen is not None else None
            offset = (px / mid - 1.0) * 1e4 if px is not None else None
            return ReservationView(px=px, offset_bps=offset)
        inputs = self._part["inputs"]
        if not (float(inputs["mid"]) > 0.0 and float(inputs["lot_qty"]) > 0.0 and math.isfinite(mid)):
            return ReservationView()
        r = self._part["reservation"]
        offset = float(r["offset_bps"])
        return ReservationView(
            px=float(inputs["mid"]) * (1.0 + offset * 1e-4),
            offset_bps=offset,
            drift_bps=float(r["drift_bps"]),
            alpha_bps=float(r["alpha_bps"]),
            funding_bps=float(r["funding_bps"]),
            flow_bps=float(r["flow_bps"]),
            costs_bps=float(r["cost_bps"]) + float(r["response_bps"]),
            inventory_bps=float(r["inventory_bps"]),
        )

    def _belief(self, seen: Rec | None) -> BeliefView:
        if seen is not None:
            return BeliefView(
                drift_bps_per_s=known(seen["drift_bps_per_s"]),
                drift_sd_bps_per_s=known(seen["drift_sd_bps_per_s"]),
                sigma_bps_per_sqrt_s=known(seen["sigma_bps_per_sqrt_s"]),
                kappa_bid_per_bp=known(seen["kappa_bid_per_bp"]),
                kappa_ask_per_bp=known(seen["kappa_ask_per_bp"]),
            )
        if not self._full or float(self._part["inputs"]["mid"]) <= 0.0:
            return BeliefView()
        x, estimators = self._part["inputs"], self._part["estimators"]
        risk = self._part["risk"]
        return BeliefView(
            drift_bps_per_s=float(x["drift"]),
            drift_sd_bps_per_s=math.sqrt(max(float(x["drift_variance"]), 0.0)),
            sigma_bps_per_sqrt_s=float(x["sigma_effective"]),
            kappa_bid_per_bp=float(x["kappa_bid"]),
            kappa_ask_per_bp=float(x["kappa_ask"]),
            kappa_bid_95=self._kappa_interval(0),
            kappa_ask_95=self._kappa_interval(1),
            toxicity=known(estimators["signals"]["soft_jump"]["pi"]),
            as_bid_bps=float(x["as_touch_bid"]),
            as_ask_bps=float(x["as_touch_ask"]),
            eta_bps_per_lot=float(risk["eta"]),
            reaction_s=int(estimators["reaction"]["lag_ns"]) * 1e-9,
        )

    def _kappa_interval(self, index: int) -> tuple[float, float] | None:
        """`kernel.intensity.kappa_interval` by its uncompiled parts (compiled: ten times slower)."""
        chosen = int(self._part["estimators"]["intensity"]["chosen"])
        shape, rate = kappa_posterior.py_func(self._intensity, self._intensity_rules, index, chosen)
        low, high = gamma_interval.py_func(float(shape), float(rate))
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None

    def _lot_usd(self) -> float | None:
        if self._full:
            return float(self._rule["risk"]["lot_usd"])
        names = self._params.dtype.names or ()
        return float(self._params["order_usd"]) if "order_usd" in names else None

    def _limit_lots(self) -> float | None:
        if self._full:
            return float(self._rule["risk"]["q_max_lots"])
        names, lot = self._params.dtype.names or (), self._lot_usd()
        if "max_position_usd" in names and lot:
            return float(self._params["max_position_usd"]) / lot
        return float(self._params["max_orders"]) if "max_orders" in names else None

    def _position(self, mid: float, own: CoinFacts) -> PositionView:
        qty = float(self._desk["position"])
        lot = self._lot_usd()
        if self.instrument.contract == "inverse":
            usd = qty * self.instrument.contract_value
        else:
            usd = qty * mid * self.instrument.contract_value if qty != 0.0 else 0.0
        return PositionView(
            qty=qty,
            usd=known(usd),
            lots=known(usd / lot) if lot else None,
            limit_lots=self._limit_lots(),
            liquidation_px=own.liquidation_px,
        )

    def _limits(self, now_ns: int) -> dict[str, Any]:
        """Warm-up, age of the last decision, requests."""
        if not self._full:
            return {"lot_usd": self._lot_usd()}
        session, quoting, allowance = self._part["session"], self._rule["quoting"], self._part["allowance"]
        first = int(session["first_book_ns"])
        left = (first + int(quoting["warmup_ns"]) - now_ns) * 1e-9 if first > 0 else 0.0
        scarcity = float(self._part["inputs"]["scarcity"])
        limited = float(self._rule["allowance"]["stock"]) > 0.0 and int(session["cycles"]) > 0
        return {
            "lot_usd": self._lot_usd(),
            "warm_left_s": max(left, 0.0),
            "fresh": bool(session["fresh"]),
            "decided_ago_s": seconds_since(int(session["decided_ns"]), now_ns),
            "requests_left": known(allowance["remaining"]) if limited else None,
            "scarcity": known(scarcity) if limited else None,
            "out_of_requests": limited and math.isinf(scarcity),
            "request_price": known(allowance["price"]) if limited else None,
            "deferred": int(self._part["requests"]["deferred"]),
        }
