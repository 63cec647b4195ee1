"""What a capital can carry on a market: lots, levels, limits, leverage, requests - and what they imply.

    worst move   W = max(3·σ·√86400, 500 bps)                       a day that must be survived
    limit        min(loss share · capital / W, half the capital · greatest leverage, 0.2 % of a day's volume)
    lot          limit / q_max, at least 1.2 times the smallest order (q_max gives way, not the limit)
    turnover     min(turns · limit, participation · a day's volume)
    levels       as many as are wished for and the requests allow: 2·levels orders, each sent again every
                 30 s (the maker's prior), cost 2·levels·86400/30 requests a day; a day brings its turnover
                 in USD · credit, and a thirtieth of what is left of the address's budget
    leverage     the least that leaves half the capital free at the limit of sending (1.5 · limit)

Sources: Hyperliquid docs, "Fees", "Rate limits", "Margining" (facts §6). Pure: numbers in, numbers out.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from undertow.config.sections import Config, Fees, Ladder, Quoting, Risk
from undertow.risk.rules.liquidation import liquidation_px
from undertow.risk.settings import Account, CoinLimits, Kill, RiskFile

WORST_SIGMAS: Final = 3.0
WORST_LEAST_BPS: Final = 500.0
MARKET_SHARE: Final = 0.002
MARGIN_SHARE: Final = 0.5
SLACK: Final = 1.5
"""The limit at the point of sending over the maker's own (`undertow.live.guarding.LIMIT_SLACK`)."""
LOT_SLACK: Final = 1.2
LEAST_LOTS: Final = 3
LIFE_S: Final = 30.0
SPREAD_DAYS: Final = 30.0
DAY_S: Final = 86_400.0


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """A market as measured. ``sigma_bps``: of the mid, per √s; ``volume_usd``: of a day, both sides once;
    ``tiers``: (notional in USD from which it holds, greatest leverage)."""

    px: float
    sigma_bps: float
    volume_usd: float
    size_step: float
    min_notional: float = 10.0
    tiers: tuple[tuple[float, int], ...] = ((0.0, 20),)

    def __post_init__(self) -> None:
        for name in ("px", "sigma_bps", "volume_usd", "size_step"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} = {value} must be positive")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue asks of the account: fees, requests left of its budget, what a USD traded earns."""

    maker_bps: float
    taker_bps: float
    requests_left: float = 10_000.0
    credit: float = 1.0


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What is chosen: capital a worst day may cost (a share), lots of the limit, levels, how often a day the
    limit is expected to be traded (replays of the presets: 23, 23 and 120 times), and the largest share of
    the market's volume."""

    loss_share: float = 0.05
    q_max_lots: float = 12.0
    levels: int = 6
    turns: float = 24.0
    participation: float = 0.01

    def __post_init__(self) -> None:
        for name, least, most in (
            ("loss_share", 1e-4, 1.0),
            ("q_max_lots", float(LEAST_LOTS), 1e4),
            ("levels", 1, 20),
            ("turns", 0.01, 1e5),
            ("participation", 1e-6, 1.0),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} = {getattr(self, name)} must lie in {least:g}..{most:g}")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What it comes to. USD unless the name says otherwise; ``binding``: what the limit follows from."""

    capital_usd: float
    worst_move_bps: float
    lot_usd: float
    q_max_lots: float
    limit_usd: float
    hard_limit_usd: float
    binding: str
    levels: int
    leverage: int
    margin_used_usd: float
    worst_day_usd: float
    loss_limit_usd: float
    liquidation_bps: float | None
    turnover_usd: float
    fees_usd: float
    requests_needed: float
    requests_earned: float
    requests_spare: float
    requests_per_usd: float
    says: tuple[str, ...]


def plan(capital_usd: float, market: Market, terms: Terms, wishes: Wishes | None = None) -> Plan:
    """Plan for `capital_usd`. Raises ValueError where it is too small for the smallest orders."""
    wishes = wishes or Wishes()
    if not (math.isfinite(capital_usd) and capital_usd > 0.0):
        raise ValueError(f"capital_usd = {capital_usd} must be positive")
    worst_bps = max(WORST_SIGMAS * market.sigma_bps * math.sqrt(DAY_S), WORST_LEAST_BPS)
    loss_usd = wishes.loss_share * capital_usd
    limit_usd, binding = _limit(capital_usd, loss_usd, worst_bps, market)
    lot_usd, q_max = _lots(limit_usd, market, wishes, capital_usd)
    limit_usd = lot_usd * q_max
    hard_usd = SLACK * limit_usd
    most_leverage = max(leverage for _, leverage in market.tiers)
    leverage = min(max(math.ceil(hard_usd / (MARGIN_SHARE * capital_usd) - 1e-9), 1), most_leverage)
    turnover = min(wishes.turns * limit_usd, wishes.participation * market.volume_usd)
    earned, spare = turnover * terms.credit, terms.requests_left / SPREAD_DAYS
    most_levels = min(wishes.levels, math.floor(q_max))
    levels = max(1, min(most_levels, math.floor((earned + spare) / _requests(1) + 1e-9)))
    return Plan(
        capital_usd=capital_usd,
        worst_move_bps=worst_bps,
        lot_usd=lot_usd,
        q_max_lots=q_max,
        limit_usd=limit_usd,
        hard_limit_usd=hard_usd,
        binding=binding,
        levels=levels,
        leverage=leverage,
        margin_used_usd=hard_usd / leverage,
        worst_day_usd=limit_usd * worst_bps * 1e-4,
        loss_limit_usd=loss_usd,
        liquidation_bps=_liquidation(capital_usd - loss_usd, hard_usd, market),
        turnover_usd=turnover,
        fees_usd=turnover * terms.maker_bps * 1e-4,
        requests_needed=_requests(levels),
        requests_earned=earned,
        requests_spare=spare,
        requests_per_usd=_requests(levels) / turnover,
        says=tuple(_says(wishes, market, levels, most_levels, earned + spare, limit_usd)),
    )


def _limit(capital: float, loss: float, worst_bps: float, market: Market) -> tuple[float, str]:
    most_leverage = max(leverage for _, leverage in market.tiers)
    candidates = {
        "worst day": loss / (worst_bps * 1e-4),
        "margin": MARGIN_SHARE * capital * most_leverage / SLACK,
        "market volume": MARKET_SHARE * market.volume_usd,
    }
    binding = min(candidates, key=lambda name: candidates[name])
    return candidates[binding], binding


def _lots(limit: float, market: Market, wishes: Wishes, capital: float) -> tuple[float, float]:
    """Lot (USD, whole size steps) and lots of the limit."""
    step_usd = market.size_step * market.px
    least = math.ceil(LOT_SLACK * max(market.min_notional, step_usd) / step_usd) * step_usd
    lot = math.floor(limit / wishes.q_max_lots / step_usd + 1e-9) * step_usd
    if lot >= least:
        return lot, wishes.q_max_lots
    q_max = math.floor(limit / least + 1e-9)
    if q_max < LEAST_LOTS:
        needed = capital * LEAST_LOTS * least / limit
        raise ValueError(
            f"capital_usd = {capital:,.2f} carries {limit:,.2f} USD of position here, less than "
            f"{LEAST_LOTS} of the smallest lots ({least:,.2f} USD): about {needed:,.0f} USD are needed, or a "
            "larger loss_share"
        )
    return least, float(q_max)


def _requests(levels: int) -> float:
    """Requests of a day: every order of both sides sent again as often as the maker's prior has it."""
    return 2.0 * levels * DAY_S / LIFE_S


def _liquidation(equity: float, position_usd: float, market: Market) -> float | None:
    """How far the price may go against a position at the limit, bps; None: to nothing at all."""
    if equity <= 0.0:
        return 0.0
    px = liquidation_px(position_usd / market.px, market.px, equity, market.tiers)
    return None if math.isnan(px) else (1.0 - px / market.px) * 1e4


def _says(wishes: Wishes, market: Market, levels: int, most: int, requests: float, limit: float) -> list[str]:
    """What is worth a second look, one sentence each."""
    found = []
    if levels < most:
        found.append(
            f"requests pay for {levels} of {most} levels: more turnover, a larger budget or fewer levels"
        )
    if _requests(levels) > requests * (1.0 + 1e-9):
        pace = DAY_S / requests if requests > 0.0 else math.inf
        found.append(
            f"even one level needs more requests than a day brings: on average one every {pace:,.1f} s may "
            "leave, so the maker keeps quotes longer and prices them for it"
        )
    if limit > 0.5 * MARKET_SHARE * market.volume_usd:
        found.append("the position is large for this market: leaving it takes hours")
    if wishes.loss_share > 0.1:
        found.append("a worst day may cost more than a tenth of the capital")
    return found


def config_of(made: Plan, terms: Terms) -> Config:
    """The maker's configuration that the plan comes to."""
    return Config(
        risk=Risk(lot_usd=round(made.lot_usd, 4), q_max_lots=made.q_max_lots),
        ladder=Ladder(levels=made.levels),
        quoting=Quoting(request_budget=max(terms.requests_left, 0.0)),
        fees=Fees(maker_bps=terms.maker_bps, taker_bps=terms.taker_bps),
    )


def limits_of(made: Plan) -> RiskFile:
    """The limit file that the plan comes to."""
    hard = round(made.hard_limit_usd, 2)
    return RiskFile(
        account=Account(total_usd=hard),
        every_coin=CoinLimits(position_usd=hard, order_usd=hard),
        kill=Kill(loss_usd=round(made.loss_limit_usd, 2), drawdown_usd=round(made.loss_limit_usd, 2)),
    )
