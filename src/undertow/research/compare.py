"""Makers side by side: the table of each, and what each differs by from a reference, with its error."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from undertow.account.decomposition import DEFAULT_HORIZON_S
from undertow.account.measures import Measures
from undertow.account.paired import BLOCK_S, Difference, over_blocks, over_seeds
from undertow.recording import Recording
from undertow.replay.log import MARKOUT_HORIZONS_S
from undertow.replay.together import Watch
from undertow.research.running import Cell, Progress, run_recording, run_seeds
from undertow.research.variants import Variant, check_fair


@dataclass(frozen=True)
class Metric:
    """A number of a session: its key, what it is called, its unit and how it is read."""

    key: str
    title: str
    unit: str
    of: Callable[[Measures], float]


METRICS: Final[tuple[Metric, ...]] = (
    Metric("pnl", "PnL", "USD", lambda m: m.pnl_usd),
    Metric("spread", "captured spread", "USD", lambda m: m.totals.spread),
    Metric("markout_loss", "markout loss", "USD", lambda m: m.totals.markout_loss),
    Metric("fees", "fees", "USD", lambda m: m.totals.fees),
    Metric("funding", "funding", "USD", lambda m: m.totals.funding),
    Metric("inventory", "inventory", "USD", lambda m: m.totals.inventory),
    Metric("fills", "fills", "", lambda m: float(m.fills)),
    Metric("volume", "volume", "USD", lambda m: m.volume_usd),
    Metric("mean_abs_position", "mean |position|", "USD", lambda m: m.mean_abs_usd),
    Metric("inventory_sd", "inventory deviation", "USD", lambda m: m.inventory_sd_usd),
    Metric("max_position", "largest |position|", "USD", lambda m: m.max_abs_usd),
    Metric("drawdown", "drawdown", "USD", lambda m: m.max_drawdown_usd),
    Metric("requests", "requests", "", lambda m: float(m.requests)),
    Metric("rejects", "rejects", "", lambda m: float(m.rejects)),
)
"""What is tabled of every session; markout loss and fees are losses."""


@dataclass(frozen=True)
class Row:
    """One maker over all sessions of a table.

    `values` and `errors` are means per session and their standard errors, by `METRICS`' keys (errors
    NaN for one recording). ``pnl_bps`` is per volume, ``inventory_sd_usd`` pooled over the sessions:
    √ of the mean squared position. ``markout_bps`` and its errors stand at ``MARKOUT_HORIZONS_S``.
    """

    label: str
    maker: str
    values: dict[str, float]
    errors: dict[str, float]
    pnl_bps: float
    inventory_sd_usd: float
    markout_bps: list[float]
    markout_error_bps: list[float]
    sessions: list[float]  # PnL of each
    blocks: list[float]  # PnL of each block of the only session


@dataclass(frozen=True)
class Table:
    """Every maker on one market (one recording, or one kind of generated market over `seeds`).

    ``differences[label][key]`` is the maker's value less the reference's, paired.
    """

    market: str
    seconds: float
    seeds: list[int]
    horizon_s: float
    reference: str
    rows: list[Row]
    differences: dict[str, dict[str, Difference]]

    def row(self, label: str) -> Row:
        """The row of a maker."""
        return next(r for r in self.rows if r.label == label)


def compare(
    cells: Sequence[Cell],
    seeds: Sequence[int],
    variants: Sequence[Variant],
    *,
    reference: str | None = None,
    horizon_s: float = DEFAULT_HORIZON_S,
    workers: int = 0,
    progress: Progress | None = None,
) -> list[Table]:
    """Run every variant on every seed of every cell; a table per cell.

    `reference` is the label the others are compared with (default: the first). Raises `ValueError`
    where labels clash or the variants do not share fees, latency and queue.
    """
    chosen = _reference(variants, reference)
    found = run_seeds(cells, seeds, variants, horizon_s=horizon_s, workers=workers, progress=progress)
    return [
        table(cell.name, list(seeds), horizon_s, variants, chosen, sessions)
        for cell, sessions in zip(cells, found, strict=True)
    ]


def compare_on(
    recording: Recording,
    variants: Sequence[Variant],
    *,
    reference: str | None = None,
    horizon_s: float = DEFAULT_HORIZON_S,
    block_s: float = BLOCK_S,
    watch: Watch | None = None,
) -> Table:
    """Run every variant on one recording; differences are paired over blocks of `block_s` seconds.

    Raises as `compare` does, and `ValueError` for blocks shorter than ten minutes.
    """
    chosen = _reference(variants, reference)
    if block_s < BLOCK_S:
        raise ValueError(f"block_s = {block_s:g} must be at least {BLOCK_S:g}")
    found = run_recording(recording, variants, horizon_s=horizon_s, block_s=block_s, watch=watch)
    return table(recording.name, [], horizon_s, variants, chosen, [found])


def _reference(variants: Sequence[Variant], reference: str | None) -> str:
    if not variants:
        raise ValueError("nothing to compare: give at least one maker")
    check_fair(variants)
    labels = [v.label for v in variants]
    if reference is not None and reference not in labels:
        raise ValueError(f"the reference {reference!r} is not among {', '.join(labels)}")
    return reference or labels[0]


def table(
    market: str,
    seeds: list[int],
    horizon_s: float,
    variants: Sequence[Variant],
    reference: str,
    sessions: Sequence[Sequence[Measures]],
) -> Table:
    """The table of ``sessions[session][variant]``; one session without seeds is a recording."""
    columns = [[session[k] for session in sessions] for k in range(len(variants))]
    at = next(k for k, v in enumerate(variants) if v.label == reference)
    differences = {
        v.label: {m.key: _difference(m, columns[k], columns[at], bool(seeds)) for m in METRICS}
        for k, v in enumerate(variants)
        if k != at
    }
    rows = [_row(v, column) for v, column in zip(variants, columns, strict=True)]
    seconds = columns[0][0].seconds
    return Table(market, seconds, seeds, horizon_s, reference, rows, differences)


def _difference(
    metric: Metric, mine: Sequence[Measures], theirs: Sequence[Measures], seeded: bool
) -> Difference:
    if not seeded and metric.key == "pnl":
        pairs = zip(mine[0].blocks_usd, theirs[0].blocks_usd, strict=True)
        return over_blocks([a - b for a, b in pairs])
    found = over_seeds([metric.of(a) - metric.of(b) for a, b in zip(mine, theirs, strict=True)])
    return found if seeded else Difference(found.value, math.nan, math.nan, 1, "blocks")


def _row(variant: Variant, column: Sequence[Measures]) -> Row:
    each = {m.key: [m.of(s) for s in column] for m in METRICS}
    means = {key: over_seeds(values) for key, values in each.items()}
    volume = sum(s.volume_usd for s in column)
    markouts, errors = _markouts(column)
    return Row(
        label=variant.label,
        maker=variant.maker,
        values={key: d.value for key, d in means.items()},
        errors={key: d.error for key, d in means.items()},
        pnl_bps=1e4 * sum(s.pnl_usd for s in column) / volume if volume else math.nan,
        inventory_sd_usd=pooled_sd_usd(column),
        markout_bps=markouts,
        markout_error_bps=errors,
        sessions=[s.pnl_usd for s in column],
        blocks=list(column[0].blocks_usd) if len(column) == 1 else [],
    )


def pooled_sd_usd(column: Sequence[Measures]) -> float:
    """Inventory deviation over many sessions: √ of the time average of the squared position."""
    seconds = sum(s.seconds for s in column)
    return math.sqrt(sum(s.mean_square_usd2 * s.seconds for s in column) / seconds) if seconds else 0.0


def _markouts(column: Sequence[Measures]) -> tuple[list[float], list[float]]:
    """Loss over volume at each horizon, bps, and its error over sessions (a ratio's, by linearisation)."""
    loss = np.array([s.loss_usd for s in column])
    known = np.array([s.known_usd for s in column])
    n, total = len(column), known.sum(axis=0)
    ratio = np.where(total > 0.0, loss.sum(axis=0) / np.where(total > 0.0, total, 1.0), np.nan)
    if n < 2:
        return (1e4 * ratio).tolist(), [math.nan] * len(MARKOUT_HORIZONS_S)
    spread = np.sqrt(n / (n - 1.0) * ((loss - ratio * known) ** 2).sum(axis=0))
    error = spread / np.where(total > 0.0, total, np.nan)
    return (1e4 * ratio).tolist(), (1e4 * error).tolist()
