"""A finished session in, its account out: every number the summary and the report show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from undertow.account.calibration import EdgeGroup, FillRate, edge_groups
from undertow.account.decomposition import DEFAULT_HORIZON_S, Decomposition, Totals, decompose
from undertow.account.frames import fills_frame, split
from undertow.account.markouts import MarkoutCurve, curve, curves_by_depth, curves_by_side
from undertow.account.scenarios import Outcome
from undertow.account.session import (
    MIN_ROUND_TRIPS,
    Sharpe,
    inventory_half_life_s,
    max_drawdown,
    position_usd,
    round_trips,
    sharpe,
)
from undertow.account.silence import Reason
from undertow.instrument import Instrument
from undertow.records import Rec
from undertow.replay.log import MARKOUT_HORIZONS_S

FREE_REQUESTS = 10_000
"""Hyperliquid's allowance: this many requests, plus one per USDC traded (docs/model.md §7)."""


@dataclass(frozen=True)
class Requests:
    """What the session asked of the venue."""

    new_orders: int
    cancels: int
    modifies: int
    rejects: int
    late_cancels: int
    volume_usd: float

    @property
    def total(self) -> int:
        """Requests sent, each order of a batch counted."""
        return self.new_orders + self.cancels + self.modifies

    @property
    def per_usd(self) -> float:
        """Requests per USD traded; NaN without volume."""
        return self.total / self.volume_usd if self.volume_usd > 0.0 else math.nan

    @property
    def share_of_allowance(self) -> float:
        """Requests over 10 000 plus one per USD traded: above 1 a fresh account would be throttled."""
        return self.total / (FREE_REQUESTS + self.volume_usd)


@dataclass(frozen=True)
class Account:
    """The account of one session. Money in USD unless a name says otherwise."""

    instrument: Instrument
    fills: NDArray[np.void]
    observations: NDArray[np.void]
    ledger: Rec
    parts: Decomposition
    by_horizon: list[Totals]  # one per MARKOUT_HORIZONS_S
    frame: pl.DataFrame
    everything: MarkoutCurve
    by_side: list[MarkoutCurve]
    by_depth: list[MarkoutCurve]
    fill_rates: list[FillRate]
    edge: list[EdgeGroup]
    round_trips: int
    max_drawdown_usd: float
    max_position_usd: float
    mean_abs_position_usd: float
    half_life_s: float
    sharpe: Sharpe | None
    requests: Requests
    reasons: list[Reason] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def pnl_usd(self) -> float:
        """PnL by the exchange's ledger, which the parts add up to."""
        return self.parts.equity * self.parts.usd_rate

    @property
    def volume_usd(self) -> float:
        """Traded notional."""
        return float(self.parts.volume.sum())

    @property
    def duration_s(self) -> float:
        """Length of the session."""
        return float(self.ledger["last_ns"] - self.ledger["first_ns"]) * 1e-9

    @property
    def splits(self) -> dict[str, pl.DataFrame]:
        """Parts of the PnL by side, by level and by liquidity."""
        return {key: split(self.frame, key) for key in ("side", "level", "liquidity")}

    @property
    def final_position_usd(self) -> float:
        """What the session is left holding, at the last mid."""
        return self._position_usd(float(self.ledger["position"]))

    def _position_usd(self, position: float) -> float:
        if self.instrument.contract == "inverse":
            return position * self.instrument.contract_value
        held = position * self.instrument.contract_value
        return held * float(self.ledger["last_mid"]) if held else 0.0


def account_of(
    fills: NDArray[np.void],
    observations: NDArray[np.void],
    ledger: Rec,
    instrument: Instrument,
    *,
    horizon_s: float = DEFAULT_HORIZON_S,
    fill_rates: Sequence[FillRate] = (),
    reasons: Sequence[Reason] = (),
    outcomes: Sequence[Outcome] = (),
) -> Account:
    """Make the account of a session from its FILL_LOG, OBSERVATION rows and LEDGER.

    Raises `undertow.account.decomposition.ReconciliationError` where they do not tie out.
    """
    parts = decompose(fills, ledger, instrument, horizon_s)
    trips = round_trips(fills["position_after"], instrument.size_step)
    times, equity = observations["time_ns"], observations["equity"] * parts.usd_rate
    in_usd = position_usd(observations, instrument)
    return Account(
        instrument=instrument,
        fills=fills,
        observations=observations,
        ledger=ledger,
        parts=parts,
        by_horizon=[decompose(fills, ledger, instrument, h).total_usd for h in MARKOUT_HORIZONS_S],
        frame=fills_frame(fills, instrument, parts),
        everything=curve("all fills", fills, instrument),
        by_side=curves_by_side(fills, instrument),
        by_depth=curves_by_depth(fills, instrument),
        fill_rates=list(fill_rates),
        edge=edge_groups(fills, parts),
        round_trips=trips,
        max_drawdown_usd=max_drawdown(equity),
        max_position_usd=float(np.nanmax(np.abs(in_usd), initial=0.0)),
        mean_abs_position_usd=float(np.nanmean(np.abs(in_usd))) if np.isfinite(in_usd).any() else 0.0,
        half_life_s=inventory_half_life_s(times, observations["position"]),
        sharpe=sharpe(times, equity, trips),
        requests=Requests(
            new_orders=int(ledger["new_orders"]),
            cancels=int(ledger["cancels"]),
            modifies=int(ledger["modifies"]),
            rejects=int(ledger["rejects"]),
            late_cancels=int(ledger["late_cancels"]),
            volume_usd=float(parts.volume.sum()),
        ),
        reasons=list(reasons),
        outcomes=list(outcomes),
    )


def remarks(account: Account) -> list[str]:
    """What a careful reader should know before believing the account, one sentence each."""
    found = []
    parts, n = account.parts, len(account.fills)
    if n == 0:
        found.append("Nothing was filled: the account says nothing about the maker.")
    elif account.round_trips < MIN_ROUND_TRIPS:
        found.append(
            f"Round trips: {account.round_trips}, fewer than {MIN_ROUND_TRIPS}: the PnL is one draw, not "
            "evidence, and its Sharpe ratio says nothing."
        )
    if parts.late:
        found.append(
            f"{parts.late} of {n} fills come within {parts.horizon_s:g} s of the recording's end and are "
            "marked at the last mid."
        )
    if parts.unpriced:
        found.append(
            f"{parts.unpriced} fills happened while a side of the book was empty; their captured spread "
            "is booked as 0."
        )
    held = account.final_position_usd
    if abs(held) > 0.5 * max(account.mean_abs_position_usd, account.instrument.min_notional):
        found.append(
            f"The session ends {'long' if held > 0 else 'short'} {abs(held):,.0f} USD, marked at the last "
            "mid: closing it would cost half a spread and a fee that are not in the PnL."
        )
    if account.requests.share_of_allowance > 1.0:
        found.append(
            f"{account.requests.total:,} requests are {account.requests.share_of_allowance:.1f} times what "
            "Hyperliquid grants a fresh account for this volume."
        )
    late = account.requests.late_cancels
    if late > 0.05 * max(account.requests.cancels, 1):
        found.append(f"{late:,} cancels came too late to find their order.")
    if not account.outcomes:
        found.append("The PnL was not re-run under other queue models and latencies: it is one assumption.")
    return found
