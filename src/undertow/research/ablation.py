"""Taking a maker apart: the ladder of phases from everything off to everything on.

A phase is data: a name, the patch that turns it off, a sentence. Rung 0 has every phase off, rung k
the first k on, the last is the configuration as given. Each rung is compared with the one below on the
same ticks, so the difference is what the phase adds given those before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from undertow.account.decomposition import DEFAULT_HORIZON_S
from undertow.account.measures import Measures
from undertow.account.paired import BLOCK_S, Difference
from undertow.config import Config, ConfigError
from undertow.kernel.features import FEATURE_NAMES
from undertow.recording import Recording
from undertow.replay.together import Watch
from undertow.research.compare import Table, table
from undertow.research.running import Cell, Progress, run_recording, run_seeds
from undertow.research.variants import Variant, patched

BASELINE: Final = "baseline"


class Phase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A phase: `off` turns it off (``section.key`` to value), `about` says what it does."""

    name: str
    off: dict[str, Any]
    about: str = ""


BOOK_FEATURES: Final = tuple(FEATURE_NAMES[: FEATURE_NAMES.index("flow_fast")])
OTHER_FEATURES: Final = tuple(FEATURE_NAMES[FEATURE_NAMES.index("flow_fast") :])

PHASES: Final[tuple[Phase, ...]] = (
    Phase(
        name="1 Kalman drift",
        off={"belief.price": False},
        about="the drift posterior in the reservation price (belief.legacy_drift: the estimator before it)",
    ),
    Phase(
        name="2 inventory beta",
        off={"risk.inventory_beta": 0.0},
        about="risk aversion that grows with the position",
    ),
    Phase(
        name="3 directional flow",
        off={"flow.max_imbalance": 0.0, "flow.sensitivity": 0.0},
        about="flow in the reservation price and in κ",
    ),
    Phase(
        name="4 expected PnL",
        off={"ladder.expected_pnl": False, "ladder.request_price_bps_lots": 0.0},
        about="sizes and levels from expected profit (off: one lot at every level)",
    ),
    Phase(name="5 adaptation", off={"belief.adapt": False}, about="θ and σ_μ follow the innovations"),
    Phase(
        name="6 funding",
        off={"funding.carry": False, "funding.scale": 0.0},
        about="coming settlements in the reservation price, funding as a view of the drift",
    ),
    Phase(
        name="7 book features",
        off={"belief.without": BOOK_FEATURES, "risk.thin_book": False},
        about="book, momentum and sweeps in the belief; a thin book in γ",
    ),
    Phase(
        name="8 flow and cross-venue features",
        off={"belief.without": OTHER_FEATURES},
        about="flow, trend, reference, basis, open interest and funding in the belief",
    ),
)
"""The eight phases of the plan, in the order they were added to the maker, each with what turns it off."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phase: list[Phase]


def load_phases(path: Path) -> tuple[Phase, ...]:
    """Phases from a TOML file of ``[[phase]]`` tables with `name`, `off` and `about`."""
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File).phase
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as fault:
        raise ConfigError([f"{path}: {fault}"]) from None
    if not found:
        raise ConfigError([f"{path}: no [[phase]]"])
    return tuple(found)


@dataclass(frozen=True)
class Ablation:
    """The rungs as one table whose reference is the baseline, and every rung against the one below.

    `steps[k]` compares rung k + 1 (its only other row) with rung k.
    """

    phases: Sequence[Phase]
    whole: Table
    steps: list[Table] = field(default_factory=list)


def rungs(maker: str, config: Config, phases: Sequence[Phase]) -> list[Variant]:
    """The baseline, then one phase more each time.

    Raises `ConfigError` for a patch the configuration does not know, `ValueError` for a name used twice.
    """
    names = [BASELINE, *(p.name for p in phases)]
    if len(set(names)) < len(names):
        raise ValueError(f"phases need names of their own, other than {BASELINE!r}")
    found = []
    for k in range(len(phases) + 1):
        off: dict[str, Any] = {}
        for phase in phases[k:]:
            for path, value in phase.off.items():  # what two phases switch off of one list adds up
                listed = isinstance(value, tuple) and path in off
                off[path] = off[path] + value if listed else value
        label = BASELINE if k == 0 else f"+ {phases[k - 1].name}"
        found.append(Variant(label, maker, patched(config, off)))
    return found


def ablate(
    market: Sequence[Cell] | Recording,
    phases: Sequence[Phase] = PHASES,
    *,
    maker: str = "undertow",
    config: Config | None = None,
    seeds: Sequence[int] = (),
    horizon_s: float = DEFAULT_HORIZON_S,
    block_s: float = BLOCK_S,
    workers: int = 0,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> list[Ablation]:
    """Climb the ladder on generated cells (over `seeds`) or on one recording; an ablation per market."""
    ladder = rungs(maker, config or Config(), phases)
    if isinstance(market, Sequence):
        found = run_seeds(market, seeds, ladder, horizon_s=horizon_s, workers=workers, progress=progress)
        names = [cell.name for cell in market]
        return [
            _ablation(name, list(seeds), horizon_s, ladder, phases, sessions)
            for name, sessions in zip(names, found, strict=True)
        ]
    measured = run_recording(market, ladder, horizon_s=horizon_s, block_s=block_s, watch=watch)
    return [_ablation(market.name, [], horizon_s, ladder, phases, [measured])]


def _ablation(
    name: str,
    seeds: list[int],
    horizon_s: float,
    ladder: Sequence[Variant],
    phases: Sequence[Phase],
    sessions: Sequence[Sequence[Measures]],
) -> Ablation:
    whole = table(name, seeds, horizon_s, ladder, ladder[0].label, sessions)
    steps = []
    for k in range(1, len(ladder)):
        pair = [session[k - 1 : k + 1] for session in sessions]
        steps.append(table(name, seeds, horizon_s, ladder[k - 1 : k + 1], ladder[k - 1].label, pair))
    return Ablation(phases, whole, steps)


def step_rows(ablation: Ablation) -> list[tuple[str, Mapping[str, Difference]]]:
    """(label, differences from the rung below) of every rung above the baseline."""
    return [(label, found) for step in ablation.steps for label, found in step.differences.items()]
