"""Every metric by name: what it says, in which unit, and where in a view it stands.

`undertow.monitor.metrics` exports them, docs/metrics.md lists them; both are this table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from undertow.monitor.view import CoinView, SessionView, SideView

Labels = tuple[str, ...]
Sample = tuple[Labels, float | None]


class Metric(NamedTuple):
    """One metric: its name, whether it only grows, its help, its labels beside ``coin``, its samples."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: Labels
    samples: Callable[[CoinView], Iterator[Sample]]


class SessionMetric(NamedTuple):
    """A metric of the whole session."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: Labels
    samples: Callable[[SessionView], Iterator[Sample]]


def _one(read: Callable[[CoinView], float | None]) -> Callable[[CoinView], Iterator[Sample]]:
    def samples(coin: CoinView) -> Iterator[Sample]:
        yield (), read(coin)

    return samples


def _sides(read: Callable[[SideView], float | None]) -> Callable[[CoinView], Iterator[Sample]]:
    def samples(coin: CoinView) -> Iterator[Sample]:
        yield ("bid",), read(coin.bid)
        yield ("ask",), read(coin.ask)

    return samples


def _bid_ask(
    bid: Callable[[CoinView], float | None], ask: Callable[[CoinView], float | None]
) -> Callable[[CoinView], Iterator[Sample]]:
    def samples(coin: CoinView) -> Iterator[Sample]:
        yield ("bid",), bid(coin)
        yield ("ask",), ask(coin)

    return samples


def _kappa_95(coin: CoinView) -> Iterator[Sample]:
    for side, pair in (("bid", coin.belief.kappa_bid_95), ("ask", coin.belief.kappa_ask_95)):
        if pair is not None:
            yield (side, "low"), pair[0]
            yield (side, "high"), pair[1]


def _reservation(coin: CoinView) -> Iterator[Sample]:
    for part in ("drift", "alpha", "funding", "flow", "costs", "inventory"):
        yield (part,), getattr(coin.reservation, f"{part}_bps")


def _pnl(coin: CoinView) -> Iterator[Sample]:
    p = coin.pnl
    yield ("spread",), p.spread
    yield ("markout",), -p.markout_loss
    yield ("fees",), -p.fees
    yield ("funding",), p.funding
    yield ("inventory",), p.inventory


def _markouts(coin: CoinView) -> Iterator[Sample]:
    for horizon, loss in coin.pnl.markouts_bps.items():
        yield (horizon,), loss


def _feeds(coin: CoinView) -> Iterator[Sample]:
    for f in coin.feeds:
        yield (f.source,), f.age_s


def _stale(coin: CoinView) -> Iterator[Sample]:
    for f in coin.feeds:
        yield (f.source,), float(f.stale)


def _rejects(coin: CoinView) -> Iterator[Sample]:
    for kind, n in coin.rejects.items():
        yield (kind,), n


def _kills(coin: CoinView) -> Iterator[Sample]:
    for kill in coin.kills:
        yield (kill.reason, kill.grade), 1.0


def _empty(coin: CoinView) -> Iterator[Sample]:
    for side, view in (("bid", coin.bid), ("ask", coin.ask)):
        for reason, n in view.reasons.items():
            yield (side, reason), n


def _why(coin: CoinView) -> Iterator[Sample]:
    yield (coin.why_code,), 1.0


def _expected(coin: CoinView) -> float | None:
    bid, ask = coin.bid.expected_usd_per_h, coin.ask.expected_usd_per_h
    return None if bid is None or ask is None else bid + ask


_SIDE: Final = ("side",)
COIN_METRICS: Final[tuple[Metric, ...]] = (
    Metric("undertow_mid", "gauge", "Mid price, quote currency.", (), _one(lambda c: c.price.mid)),
    Metric(
        "undertow_spread_bps",
        "gauge",
        "The market's spread, bps of the mid.",
        (),
        _one(lambda c: c.price.spread_bps),
    ),
    Metric(
        "undertow_position",
        "gauge",
        "Signed position, coins or contracts.",
        (),
        _one(lambda c: c.position.qty),
    ),
    Metric(
        "undertow_position_usd",
        "gauge",
        "Signed position at the mid, USD.",
        (),
        _one(lambda c: c.position.usd),
    ),
    Metric("undertow_position_lots", "gauge", "Signed position, lots.", (), _one(lambda c: c.position.lots)),
    Metric(
        "undertow_position_limit_lots",
        "gauge",
        "Largest position either way, lots.",
        (),
        _one(lambda c: c.position.limit_lots),
    ),
    Metric("undertow_orders", "gauge", "Own orders that can trade.", _SIDE, _sides(lambda s: s.live)),
    Metric(
        "undertow_order_qty",
        "gauge",
        "Their unfilled quantity, coins or contracts.",
        _SIDE,
        _sides(lambda s: s.live_qty),
    ),
    Metric(
        "undertow_orders_in_flight",
        "gauge",
        "Own orders sent and not acknowledged.",
        _SIDE,
        _sides(lambda s: s.flying),
    ),
    Metric(
        "undertow_quote_px",
        "gauge",
        "Own order nearest the mid, quote currency.",
        _SIDE,
        _sides(lambda s: s.best_px),
    ),
    Metric("undertow_wanted_levels", "gauge", "Levels the maker wants.", _SIDE, _sides(lambda s: s.wanted)),
    Metric(
        "undertow_empty_levels",
        "gauge",
        "Levels left empty, by reason (docs/screen.md).",
        ("side", "reason"),
        _empty,
    ),
    Metric(
        "undertow_not_quoting",
        "gauge",
        "1 for the most upstream cause of not quoting (docs/screen.md), or quoting.",
        ("cause",),
        _why,
    ),
    Metric(
        "undertow_reservation_bps",
        "gauge",
        "Reservation price, bps from the mid.",
        (),
        _one(lambda c: c.reservation.offset_bps),
    ),
    Metric(
        "undertow_reservation_part_bps",
        "gauge",
        "Parts of the reservation price, bps.",
        ("part",),
        _reservation,
    ),
    Metric(
        "undertow_sigma_bps_per_sqrt_s",
        "gauge",
        "Volatility that prices inventory, bps per root second.",
        (),
        _one(lambda c: c.belief.sigma_bps_per_sqrt_s),
    ),
    Metric(
        "undertow_kappa_per_bp",
        "gauge",
        "Decay of fill rates with depth, 1/bp.",
        _SIDE,
        _bid_ask(lambda c: c.belief.kappa_bid_per_bp, lambda c: c.belief.kappa_ask_per_bp),
    ),
    Metric(
        "undertow_kappa_95_per_bp",
        "gauge",
        "95 % interval of the market's kappa, 1/bp.",
        ("side", "end"),
        _kappa_95,
    ),
    Metric(
        "undertow_drift_bps_per_s",
        "gauge",
        "Believed drift of the mid, bps/s.",
        (),
        _one(lambda c: c.belief.drift_bps_per_s),
    ),
    Metric(
        "undertow_drift_sd_bps_per_s",
        "gauge",
        "Its standard deviation, bps/s.",
        (),
        _one(lambda c: c.belief.drift_sd_bps_per_s),
    ),
    Metric(
        "undertow_toxicity",
        "gauge",
        "Share of returns that are jumps, 0 to 1.",
        (),
        _one(lambda c: c.belief.toxicity),
    ),
    Metric(
        "undertow_adverse_selection_bps",
        "gauge",
        "Loss to the taker priced into the touch quote, bps.",
        _SIDE,
        _bid_ask(lambda c: c.belief.as_bid_bps, lambda c: c.belief.as_ask_bps),
    ),
    Metric(
        "undertow_expected_pnl_usd_per_h",
        "gauge",
        "Expected PnL of the wanted ladder, USD per hour.",
        (),
        _one(_expected),
    ),
    Metric("undertow_pnl_usd", "gauge", "PnL since the session began, USD.", (), _one(lambda c: c.pnl.total)),
    Metric("undertow_pnl_part_usd", "gauge", "Parts of the PnL, USD; they add up to it.", ("part",), _pnl),
    Metric(
        "undertow_markout_loss_bps",
        "gauge",
        "Mean loss per fill against the mid after a horizon, bps; positive: adverse.",
        ("horizon",),
        _markouts,
    ),
    Metric("undertow_fills_total", "counter", "Own fills.", (), _one(lambda c: c.pnl.fills)),
    Metric(
        "undertow_volume_usd_total", "counter", "Notional traded, USD.", (), _one(lambda c: c.pnl.volume_usd)
    ),
    Metric(
        "undertow_requests_total",
        "counter",
        "Orders, cancels and modifies sent.",
        (),
        _one(lambda c: c.requests),
    ),
    Metric(
        "undertow_request_price",
        "gauge",
        "What a request must earn, bps times lots.",
        (),
        _one(lambda c: c.request_price),
    ),
    Metric(
        "undertow_rejects_total",
        "counter",
        "Orders refused, by the venue or by a limit.",
        ("kind",),
        _rejects,
    ),
    Metric(
        "undertow_feed_age_seconds", "gauge", "Age of a source of market data, seconds.", ("source",), _feeds
    ),
    Metric("undertow_feed_stale", "gauge", "1 while a source is older than its limit.", ("source",), _stale),
    Metric(
        "undertow_coin_kill",
        "gauge",
        "1 while the kill switch is latched for the coin.",
        ("reason", "grade"),
        _kills,
    ),
    Metric("undertow_warmup_seconds", "gauge", "Warm-up left, seconds.", (), _one(lambda c: c.warm_left_s)),
)


def _all(read: Callable[[SessionView], float | None]) -> Callable[[SessionView], Iterator[Sample]]:
    def samples(view: SessionView) -> Iterator[Sample]:
        yield (), read(view)

    return samples


def _session_kills(view: SessionView) -> Iterator[Sample]:
    for kill in view.kills:
        yield (kill.reason, kill.grade), 1.0


SESSION_METRICS: Final[tuple[SessionMetric, ...]] = (
    SessionMetric(
        "undertow_up",
        "gauge",
        "1 while the link to the venue is usable.",
        (),
        _all(lambda v: float(v.link.state == "up")),
    ),
    SessionMetric(
        "undertow_reconnects_total",
        "counter",
        "Times the link was lost and regained.",
        (),
        _all(lambda v: v.link.reconnects),
    ),
    SessionMetric(
        "undertow_elapsed_seconds", "gauge", "Age of the session, seconds.", (), _all(lambda v: v.elapsed_s)
    ),
    SessionMetric(
        "undertow_view_seconds",
        "gauge",
        "When these numbers were read, seconds since the epoch.",
        (),
        _all(lambda v: v.now_ns * 1e-9),
    ),
    SessionMetric(
        "undertow_equity_usd", "gauge", "Equity of the account, USD.", (), _all(lambda v: v.equity_usd)
    ),
    SessionMetric(
        "undertow_session_pnl_usd",
        "gauge",
        "PnL of the session, all coins, USD.",
        (),
        _all(lambda v: v.pnl_usd),
    ),
    SessionMetric(
        "undertow_free_margin_usd",
        "gauge",
        "Margin that is free, USD.",
        (),
        _all(lambda v: v.free_margin_usd),
    ),
    SessionMetric(
        "undertow_used_margin_usd", "gauge", "Margin in use, USD.", (), _all(lambda v: v.used_margin_usd)
    ),
    SessionMetric(
        "undertow_requests_left",
        "gauge",
        "Requests of the address that are left.",
        (),
        _all(lambda v: v.requests_left),
    ),
    SessionMetric(
        "undertow_ip_weight",
        "gauge",
        "Weight spent by this IP address in the last minute.",
        (),
        _all(lambda v: v.weight_used),
    ),
    SessionMetric(
        "undertow_kill", "gauge", "1 while the kill switch is latched.", ("reason", "grade"), _session_kills
    ),
)
LATENCY: Final = ("undertow_latency_seconds", "Delays by kind, seconds.")
INFO: Final = ("undertow_session", "The session: its id, mode, venue and market.")
