"""All rules of a session, fed with plain numbers: which of them find something now."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from undertow.risk.findings import Finding, Reason
from undertow.risk.market import BOOK, CONTEXT, MarketWatch
from undertow.risk.rules.drawdown import Drawdown
from undertow.risk.rules.feed import FeedSilence
from undertow.risk.rules.halt import EmptyBook
from undertow.risk.rules.jump import MidWindow, PriceJump
from undertow.risk.rules.liquidation import Tiers, liquidation_finding, maintenance_usd
from undertow.risk.rules.loss import Loss
from undertow.risk.rules.oracle import OracleStop
from undertow.risk.rules.position import notional_finding, position_finding, total_finding
from undertow.risk.rules.rejects import RejectStorm
from undertow.risk.settings import Bounds
from undertow.trading.seams import Holding


@dataclass
class CoinRules:
    """One coin: its market, what is held of it, and the rules that keep state for it."""

    coin: str
    tiers: Tiers
    references: int
    market: MarketWatch = field(default_factory=MarketWatch)
    position: float = 0.0
    gained_usd: float = 0.0
    held_px: float = math.nan
    reckoned_px: float = math.nan
    """The price at which money was last reckoned."""
    jump: PriceJump = field(init=False)
    oracle: OracleStop = field(init=False)
    feeds: FeedSilence = field(init=False)
    empty: EmptyBook = field(init=False)

    def rules(self, bounds: Bounds) -> CoinRules:
        """Itself, with its rules set to `bounds`."""
        kill = bounds.kill
        self.jump = PriceJump(
            MidWindow(kill.jump_window_s), kill.jump_bps, kill.jump_sigmas, kill.jump_floor_bps
        )
        self.oracle = OracleStop(kill.oracle_still_s, kill.oracle_far_bps, kill.oracle_far_s)
        self.empty = EmptyBook(kill.book_empty_s)
        patience = {BOOK: kill.book_silent_s, CONTEXT: kill.context_silent_s}
        patience |= {f"ref:{k}": kill.reference_silent_s for k in range(1, self.references + 1)}
        self.feeds = FeedSilence(patience)
        return self

    @property
    def worth_usd(self) -> float:
        """Value of the position, unsigned; 0 without one."""
        return abs(self.position) * self.market.px if self.position else 0.0

    @property
    def gained_now_usd(self) -> float:
        """Money gained since the start, the position at the present price."""
        move = self.position * (self.market.px - self.held_px) if self.position else 0.0
        return self.gained_usd + move if math.isfinite(move) else self.gained_usd

    def held(self, holding: Holding) -> None:
        """Take what the coin means to the account."""
        self.position = holding.position
        if math.isfinite(holding.gained_usd):
            self.gained_usd, self.held_px = holding.gained_usd, holding.mid_px


class Marks(NamedTuple):
    """Equity that loss (``start_usd``) and drawdown (``peak_usd``) are counted from."""

    start_usd: float
    peak_usd: float


class Rulebook:
    """The rules. `tiers` are margin tiers and `references` the number of reference assets, by coin."""

    def __init__(
        self, bounds: Bounds, capital_usd: float, tiers: Mapping[str, Tiers], references: Mapping[str, int]
    ) -> None:
        self.bounds, self.capital_usd = bounds, capital_usd
        self.coins = {
            coin: CoinRules(coin, tiers[coin], references.get(coin, 0)).rules(bounds)
            for coin in bounds.position_qty
        }
        self.loss = Loss(bounds.loss_usd, capital_usd)
        self.drawdown = Drawdown(bounds.drawdown_usd, capital_usd)
        self.rejects = RejectStorm(bounds.kill.rejects, bounds.kill.rejects_window_s)

    @property
    def marks(self) -> Marks:
        """What loss and drawdown are counted from; another process of the session goes on from it."""
        return Marks(self.loss.start_usd, self.drawdown.peak_usd)

    def go_on_from(self, marks: Marks) -> None:
        """Count from where an earlier process of the session did."""
        self.loss.start_usd, self.drawdown.peak_usd = marks

    @property
    def equity_usd(self) -> float:
        """What the account is worth at the present prices."""
        return self.capital_usd + sum(one.gained_now_usd for one in self.coins.values())

    def on_message(self, one: CoinRules, now_ns: int) -> Iterator[Finding]:
        """After a message of the market was taken into ``one.market``."""
        market = one.market
        for source in market.heard:
            one.feeds.heard(one.coin, source, now_ns)
        if CONTEXT in market.heard:
            one.oracle.told("mark", market.mark_px, now_ns)
            one.oracle.told("oracle", market.oracle_px, now_ns)
            yield from _some(one.oracle.look(one.coin, market.mid_px, now_ns))
        if BOOK in market.heard:
            yield from _some(one.jump.look(one.coin, now_ns, market.mid_px))
        if one.position and one.market.px != one.reckoned_px:
            yield from self.on_money(one)

    def on_money(self, one: CoinRules) -> Iterator[Finding]:
        """After the price or position of a coin has changed."""
        bounds, equity = self.bounds, self.equity_usd
        coin, position, px = one.coin, one.position, one.market.px
        one.reckoned_px = px
        yield from _some(self.loss.look(equity))
        yield from _some(self.drawdown.look(equity))
        if not position:
            return
        yield from _some(position_finding(coin, position, bounds.position_qty[coin]))
        yield from _some(notional_finding(coin, position, px, bounds.position_usd[coin]))
        worths = {other.coin: other.worth_usd for other in self.coins.values()}
        yield from _some(total_finding(worths, bounds.total_usd))
        yield from _some(self._liquidation(one, equity, worths))

    def _liquidation(self, one: CoinRules, equity: float, worths: Mapping[str, float]) -> Finding | None:
        """By the mark, which the venue liquidates on; by the mid until it is known."""
        px = one.market.mark_px if one.market.mark_px > 0.0 else one.market.px
        if not (px > 0.0 and math.isfinite(equity)):
            return None
        others = sum(
            maintenance_usd(self.coins[coin].tiers, worth)
            for coin, worth in worths.items()
            if coin != one.coin and worth > 0.0
        )
        least = self.bounds.kill.liquidation_bps
        return liquidation_finding(one.coin, one.position, px, equity - others, one.tiers, least)

    def on_time(self, now_ns: int) -> Iterator[Finding]:
        """What silence shows."""
        for one in self.coins.values():
            yield from _some(one.feeds.look(one.coin, now_ns))
            yield from _some(one.empty.look(one.coin, one.market.bid_px, one.market.ask_px, now_ns))

    def again(self, reason: Reason, coin: str, now_ns: int) -> None:
        """A reason was reset by hand: what it counts begins anew."""
        chosen = [one for one in self.coins.values() if coin in ("", one.coin)]
        if reason is Reason.LOSS:
            self.loss.again(self.equity_usd)
        elif reason is Reason.DRAWDOWN:
            self.drawdown.again(self.equity_usd)
        elif reason is Reason.REJECTS:
            self.rejects.again()
        for one in chosen:
            if reason is Reason.JUMP:
                one.jump.again()
            elif reason is Reason.ORACLE:
                one.oracle.again(now_ns)
            elif reason is Reason.HALT:
                one.empty.again()
            elif reason is Reason.STALE:
                one.feeds.again(now_ns)


def _some(finding: Finding | None) -> Iterator[Finding]:
    if finding is not None:
        yield finding
