"""What a maker may know beforehand of 19 February: its drift-free twin, and the old maker's lot and limit."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.config import Config
from undertow.data.memory import InMemoryRecording
from undertow.events import BBO, TRADE
from undertow.scenarios import feb19, record

TWINS: Final = range(9_000, 9_040)
"""Seeds of the twins that parameters are frozen on; no path that is measured uses them."""


def tape(market: InMemoryRecording) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.void]]:
    """Times (ns) and mids of the published best quotes, and the prints."""
    (chunk,) = market.parts
    rows = chunk.rows
    bids = np.flatnonzero((rows["kind"] == BBO) & (rows["side"] == 1))
    mids = 0.5 * (rows["px"][bids] + rows["px"][bids + 1])
    return rows["exch_ns"][bids], mids, rows[rows["kind"] == TRADE]


@cache
def _measured() -> tuple[float, float, float, float]:
    """κ (1/bp), orders per second of one side, mean volume (contracts) and σ (bps/√s) of the twins."""
    distance, volume, prints, squares = 0.0, 0.0, 0, 0.0
    for seed in TWINS:
        times, mids, trades = tape(feb19.twin(seed))
        at = np.searchsorted(times, trades["exch_ns"], side="left") - 1
        distance += float(np.abs(1e4 * np.log(trades["px"] / mids[at])).sum())
        volume += float(trades["qty"].sum())
        prints += len(trades)
        squares += float(np.square(np.diff(1e4 * np.log(mids))).sum())
    seconds = len(TWINS) * record.DURATION_S
    return prints / distance, 0.5 * prints / seconds, volume / prints, float(np.sqrt(squares / seconds))


def frozen(start: Config | None = None) -> Config:
    """`start` (the defaults) with the old maker's lot and limit and the twins' κ, rate, volume and σ.

    θ and σ_μ, of which a market without drift says nothing, and everything else stay as they are. The
    symmetric ladder gets the same sizes, at the half-spread 1/κ of the documented tape.
    """
    base = start or Config()
    kappa, rate, volume, sigma = _measured()
    replace = msgspec.structs.replace
    return replace(
        base,
        risk=replace(
            base.risk, lot_usd=record.LOT * feb19.REFERENCE_PX, q_max_lots=record.LIMIT / record.LOT
        ),
        intensity=replace(
            base.intensity,
            prior_kappa_per_bp=kappa,
            prior_rate_per_s=rate,
            aggressor_lots=volume / record.LOT,
        ),
        volatility=replace(base.volatility, prior_bps_per_sqrt_s=sigma),
        symmetric=replace(base.symmetric, half_spread_bps=feb19.MEAN_DEPTH_BPS, spacing_bps=0.35),
    )


def market(name: str, seed: int) -> InMemoryRecording:
    """The market called ``fall``, ``mirrored`` or ``twin``."""
    if name == "twin":
        return feb19.twin(seed)
    if name not in ("fall", "mirrored"):
        raise ValueError(f"no market {name!r} of 19 February; there are: fall, mirrored, twin")
    return feb19.rebuilt(seed, mirrored=name == "mirrored")
