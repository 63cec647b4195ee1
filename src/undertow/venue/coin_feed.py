"""What is received about one coin, as rows for its maker.

Rows keep the order in which they came. Exchange times never run backward: a row that happened before
one already delivered is given that one's time and flagged REPAIRED; rows without a time of their own
(contexts) or of another coin (references) are given the latest time of this one, since they say
nothing of its clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from undertow.events import (
    END,
    FUNDING,
    FUNDING_RATE,
    GAP,
    INFERRED,
    MARK,
    OPEN_INTEREST,
    ORACLE,
    REFERENCE,
    REPAIRED,
    TRADE,
    empty_snapshots,
)
from undertow.units import NS_PER_MS, NS_PER_S
from undertow.venue.book_sides import Levels
from undertow.venue.fusion import FUSED_DEPTH, Fusion
from undertow.venue.prints import NEW, OLD, Prints
from undertow.venue.received import Received
from undertow.venue.settlements import Settlements, coming_hour_ns
from undertow.venue.shown import Shown, row, rows_of
from undertow.venue.wire.market import AssetCtx, Trade

AFTER_PRINTS_NS: Final = 1
"""Added to the time of books and best quotes: they show what the prints of their own block left."""
_NO_TABLES: Final = empty_snapshots(FUSED_DEPTH)
_MOST_HELD: Final = 10_000


@dataclass
class CoinFeed:
    """The feed of `coin`. Every method that takes a message returns the rows it gives, or None."""

    coin: str
    gap_s: float = 5.0
    """Silence after which a GAP row is delivered even where the connection stood."""
    fusion: Fusion = field(default_factory=Fusion)
    shown: Shown = field(default_factory=Shown)
    prints: Prints = field(default_factory=Prints)
    settlements: Settlements = field(default_factory=Settlements)
    trades_ns: int = 0
    context_ns: int = 0
    references_ns: dict[int, int] = field(default_factory=dict)
    repaired: int = 0
    """Rows whose exchange time had to be moved."""
    gaps: int = 0
    lead_ns: int = 0
    """How far the exchange's clock was seen ahead of ours; taken off its times."""
    _clock_ns: int = 0
    _recv_ns: int = 0
    _interrupted: bool = False
    _held: list[Trade] = field(default_factory=list)

    @property
    def was_interrupted(self) -> bool:
        """Whether the connection was lost and nothing has come since."""
        return self._interrupted

    def resumed(self, last_ns: int) -> None:
        """An earlier process received the coin's last message at `last_ns`: begin with a GAP row."""
        self._recv_ns, self._interrupted = last_ns, last_ns > 0

    def interrupted(self) -> None:
        """The connection is lost: nothing known holds any longer."""
        self._interrupted = self._recv_ns > 0
        self.trades_ns = self.context_ns = 0
        self.references_ns.clear()
        self.fusion.reset()
        self.shown.unknown = True
        self.prints.interrupted()
        self._held.clear()

    def take_book(
        self, source: int, exch_ms: int, recv_ns: int, bids: Levels, asks: Levels
    ) -> Received | None:
        """A message of a book `source` of `undertow.venue.fusion`."""
        first = self.fusion.is_blank
        if not self.fusion.take_book(source, exch_ms, recv_ns, bids, asks):
            return None
        packed = self._opening(recv_ns)
        exch_ns, flags = self._placed(exch_ms * NS_PER_MS + AFTER_PRINTS_NS, recv_ns)
        sides, edges = self.fusion.sides(), self.fusion.edges()
        rows, table = self.shown.bring_to(sides, edges, exch_ns, recv_ns, flags)
        packed += rows
        if first:
            self.prints.start(exch_ms)
            held, self._held = self._held, []
            if held:
                packed += self._prints(held, recv_ns)
        return Received(self.coin, rows_of(packed), table)

    def take_trades(self, trades: Sequence[Trade], recv_ns: int) -> Received | None:
        """Prints. Until the book is known they wait for it: what they consumed is not known either."""
        self.trades_ns = recv_ns
        if self.fusion.is_blank:
            self._held = [*self._held, *trades][-_MOST_HELD:]
            return None
        packed, table = self._prints(trades, recv_ns), _NO_TABLES
        sides = self.fusion.sides()
        if not self.shown.is_at(sides):
            edges = self.fusion.edges()
            rows, table = self.shown.bring_to(sides, edges, self._clock_ns, recv_ns, REPAIRED)
            packed += rows
        if not packed:
            return None
        return Received(self.coin, rows_of(self._opening(recv_ns) + packed), table)

    def _prints(self, trades: Sequence[Trade], recv_ns: int) -> list[bytes]:
        new, packed = [], []
        for trade in trades:
            verdict = self.prints.judge(trade.time_ms, trade.tid)
            if verdict == NEW:
                new.append(trade)
            elif verdict == OLD:
                self.fusion.take_print(trade.time_ms, _side(trade), trade.px, trade.sz)
        for k, trade in enumerate(new):
            exch_ns, flags = self._placed(trade.time_ms * NS_PER_MS, recv_ns)
            if k == len(new) - 1:
                flags |= END
            side = _side(trade)
            self.fusion.take_print(trade.time_ms, side, trade.px, trade.sz)
            self.shown.take_print(exch_ns, side, trade.px, trade.sz)
            packed.append(
                row(exch_ns, recv_ns, TRADE, px=trade.px, qty=trade.sz, ref=trade.tid, side=side, flags=flags)
            )
        return packed

    def take_context(self, ctx: AssetCtx, recv_ns: int) -> Received:
        """Mark, oracle, open interest and funding; and the settlement, where an hour has struck."""
        self.context_ns = recv_ns
        exch_ns = self._untimed(recv_ns)
        packed = []
        settled = self.settlements.take(recv_ns, ctx.funding, ctx.oracle_px)
        if settled is not None:
            packed.append(
                row(
                    exch_ns,
                    recv_ns,
                    FUNDING,
                    px=settled.oracle_px,
                    qty=settled.rate,
                    ref=settled.hour_ns,
                    flags=INFERRED | END,
                )
            )
        said = [
            (MARK, ctx.mark_px, 0.0, 0),
            (ORACLE, ctx.oracle_px, 0.0, 0),
            (OPEN_INTEREST, 0.0, ctx.open_interest, 0),
            (FUNDING_RATE, 0.0, ctx.funding, coming_hour_ns(recv_ns)),
        ]
        for k, (kind, px, qty, ref) in enumerate(said):
            flags = INFERRED | (END if k == len(said) - 1 else 0)
            packed.append(row(exch_ns, recv_ns, kind, px=px, qty=qty, ref=ref, flags=flags))
        return Received(self.coin, rows_of(self._opening(recv_ns) + packed), _NO_TABLES)

    def take_reference(self, asset: int, px: float, exch_ms: int, recv_ns: int) -> Received:
        """The price of reference `asset` (1, 2, ...). It may come while the coin's own feed is down."""
        self.references_ns[asset] = recv_ns
        happened = exch_ms * NS_PER_MS + AFTER_PRINTS_NS - self.lead_ns
        exch_ns = self._untimed(recv_ns)
        flags = END | (REPAIRED if exch_ns != happened else 0)
        packed = [row(exch_ns, recv_ns, REFERENCE, px=px, asset=asset, flags=flags)]
        return Received(self.coin, rows_of(packed), _NO_TABLES)

    def _opening(self, recv_ns: int) -> list[bytes]:
        """A GAP row where the feed was interrupted or silent before this message."""
        silence_ns = recv_ns - self._recv_ns
        gap = self._recv_ns > 0 and (self._interrupted or silence_ns > self.gap_s * NS_PER_S)
        self._recv_ns, self._interrupted = max(self._recv_ns, recv_ns), False
        if not gap:
            return []
        self.gaps += 1
        exch_ns = self._untimed(recv_ns)
        return [row(exch_ns, recv_ns, GAP, val=silence_ns / NS_PER_S, flags=END)]

    def _untimed(self, recv_ns: int) -> int:
        """The latest exchange time known of this coin."""
        if not self._clock_ns:
            self._clock_ns = recv_ns - self.lead_ns - NS_PER_S  # no later than the first book
        return self._clock_ns

    def _placed(self, exch_ns: int, recv_ns: int) -> tuple[int, int]:
        """The time to deliver what happened at `exch_ns` with, and the flag of a time moved."""
        exch_ns -= self.lead_ns
        if exch_ns >= self._clock_ns:
            self._clock_ns = exch_ns
            return exch_ns, 0
        self.repaired += 1
        return self._clock_ns, REPAIRED


def _side(trade: Trade) -> int:
    """The aggressor's."""
    return 1 if trade.side == "B" else -1
