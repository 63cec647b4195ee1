"""What may foretell the mid: the names, the order and the pace of every feature.

A feature is one number per quote cycle, NaN while it is silent, *signed so that a positive value is
expected to be bullish*: in a mirrored market every feature changes its sign and nothing else. None
depends on the maker's own position (docs/model.md §4). A feature enters the belief by a loading that
calibration gives it, and with a loading of 0 it does not (docs/model.md §6).

Tiers say how often a feature is looked at: hot ones every cycle, warm ones every second, cold ones
every fifth; in between the latest value stands.
"""

from __future__ import annotations

from typing import Final

import numpy as np

HOT: Final = 0
WARM: Final = 1
COLD: Final = 2
TIER_NAMES: Final = ("hot", "warm", "cold")

FEATURE_TIERS: Final[dict[str, int]] = {
    "book_imbalance_10": HOT,  # (bids − asks)/(bids + asks) within 10 bps
    "book_imbalance_25": HOT,
    "book_imbalance_50": HOT,
    "book_gradient": HOT,  # BIM(10) − BIM(50)
    "book_imbalance_change": HOT,  # ΔBIM(10)/Δt, 1/s
    "touch_imbalance": HOT,  # of the best level alone
    "microprice": HOT,  # learned microprice − mid, bps
    "momentum_100": HOT,  # mid return of the last 100 ms, bps
    "momentum_500": HOT,
    "momentum_2000": HOT,
    "knife": HOT,  # rising − falling knife score
    "sweep": HOT,  # Σ size·levels of buy sweeps − sell sweeps in 3 s, lots·levels
    "flow_fast": WARM,  # (buys − sells)/(buys + sells) of aggressor orders, 5 s horizon
    "flow_slow": WARM,  # the same at the flow horizon
    "hawkes": WARM,  # excess intensity of buys − sells over the base rate
    "size_shift": WARM,  # z-score of recent buy sizes − that of sell sizes
    "vpin": WARM,  # VPIN with the sign of its bucket imbalance
    "basis_change": WARM,  # change of the spot-perp basis, bps
    "trend": WARM,  # signed drift rate over 0.5/30/300 s, bps/s
    "trend_agreement": WARM,  # share of windows that agree, signed
    "trend_continuation": WARM,  # p_continuation − ½, signed by the trend
    "reference_gap": HOT,  # what the reference has moved that the mid has not yet followed, bps
    "lead": COLD,  # β·r_ref(5 s) − r(5 s), bps
    "open_interest": COLD,  # ΔOI·sign(return), relative
    "funding": COLD,  # −z-score of expected funding against its day
}
"""Every feature by name, in the order in which arrays hold them, with its tier."""

FEATURE_NAMES: Final = tuple(FEATURE_TIERS)
N_FEATURES: Final = len(FEATURE_NAMES)
TIER_OF: Final = np.array(list(FEATURE_TIERS.values()), dtype=np.int64)

FEATURES: Final = np.dtype([("value", "<f8", (N_FEATURES,)), ("cycles", "<i8")], align=True)
"""The latest value of every feature, and how many cycles have been looked at."""
