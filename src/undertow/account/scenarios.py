"""The range: the same session under other assumptions about queues and latency.

A recording shows neither where an order stood in the queue nor how long requests took, so a PnL is
given with the PnL of the whole session run again, decisions and all, under worse and better
assumptions. The runs share one reading of the recording and one process: each has a thread of its
own, and the compiled loop does not hold the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from undertow.account.decomposition import DEFAULT_HORIZON_S, Totals, decompose
from undertow.maker import Maker
from undertow.recording import Recording
from undertow.replay.engine import Engine, ReplayResult
from undertow.replay.settings import ReplaySettings
from undertow.replay.together import Watch, run_engines

Range = Literal["off", "corners", "full"]

QUEUES: Final[tuple[Literal["risk_averse", "power", "log"], ...]] = ("risk_averse", "power", "log")
LATENCIES: Final = (2.0, 1.0, 0.5)


@dataclass(frozen=True)
class Scenario:
    """One set of assumptions. The first of a set is the base: the settings the user asked for."""

    name: str
    settings: ReplaySettings
    base: bool = False


@dataclass(frozen=True)
class Outcome:
    """What one set of assumptions made of the session. Money in USD."""

    name: str
    queue: str
    latency: str
    base: bool
    pnl_usd: float
    totals: Totals
    volume_usd: float
    fills: int


def slower(settings: ReplaySettings, factor: float) -> ReplaySettings:
    """`settings` with every latency, jitter included, times `factor`."""
    return msgspec.structs.replace(
        settings,
        order_latency_ms=settings.order_latency_ms * factor,
        order_jitter_ms=settings.order_jitter_ms * factor,
        response_latency_ms=settings.response_latency_ms * factor,
        response_jitter_ms=settings.response_jitter_ms * factor,
    )


def scenarios(settings: ReplaySettings, extent: Range = "corners") -> list[Scenario]:
    """The base and what it is compared with. A ``fifo`` queue is known, so that only latency varies.

    ``corners``: *pessimistic*, a queue that shortens only by trades (risk-averse) and doubled
    latency; *optimistic*, the logarithmic queue and half the latency. ``full``: all three queue
    models at double, equal and half latency.
    """
    found = [Scenario("base", settings, base=True)]
    bare = msgspec.structs.replace(settings, sample_interval_s=0.0, capture=False)
    if extent == "corners":
        for name, model, factor in (("pessimistic", "risk_averse", 2.0), ("optimistic", "log", 0.5)):
            other = slower(bare, factor)
            if settings.queue_model != "fifo":
                other = msgspec.structs.replace(other, queue_model=model)
            found.append(Scenario(name, other))
    elif extent == "full":
        for model in ("fifo",) if settings.queue_model == "fifo" else QUEUES:
            for factor in LATENCIES:
                if (model, factor) != (settings.queue_model, 1.0):
                    other = msgspec.structs.replace(slower(bare, factor), queue_model=model)
                    found.append(Scenario(f"{queue_name(other)}, {factor:g}× latency", other))
    return found


def queue_name(settings: ReplaySettings) -> str:
    """The queue model in words."""
    if settings.queue_model == "power":
        return f"power {settings.queue_power:g}"
    names = {"risk_averse": "risk-averse", "log": "logarithmic", "fifo": "first in, first out"}
    return names[settings.queue_model]


def latency_name(settings: ReplaySettings) -> str:
    """Latency out and back in words."""
    out = f"{settings.order_latency_ms:g} + {settings.order_jitter_ms:g}"
    back = f"{settings.response_latency_ms:g} + {settings.response_jitter_ms:g}"
    return f"{out} ms" if out == back else f"{out} ms out, {back} ms back"


def outcome(scenario: Scenario, result: ReplayResult, horizon_s: float = DEFAULT_HORIZON_S) -> Outcome:
    """The account of one run in short; raises if it does not reconcile."""
    parts = decompose(result.fills, result.ledger, result.instrument, horizon_s)
    return Outcome(
        name=scenario.name,
        queue=queue_name(scenario.settings),
        latency=latency_name(scenario.settings),
        base=scenario.base,
        pnl_usd=parts.equity * parts.usd_rate,
        totals=parts.total_usd,
        volume_usd=float(parts.volume.sum()),
        fills=len(result.fills),
    )


def run_together(
    recording: Recording, maker: Maker, wanted: Sequence[Scenario], watch: Watch | None = None
) -> list[ReplayResult]:
    """Replay `maker` over `recording` once per scenario, reading the recording once.

    `watch` is called with every chunk, in the caller's thread, after it went to the engines. Results
    come in the order of `wanted` and do not depend on the number of cores.
    """
    return run_engines(recording, engines_of(recording, maker, wanted), watch)


def engines_of(recording: Recording, maker: Maker, wanted: Sequence[Scenario]) -> list[Engine]:
    """An engine per scenario, ready to be fed."""
    return [
        Engine(recording.instrument, maker, s.settings, snapshot_fed=recording.snapshot_fed) for s in wanted
    ]
