"""How a replay is run: latency, queue model, matching rules, clocks, seed."""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec
import numpy as np

from undertow.records import Rec, new_record
from undertow.units import ms_to_ns, s_to_ns

RISK_AVERSE: Final = 0
POWER: Final = 1
LOGARITHMIC: Final = 2
FIFO: Final = 3

QUEUE_MODELS: Final = {"risk_averse": RISK_AVERSE, "power": POWER, "log": LOGARITHMIC, "fifo": FIFO}

RULES: Final = np.dtype(
    [
        ("order_latency_ns", "<i8"),
        ("order_jitter_ns", "<f8"),
        ("response_latency_ns", "<i8"),
        ("response_jitter_ns", "<f8"),
        ("block_interval_ns", "<i8"),
        ("cycle_interval_ns", "<i8"),  # 0: no timers
        ("sample_interval_ns", "<i8"),  # 0: no observations
        ("queue_power", "<f8"),
        ("seed", "<u8"),
        ("queue_model", "<i4"),
        ("partial_fills", "u1"),
        ("block_rule", "u1"),
        ("capture", "u1"),
    ],
    align=True,
)
"""`ReplaySettings` as compiled code reads them."""

_RANGES: Final[dict[str, tuple[float, float]]] = {
    "order_latency_ms": (0.0, 60_000.0),
    "order_jitter_ms": (0.0, 60_000.0),
    "response_latency_ms": (0.0, 60_000.0),
    "response_jitter_ms": (0.0, 60_000.0),
    "block_interval_ms": (0.0, 60_000.0),
    "cycle_interval_ms": (0.0, 3_600_000.0),
    "sample_interval_s": (0.0, 86_400.0),
    "queue_power": (0.1, 20.0),
    "seed": (0, 2**63 - 1),
    "window_ticks": (64, 2**24),
}


class ReplaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The exchange's side of a replay and the maker's clock (docs/replay.md).

    A request reaches the exchange ``order_latency_ms`` plus an exponential delay of mean
    ``order_jitter_ms`` after it was sent, never before an earlier one; answers and fills travel back
    in the same way. ``queue_model`` says how displayed size that vanishes without a print is shared
    between those ahead of us and those behind; ``queue_power`` is the exponent of ``"power"``.
    ``"fifo"`` assumes nothing and follows every order's place; the recording must carry order ids.
    ``partial_fills`` off fills an order whole or not at all (hftbacktest's no-partial mode).
    ``block_rule`` lets cancels and post-only orders go before takers among rows of one exchange
    time; ``block_interval_ms`` > 0 delays requests to the next multiple of a block time.
    ``cycle_interval_ms`` is the spacing of TIMER rows (0: none, the maker is event-driven),
    ``sample_interval_s`` that of observations (0: none). ``capture`` keeps every row the maker saw.
    """

    order_latency_ms: float = 200.0
    order_jitter_ms: float = 50.0
    response_latency_ms: float = 200.0
    response_jitter_ms: float = 50.0
    queue_model: Literal["risk_averse", "power", "log", "fifo"] = "power"
    queue_power: float = 3.0
    partial_fills: bool = True
    block_rule: bool = True
    block_interval_ms: float = 0.0
    cycle_interval_ms: float = 100.0
    sample_interval_s: float = 1.0
    seed: int = 0
    capture: bool = False
    window_ticks: int = 65_536

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"replay settings: {name} = {value} must lie in {low:g}..{high:g}")
        if self.queue_model not in QUEUE_MODELS:
            known = ", ".join(QUEUE_MODELS)
            raise ValueError(f"replay settings: queue_model = {self.queue_model!r} must be one of {known}")
        if self.window_ticks & (self.window_ticks - 1):
            raise ValueError(f"replay settings: window_ticks = {self.window_ticks} must be a power of two")

    def record(self) -> Rec:
        """The settings as a `RULES` record."""
        rules = new_record(RULES)
        rules["order_latency_ns"] = ms_to_ns(self.order_latency_ms)
        rules["order_jitter_ns"] = ms_to_ns(self.order_jitter_ms)
        rules["response_latency_ns"] = ms_to_ns(self.response_latency_ms)
        rules["response_jitter_ns"] = ms_to_ns(self.response_jitter_ms)
        rules["block_interval_ns"] = ms_to_ns(self.block_interval_ms)
        rules["cycle_interval_ns"] = ms_to_ns(self.cycle_interval_ms)
        rules["sample_interval_ns"] = s_to_ns(self.sample_interval_s)
        rules["queue_power"] = self.queue_power
        rules["seed"] = self.seed
        rules["queue_model"] = QUEUE_MODELS[self.queue_model]
        rules["partial_fills"] = self.partial_fills
        rules["block_rule"] = self.block_rule
        rules["capture"] = self.capture
        return rules
