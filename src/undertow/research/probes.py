"""Forecasts on probe orders: what fills earn against what was expected, how often depths fill against Λ.

The first half of a market calibrates (`research.calibrate`), the second is reported. Two forecasts are
judged: the profit of a fill over the probes' horizon (regression of realised on predicted, errors clustered
in time), and the fill rate, by deciles of the depth that forecast it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.account.build import account_of
from undertow.account.uncertainty import poisson_interval
from undertow.calibration import write
from undertow.config import Config
from undertow.config.sections import Ladder, Quoting
from undertow.events import MAKER
from undertow.recording import Recording
from undertow.replay.engine import replay
from undertow.replay.from_config import settings_of, with_fees
from undertow.research.calibrate import calibrate
from undertow.research.collect import collect
from undertow.research.probe_maker import N_BINS, make_probes

Floats = NDArray[np.float64]
BLOCK_S = 60.0
LEVELS = 8


@dataclass(frozen=True)
class Seen:
    """Fills of probes: (n,) expected and realised profit in bps, times in s; (bins,) tallies by depth."""

    predicted_bps: Floats
    realised_bps: Floats
    time_s: Floats
    deepest_bps: float
    exposure_s: Floats
    predicted_fills: Floats
    fills: Floats

    def joined(self, other: Seen, *, apart_s: float = 1e6) -> Seen:
        """Both together: markets of the same kind with the same depths; their times never overlap."""
        shift = (self.time_s.max(initial=0.0) - other.time_s.min(initial=0.0)) + apart_s
        return Seen(
            np.concatenate([self.predicted_bps, other.predicted_bps]),
            np.concatenate([self.realised_bps, other.realised_bps]),
            np.concatenate([self.time_s, other.time_s + shift]),
            self.deepest_bps,
            self.exposure_s + other.exposure_s,
            self.predicted_fills + other.predicted_fills,
            self.fills + other.fills,
        )


@dataclass(frozen=True)
class Slope:
    """Regression of realised on predicted profit of a fill: a perfect forecast has slope 1, intercept 0."""

    slope: float
    error: float
    intercept_bps: float
    fills: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the slope."""
        return self.slope - 1.96 * self.error, self.slope + 1.96 * self.error


def slope_of(predicted: Floats, realised: Floats, time_s: Floats, *, block_s: float = BLOCK_S) -> Slope:
    """Least squares with errors clustered in blocks of `block_s` (Liang and Zeger 1986)."""
    x = np.column_stack([np.ones(len(predicted)), predicted])
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ realised
    scores = x * (realised - x @ beta)[:, None]
    _, block = np.unique(np.floor(time_s / block_s), return_inverse=True)
    sums = np.zeros((block.max() + 1, 2))
    np.add.at(sums, block, scores)
    spread = inverse @ (sums.T @ sums) @ inverse
    return Slope(float(beta[1]), float(np.sqrt(spread[1, 1])), float(beta[0]), len(predicted))


@dataclass(frozen=True)
class Depths:
    """Fills against Λ over a range of depths; `low` to `high`: the mean count's 99 % interval."""

    from_bps: float
    to_bps: float
    predicted: float
    fills: int
    low: float
    high: float

    @property
    def met(self) -> bool:
        """Within 15 % of Λ, or Λ within the interval."""
        near = abs(self.fills - self.predicted) <= 0.15 * self.predicted
        return near or self.low <= self.predicted <= self.high


def depth_deciles(seen: Seen, groups: int = 10) -> list[Depths]:
    """Ranges of depth with about a tenth of the predicted fills each."""
    cumulative = np.cumsum(seen.predicted_fills) / seen.predicted_fills.sum()
    cuts = [int(np.searchsorted(cumulative, k / groups)) + 1 for k in range(1, groups)]
    edges = sorted({0, *cuts, N_BINS})
    width, out = seen.deepest_bps / (N_BINS // 2), []
    for a, b in pairwise(edges):
        count, expected = int(seen.fills[a:b].sum()), float(seen.predicted_fills[a:b].sum())
        if seen.exposure_s[a:b].sum() > 0.0:
            out.append(Depths(a * width, b * width, expected, count, *poisson_interval(count, 0.99)))
    return out


def probe(
    market: Recording,
    *,
    deepest_bps: float,
    lot_usd: float = 12.0,
    horizon_s: float = 10.0,
    config: Config | None = None,
    seed: int = 1,
) -> Seen:
    """Calibrate on the first half of `market`, probe the whole, keep the second half.

    Raises ValueError where nothing can be calibrated.
    """
    used = config or Config()
    sample = collect(market, used)
    n = len(sample.time_s) // 2
    found = calibrate(
        sample.time_s[:n], sample.mid[:n], sample.features[:n], recording=market.name, split="first half"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calibration.json"
        write(found, path)
        belief = msgspec.structs.replace(used.belief, calibration=str(path))
        asking = msgspec.structs.replace(
            used,
            belief=belief,
            ladder=Ladder(levels=LEVELS, expected_pnl=False, queue_aware=used.ladder.queue_aware),
            quoting=Quoting(request_budget=0.0, max_requests_per_cycle=60),
        )
        half_ns = sum(market.span_ns) // 2
        maker = make_probes(
            asking,
            market.instrument,
            deepest_bps=deepest_bps,
            lot_usd=max(lot_usd, 1.1 * market.instrument.min_notional),
            horizon_s=horizon_s,
            from_ns=half_ns,
            seed=seed,
        )
    result = replay(with_fees(market, asking), maker, settings_of(asking))
    account = account_of(
        result.fills, result.observations, result.ledger, result.instrument, horizon_s=horizon_s
    )
    fills, parts = account.fills, account.parts
    kept = (fills["liquidity"] == MAKER) & (fills["exch_ns"] >= half_ns) & (parts.volume > 0.0)
    kept &= np.isfinite(fills["edge_bps"])
    volume = np.where(parts.volume > 0.0, parts.volume, 1.0)
    tally = result.maker_state.probed
    return Seen(
        fills["edge_bps"][kept].copy(),
        (parts.fill_pnl * parts.usd_rate / volume * 1e4)[kept],
        fills["exch_ns"][kept] * 1e-9,
        deepest_bps,
        np.array(tally.exposure_s),
        np.array(tally.predicted),
        np.array(tally.fills),
    )
