"""What a person watching wants to know, as plain data: `SessionView`, one `CoinView` per coin.

Read-only copies, made by `undertow.monitor.look`; screen, lines, metrics and alerts know nothing else.
None stands for what is not known, or for what a maker does not have. Money is in USD (an inverse
contract's: in its settlement coin), prices in quote currency, quantities in the venue's unit.
"""

from __future__ import annotations

import msgspec

from undertow.monitor.facts import Grade, Link, Mode

Known = float | None


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all views: immutable."""


class PriceView(Plain, frozen=True, kw_only=True):
    """The market's touch as the maker's book has it."""

    mid: Known = None
    bid: Known = None
    ask: Known = None
    spread_bps: Known = None
    age_s: Known = None  # since the last book message was received
    crossed_bps: Known = None  # by how much the book is crossed, None: it is not


class LevelView(Plain, frozen=True, kw_only=True):
    """One price of the ladder: the market's size, our order, what the maker wants there and why not."""

    side: int
    px: float
    market_qty: Known = None
    own_qty: float = 0.0
    own: str = ""  # live, new (not acknowledged), moving, canceling
    ahead: Known = None  # of the own order in the queue
    wanted_qty: float = 0.0
    level: int = 0  # of the wanted ladder, from 1; 0: not a level of it
    wanted_px: Known = None  # where the level would be put now; an order nearby may stand for it
    worth: Known = None  # expected profit over the resting life, bps·lots
    reason: str = ""  # why the level is empty (`undertow.kernel.ladder.REASON_NAMES`)
    number: Known = None  # that goes with the reason


class SideView(Plain, frozen=True, kw_only=True):
    """One side: what is wanted, what stands, and the reasons of empty levels."""

    sign: int
    has_ladder: bool = False  # whether the maker says what it wants
    wanted: int = 0  # levels
    wanted_qty: float = 0.0
    live: int = 0  # own orders that can trade
    live_qty: float = 0.0
    flying: int = 0  # sent and not acknowledged
    canceling: int = 0
    best_px: Known = None  # nearest live own order
    reduces: bool = False  # its fills bring the position nearer to zero
    at_limit: bool = False
    expected_usd_per_h: Known = None  # E[PnL] of the wanted levels
    reasons: dict[str, int] = msgspec.field(default_factory=dict)  # empty levels by reason
    numbers: dict[str, float] = msgspec.field(default_factory=dict)  # of the level nearest to quoting
    levels: tuple[LevelView, ...] = ()  # nearest first


class ReservationView(Plain, frozen=True, kw_only=True):
    """The reservation price and its parts, bps from the mid (docs/model.md §2)."""

    px: Known = None
    offset_bps: Known = None
    drift_bps: Known = None
    alpha_bps: Known = None
    funding_bps: Known = None
    flow_bps: Known = None
    costs_bps: Known = None
    inventory_bps: Known = None


class BeliefView(Plain, frozen=True, kw_only=True):
    """What the maker measures."""

    drift_bps_per_s: Known = None
    drift_sd_bps_per_s: Known = None
    sigma_bps_per_sqrt_s: Known = None
    sigma_relative_error: Known = None
    kappa_bid_per_bp: Known = None
    kappa_ask_per_bp: Known = None
    kappa_bid_95: tuple[float, float] | None = None
    kappa_ask_95: tuple[float, float] | None = None
    toxicity: Known = None  # share of returns that are jumps
    as_bid_bps: Known = None  # adverse selection priced at the touch
    as_ask_bps: Known = None
    eta_bps_per_lot: Known = None
    reaction_s: Known = None


class PositionView(Plain, frozen=True, kw_only=True):
    """The position and its limit."""

    qty: float = 0.0
    usd: Known = None
    lots: Known = None
    limit_lots: Known = None
    liquidation_px: Known = None


class PnlView(Plain, frozen=True, kw_only=True):
    """PnL = spread - markout loss - fees + funding + inventory, as of now (`undertow.monitor.pnl`)."""

    total: Known = None
    spread: float = 0.0
    markout_loss: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    inventory: Known = None
    volume_usd: float = 0.0
    fills: int = 0
    markouts_bps: dict[str, float] = msgspec.field(default_factory=dict)  # by horizon ("10s"), loss per fill


class FillView(Plain, frozen=True, kw_only=True):
    """One own fill. ``edge_bps``: distance from the mid when it was received, positive: earned."""

    time_ns: int
    side: int
    px: float
    qty: float
    fee: float
    maker: bool
    edge_bps: Known = None


class FeedView(Plain, frozen=True, kw_only=True):
    """A source of market data: its age and whether that is too old."""

    source: str
    age_s: Known = None  # None: nothing yet
    limit_s: Known = None
    stale: bool = False
    serves: int = 0


class KillView(Plain, frozen=True, kw_only=True):
    """A latched reason of the kill switch."""

    reason: str
    text: str
    grade: Grade
    side: int
    since_s: float


class CoinView(Plain, frozen=True, kw_only=True):
    """One coin. ``why``: the answer to "why am I not quoting?", one line."""

    coin: str
    maker: str
    time_ns: int = 0
    why: str = ""
    why_code: str = ""  # of the most upstream cause, `quoting` if there is none
    price: PriceView
    reservation: ReservationView
    belief: BeliefView
    bid: SideView
    ask: SideView
    position: PositionView
    pnl: PnlView
    fills: tuple[FillView, ...] = ()  # newest first
    feeds: tuple[FeedView, ...] = ()
    kills: tuple[KillView, ...] = ()
    halted: str = ""
    refused: str = ""  # the last refusal, while it is fresh
    warm_left_s: float = 0.0
    fresh: bool = True  # a book message has come since the last gap
    decided_ago_s: Known = None
    requests: int = 0
    requests_left: Known = None
    scarcity: Known = None  # factor on the price of a request; None: no limit or not known
    out_of_requests: bool = False
    request_price: Known = None  # bps·lots
    rejects: dict[str, int] = msgspec.field(default_factory=dict)
    deferred: int = 0  # wanted changes that were not sent in the last decision
    free_margin_usd: Known = None
    lot_usd: Known = None
    min_notional: float = 0.0
    funding_rate: Known = None
    mark_px: Known = None
    oracle_px: Known = None


class LinkView(Plain, frozen=True, kw_only=True):
    """The connection to the venue."""

    state: Link
    for_s: float
    attempt: int = 0
    reconnects: int = 0
    note: str = ""


class LatencyView(Plain, frozen=True, kw_only=True):
    """Delays of one kind, upper edges of their buckets, seconds (None: beyond the last)."""

    n: int
    p50_s: Known = None
    p99_s: Known = None


class SessionView(Plain, frozen=True, kw_only=True):
    """A session at one moment."""

    session: str
    mode: Mode
    venue: str
    market: str
    now_ns: int
    elapsed_s: float
    remaining_s: Known = None  # None: open end
    stopping: str = ""
    link: LinkView
    equity_usd: Known = None
    pnl_usd: Known = None
    used_margin_usd: Known = None
    free_margin_usd: Known = None
    requests: int = 0
    requests_left: Known = None
    requests_cap: Known = None
    weight_used: float = 0.0
    weight_cap: Known = None
    kills: tuple[KillView, ...] = ()
    coins: tuple[CoinView, ...] = ()
    latencies: dict[str, LatencyView] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def coin(self, name: str) -> CoinView:
        """The view of a coin. Raises KeyError naming those there are."""
        for view in self.coins:
            if view.coin == name:
                return view
        raise KeyError(f"no coin {name!r}; there are: {', '.join(v.coin for v in self.coins)}")


def to_json(view: SessionView) -> bytes:
    """One JSON object on one line, without its newline; what ``--json`` prints and the screen reads."""
    return msgspec.json.encode(view)


def from_json(line: bytes) -> SessionView:
    """Inverse of `to_json`. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(line, type=SessionView)
