"""Fall of equity from its highest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from undertow.risk.findings import Finding, Reason


@dataclass
class Drawdown:
    """Fires where equity is at least `limit_usd` below the highest it has been shown, ``peak_usd``."""

    limit_usd: float
    peak_usd: float

    def look(self, equity_usd: float) -> Finding | None:
        """The finding at this equity; none where it is not known (NaN)."""
        if math.isnan(equity_usd):
            return None
        self.peak_usd = max(self.peak_usd, equity_usd)
        fallen = self.peak_usd - equity_usd
        if fallen < self.limit_usd:
            return None
        text = (
            f"{fallen:,.2f} USD below the highest equity ({self.peak_usd:,.2f}), limit {self.limit_usd:,.2f}"
        )
        return Finding(Reason.DRAWDOWN, text, fallen / self.limit_usd)

    def again(self, equity_usd: float) -> None:
        """Count from here on."""
        if math.isfinite(equity_usd):
            self.peak_usd = equity_usd
