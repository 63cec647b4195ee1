"""A preset from a recording or from published figures: measure, estimate, fit, check on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from undertow.recording import Recording
from undertow.synthetic.direct import direct
from undertow.synthetic.fit import KNOBS, Knob, MomentFit, misfit, simulated_moments, targets_of
from undertow.synthetic.params import Feed, MarketParams, Target
from undertow.synthetic.presets import Preset, Provenance
from undertow.synthetic.published import PUBLISHED
from undertow.synthetic.stats import measure

VERSION = 1
LEVEL_SEEDS = tuple(range(201, 213))
CHECK_SEEDS = (901, 902, 903, 904, 905, 906)
"""Seeds on which a preset's errors are reported; the fit never sees them."""

Progress = Callable[[str], None]


def preset_from_recording(
    recording: Recording,
    *,
    name: str,
    source: str,
    feed: Feed,
    window_levels: int,
    fitted: str,
    commit: str,
    iterations: int = 14,
    duration_s: float = 7200.0,
    screen: int = 60,
    knobs: tuple[Knob, ...] = KNOBS,
    start: MarketParams | None = None,
    progress: Progress = lambda line: None,
) -> Preset:
    """Fit a preset to `recording`. The fit begins at `start`'s parameters, or at the
    best of `screen` random places around the direct estimates.
    """
    seen = measure(recording)
    market = direct(seen, recording.instrument, name=name, feed=feed, window_levels=window_levels)
    if start is not None:
        for knob in KNOBS:
            market = knob.put(market, knob.get(start))
    targets = targets_of(seen.moments, seen.standard_errors)
    fit = MomentFit(targets, knobs, duration_s=duration_s, progress=progress)
    result = fit.run(market, iterations, screen=1 if start is not None else screen)
    provenance = Provenance(source=source, fitted=fitted, commit=commit)
    return _checked(result.market, targets, provenance, msgspec.to_builtins(seen), duration_s, progress)


def preset_from_figures(
    name: str,
    *,
    fitted: str,
    commit: str,
    iterations: int = 14,
    duration_s: float = 43_200.0,
    progress: Progress = lambda line: None,
) -> Preset:
    """Fit a preset to the published figures of `PUBLISHED`."""
    known = PUBLISHED[name]()
    knobs = tuple(knob for knob in KNOBS if knob.field in known.knobs)
    fit = MomentFit(known.targets, knobs, duration_s=duration_s, progress=progress)
    result = fit.run(known.market, iterations, screen=8)
    provenance = Provenance(source=known.source, published_figures=True, fitted=fitted, commit=commit)
    return _checked(result.market, known.targets, provenance, {}, duration_s, progress)


def _levelled(market: MarketParams, targets: dict[str, Target], duration_s: float) -> MarketParams:
    """`market` with volatility and order rate set right on average over `LEVEL_SEEDS`.

    The fit's few seeds have a volatility and an order rate of their own, which it would make up for.
    """
    moments = simulated_moments(market, LEVEL_SEEDS, duration_s)
    sigmas = [name for name in targets if name.startswith("sigma_")]
    scale = math.exp(sum(math.log(targets[name].value / moments[name]) for name in sigmas) / len(sigmas))
    p, f = market.price, market.flow
    price = msgspec.structs.replace(
        p,
        sigma_bps=scale * p.sigma_bps,
        jump_mean_bps=scale * p.jump_mean_bps,
        drift_sd_bps_per_s=scale * p.drift_sd_bps_per_s,
    )
    rate = f.order_rate_per_s * targets["orders_per_s"].value / moments["orders_per_s"]
    return msgspec.structs.replace(
        market, price=price, flow=msgspec.structs.replace(f, order_rate_per_s=rate)
    )


def _checked(
    market: MarketParams,
    targets: dict[str, Target],
    provenance: Provenance,
    recorded: dict[str, Any],
    duration_s: float,
    progress: Progress,
) -> Preset:
    """The preset, its parameters rounded, with its errors on seeds the fit has not seen."""
    progress("levelling volatility and order rate")
    market = _levelled(market, targets, duration_s)
    market = msgspec.convert(rounded(market), MarketParams)
    progress("checking on fresh seeds")
    moments = simulated_moments(market, CHECK_SEEDS, max(duration_s, 10_800.0))
    plain = {
        "version": VERSION,
        "provenance": provenance,
        "market": market,
        "recorded": recorded,
        "targets": targets,
        "fitted": {name: moments.get(name, 0.0) for name in targets},
        "errors": {name: misfit(name, t.value, moments.get(name, 0.0)) for name, t in targets.items()},
    }
    return msgspec.convert(rounded(plain), Preset)


def rounded(value: Any) -> Any:
    """Structs as plain data, floats to six significant digits."""
    plain = msgspec.to_builtins(value)
    if isinstance(plain, float):
        return float(f"{plain:.6g}")
    if isinstance(plain, dict):
        return {key: rounded(item) for key, item in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [rounded(item) for item in plain]
    return plain
