"""Runs on the rebuilt 19 February: makers, frozen parameters, what is kept of each path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow import makers
from undertow.config import Config
from undertow.data.memory import InMemoryRecording
from undertow.events import TRADE
from undertow.instrument import Instrument
from undertow.maker import Maker
from undertow.replay import MARKOUT_HORIZONS_S, ReplayResult, ReplaySettings, replay
from undertow.scenarios import feb19, record

FIVE_S: Final = MARKOUT_HORIZONS_S.index(5.0)
SETTINGS: Final = ReplaySettings(sample_interval_s=0.0, window_ticks=16_384)
MARKETS: Final[dict[str, Callable[[int], InMemoryRecording]]] = {
    "fall": feb19.rebuilt,
    "mirrored": lambda seed: feb19.rebuilt(seed, mirrored=True),
    "twin": feb19.twin,
}
TWIN_TAPES: Final = range(9_000, 9_100)
"""Seeds of the twins that parameters are frozen on; no measured path uses them."""


@dataclass(frozen=True)
class Runs:
    """One maker over many paths: an array per figure, a path each. Contracts, USD, bps."""

    final: NDArray[np.float64]
    fills: NDArray[np.float64]
    loss_5s_bps: NDArray[np.float64]  # mean over the path's fills, NaN without
    max_position: NDArray[np.float64]
    pnl: NDArray[np.float64]
    volume: NDArray[np.float64]  # contracts


def frozen() -> Config:
    """Lot and limit of the old maker; what the market is like as measured on drift-free twins.

    Rate per side, κ about the depths quoted (mean distance of the prints), volume in lots and σ come
    from the tapes; θ and σ_μ, which a market without drift cannot show, stay at the model's defaults.
    """
    distance, volume, prints, squares = 0.0, 0.0, 0, 0.0
    for seed in TWIN_TAPES:
        times, mids, trades = _tape(feb19.twin(seed))
        at = np.searchsorted(times, trades["exch_ns"], side="left") - 1
        distance += float(np.abs(1e4 * np.log(trades["px"] / mids[at])).sum())
        volume += float(trades["qty"].sum())
        prints += len(trades)
        squares += float(np.square(np.diff(1e4 * np.log(mids))).sum())
    spans = len(TWIN_TAPES) * record.DURATION_S
    plain = Config()
    return msgspec.structs.replace(
        plain,
        risk=msgspec.structs.replace(
            plain.risk,
            lot_usd=record.LOT * feb19.REFERENCE_PX,
            q_max_lots=record.LIMIT / record.LOT,
        ),
        intensity=msgspec.structs.replace(
            plain.intensity,
            prior_kappa_per_bp=prints / distance,
            prior_rate_per_s=0.5 * prints / spans,
            aggressor_lots=volume / prints / record.LOT,
        ),
        volatility=msgspec.structs.replace(
            plain.volatility, prior_bps_per_sqrt_s=float(np.sqrt(squares / spans))
        ),
        symmetric=msgspec.structs.replace(
            plain.symmetric, half_spread_bps=feb19.MEAN_DEPTH_BPS, spacing_bps=0.35
        ),
    )


def _tape(market: InMemoryRecording) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.void]]:
    """Times and mids of the published quotes, and the prints."""
    (chunk,) = market.parts
    rows = chunk.rows
    bids = np.flatnonzero((rows["kind"] == 4) & (rows["side"] == 1))
    mids = 0.5 * (rows["px"][bids] + rows["px"][bids + 1])
    return rows["exch_ns"][bids], mids, rows[rows["kind"] == TRADE]


Make = Callable[[Instrument], Maker]


def named(name: str, config: Config) -> Make:
    """Makes the maker called `name` with `config`."""
    return lambda instrument: makers.make(name, config, instrument)


def run(make: Make, market: str, seeds: Iterable[int], settings: ReplaySettings = SETTINGS) -> Runs:
    """The maker over the paths of `market`."""
    maker = make(feb19.instrument())
    kept = [_figures(replay(MARKETS[market](seed), maker, settings)) for seed in seeds]
    return Runs(*np.array(kept).T)


def _figures(result: ReplayResult) -> tuple[float, ...]:
    fills, ledger = result.fills, result.ledger
    after = fills["mid_after"][:, FIVE_S]
    losses = -fills["side"] * 1e4 * (after / fills["mid"] - 1.0)
    position, mid = float(ledger["position"]), float(ledger["last_mid"])
    equity = float(ledger["cash"]) - float(ledger["fees"]) + float(ledger["funding"]) + position * mid
    return (
        position,
        float(len(fills)),
        float(np.nanmean(losses)) if np.isfinite(losses).any() else np.nan,
        float(ledger["max_abs_position"]),
        equity,
        float(fills["qty"].sum()),
    )
