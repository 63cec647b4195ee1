"""Random search over a maker's parameters, with a stated budget, on seeds kept apart from the reported.

The same budget for every maker, the same training seeds, and a search that knows nothing of the maker:
what it finds is what a user could have found. All trials meet the same markets, each generated once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from undertow.account.measures import Measures
from undertow.config import Config, dumps
from undertow.research.compare import pooled_sd_usd
from undertow.research.running import Cell, Progress, run_seeds
from undertow.research.variants import Variant, patched

Objective = Literal["pnl", "pnl_per_deviation"]
OBJECTIVES: Final[tuple[Objective, ...]] = ("pnl", "pnl_per_deviation")
BATCH: Final = 16
"""Trials that share one generation of a market."""


@dataclass(frozen=True)
class Span:
    """Where a parameter may lie: uniform, or uniform in the logarithm; whole numbers if both ends are."""

    low: float
    high: float
    log: bool = False

    def draw(self, rng: np.random.Generator) -> float | int:
        """A value."""
        if self.log:
            value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = rng.uniform(self.low, self.high)
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return round(value) if whole else float(f"{value:.4g}")


Space = Mapping[str, Span]

SPACES: Final[dict[str, Space]] = {
    "undertow": {
        "risk.kappa_eta_base": Span(0.05, 0.6, log=True),
        "ladder.request_price_bps_lots": Span(0.002, 0.1, log=True),
        "drift.sigma_mu": Span(0.001, 0.02, log=True),
    },
    "glft": {
        "glft_grid.gamma": Span(0.001, 1.0, log=True),
        "glft_grid.spread_factor": Span(0.25, 8.0, log=True),
        "glft_grid.skew_factor": Span(0.01, 2.0, log=True),
        "glft_grid.window_cycles": Span(600, 6_000),
    },
    "symmetric": {
        "symmetric.half_spread_bps": Span(0.2, 20.0, log=True),
        "symmetric.spacing_bps": Span(0.1, 5.0, log=True),
        "symmetric.requote_bps": Span(0.0, 3.0),
    },
    "six-gate": {
        "six_gate.prior_kappa_per_bp": Span(0.03, 1.0, log=True),
        "six_gate.spacing_bps": Span(0.1, 5.0, log=True),
        "six_gate.gate_share": Span(0.2, 1.0),
        "six_gate.drift_gain": Span(0.0, 4.0),
    },
    "avellaneda": {
        "avellaneda.risk_factor": Span(0.01, 100.0, log=True),
        "avellaneda.shape_factor": Span(0.0, 1.0),
        "avellaneda.min_spread_bps": Span(0.0, 20.0),
        "avellaneda.refresh_s": Span(1.0, 120.0, log=True),
        "avellaneda.filled_delay_s": Span(1.0, 120.0, log=True),
        "avellaneda.levels": Span(1, 6),
        "avellaneda.level_distance_pct": Span(10.0, 200.0, log=True),
    },
}
"""What is searched of each maker by default: the parameters its users are told to tune."""


@dataclass(frozen=True)
class Trial:
    """One setting tried: its patch, its score, mean PnL per session and inventory deviation, USD."""

    patch: dict[str, float | int]
    score: float
    pnl_usd: float
    sd_usd: float
    fills: float


@dataclass(frozen=True)
class Tuned:
    """The best of a search, and all of it in the order tried; the first is the untuned configuration."""

    maker: str
    config: Config
    best: Trial
    trials: list[Trial]
    objective: Objective
    seed: int

    def write(self, path: Path) -> Path:
        """Write the best configuration as TOML, with how it was found in its first lines."""
        head = (
            f"# {self.maker}, the best of {len(self.trials)} settings tried (search seed {self.seed}) by "
            f"{self.objective}:\n# {self.best.pnl_usd:.4g} USD a session at an inventory deviation of "
            f"{self.best.sd_usd:.4g} USD on the training seeds; untuned {self.trials[0].pnl_usd:.4g} USD at "
            f"{self.trials[0].sd_usd:.4g}.\n\n"
        )
        path.write_text(head + dumps(self.config))
        return path


def tune(
    maker: str,
    cells: Sequence[Cell],
    seeds: Sequence[int],
    *,
    budget: int = 64,
    base: Config | None = None,
    space: Space | None = None,
    objective: Objective = "pnl",
    seed: int = 1,
    least_fills: float = 1.0,
    workers: int = 0,
    progress: Progress | None = None,
) -> Tuned:
    """Search `budget` settings (the untuned one counts) for the best mean score over `seeds`.

    ``"pnl"`` is mean PnL per session. ``"pnl_per_deviation"`` divides it by the inventory deviation:
    to first order the PnL at a matched deviation, since both grow with the order size. Settings with
    fewer than `least_fills` fills a session do not win: a maker that does not trade is none. Ties go to
    the earlier. Deterministic by `seed`, whatever the number of workers.
    """
    space = SPACES[maker] if space is None else space
    base = base or Config()
    if budget < 1:
        raise ValueError(f"budget = {budget} must be at least 1")
    rng = np.random.default_rng(seed)
    patches: list[dict[str, float | int]] = [{}]
    patches += [{path: span.draw(rng) for path, span in space.items()} for _ in range(budget - 1)]
    trials: list[Trial] = []
    for start in range(0, budget, BATCH):
        batch = patches[start : start + BATCH]
        variants = [Variant(str(start + k), maker, patched(base, p)) for k, p in enumerate(batch)]
        report = _offset(progress, start, budget) if progress is not None else None
        found = run_seeds(cells, seeds, variants, workers=workers, progress=report)
        sessions = [session for cell in found for session in cell]
        trials += [
            _trial(p, [session[k] for session in sessions], objective, least_fills)
            for k, p in enumerate(batch)
        ]
    best = max(trials, key=lambda t: t.score)
    return Tuned(maker, patched(base, best.patch), best, trials, objective, seed)


def _offset(progress: Progress, start: int, budget: int) -> Callable[[int, int], None]:
    """Progress within a batch as progress of the whole search, in trials."""

    def report(done: int, of: int) -> None:
        progress(start + min(BATCH, budget - start) * done // of, budget)

    return report


def _trial(
    patch: dict[str, float | int], column: Sequence[Measures], objective: Objective, least_fills: float
) -> Trial:
    pnl = sum(m.pnl_usd for m in column) / len(column)
    fills = sum(m.fills for m in column) / len(column)
    sd = pooled_sd_usd(column)
    score = pnl if objective == "pnl" else pnl / sd if sd > 0.0 else -math.inf
    return Trial(patch, score if fills >= least_fills else -math.inf, pnl, sd, fills)
