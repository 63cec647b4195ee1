"""Markout curves: what a fill is worth against the mid, from the fill to ten minutes later."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undertow.account.decomposition import Floats, notional_usd, reference_mids, worth
from undertow.account.uncertainty import block_length_s, clustered_mean
from undertow.instrument import Instrument
from undertow.replay.log import MARKOUT_HORIZONS_S

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MarkoutCurve:
    """Average markout of a set of fills, weighted by notional, bps.

    `spread_bps` is captured at the fill; `loss_bps[i]` is the signed loss -side·(mid(t + h) - mid(t))
    at ``MARKOUT_HORIZONS_S[i]``, positive when the mid went against us; `error_bps` its standard
    error, clustered in time. Fills whose horizon lies beyond the recording are left out of that
    horizon; `counts` says how many are in.
    """

    label: str
    fills: int
    spread_bps: float
    fee_bps: float
    loss_bps: list[float]
    error_bps: list[float]
    counts: list[int]

    @property
    def edge_bps(self) -> list[float]:
        """Captured spread less markout loss at each horizon: the fill against the later mid."""
        return [self.spread_bps - loss for loss in self.loss_bps]


def loss_bps(fills: NDArray[np.void], instrument: Instrument) -> NDArray[np.float64]:
    """Signed markout loss of every fill at every horizon, bps, shape (n, horizons); NaN: unknown."""
    v_mid = worth(instrument, reference_mids(fills))[:, None]
    v_after = worth(instrument, fills["mid_after"])
    loss: NDArray[np.float64] = -fills["side"][:, None] * (v_after - v_mid) / np.abs(v_mid) * 1e4
    return loss


def depth_bps(fills: NDArray[np.void], instrument: Instrument) -> Floats:
    """Distance of each fill from the mid before it, bps: the spread it captured."""
    v_mid = worth(instrument, reference_mids(fills))
    depth: Floats = fills["side"] * (v_mid - worth(instrument, fills["px"])) / np.abs(v_mid) * 1e4
    return depth


def curve(
    label: str, fills: NDArray[np.void], instrument: Instrument, chosen: Mask | None = None
) -> MarkoutCurve:
    """The markout curve of the `chosen` fills (all by default)."""
    if chosen is not None:
        fills = fills[chosen]
    weights = notional_usd(instrument, fills)
    losses = loss_bps(fills, instrument)
    settled = np.abs(worth(instrument, fills["px"])) * fills["qty"]
    everything = float(settled.sum()) or 1.0
    averages, errors, counts = [], [], []
    for i, horizon_s in enumerate(MARKOUT_HORIZONS_S):
        known = np.isfinite(losses[:, i])
        average, error = clustered_mean(
            losses[known, i], weights[known], fills["exch_ns"][known], block_length_s(horizon_s)
        )
        averages.append(average)
        errors.append(error)
        counts.append(int(known.sum()))
    total = float(weights.sum()) or 1.0
    return MarkoutCurve(
        label=label,
        fills=len(fills),
        spread_bps=float((weights * depth_bps(fills, instrument)).sum()) / total,
        fee_bps=float(fills["fee"].sum()) / everything * 1e4,
        loss_bps=averages,
        error_bps=errors,
        counts=counts,
    )


def curves_by_side(fills: NDArray[np.void], instrument: Instrument) -> list[MarkoutCurve]:
    """One curve for buys, one for sells; sides that never filled are left out."""
    sides = (("buys", 1), ("sells", -1))
    return [
        curve(name, fills, instrument, fills["side"] == side)
        for name, side in sides
        if (fills["side"] == side).any()
    ]


def curves_by_depth(
    fills: NDArray[np.void], instrument: Instrument, groups: int = 4, least: int = 20
) -> list[MarkoutCurve]:
    """Curves of up to `groups` equally filled ranges of depth, near to far, of `least` fills each."""
    groups = min(groups, len(fills) // least)
    if groups < 2:
        return []
    depth = depth_bps(fills, instrument)
    edges = np.unique(np.quantile(depth, np.linspace(0.0, 1.0, groups + 1)))
    out = []
    for low, high in itertools.pairwise(edges):
        inside = (depth >= low) & ((depth < high) | (high == edges[-1]))
        if inside.any():
            label = f"{low:.2f} to {high:.2f} bps".replace("-", "\N{MINUS SIGN}")
            out.append(curve(label, fills, instrument, inside))
    return out
