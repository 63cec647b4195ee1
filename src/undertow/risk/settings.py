"""What the rules are set to: a file's [kill] section, and the limits it leaves to be derived."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from undertow.config.section import Section, between

Usd = Annotated[float, Meta(gt=0, description="USD")]
Qty = Annotated[float, Meta(gt=0, description="the venue's unit")]


class Kill(Section, frozen=True, kw_only=True):
    """When the kill switch is thrown (docs/risk.md); unset limits follow from capital and position limits."""

    loss_usd: (
        Annotated[float, Meta(gt=0, description="loss since the start; unset: 5 % of capital")] | None
    ) = None
    drawdown_usd: (
        Annotated[float, Meta(gt=0, description="fall from the highest equity; unset: 5 % of capital")] | None
    ) = None
    total_usd: (
        Annotated[float, Meta(gt=0, description="value of all positions; unset: the coins' limits together")]
        | None
    ) = None
    book_silent_s: Annotated[float, between(1, 86_400, "silence of a coin's book, s")] = 30.0
    book_empty_s: Annotated[float, between(0.1, 86_400, "both sides of the book empty, s")] = 10.0
    context_silent_s: Annotated[float, between(1, 86_400, "silence of mark and oracle, s")] = 60.0
    reference_silent_s: Annotated[float, between(1, 86_400, "silence of a reference's mid, s")] = 300.0
    rejects: Annotated[int, between(1, 100_000, "refusals (post-only ones not counted) in the window")] = 30
    rejects_window_s: Annotated[float, between(0.1, 3600, "window they are counted in, s")] = 10.0
    requests_kept: Annotated[float, between(0, 1e9, "requests of the budget kept to cancel with")] = 100.0
    jump_window_s: Annotated[float, between(0.1, 3600, "window of a price jump, s")] = 5.0
    jump_bps: Annotated[float, between(0.1, 10_000, "move in it that is one in any case, bps")] = 200.0
    jump_sigmas: Annotated[float, between(1, 1000, "or this many σ·√window")] = 25.0
    jump_floor_bps: Annotated[float, between(0, 10_000, "but no less than this, bps")] = 50.0
    clock_skew_s: Annotated[float, between(0.01, 3600, "venue's clock off ours, s")] = 2.0
    liquidation_bps: Annotated[float, between(1, 10_000, "mark from the liquidation price, bps")] = 500.0
    oracle_still_s: Annotated[float, between(1, 86_400, "oracle and mark without a move, s")] = 300.0
    oracle_far_bps: Annotated[float, between(1, 10_000, "oracle or mark from the mid, bps")] = 200.0
    oracle_far_s: Annotated[float, between(0, 3600, "for so long, s")] = 10.0
    flatten: Annotated[bool, Meta(description="a reason may come to closing the position by itself")] = False
    flatten_slip_bps: Annotated[float, between(0, 1000, "from the mid, how much worse it may close, bps")] = (
        30.0
    )
    flatten_every_s: Annotated[float, between(0.1, 3600, "time between closing orders, s")] = 1.0
    sweep: Annotated[bool, Meta(description="pull quotes that a sweep has come near to, between cycles")] = (
        True
    )
    sweep_bps: Annotated[float, between(0.1, 1000, "least move within a cycle that is a sweep, bps")] = 6.0
    sweep_sigmas: Annotated[float, between(0, 1000, "and no less than this many σ·√cycle")] = 10.0
    sweep_keep: Annotated[
        float, between(0, 1, "share of its distance from the mid a quote must have kept to stay")
    ] = 0.5


class CoinLimits(Section, frozen=True, kw_only=True):
    """Limits of one coin at the point of sending; unset ones follow from [risk] of the maker's file."""

    position_usd: Annotated[float, Meta(gt=0, description="position and all on its side, USD")] | None = None
    order_usd: Annotated[float, Meta(gt=0, description="one order, USD")] | None = None
    band_bps: Annotated[float, between(1, 9_500, "price of an order from the mid, bps")] = 500.0
    orders_per_s: Annotated[int, between(1, 1000, "orders that may leave in any second")] = 200


class Account(Section, frozen=True, kw_only=True):
    """Limits of the account over all coins."""

    total_usd: (
        Annotated[float, Meta(gt=0, description="worst case of all coins together, USD; unset: margin alone")]
        | None
    ) = None
    margin_share: Annotated[float, between(0.01, 1, "share of equity that initial margin may take")] = 1.0


class RiskFile(Section, frozen=True, kw_only=True):
    """A limit file: what no maker can argue with, and when the switch is thrown."""

    account: Account = Account()
    every_coin: CoinLimits = CoinLimits()
    coins: dict[str, CoinLimits] = msgspec.field(default_factory=dict)
    kill: Kill = Kill()

    def of(self, coin: str) -> CoinLimits:
        """Limits of `coin`: its own section, else `every_coin`."""
        return self.coins.get(coin, self.every_coin)


LOSS_SHARE = 0.05
"""Loss and drawdown allowed where none is set, as a share of capital."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The limits in force: `Kill` with nothing unset. Quantities and USD by coin; ``total_usd`` over all."""

    kill: Kill
    loss_usd: float
    drawdown_usd: float
    position_qty: Mapping[str, float]
    position_usd: Mapping[str, float]
    total_usd: float


def bounds(
    kill: Kill, capital_usd: float, position_qty: Mapping[str, float], position_usd: Mapping[str, float]
) -> Bounds:
    """What `kill` comes to. Positions are the pre-trade limits; the rules fire where they are passed by a
    quarter (value: by a half, for a price may rise), which a fill racing a modify does not do."""
    if not (math.isfinite(capital_usd) and capital_usd > 0.0):
        raise ValueError(f"capital_usd = {capital_usd} must be positive")
    return Bounds(
        kill=kill,
        loss_usd=kill.loss_usd or LOSS_SHARE * capital_usd,
        drawdown_usd=kill.drawdown_usd or LOSS_SHARE * capital_usd,
        position_qty={coin: 1.25 * qty for coin, qty in position_qty.items()},
        position_usd={coin: 1.5 * usd for coin, usd in position_usd.items()},
        total_usd=kill.total_usd or 1.5 * sum(position_usd.values()),
    )
