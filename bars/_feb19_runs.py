"""Runs on the rebuilt 19 February: makers, what is kept of each path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow import makers
from undertow.config import Config
from undertow.instrument import Instrument
from undertow.maker import Maker
from undertow.replay import MARKOUT_HORIZONS_S, ReplayResult, ReplaySettings, replay
from undertow.scenarios import feb19
from undertow.scenarios.freeze import market

FIVE_S: Final = MARKOUT_HORIZONS_S.index(5.0)
SETTINGS: Final = ReplaySettings(sample_interval_s=0.0, window_ticks=16_384)
Make = Callable[[Instrument], Maker]


@dataclass(frozen=True)
class Runs:
    """One maker over many paths: an array per figure, a path each. Contracts, USD, bps."""

    final: NDArray[np.float64]
    fills: NDArray[np.float64]
    loss_5s_bps: NDArray[np.float64]  # mean over the path's fills, NaN without
    max_position: NDArray[np.float64]
    pnl: NDArray[np.float64]
    volume: NDArray[np.float64]  # contracts


def named(name: str, config: Config) -> Make:
    """Makes the maker called `name` with `config`."""
    return lambda instrument: makers.make(name, config, instrument)


def run(make: Make, name: str, seeds: Iterable[int], settings: ReplaySettings = SETTINGS) -> Runs:
    """The maker over the market called `name` (fall, mirrored, twin), a path per seed."""
    maker = make(feb19.instrument())
    kept = [_figures(replay(market(name, seed), maker, settings)) for seed in seeds]
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


def variants(config: Config) -> dict[str, Make]:
    """Ours whole, ours with one part taken out, and the symmetric ladder at the old maker's sizes.

    A part is taken out in the configuration: the drift by σ_μ at its floor (its prior deviation a tenth
    of the default), the flow by |φ| ≤ 0 and no answer of κ to it, η(q) first by β = 0 (η no longer grows
    with the position), then by κη at its floor as well (hardly any inventory term at all).
    """

    def changed(section: str, **values: float) -> Config:
        part = msgspec.structs.replace(getattr(config, section), **values)
        return msgspec.structs.replace(config, **{section: part})

    found = {
        "ours": config,
        "ours without drift": changed("drift", sigma_mu=0.0005),
        "ours without flow": changed("flow", max_imbalance=0.0, sensitivity=0.0),
        "ours with constant η": changed("risk", inventory_beta=0.0),
        "ours with hardly any η": changed("risk", inventory_beta=0.0, kappa_eta_base=0.02),
    }
    made = {name: named("undertow", used) for name, used in found.items()}
    return made | {"symmetric ladder": named("symmetric", config)}
