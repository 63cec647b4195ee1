"""Equal inventory risk: bring a maker's inventory deviation to a target, so that PnL may be compared.

The *inventory deviation* of a maker is the square root of the time average of its squared position in
USD, sampled once a second, over all sessions pooled: its deviation from flat, which is where a maker
wants to be. A maker is brought to the target by one knob of its configuration, by default its order
size (``risk.lot_usd``; the position limit is in lots and goes along), searched on training seeds. A knob
need not be exactly monotone: the search narrows a logarithmic bracket around the crossing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from undertow.research.compare import pooled_sd_usd
from undertow.research.running import Cell, Progress, run_seeds
from undertow.research.variants import Variant, patched, value_at

POINTS = 6
"""Settings of the knob tried in each pass; a pass generates every market once for all of them."""

SIZE = "risk.lot_usd"
GUESS = 1.6
"""The order size is first sought within this factor of proportion."""


@dataclass(frozen=True)
class Knob:
    """A configuration key and the range it may be turned over."""

    path: str
    low: float
    high: float


@dataclass(frozen=True)
class Matched:
    """A variant brought to a target: `sd_usd` is what it reaches on the training seeds.

    `within` says whether that is within the tolerance; where the knob's range ends before, the nearest
    end is taken. `tried` holds every (setting, deviation) in the order they were run.
    """

    variant: Variant
    setting: float
    sd_usd: float
    target_usd: float
    within: bool
    tried: list[tuple[float, float]]


def size_knob(variant: Variant, least_usd: float, most_usd: float = 1e6) -> Knob:
    """The order size, from `least_usd` (the venue's minimum, with room for rounding) up."""
    lot = variant.config.risk.lot_usd
    return Knob(SIZE, max(least_usd, lot / 100.0), min(most_usd, lot * 100.0))


def inventory_sd_usd(
    variants: Sequence[Variant],
    cells: Sequence[Cell],
    seeds: Sequence[int],
    *,
    workers: int = 0,
    progress: Progress | None = None,
) -> list[float]:
    """Inventory deviation of each variant over all cells and seeds, USD."""
    found = run_seeds(cells, seeds, variants, workers=workers, progress=progress)
    sessions = [session for cell in found for session in cell]
    return [pooled_sd_usd([session[k] for session in sessions]) for k in range(len(variants))]


def match_inventory(
    variant: Variant,
    target_usd: float,
    knob: Knob,
    cells: Sequence[Cell],
    seeds: Sequence[int],
    *,
    tolerance: float = 0.03,
    passes: int = 4,
    workers: int = 0,
    progress: Progress | None = None,
) -> Matched:
    """Turn `knob` until the variant's inventory deviation is within `tolerance` of `target_usd`.

    Every pass tries `POINTS` settings over the bracket, spaced by ratios, and keeps the neighbours
    between which the target is crossed nearest to the last best. Deterministic. Raises `ValueError`
    for a target that is not positive.
    """
    if not target_usd > 0.0:
        raise ValueError(f"target_usd = {target_usd:g} must be positive: there is no inventory to match")
    whole = math.log(knob.low), math.log(knob.high)
    tried: list[tuple[float, float]] = []
    low, high = whole
    if knob.path == SIZE:
        now = variant.config.risk.lot_usd
        (sd,) = inventory_sd_usd([variant], cells, seeds, workers=workers)
        tried.append((now, sd))
        low, high = _guess(now * target_usd / max(sd, 1e-9), whole)
    for _ in range(passes):
        settings = np.exp(np.linspace(low, high, POINTS)).tolist()
        variants = [turned(variant, knob, s) for s in settings]
        sds = inventory_sd_usd(variants, cells, seeds, workers=workers, progress=progress)
        tried += list(zip(settings, sds, strict=True))
        best = min(tried, key=lambda pair: abs(math.log(max(pair[1], 1e-9) / target_usd)))
        if abs(best[1] / target_usd - 1.0) <= tolerance:
            break
        low, high = _bracket(tried, best, target_usd, whole)
    within = abs(best[1] / target_usd - 1.0) <= tolerance
    return Matched(turned(variant, knob, best[0]), best[0], best[1], target_usd, within, tried)


def match_all(
    variants: Sequence[Variant],
    reference: str,
    cell: Cell,
    seeds: Sequence[int],
    *,
    tolerance: float = 0.03,
    workers: int = 0,
    progress: Progress | None = None,
) -> list[Matched]:
    """Bring every variant but the one labelled `reference` to its inventory deviation, by order size.

    One market at a time, on `seeds` that should not be those reported. The reference comes first among
    the results, as it is; the others follow in their order. Raises `ValueError` where the reference
    holds no inventory at all.
    """
    ours = next(v for v in variants if v.label == reference)
    (target,) = inventory_sd_usd([ours], [cell], seeds, workers=workers)
    lot = ours.config.risk.lot_usd
    found = [Matched(ours, lot, target, target, within=True, tried=[(lot, target)])]
    params = cell.params()
    step_usd = params.instrument.size_step * params.instrument.contract_value * params.start_px
    least = 1.02 * params.instrument.min_notional + step_usd
    others = [v for v in variants if v.label != reference]
    for k, other in enumerate(others):
        knob = size_knob(other, least)
        found.append(
            match_inventory(other, target, knob, [cell], seeds, tolerance=tolerance, workers=workers)
        )
        if progress is not None:
            progress(k + 1, len(others))
    return found


def turned(variant: Variant, knob: Knob, setting: float) -> Variant:
    """`variant` with the knob at `setting`."""
    whole = isinstance(value_at(variant.config, knob.path), int)
    return replace(variant, config=patched(variant.config, {knob.path: round(setting) if whole else setting}))


def _guess(setting: float, whole: tuple[float, float]) -> tuple[float, float]:
    """A bracket around what would be right if the deviation were proportional to the order size."""
    low, high = (min(max(math.log(setting * f), whole[0]), whole[1]) for f in (1.0 / GUESS, GUESS))
    return (low, high) if high > low else whole


def _bracket(
    tried: list[tuple[float, float]], best: tuple[float, float], target: float, whole: tuple[float, float]
) -> tuple[float, float]:
    """Logs of the neighbouring settings that enclose the target nearest to the best; without any, all."""
    ordered = sorted(set(tried))
    crossings = [
        (a[0], b[0]) for a, b in itertools.pairwise(ordered) if (a[1] - target) * (b[1] - target) <= 0.0
    ]
    if not crossings:
        return whole
    a, b = min(crossings, key=lambda pair: abs(math.log(pair[0] * pair[1]) - 2.0 * math.log(best[0])))
    return math.log(a), math.log(b)
