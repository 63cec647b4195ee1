"""What a stage of the rollout makes of a configuration.

``shadow``: everything computed, nothing sent. ``minimum``: one level of the smallest order the venue
takes on the dearest coin, a position of three. ``full``: as configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from undertow.config import Config, Stage
from undertow.instrument import Instrument

ORDER_SLACK: Final = 1.2
"""Smallest order over the venue's minimum: the price moves between sizing and sending."""
MOST_LOTS: Final = 3.0


def smallest_usd(instrument: Instrument, mid: float) -> float:
    """The smallest order the venue takes at `mid`, with slack, USD."""
    step_usd = instrument.size_step * mid * instrument.contract_value
    return float(instrument.min_notional) * ORDER_SLACK + step_usd


def staged(
    config: Config, stage: Stage, instruments: Mapping[str, Instrument], mids: Mapping[str, float]
) -> Config:
    """`config` as `stage` allows it; never more than it asks for itself."""
    if stage != "minimum":
        return config
    least = max(smallest_usd(instrument, mids[coin]) for coin, instrument in instruments.items())
    risk = msgspec.structs.replace(
        config.risk,
        lot_usd=min(config.risk.lot_usd, least),
        q_max_lots=min(config.risk.q_max_lots, MOST_LOTS),
    )
    one = {"levels": 1}
    return msgspec.structs.replace(
        config,
        risk=risk,
        ladder=msgspec.structs.replace(config.ladder, **one),
        avellaneda=msgspec.structs.replace(config.avellaneda, **one),
    )
