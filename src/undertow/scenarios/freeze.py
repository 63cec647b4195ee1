"""What a maker may know beforehand of 19 February: its drift-free twin, and the old maker's lot and limit."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.config import Config
from undertow.config.sections import AdverseSelection, Flow, Risk
from undertow.data.memory import InMemoryRecording
from undertow.events import BBO, TRADE
from undertow.scenarios import feb19, record

TWINS: Final = range(9_000, 9_040)
"""Seeds of the twins that parameters are frozen on; no path that is measured uses them."""
KAPPA_ETA: Final = 0.6
FLOW_SENSITIVITY: Final = 1.0
CAUTION: Final = 0.1
"""In this order each the most careful value with half the old maker's volume on twins, and room for the
error of that share: κη, how far κ answers the flow, caution in steps of .1 (.56 ± .02 at .1, .52 at .2)."""
FLOW_ORDERS: Final = 20.0
FLOW_PRIOR_ORDERS: Final = 1.0
"""What the flow estimator remembers, in orders of both sides, and what it starts from. Signs of orders are
alike over many *orders*, however long those take; two minutes of this market hold two."""
HOUR_S: Final = 3600.0
"""The frozen κ weighs as much as an hour of such a market: five minutes of it hold five orders."""


def tape(market: InMemoryRecording) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.void]]:
    """Times (ns) and mids of the published best quotes, and the prints."""
    (chunk,) = market.parts
    rows = chunk.rows
    bids = np.flatnonzero((rows["kind"] == BBO) & (rows["side"] == 1))
    mids = 0.5 * (rows["px"][bids] + rows["px"][bids + 1])
    return rows["exch_ns"][bids], mids, rows[rows["kind"] == TRADE]


class Measured(NamedTuple):
    """What the twins show: `kappa` (1/bp) beyond the depth it makes one quote, orders per second of one
    side, mean volume (contracts), σ (bps/√s)."""

    kappa_per_bp: float
    orders_per_s: float
    volume: float
    sigma: float


@cache
def measured() -> Measured:
    """Read the twins' tapes once."""
    depths, volume, squares = [], 0.0, 0.0
    for seed in TWINS:
        times, mids, trades = tape(feb19.twin(seed))
        at = np.searchsorted(times, trades["exch_ns"], side="left") - 1
        depths.append(np.abs(1e4 * np.log(trades["px"] / mids[at])))
        volume += float(trades["qty"].sum())
        squares += float(np.square(np.diff(1e4 * np.log(mids))).sum())
    every, seconds = np.concatenate(depths), len(TWINS) * record.DURATION_S
    return Measured(
        kappa_about_quotes(every, record.MAKER_FEE_BPS),
        0.5 * len(every) / seconds,
        volume / len(every),
        float(np.sqrt(squares / seconds)),
    )


def kappa_about_quotes(depths_bps: NDArray[np.float64], fee_bps: float) -> float:
    """κ from the mean excess over the depth at which that κ and the fee make one quote, 1/κ + fee.

    The rule of docs/model.md §5 (around the depths one quotes), by repetition from the naive κ = 1/mean.
    """
    kappa = 1.0 / float(depths_bps.mean())
    for _ in range(50):
        quoted = 1.0 / kappa + fee_bps
        beyond = depths_bps[depths_bps > quoted]
        if len(beyond) == 0:
            break
        kappa = 1.0 / float((beyond - quoted).mean())
    return kappa


def frozen(start: Config | None = None) -> Config:
    """`start` (the defaults) with the old maker's lot and limit and the twins' κ, rate, volume and σ.

    Caution, κη and what the flow does are the twins' too where `start` leaves them at their defaults.

    θ and σ_μ, of which a market without drift says nothing, and everything else stay as they are. The
    symmetric ladder gets the same sizes, at the half-spread 1/κ of the documented tape.
    """
    base = start or Config()
    found = measured()
    replace = msgspec.structs.replace
    rate = 2.0 * found.orders_per_s
    flow = replace(
        base.flow,
        sensitivity=_unless_set(base.flow.sensitivity, Flow().sensitivity, FLOW_SENSITIVITY),
        decay_per_s=_unless_set(base.flow.decay_per_s, Flow().decay_per_s, rate / FLOW_ORDERS),
        prior_orders=_unless_set(base.flow.prior_orders, Flow().prior_orders, FLOW_PRIOR_ORDERS),
    )
    caution = _unless_set(base.adverse_selection.caution, AdverseSelection().caution, CAUTION)
    return replace(
        base,
        risk=replace(
            base.risk,
            lot_usd=record.LOT * feb19.REFERENCE_PX,
            q_max_lots=record.LIMIT / record.LOT,
            kappa_eta_base=_unless_set(base.risk.kappa_eta_base, Risk().kappa_eta_base, KAPPA_ETA),
        ),
        adverse_selection=replace(base.adverse_selection, caution=caution),
        flow=flow,
        intensity=replace(
            base.intensity,
            prior_kappa_per_bp=found.kappa_per_bp,
            prior_count=found.orders_per_s * HOUR_S,
            prior_rate_per_s=found.orders_per_s,
            aggressor_lots=found.volume / record.LOT,
        ),
        volatility=replace(base.volatility, prior_bps_per_sqrt_s=found.sigma),
        symmetric=replace(base.symmetric, half_spread_bps=feb19.MEAN_DEPTH_BPS, spacing_bps=0.35),
    )


def _unless_set(value: float, default: float, frozen: float) -> float:
    return frozen if value == default else value


def market(name: str, seed: int) -> InMemoryRecording:
    """The market called ``fall``, ``mirrored`` or ``twin``."""
    if name == "twin":
        return feb19.twin(seed)
    if name not in ("fall", "mirrored"):
        raise ValueError(f"no market {name!r} of 19 February; there are: fall, mirrored, twin")
    return feb19.rebuilt(seed, mirrored=name == "mirrored")
