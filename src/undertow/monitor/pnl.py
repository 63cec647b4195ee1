"""PnL parts while a session runs, from the fills as they come.

The parts of `docs/report.md`, marked as far as they are known: with s the side, n the quantity, p the
price, m the mid when the fill came in, m_h the mid `h` = 10 s later (now, for younger fills)::

    spread       Σ  s·n·(m - p)
    markout loss Σ -s·n·(m_h - m)
    inventory    what is left of PnL = spread - markout loss - fees + funding + inventory

Costs O(1) per fill and horizon; holds the fills of the last minute and the latest few.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any, Final

from undertow.events import MAKER
from undertow.monitor.view import FillView, PnlView
from undertow.records import Rec

HORIZONS_S: Final = (1.0, 10.0, 60.0)
SPLIT: Final = 1
"""Index of the horizon that separates markout loss from inventory."""
LAST_FILLS: Final = 12


def horizon_name(seconds: float) -> str:
    """``10s`` for 10.0."""
    return f"{seconds:g}s"


class _Horizon:
    """Markouts at one horizon: pending fills, and the sums of those that have come due."""

    __slots__ = ("loss", "loss_bps", "ns", "pending", "weight")

    def __init__(self, seconds: float) -> None:
        self.ns = round(seconds * 1e9)
        self.pending: deque[tuple[int, float, float, float]] = deque()  # due, s·n, worth of m, notional
        self.loss = self.loss_bps = self.weight = 0.0

    def settle(self, now_ns: int, worth: float) -> None:
        """Mark the fills that are due at the present worth of a unit."""
        while self.pending and self.pending[0][0] <= now_ns:
            _, signed, then, notional = self.pending.popleft()
            lost = -signed * (worth - then)
            self.loss += lost
            self.loss_bps += lost / notional * 1e4
            self.weight += 1.0

    def young(self, worth: float) -> float:
        """Loss so far of the fills that are not due."""
        return sum(-signed * (worth - then) for _, signed, then, _ in self.pending)


class FillWatch:
    """The running account of one coin: told of every own fill, asked for the parts."""

    def __init__(self, inst: Rec) -> None:
        self._value, self._inverse = float(inst["contract_value"]), bool(inst["inverse"])
        self._horizons = tuple(_Horizon(h) for h in HORIZONS_S)
        self._last: deque[FillView] = deque(maxlen=LAST_FILLS)
        self._spread = 0.0
        self._unsettled_mid = math.nan
        self.fills = 0

    def worth(self, px: float) -> float:
        """What a position of one unit of quantity adds to equity at `px`."""
        return -self._value / px if self._inverse else px * self._value

    def on_fill(self, row: Rec, mid: float) -> None:
        """Count a FILL row, received while the book's mid was `mid` (NaN: its own price serves)."""
        side, px, qty = int(row["side"]), float(row["px"]), float(row["qty"])
        at, known = int(row["recv_ns"]), math.isfinite(mid) and mid > 0.0
        then, there = self.worth(mid if known else px), self.worth(px)
        self._spread += side * qty * (then - there)
        notional = qty * abs(there)
        for horizon in self._horizons:
            horizon.pending.append((at + horizon.ns, side * qty, then, notional))
        edge = -side * (px / mid - 1.0) * 1e4 if known else None
        self._last.appendleft(
            FillView(
                time_ns=at,
                side=side,
                px=px,
                qty=qty,
                fee=float(row["val"]),
                maker=int(row["code"]) == MAKER,
                edge_bps=edge,
            )
        )
        self.fills += 1

    def on_mid(self, now_ns: int, mid: float) -> None:
        """Let fills come due; call at least every second or so. A mid that is not known settles nothing."""
        if math.isfinite(mid) and mid > 0.0:
            self._unsettled_mid = mid
            worth = self.worth(mid)
            for horizon in self._horizons:
                horizon.settle(now_ns, worth)

    @property
    def last(self) -> tuple[FillView, ...]:
        """The latest fills, newest first."""
        return tuple(self._last)

    def parts(self, total: float | None, desk: Any, since: tuple[float, float, float]) -> PnlView:
        """The parts of `total`. `since`: the desk's fees, funding and volume when the session began."""
        split = self._horizons[SPLIT]
        young = split.young(self.worth(self._unsettled_mid)) if split.pending and self._has_mid() else 0.0
        loss = split.loss + young
        fees = float(desk["fees"]) - since[0]
        funding = float(desk["funding"]) - since[1]
        rest = None if total is None else total - self._spread + loss + fees - funding
        return PnlView(
            total=total,
            spread=self._spread,
            markout_loss=loss,
            fees=fees,
            funding=funding,
            inventory=rest,
            volume_usd=float(desk["volume"]) - since[2],
            fills=self.fills,
            markouts_bps={
                horizon_name(s): h.loss_bps / h.weight
                for s, h in zip(HORIZONS_S, self._horizons, strict=True)
                if h.weight > 0.0
            },
        )

    def _has_mid(self) -> bool:
        return math.isfinite(self._unsettled_mid)
