"""Replays over prices of a request, paired by seed: what the bar of the request economy is made of."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import undertow
from undertow.config import Config
from undertow.config.sections import Fees, Ladder, Quoting, Risk
from undertow.makers import make_undertow, with_calibration
from undertow.recording import Recording
from undertow.replay.from_config import with_fees

MARKET = "hip3-hype"
DURATION_S = 3600.0
LOTS_USD = (20.0, 100.0, 500.0)
PRICES = (0.0, 0.003, 0.01, 0.015, 0.03, 0.1, 0.3)
"""Price of a request, bps·lots; 0: requoting without limit, what every other is held against."""

SCARCE = 1000.0
"""Allowance of the last row, requests: the price is the default and rises as they go."""

SEEDS = range(8001, 8001 + int(os.environ.get("UNDERTOW_ECONOMY_SEEDS", "160")))
FEWER = 24
"""Seeds for the lots the bar says nothing of."""


@dataclass(frozen=True)
class Row:
    """Sums over the seeds of one lot and price; PnL against requoting without limit, paired."""

    label: str
    lot_usd: float
    seeds: int
    pnl_usd: float  # an hour, as all that follow
    error_usd: float
    less_usd: float  # PnL less that of requoting without limit
    less_error_usd: float
    share: float  # PnL over that of requoting without limit
    share_error: float
    volume_usd: float
    requests: float

    @property
    def per_usd(self) -> float:
        """Requests per USD traded."""
        return self.requests / self.volume_usd


def configured(lot_usd: float, price: float, budget: float) -> Config:
    """A market in growth mode (a tenth of the fees), the calibration that comes with the preset."""
    config = Config(
        risk=Risk(lot_usd=lot_usd),
        ladder=Ladder(request_price_bps_lots=price),
        quoting=Quoting(request_budget=budget),
        fees=Fees(maker_bps=0.3, taker_bps=0.9),
    )
    return with_calibration(config, MARKET)


def _run(base: Recording, config: Config) -> tuple[float, float, float]:
    """PnL (USD), volume (USD) and requests of a session."""
    market = with_fees(base, config)
    session = undertow.run(market, make_undertow(config, market.instrument), extent="off")
    desk = session.result.maker_state.desk
    return float(session.summary["usd"]["pnl"]), float(desk.volume), float(desk.requests)


def _row(label: str, lot_usd: float, runs: NDArray[np.float64], free: NDArray[np.float64]) -> Row:
    n = len(runs)
    pnl, without = runs[:, 0], free[:, 0]
    share = float(pnl.mean() / without.mean())

    def error(values: NDArray[np.float64]) -> float:
        return float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")

    return Row(
        label=label,
        lot_usd=lot_usd,
        seeds=n,
        pnl_usd=float(pnl.mean()),
        error_usd=error(pnl),
        less_usd=float((pnl - without).mean()),
        less_error_usd=error(pnl - without),
        share=share,
        share_error=error(pnl - share * without) / abs(float(without.mean())),
        volume_usd=float(runs[:, 1].mean()),
        requests=float(runs[:, 2].mean()),
    )


def table(lot_usd: float, prices: tuple[float, ...], seeds: Iterable[int]) -> list[Row]:
    """A row per price, the first of which must be 0, and one for a scarce allowance."""
    cases = [(f"{price:g}", configured(lot_usd, price, 0.0)) for price in prices]
    default = Config().ladder.request_price_bps_lots
    cases.append((f"allowance of {SCARCE:g}", configured(lot_usd, default, SCARCE)))
    runs: list[list[tuple[float, float, float]]] = [[] for _ in cases]
    for seed in seeds:
        base = undertow.generate(MARKET, seed=seed, duration_s=DURATION_S)
        for found, (_, config) in zip(runs, cases, strict=True):
            found.append(_run(base, config))
    arrays = [np.array(found) for found in runs]
    return [_row(label, lot_usd, a, arrays[0]) for (label, _), a in zip(cases, arrays, strict=True)]


def tables() -> dict[float, list[Row]]:
    """All lots; the bar's on every seed."""
    return {lot: table(lot, PRICES, SEEDS if lot == 100.0 else SEEDS[:FEWER]) for lot in LOTS_USD}
