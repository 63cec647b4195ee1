"""State, parameters and settings of the Avellaneda-Stoikov maker (`undertow.baselines.avellaneda`)."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np

from undertow.kernel.desk import DESK

MAX_TICKS: Final = 2_000
MAX_TRADES: Final = 16_384
MAX_LEVELS: Final = 20

STATE: Final = np.dtype(
    [
        ("desk", DESK),
        ("next_tick_ns", "<i8"),  # 0: not started
        ("create_ns", "<i8"),
        ("cancel_ns", "<i8"),
        ("mid2", "<i8"),  # mid of the last tick, half ticks
        ("n_mids", "<i8"),
        ("n_trades", "<i8"),
        ("n_samples", "<i8"),  # ticks that saw a print
        ("sampling", "<i8"),  # 1: the running tick has seen one
        ("alpha", "<f8"),
        ("kappa", "<f8"),
        ("sigma", "<f8"),
        ("reservation", "<f8"),
        ("spread", "<f8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("n_wanted", "<i8", (2,)),  # bids, asks
        ("wanted_tick", "<i8", (2, MAX_LEVELS)),
        ("wanted_qty", "<f8", (2, MAX_LEVELS)),
        ("mids", "<f8", (MAX_TICKS,)),
        ("first_trade", "<i8", (MAX_TICKS,)),  # of each sample
        ("trade_level", "<i8", (MAX_TRADES,)),  # half ticks from the mid
        ("trade_qty", "<f8", (MAX_TRADES,)),
    ],
    align=True,
)

PARAMS: Final = np.dtype(
    [
        ("gamma", "<f8"),
        ("shape_factor", "<f8"),
        ("min_spread_bps", "<f8"),
        ("refresh_ns", "<i8"),
        ("refresh_tolerance_bps", "<f8"),
        ("filled_delay_ns", "<i8"),
        ("max_order_age_ns", "<i8"),
        ("volatility_ticks", "<i8"),
        ("intensity_ticks", "<i8"),
        ("tick_ns", "<i8"),
        ("horizon_ns", "<i8"),
        ("levels", "<i8"),
        ("level_distance", "<f8"),
        ("order_usd", "<f8"),
        ("max_position_usd", "<f8"),
        ("account_multiple", "<f8"),
        ("jump", "u1"),
        ("add_fees", "u1"),
        ("wait_for_cancels", "u1"),
        ("squared", "u1"),
    ],
    align=True,
)

_RANGES: Final[dict[str, tuple[float, float]]] = {
    "risk_factor": (1e-9, 1e6),
    "shape_factor": (0.0, 1.0),
    "min_spread_bps": (0.0, 10_000.0),
    "refresh_s": (0.1, 86_400.0),
    "refresh_tolerance_bps": (-1_000.0, 1_000.0),
    "filled_delay_s": (0.0, 86_400.0),
    "max_order_age_s": (0.1, 86_400.0),
    "volatility_ticks": (2, MAX_TICKS),
    "intensity_ticks": (1, MAX_TICKS),
    "tick_s": (0.01, 60.0),
    "horizon_s": (0.0, 31_536_000.0),
    "levels": (1, MAX_LEVELS),
    "level_distance_pct": (0.0, 10_000.0),
    "order_usd": (1e-9, 1e12),
    "max_position_usd": (0.0, 1e15),
    "account_multiple": (0.01, 1e4),
}


class AvellanedaSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings under Hummingbot's names, abridged; the defaults are its own.

    ``risk_factor`` γ is in 1 over quote currency (its spread term in units of σ), ``shape_factor``
    η shrinks orders that would add to the position by e^(-η|q|), ``level_distance_pct`` is in per
    cent of half the optimal spread. `levels` orders a side are worth ``order_usd`` each.
    """

    risk_factor: float = 1.0
    shape_factor: float = 0.0
    min_spread_bps: float = 0.0
    refresh_s: float = 60.0
    refresh_tolerance_bps: float = 0.0
    filled_delay_s: float = 60.0
    max_order_age_s: float = 1_800.0
    volatility_ticks: int = 200
    intensity_ticks: int = 200
    tick_s: float = 1.0
    horizon_s: float = 0.0
    levels: int = 1
    level_distance_pct: float = 0.0
    jump: bool = True
    add_fees: bool = False
    wait_for_cancels: bool = True
    squared: bool = False
    account_multiple: float = 2.0
    order_usd: float = 100.0
    max_position_usd: float = 1_000.0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"avellaneda: {name} = {value} must lie in {low:g}..{high:g}")
