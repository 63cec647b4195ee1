"""What a replay writes down: every fill with what followed it, and the venue's own ledger."""

from __future__ import annotations

from typing import Final

import numpy as np

MARKOUT_HORIZONS_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)
"""Horizons of the markout curve (model §9), seconds."""

FILL_LOG: Final = np.dtype(
    [
        ("exch_ns", "<i8"),
        ("recv_ns", "<i8"),  # when the maker learned of it
        ("sent_ns", "<i8"),  # when the order left the maker
        ("order_id", "<i8"),
        ("tick", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("fee", "<f8"),  # paid, negative for a rebate
        ("mid", "<f8"),  # exchange's mid just before the row that filled the order
        ("mid_after", "<f8", (len(MARKOUT_HORIZONS_S),)),  # NaN where the recording ends earlier
        ("position_after", "<f8"),
        ("fill_rate", "<f8"),  # the maker's forecasts, as last noted on its desk
        ("edge_bps", "<f8"),
        ("side", "i1"),  # ours: +1 bought
        ("liquidity", "u1"),  # events.MAKER or events.TAKER
        ("level", "<i2"),
    ],
    align=True,
)

LEDGER: Final = np.dtype(
    [
        ("cash", "<f8"),  # Σ cash_change of fills, before fees and funding
        ("fees", "<f8"),  # paid
        ("funding", "<f8"),  # received
        ("position", "<f8"),
        ("volume", "<f8"),  # notional traded, quote currency
        ("last_mid", "<f8"),  # last defined mid of the exchange's book
        ("max_abs_position", "<f8"),
        ("fills", "<i8"),
        ("maker_fills", "<i8"),
        ("taker_fills", "<i8"),
        ("new_orders", "<i8"),
        ("cancels", "<i8"),
        ("modifies", "<i8"),
        ("rejects", "<i8"),
        ("late_cancels", "<i8"),  # cancels that found nothing to cancel
        ("settlements", "<i8"),
        ("rows", "<i8"),
        ("cycles", "<i8"),
        ("first_ns", "<i8"),
        ("last_ns", "<i8"),
    ],
    align=True,
)
"""The exchange's truth about the account. Cash, fees and funding are in settlement currency."""
