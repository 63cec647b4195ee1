"""The maker's forecasts held against what happened: fill rates by depth, edge by decile."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.account.decomposition import Decomposition
from undertow.account.uncertainty import block_length_s, clustered_mean, poisson_interval


@dataclass(frozen=True)
class FillRate:
    """Forecast and realised fills of one side in one range of depth.

    Rates are per second of a resting order. `low` and `high` are the 95 % Poisson interval of the
    realised rate; clustering of fills makes the truth wider.
    """

    side: int
    depth_low_bps: float
    depth_high_bps: float
    exposure_s: float
    predicted_fills: float
    fills: int
    low: float
    high: float

    @property
    def predicted_rate(self) -> float:
        """Average of the maker's forecast, 1/s."""
        return self.predicted_fills / self.exposure_s

    @property
    def realised_rate(self) -> float:
        """Fills per second of exposure."""
        return self.fills / self.exposure_s

    @property
    def covered(self) -> bool:
        """Whether the forecast lies inside the interval."""
        return self.low <= self.predicted_rate <= self.high


def fill_rates(
    edges_bps: NDArray[np.float64],
    exposure_s: NDArray[np.float64],
    predicted_fills: NDArray[np.float64],
    fills: NDArray[np.float64],
) -> list[FillRate]:
    """One entry per side and range of depth that was ever quoted.

    `edges_bps` has one entry more than the arrays of shape (2, bins) have columns; row 0 holds the
    bids, row 1 the asks.
    """
    out = []
    for row, side in ((0, 1), (1, -1)):
        for k in range(exposure_s.shape[1]):
            exposed = float(exposure_s[row, k])
            if exposed <= 0.0:
                continue
            count = int(fills[row, k])
            low, high = poisson_interval(count)
            out.append(
                FillRate(
                    side=side,
                    depth_low_bps=float(edges_bps[k]),
                    depth_high_bps=float(edges_bps[k + 1]),
                    exposure_s=exposed,
                    predicted_fills=float(predicted_fills[row, k]),
                    fills=count,
                    low=low / exposed,
                    high=high / exposed,
                )
            )
    return out


@dataclass(frozen=True)
class EdgeGroup:
    """Fills of one quantile of forecast edge, and what they earned, bps of their notional."""

    fills: int
    predicted_bps: float
    realised_bps: float
    error_bps: float


def edge_groups(
    fills: NDArray[np.void], parts: Decomposition, groups: int = 10, least: int = 10
) -> list[EdgeGroup]:
    """Realised spread - markout loss - fee by quantile of the forecast the order carried.

    Ten groups (deciles), fewer where that would leave less than `least` fills in each. Orders
    without a forecast (NaN, or 0 throughout: the maker makes none) are left out.
    """
    known = np.isfinite(fills["edge_bps"]) & (parts.volume > 0.0)
    if not (fills["edge_bps"][known] != 0.0).any():
        return []
    chosen = np.flatnonzero(known)
    groups = min(groups, len(chosen) // least)
    if groups < 1:
        return []
    ranked = chosen[np.argsort(fills["edge_bps"][chosen], kind="stable")]
    realised = parts.fill_pnl * parts.usd_rate / np.where(parts.volume > 0.0, parts.volume, math.inf) * 1e4
    out = []
    for part in np.array_split(ranked, groups):
        weights = parts.volume[part]
        average, error = clustered_mean(
            realised[part], weights, fills["exch_ns"][part], block_length_s(parts.horizon_s)
        )
        predicted = float((weights * fills["edge_bps"][part]).sum() / weights.sum())
        out.append(EdgeGroup(len(part), predicted, average, error))
    return out
