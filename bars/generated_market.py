"""The generated market: how close its presets are to what they were fitted to, and how fast it runs."""

from __future__ import annotations

import statistics
import time

import numpy as np

from bars import Figure, Unavailable, recordings
from undertow.data.convert import convert
from undertow.data.source import Options
from undertow.synthetic.fit import HEADLINES, misfit, simulated_moments
from undertow.synthetic.generate import generate
from undertow.synthetic.presets import load_preset, preset_names
from undertow.synthetic.stats import measure as statistics_of

TITLE = "Generated market"

SEEDS = tuple(range(2001, 2009))
BLIND_SEEDS = range(3001, 3041)
HOURS_3 = 10_800.0
HORIZONS = ("0.5s", "1s", "2s", "5s", "10s", "30s", "60s")
SOURCES = {
    "hl-btc": ("hyperliquid-csv", "hyperliquid_2025-09-04", "BTC"),
    "binance-btc-volatile": ("binance-raw", "binance_2024-08-08/usdm_btcusdt.gz", None),
}


def _speed() -> list[Figure]:
    """Seconds to generate a three-hour hl-btc market, warm."""
    times = []
    for seed in range(6):
        started = time.perf_counter()
        rows = sum(len(chunk.rows) for chunk in generate("hl-btc", seed, HOURS_3).chunks())
        times.append(time.perf_counter() - started)
    median = statistics.median(times[1:])
    detail = {"rows": rows, "all_s": [round(t, 3) for t in times[1:]], "first_s": round(times[0], 3)}
    return [Figure("three hours of hl-btc, warm, s", round(median, 3), "<= 2", median <= 2.0, detail=detail)]


def _preset(name: str) -> list[Figure]:
    """Errors of a preset's moments on seeds that neither the fit nor its check has seen."""
    preset = load_preset(name)
    moments = simulated_moments(preset.market, SEEDS, HOURS_3)
    errors = {key: misfit(key, t.value, moments.get(key, 0.0)) for key, t in preset.targets.items()}
    worst = max((key for key in errors if key in HEADLINES), key=lambda key: abs(errors[key]))
    inside = sum(abs(errors[key]) <= 2.0 * t.tolerance for key, t in preset.targets.items())
    detail = {
        key: {"target": t.value, "generated": moments.get(key, 0.0), "error": round(errors[key], 4)}
        for key, t in preset.targets.items()
    }
    share = inside / len(errors)
    # Published figures are ranges (volatility 2-4 bps/√s, spread 3-8 bps); a recording is a number.
    allowed = 0.33 if preset.provenance.published_figures else 0.15
    seeds = list(SEEDS)
    return [
        Figure(
            f"{name}: worst headline moment ({worst}), error",
            round(errors[worst], 4),
            f"|error| <= {allowed}",
            abs(errors[worst]) <= allowed,
            seeds,
            detail,
        ),
        Figure(
            f"{name}: moments within two tolerances",
            f"{inside} of {len(errors)}",
            ">= 70 %",
            share >= 0.7,
            seeds,
        ),
    ]


def _zero_toxicity() -> list[Figure]:
    """t-statistics of public markouts at toxicity 0, over seeds."""
    runs = [
        statistics_of(generate("hl-btc", seed, 3600.0, toxicity=0.0), errors=False).moments
        for seed in BLIND_SEEDS
    ]
    values = np.array([[run[f"markout_{h}_bps"] for h in HORIZONS] for run in runs])
    t = values.mean(axis=0) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))
    worst = float(np.max(np.abs(t)))
    detail = {
        h: {"mean_bps": float(m), "t": float(x)}
        for h, m, x in zip(HORIZONS, values.mean(axis=0), t, strict=True)
    }
    return [
        Figure(
            "toxicity 0: largest |t| of public markouts",
            round(worst, 2),
            "<= 3",
            worst <= 3.0,
            list(BLIND_SEEDS),
            detail,
        )
    ]


def _sources() -> list[Figure]:
    """Whether the recordings still have the moments their presets name."""
    try:
        folder = recordings()
    except Unavailable:
        return []
    figures = []
    for name, (kind, path, coin) in SOURCES.items():
        recording = convert(kind, [folder / path], mode="repair", options=Options(coin=coin)).recording()
        seen, preset = statistics_of(recording, errors=False).moments, load_preset(name)
        off = max(abs(seen[key] / t.value - 1.0) for key, t in preset.targets.items())
        figures.append(
            Figure(f"{name}: preset's targets against its recording", f"{off:.1e}", "<= 1e-3", off <= 1e-3)
        )
    return figures


def _all_presets() -> list[Figure]:
    """`_preset` of each preset that ships."""
    return [figure for name in preset_names() for figure in _preset(name)]


def measure() -> list[Figure]:
    """All figures of this subject."""
    parts = (_speed, _all_presets, _zero_toxicity, _sources)
    return [figure for part in parts for figure in part()]
