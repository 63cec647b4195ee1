"""A session in some thirty numbers: what a table over many sessions needs, without frames or charts.

`measure` costs about a millisecond where `undertow.account.build.account_of` costs several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.account.decomposition import DEFAULT_HORIZON_S, Floats, Totals, decompose, notional_usd
from undertow.account.markouts import loss_bps
from undertow.account.session import max_drawdown, position_usd, round_trips
from undertow.instrument import Instrument
from undertow.replay.engine import ReplayResult
from undertow.replay.log import MARKOUT_HORIZONS_S


@dataclass(frozen=True)
class Measures:
    """One session. Money in USD, losses positive; positions by the maker's desk, once a second.

    ``loss_usd[i]`` is the markout loss at ``MARKOUT_HORIZONS_S[i]`` of the fills whose horizon lies
    within the session, and ``known_usd[i]`` their volume. ``mean_square_usd2`` is the time average of
    the squared position. ``blocks_usd`` is the PnL per stretch of time, empty unless asked for.
    """

    seconds: float
    fills: int
    volume_usd: float
    totals: Totals
    pnl_usd: float
    loss_usd: tuple[float, ...]
    known_usd: tuple[float, ...]
    mean_usd: float
    mean_abs_usd: float
    mean_square_usd2: float
    max_abs_usd: float
    final_usd: float
    max_drawdown_usd: float
    round_trips: int
    new_orders: int
    cancels: int
    modifies: int
    rejects: int
    blocks_usd: tuple[float, ...] = ()

    @property
    def requests(self) -> int:
        """Requests sent, each order of a batch counted."""
        return self.new_orders + self.cancels + self.modifies

    @property
    def inventory_sd_usd(self) -> float:
        """Deviation of the position from flat, its target: √ of the mean square."""
        return math.sqrt(self.mean_square_usd2)


def measure(result: ReplayResult, horizon_s: float = DEFAULT_HORIZON_S, *, block_s: float = 0.0) -> Measures:
    """The measures of a finished replay; `block_s` > 0 also gives the PnL per block of that length.

    Raises `undertow.account.decomposition.ReconciliationError` where fills and ledger do not tie.
    """
    instrument, ledger, fills = result.instrument, result.ledger, result.fills
    parts = decompose(fills, ledger, instrument, horizon_s)
    pnl = parts.equity * parts.usd_rate
    held = position_usd(result.observations, instrument)
    held = held[np.isfinite(held)]
    equity = result.observations["equity"] * parts.usd_rate
    loss, known = _markout_sums(fills, instrument)
    return Measures(
        seconds=float(ledger["last_ns"] - ledger["first_ns"]) * 1e-9,
        fills=len(fills),
        volume_usd=float(parts.volume.sum()),
        totals=parts.total_usd,
        pnl_usd=pnl,
        loss_usd=tuple(loss.tolist()),
        known_usd=tuple(known.tolist()),
        mean_usd=float(held.mean()) if len(held) else 0.0,
        mean_abs_usd=float(np.abs(held).mean()) if len(held) else 0.0,
        mean_square_usd2=float((held**2).mean()) if len(held) else 0.0,
        max_abs_usd=float(np.abs(held).max(initial=0.0)),
        final_usd=float(held[-1]) if len(held) else 0.0,
        max_drawdown_usd=max_drawdown(equity),
        round_trips=round_trips(fills["position_after"], instrument.size_step),
        new_orders=int(ledger["new_orders"]),
        cancels=int(ledger["cancels"]),
        modifies=int(ledger["modifies"]),
        rejects=int(ledger["rejects"]),
        blocks_usd=tuple(_blocks(result, equity, pnl, block_s).tolist()) if block_s > 0.0 else (),
    )


def _markout_sums(fills: NDArray[np.void], instrument: Instrument) -> tuple[Floats, Floats]:
    """Markout loss and volume of the fills known at each horizon, USD."""
    if len(fills) == 0:
        return np.zeros(len(MARKOUT_HORIZONS_S)), np.zeros(len(MARKOUT_HORIZONS_S))
    losses = loss_bps(fills, instrument) * 1e-4
    weights = notional_usd(instrument, fills)[:, None]
    known = np.isfinite(losses)
    return (weights * np.where(known, losses, 0.0)).sum(axis=0), (weights * known).sum(axis=0)


def _blocks(result: ReplayResult, equity: Floats, pnl: float, block_s: float) -> Floats:
    """PnL per block of at least `block_s` seconds; they add up to `pnl`.

    Equity at the inner edges is the desk's, at the end the ledger's.
    """
    ledger, times = result.ledger, result.observations["time_ns"]
    first, last = int(ledger["first_ns"]), int(ledger["last_ns"])
    n = max(int((last - first) * 1e-9 / block_s), 1)
    edges = first + (np.arange(1, n) * block_s * 1e9).astype(np.int64)
    at = np.searchsorted(times, edges, side="right") - 1
    known = np.where(np.isfinite(equity), equity, 0.0)
    inner = np.where(at >= 0, known[np.maximum(at, 0)], 0.0) if len(known) else np.zeros(len(edges))
    blocks: Floats = np.diff(np.concatenate(([0.0], inner, [pnl])))
    return blocks
