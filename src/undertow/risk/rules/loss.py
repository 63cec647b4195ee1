"""Loss since the session began (or since the rule was set again by hand)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from undertow.risk.findings import Finding, Reason


@dataclass
class Loss:
    """Fires where equity is at least `limit_usd` below ``start_usd``."""

    limit_usd: float
    start_usd: float

    def look(self, equity_usd: float) -> Finding | None:
        """The finding at this equity; none where it is not known (NaN)."""
        lost = self.start_usd - equity_usd
        if math.isnan(lost) or lost < self.limit_usd:
            return None
        text = f"{lost:,.2f} USD lost since the start, limit {self.limit_usd:,.2f}"
        return Finding(Reason.LOSS, text, lost / self.limit_usd)

    def again(self, equity_usd: float) -> None:
        """Count from here on."""
        if math.isfinite(equity_usd):
            self.start_usd = equity_usd
