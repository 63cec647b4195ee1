"""Market data as the exchange sends it, by websocket and by /info.

Source: Hyperliquid docs, "Subscriptions" and "Info endpoint".
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from msgspec import field
from numpy.typing import NDArray

from undertow.venue.wire.scalars import Count, Id, Ms, Num, Px, Sz, Wire, WireSide, sign_of


class Level(Wire, frozen=True, gc=False):
    """One price level: price, total size, number of orders."""

    px: Px
    sz: Sz
    n: Count = 0


class L2Book(Wire, frozen=True, gc=False):
    """A snapshot of the book: bids and asks, best first.

    20 levels a side every ~5.4 s, or 5 every ~0.54 s where `fast`. Sent again unchanged with a new
    time, so its absence is a fault and not a quiet market. `spread` only where levels are aggregated.
    """

    coin: str
    time_ms: Ms = field(name="time")
    levels: tuple[list[Level], list[Level]]
    fast: bool = False
    spread: Num | None = None
    omitted: ClassVar[tuple[str, ...]] = ("fast", "spread")

    def fill(self, table: NDArray[np.float64]) -> None:
        """Write the levels into `table`, shape (4, depth): rows bid px, bid qty, ask px, ask qty.

        Levels beyond `depth` are dropped, missing ones NaN.
        """
        depth = table.shape[1]
        bids, asks = (side if len(side) <= depth else side[:depth] for side in self.levels)
        if len(bids) == len(asks) == depth:
            table[:] = (
                [level.px for level in bids],
                [level.sz for level in bids],
                [level.px for level in asks],
                [level.sz for level in asks],
            )
            return
        table[:] = np.nan
        for row, side in ((0, bids), (2, asks)):
            table[row, : len(side)] = [level.px for level in side]
            table[row + 1, : len(side)] = [level.sz for level in side]


class Bbo(Wire, frozen=True, gc=False):
    """The best bid and ask (None: that side is empty), sent per block when they changed."""

    coin: str
    time_ms: Ms = field(name="time")
    bbo: tuple[Level | None, Level | None]


class Trade(Wire, frozen=True, gc=False):
    """One print. ``side`` is the aggressor's; ``users`` are buyer and seller.

    The first frame after a subscription repeats about thirty old prints without saying so:
    ``(time_ms, coin, tid)`` tells a print from its repetition.
    """

    coin: str
    side: WireSide
    px: Px
    sz: Sz
    time_ms: Ms = field(name="time")
    hash: str
    tid: Id
    users: tuple[str, str] = ("", "")

    @property
    def sign(self) -> int:
        """+1 where the buyer was the aggressor, -1 where the seller was."""
        return sign_of(self.side)


class AssetCtx(Wire, frozen=True, gc=False, kw_only=True):
    """State of a perpetual. ``funding`` is the hourly rate; it carries no time of its own."""

    funding: Num
    open_interest: Sz
    prev_day_px: Sz
    day_ntl_vlm: Sz
    premium: Num | None = None
    oracle_px: Sz
    mark_px: Sz
    mid_px: Sz | None = None
    impact_pxs: tuple[Sz, Sz] | None = None
    day_base_vlm: Sz | None = None
    omitted: ClassVar[tuple[str, ...]] = ("day_base_vlm",)


class SpotAssetCtx(Wire, frozen=True, gc=False, kw_only=True):
    """State of a spot pair."""

    prev_day_px: Sz
    day_ntl_vlm: Sz
    mark_px: Sz
    mid_px: Sz | None = None
    circulating_supply: Num | None = None
    coin: str | None = None
    total_supply: Num | None = None
    day_base_vlm: Sz | None = None
    omitted: ClassVar[tuple[str, ...]] = ("circulating_supply", "coin", "total_supply", "day_base_vlm")


class ActiveAssetCtx(Wire, frozen=True, gc=False):
    """`AssetCtx` of one perpetual, once a second."""

    coin: str
    ctx: AssetCtx


class ActiveSpotAssetCtx(Wire, frozen=True, gc=False):
    """`SpotAssetCtx` of one pair: the answer to an activeAssetCtx subscription of a spot coin."""

    coin: str
    ctx: SpotAssetCtx


class AllMids(Wire, frozen=True, gc=False):
    """Mids by coin; ``dex`` is None for the main dex."""

    mids: dict[str, Px]
    dex: str | None = None
    omitted: ClassVar[tuple[str, ...]] = ("dex",)


class FastCtx(Wire, frozen=True, gc=False):
    """What changed of one coin since the last second: mark and mid (None: not sent)."""

    mark_px: Sz | None = None
    mid_px: Sz | None = None
    omitted: ClassVar[tuple[str, ...]] = ("mark_px", "mid_px")


class AllDexsAssetCtxs(Wire, frozen=True, gc=False):
    """Contexts of all dexes: ``(dex, contexts in the order of that dex's universe)``."""

    ctxs: list[tuple[str, list[AssetCtx]]]


class Candle(Wire, frozen=True, gc=False):
    """One candle: open and close times, OHLC, base volume, number of trades."""

    open_ms: Ms = field(name="t")
    close_ms: Ms = field(name="T")
    coin: str = field(name="s")
    interval: str = field(name="i")
    open_px: Px = field(name="o")
    close_px: Px = field(name="c")
    high_px: Px = field(name="h")
    low_px: Px = field(name="l")
    volume: Sz = field(name="v")
    trades: Count = field(name="n")
