"""On real recordings: are the drift filter's surprises as large as it expects?

Each recording is seen by the estimators as a maker would see it, with a cycle a second; the belief is
calibrated on the first half (research/calibrate.py: drift, and the features this module collects,
behind the gate) and runs through both, so its σ and noise are warm when the second half begins. The
normalised innovation squared of the price observations,

    NIS = (z − μ̂)²/(P + R),   to average 1

is averaged over the second half: .8 to 1.25. Its path, the mean over a running five minutes, is drawn
to the folder in UNDERTOW_PLOTS if that is set (one HTML page).

Surprises have fat tails: over 150 s (the halves of the five-minute recordings) their mean is uncertain
by more than the bar is wide, as its standard error beside it says.

The crash of 23 December 2025 has no prints: there every second is a tick of the volatility.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from bars import Figure, recordings
from undertow.calibration import Calibration, to_belief_params
from undertow.data.convert import convert
from undertow.data.source import Options
from undertow.events import BBO, END, LOCAL, TRADE
from undertow.instrument import price_of
from undertow.kernel.belief import BELIEF, belief_cycle, init_belief
from undertow.kernel.estimators import (
    ESTIMATORS,
    estimator_params,
    init_estimators,
    see_book,
    see_cycle,
    see_other,
    see_trade,
)
from undertow.kernel.features import FEATURE_NAMES, N_FEATURES
from undertow.kernel.flow import flow_imbalance
from undertow.kernel.l2book import Book, apply_row, has_both_sides, level_qty, mid_price, new_book
from undertow.kernel.volatility import (
    MEDIUM,
    VOLATILITY,
    init_volatility,
    sigma_total,
    volatility_gap,
    volatility_params,
    volatility_tick,
)
from undertow.records import Rec, new_record
from undertow.research.calibrate import calibrate
from undertow.research.hac import mean_and_error
from undertow.units import depth_bps

TITLE = "Innovations of the drift filter on real recordings, second half"

FLOW = FEATURE_NAMES.index("flow_slow")
NEAR = FEATURE_NAMES.index("book_imbalance_10")
CYCLE_NS = 1_000_000_000
WINDOW = 300

AT = np.dtype([("next_ns", "<i8"), ("rows", "<i8")])

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """A recording at one row per second: (n,) times in s, mids, σ_total; (n, N_FEATURES) features."""

    time_s: Floats
    mid: Floats
    sigma: Floats
    features: Floats


@nb.njit(cache=True)
def _imbalance(book: Book, inst: Rec, mid: float, reach_bps: float) -> float:
    """(bids − asks)/(bids + asks) of what stands within `reach_bps` of the mid; NaN if unknown."""
    sums = np.zeros(2)
    for index in range(2):
        side = 1 - 2 * index
        tick = book.top.best_bid if index == 0 else book.top.best_ask
        while abs(depth_bps(price_of(inst, tick), mid, side)) <= reach_bps:
            qty = level_qty(book, side, tick)
            if np.isnan(qty):
                break
            sums[index] += qty
            tick -= side
    total = sums[0] + sums[1]
    return (sums[0] - sums[1]) / total if total > 0.0 else np.nan


@nb.njit(cache=True)
def _see(state: Rec, params: Rec, inst: Rec, book: Book, row: Rec, snapshots: Floats) -> None:
    """Show one row to the estimators, through the book."""
    if row.kind == TRADE:
        top = book.top
        see_trade(state, params, inst, row, mid_price(book, inst), top.exch_ns, top.best_bid, top.best_ask)
    elif row.kind > BBO:
        see_other(state, params, inst, row)
    apply_row(book, inst, row, snapshots)
    if row.kind <= BBO and row.flags & END and has_both_sides(book):
        mid = mid_price(book, inst)
        half_bps = depth_bps(price_of(inst, book.top.best_bid), mid, 1)
        see_book(state, params, row.exch_ns, row.recv_ns, mid, half_bps)


@nb.njit(cache=True)
def _watch(
    state: Rec,
    params: Rec,
    inst: Rec,
    book: Book,
    rows: NDArray[np.void],
    snapshots: Floats,
    at: Rec,
    out: Floats,
    features: Floats,
) -> None:
    """Show a chunk to the estimators, a cycle a second; `at` (`AT`) is where we are."""
    for i in range(rows.shape[0]):
        row = rows[i]
        if row.flags & LOCAL == 0:
            continue
        if at.next_ns == 0 or row.recv_ns - at.next_ns > 10 * CYCLE_NS:  # nothing was seen in between
            at.next_ns = row.recv_ns
        while at.next_ns <= row.recv_ns and at.rows < out.shape[0]:
            if has_both_sides(book):
                n, mid = at.rows, mid_price(book, inst)
                see_cycle(state, params, inst, at.next_ns, mid, 1.0)
                out[n, 0], out[n, 1] = at.next_ns * 1e-9, mid
                out[n, 2] = sigma_total(state.volatility, params.volatility, MEDIUM)
                features[n, FLOW] = -flow_imbalance(state.flow, params.flow)
                features[n, NEAR] = _imbalance(book, inst, mid, 10.0)
                at.rows += 1
            at.next_ns += CYCLE_NS
        _see(state, params, inst, book, row, snapshots)


def watch(kind: str, paths: list[Path], coin: str | None = None, *, longest_s: int = 14_400) -> Seen:
    """A recording through the estimators, a row per second."""
    conversion = convert(kind, paths, mode="repair", options=Options(coin=coin))
    params = estimator_params()
    state, at = new_record(ESTIMATORS), new_record(AT)
    init_estimators(state, params)
    book, inst = new_book(erode=conversion.source.snapshot_fed), conversion.instrument.record()
    out, features = np.empty((longest_s, 3)), np.full((longest_s, N_FEATURES), np.nan)
    for chunk in conversion.chunks():
        _watch(state, params, inst, book, chunk.rows, chunk.snapshots, at, out, features)
    n = int(at.rows)
    return Seen(out[:n, 0], out[:n, 1], out[:n, 2], features[:n])


@nb.njit(cache=True)
def _tick_each(time_s: Floats, mid: Floats, state: Rec, params: Rec, sigma: Floats) -> None:
    """σ_total where every sample is a tick, and stretches over 10 s are gaps."""
    for i in range(len(mid)):
        if i > 0:
            dt = time_s[i] - time_s[i - 1]
            if dt > 10.0:
                volatility_gap(state, params)
            else:
                volatility_tick(state, params, 1e4 * np.log(mid[i] / mid[i - 1]), dt)
        sigma[i] = sigma_total(state, params, MEDIUM)


def watch_mids(path: Path) -> Seen:
    """A series of mids alone (columns ``utc``, ``mid``)."""
    frame = (
        pl.read_csv(path, try_parse_dates=True).sort("utc").unique("utc", keep="first", maintain_order=True)
    )
    time_s = frame["utc"].dt.epoch("us").to_numpy() * 1e-6
    mid = frame["mid"].to_numpy().astype(np.float64)
    params, state = volatility_params(half_life_ticks=(15.0, 60.0, 300.0)), new_record(VOLATILITY)
    init_volatility(state, params)
    sigma = np.empty(len(mid))
    _tick_each(time_s, mid, state, params, sigma)
    return Seen(time_s, mid, sigma, np.full((len(mid), N_FEATURES), np.nan))


@nb.njit(cache=True)
def _believe(
    state: Rec, params: Rec, time_s: Floats, mid: Floats, sigma: Floats, x: Floats, nis: Floats
) -> None:
    """NIS of each row, NaN where no price was observed."""
    for i in range(len(mid)):
        now_ns = np.int64(time_s[i] * 1e9)
        nis[i] = np.nan
        if belief_cycle(state, params, now_ns, mid[i], sigma[i], x[i]):
            nis[i] = state.drift.innovation**2 / state.drift.innovation_variance


def innovations(seen: Seen, name: str) -> tuple[Floats, Calibration]:
    """(NIS of every row, the calibration of the first half)."""
    half = int(np.searchsorted(seen.time_s, 0.5 * (seen.time_s[0] + seen.time_s[-1])))
    half = max(half, 101)
    x = seen.features[:half]
    found = calibrate(seen.time_s[:half], seen.mid[:half], x, recording=name, split="first half")
    params = to_belief_params(found)
    state, nis = new_record(BELIEF), np.empty(len(seen.mid))
    init_belief(state, params)
    _believe(state, params, seen.time_s, seen.mid, seen.sigma, seen.features, nis)
    return nis, found


def second_half(seen: Seen, nis: Floats) -> Floats:
    """NIS of the second half's price observations."""
    late = nis[seen.time_s >= 0.5 * (seen.time_s[0] + seen.time_s[-1])]
    return late[np.isfinite(late)]


def sources(root: Path) -> dict[str, Callable[[], Seen]]:
    """Every recording with books or mids, by name; three hours of the longest."""
    liquid, early, late = (
        root / d for d in ("hyperliquid_2025-09-04", "binance_2024-08-08", "binance_2026-02-16")
    )
    standx = [
        p
        for kind in ("orderbook", "trades")
        for hour in ("14", "15", "16")
        for p in sorted((root / "standx_btc").glob(f"{kind}*2026-01-06_{hour}.parquet"))
    ]
    return {
        "hyperliquid BTC": lambda: watch("hyperliquid-csv", [liquid], "BTC"),
        "hyperliquid ETH": lambda: watch("hyperliquid-csv", [liquid], "ETH"),
        "binance 2024 perpetual": lambda: watch("binance-raw", [early / "usdm_btcusdt.gz"]),
        "binance 2024 spot": lambda: watch("binance-raw", [early / "spot_btcusdt.gz"]),
        "binance 2024 coin-M": lambda: watch("binance-raw", [early / "coinm_btcusd_perp.gz"]),
        "binance 2026 perpetual": lambda: watch("binance-books", sorted(late.glob("*btc_fut*"))),
        "binance 2026 spot": lambda: watch("binance-books", sorted(late.glob("*btc_spot*"))),
        "standx BTC, 3 h": lambda: watch("standx", standx),
        "crash of 23 December, mids": lambda: watch_mids(root / "crash_2025-12-23" / "btc_mid_1hz.csv.gz"),
    }


def running_mean(nis: Floats, window: int = WINDOW) -> Floats:
    """Mean over the last `window` observations, NaN until a third of them are there."""
    known = np.isfinite(nis)
    total, count = np.cumsum(np.where(known, nis, 0.0)), np.cumsum(known)
    total[window:] -= total[:-window].copy()
    count[window:] -= count[:-window].copy()
    return np.where(count >= window // 3, total / np.maximum(count, 1), np.nan)


def draw(paths: dict[str, tuple[Seen, Floats]], file: Path) -> None:
    """The path of NIS of every recording, one panel each, as a page that loads plotly from the web."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=len(paths), cols=1, subplot_titles=list(paths), vertical_spacing=0.03)
    for row, (name, (seen, nis)) in enumerate(paths.items(), 1):
        rows = np.flatnonzero(np.isfinite(nis))
        rows = rows[:: max(len(rows) // 400, 1)]
        minutes, path = (seen.time_s - seen.time_s[0]) / 60.0, running_mean(nis)
        figure.add_scatter(x=minutes[rows].round(2), y=path[rows].round(3), name=name, row=row, col=1)
        for level in (0.8, 1.25):
            figure.add_hline(level, line_dash="dot", line_width=1, row=row, col=1)
        figure.add_vline(minutes[-1] / 2.0, line_dash="dash", line_width=1, row=row, col=1)
        figure.update_yaxes(type="log", row=row, col=1)
    figure.update_layout(height=220 * len(paths), showlegend=False, template="plotly_white")
    figure.update_layout(
        title="Normalised innovation squared, mean of five minutes; dashed: calibrated before"
    )
    figure.write_html(file, include_plotlyjs="cdn")


def measure() -> list[Figure]:
    """Mean NIS of the second half of every recording."""
    figures, paths = [], {}
    for name, source in sources(recordings()).items():
        seen = source()
        nis, found = innovations(seen, name)
        paths[name] = seen, nis
        late = second_half(seen, nis)
        value, error = mean_and_error(late, 30)
        path = running_mean(nis)[np.isfinite(nis)]
        steps = path[np.isfinite(path)][:: max(len(path) // 12, 1)]
        detail = {
            "observations": len(late),
            "standard error (30 s blocks)": round(error, 3),
            "median (of χ²(1): .455)": round(float(np.median(late)), 3),
            "without the largest 1 %": round(float(late[late <= np.quantile(late, 0.99)].mean()), 3),
            "path, five-minute means": steps.round(2).tolist(),
            "θ, σ_μ": [found.drift.theta_per_s, found.drift.sigma_mu],
            "drift identified": found.drift.identified,
            "observed": [f.name for f in found.forecast.features] if found.forecast else [],
            "alphas": [name for a in found.alphas for name in a.loadings],
        }
        figures.append(
            Figure(f"{name}: mean NIS", round(value, 3), ".8–1.25", 0.8 <= value <= 1.25, [], detail)
        )
    if os.environ.get("UNDERTOW_PLOTS"):
        draw(paths, Path(os.environ["UNDERTOW_PLOTS"]) / "innovations.html")
    return figures
