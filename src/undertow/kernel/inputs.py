"""What the decision is made from: the seam between the estimators and the quotes.

The estimators fill an `INPUTS` record once per quote cycle (`kernel/cycle.py`); reservation price,
depths and sizes read nothing else of the market, so any of them can be computed, tested and plotted
for inputs typed by hand. Units are docs/model.md §1's: bps, lots, seconds.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.kernel.own_level import N_NODES

MAX_SETTLEMENTS: Final = 24
MAX_AS_NODES: Final = 12

INPUTS: Final = np.dtype(
    [
        ("mid", "<f8"),  # price
        ("position_lots", "<f8"),
        ("lot_qty", "<f8"),  # one lot in the venue's unit, at this mid
        ("sigma_clean", "<f8"),  # bps/√s, without jumps: prices the base spread
        ("sigma_effective", "<f8"),  # bps/√s, prices inventory and adverse selection
        ("sigma_total", "<f8"),  # bps/√s, with jumps: noise of the drift filter
        ("rate_bid", "<f8"),  # A_b, aggressor sells per second (hit bids), extrapolated to the mid
        ("rate_ask", "<f8"),  # A_a, aggressor buys per second (lift asks)
        ("kappa_bid", "<f8"),  # 1/bp
        ("kappa_ask", "<f8"),  # 1/bp
        ("fill_excess", "<f8", (2, N_NODES)),  # ρ − 1 of Λ at the nodes of `kernel.own_level`
        ("flow_rate_bid", "<f8"),  # A_b, A_a at the flow horizon, |φ| bounded: shift r, nothing else
        ("flow_rate_ask", "<f8"),
        ("aggressor_lots", "<f8"),  # L, mean volume of one aggressor order
        ("drift", "<f8"),  # μ̂, bps/s
        ("drift_variance", "<f8"),  # P, (bps/s)²
        ("drift_reversion", "<f8"),  # θ, 1/s
        ("alpha_bps", "<f8"),  # what short-lived alphas add to r
        ("alpha_soon_bps", "<f8"),  # what they expect of the mid within the reaction time
        ("flow_reversion", "<f8"),  # θ_φ, 1/s: how fast the flow imbalance decays
        ("as_touch_bid", "<f8"),  # AS at the touch, bps, per side, at the horizon of `kernel.eta`
        ("as_touch_ask", "<f8"),
        ("as_nodes", "<i8"),  # number of valid entries in the three arrays below
        ("as_depth_bps", "<f8", (MAX_AS_NODES,)),  # increasing depths from mid
        ("as_bid", "<f8", (MAX_AS_NODES,)),  # AS at those depths, bps; linear between, flat beyond
        ("as_ask", "<f8", (MAX_AS_NODES,)),
        ("thin_book", "<f8"),  # factor on γ while little stands near the touch, 1–3
        ("settlements", "<i8"),  # number of valid entries in the two arrays below
        ("funding_bps", "<f8", (MAX_SETTLEMENTS,)),  # F_n, bps of notional paid by a long
        ("funding_in_s", "<f8", (MAX_SETTLEMENTS,)),  # t_n, seconds from now
        ("resting_life_s", "<f8"),  # expected life of a resting order
        ("scarcity", "<f8"),  # factor on the price of a request, >= 1; infinite: none left
    ],
    align=True,
)
