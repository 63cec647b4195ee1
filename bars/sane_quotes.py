"""γ solved from κη_base gives quotes one could send, on every recording and preset.

Each is replayed with the default maker; once a second after warm-up the distance of the touch quotes
from the reservation price, κη and the largest order are written down. What they are is measured on
the market as it comes; nothing here is fitted to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np

import undertow
from bars import Figure, Unavailable, recordings
from undertow.api import open_files
from undertow.config import Config
from undertow.kernel.l2book import mid_price
from undertow.kernel.ladder import QUOTED, WARMING
from undertow.kernel.quoting import half_spreads_bps
from undertow.makers import make_undertow
from undertow.recording import Recording
from undertow.records import Rec
from undertow.replay.engine import replay
from undertow.replay.settings import ReplaySettings
from undertow.synthetic.presets import preset_names

TITLE = "Sane quotes on every recording and preset"
SEED = 3
PRESET_S = 1800.0
STANDX_HOURS = 3


@nb.njit(cache=True)
def probe(state: Rec, params: Rec, inst: Rec, book: Rec, out: Rec) -> None:
    """In the fields of an observation: half-spread, κη at the touch (base, at q), largest order."""
    out.time_ns = state.desk.now_ns
    out.mid = mid_price(book, inst)
    x, risk = state.inputs, state.risk
    reason = state.ladder.bid.reason[0]
    other = state.ladder.ask.reason[0]
    ready = state.session.cycles > 0 and reason != WARMING and other != WARMING and x.mid > 0.0
    bid, ask = half_spreads_bps(risk, x, inst.maker_fee_bps)
    out.reservation_px = 0.5 * (bid + ask) if ready else np.nan
    out.drift_bps_per_s = risk.kappa * risk.eta_base if ready else np.nan
    out.drift_sd_bps_per_s = risk.kappa * risk.eta if ready else np.nan
    largest = 0.0
    for k in range(params.ladder.levels):
        largest = max(largest, state.ladder.bid.qty[k], state.ladder.ask.qty[k])
    out.sigma_bps_per_sqrt_s = largest / x.lot_qty if ready else np.nan
    out.kappa_bid_per_bp = risk.gamma_base
    out.kappa_ask_per_bp = risk.kappa
    out.best_bid_px = reason == QUOTED
    out.best_ask_px = other == QUOTED
    out.position = state.inputs.position_lots
    out.equity = risk.horizon_s


def markets() -> Iterator[tuple[str, Recording]]:
    """Every preset, and every recording this machine has."""
    for name in preset_names():
        yield f"preset {name}", undertow.generate(name, seed=SEED, duration_s=PRESET_S)
    try:
        data = recordings()
    except Unavailable:
        return
    yield from _recorded(data)


def _recorded(data: Path) -> Iterator[tuple[str, Recording]]:
    folder = data / "hyperliquid_2025-09-04"
    for coin in ("BTC", "ETH"):
        paths = sorted(folder.glob(f"*_{coin}.csv.gz"))
        yield f"hyperliquid {coin}", open_files(paths, kind="hyperliquid-csv", coin=coin, repair=True)
    for path in sorted((data / "binance_2024-08-08").glob("*.gz")):
        yield f"binance {path.name.split('.')[0]}", open_files([path], kind="binance-raw", repair=True)
    folder = data / "binance_2026-02-16"
    for market in ("fut", "spot"):
        paths = sorted(folder.glob(f"*_btc_{market}_*.parquet"))
        yield f"binance {market} 2026", open_files(paths, kind="binance-books", repair=True)
    paths = []
    for kind in ("orderbook", "trades"):
        paths += sorted((data / "standx_btc").glob(f"{kind}_*"))[1 : 1 + STANDX_HOURS]
    yield "standx BTC", open_files(paths, kind="standx", repair=True)


def sample(recording: Recording) -> Any:
    """The probe's rows of a replay with the default maker, once a second."""
    maker = dataclasses.replace(
        make_undertow(Config(), recording.instrument), name="undertow_probe", observe=probe
    )
    return replay(recording, maker, ReplaySettings(sample_interval_s=1.0)).observations


def _figure(name: str, rows: Any) -> Figure:
    ready = np.isfinite(rows["reservation_px"])
    half, base = rows["reservation_px"][ready], rows["drift_bps_per_s"][ready]
    at_q, largest = rows["drift_sd_bps_per_s"][ready], rows["sigma_bps_per_sqrt_s"][ready]
    sane = (half >= 1.0) & (half <= 30.0) & (base <= 0.6 + 1e-9) & np.isfinite(largest)
    share = float(sane.mean()) if len(sane) else 0.0
    detail = {
        "half-spread bps, least, median, most": np.round(np.quantile(half, [0, 0.5, 1]), 2).tolist(),
        "kappa eta at the touch, median, most": np.round(np.quantile(base, [0.5, 1]), 3).tolist(),
        "kappa eta at q, most": round(float(at_q.max()), 3),
        "largest order, lots": round(float(largest.max()), 2),
        "gamma, last": float(rows["kappa_bid_per_bp"][-1]),
        "both sides quote, share": round(
            float((rows["best_bid_px"][ready] * rows["best_ask_px"][ready]).mean()), 3
        ),
        "samples": len(half),
    }
    return Figure(
        f"{name}: share of seconds with sane quotes", round(share, 4), "1", share == 1.0, [], detail
    )


def measure() -> list[Figure]:
    """One figure per market."""
    return [_figure(name, sample(recording)) for name, recording in markets()]
