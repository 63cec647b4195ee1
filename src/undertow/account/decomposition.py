"""Where the money came from: the parts of a session's PnL, tied to its cash.

With `s` the side (+1 bought), `n` the coins or contracts, `p` the fill's price, `m` the mid just
before it, `m_h` the mid `h` seconds later and `M` the last mid, each fill is worth::

    s·n·(M - p)  =  s·n·(m - p)      captured spread
                  - (-s·n·(m_h - m))  signed markout loss at h: positive when the mid went against us
                  +  s·n·(M - m_h)    inventory: what the position did after the horizon

so that over the session::

    PnL = captured spread - markout loss - fees + funding + inventory

An inverse contract pays in coin, and the same holds with ``-1/p`` in the place of ``p``. The left
side is known a second time, from the exchange's ledger: cash - fees + funding + the position at the
last mid. The two are computed from different records and must agree to the cent; where they do not,
`decompose` raises, because an account that does not tie out says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from undertow.instrument import Instrument
from undertow.records import Rec
from undertow.replay.log import MARKOUT_HORIZONS_S

CENT: Final = 0.01
DEFAULT_HORIZON_S: Final = 10.0

Floats = NDArray[np.float64]


class ReconciliationError(ArithmeticError):
    """The fills and the ledger tell different stories; the text names the numbers that differ."""


@dataclass(frozen=True)
class Totals:
    """Parts of a PnL. `markout_loss` and `fees` are losses: they are subtracted."""

    spread: float
    markout_loss: float
    fees: float
    funding: float
    inventory: float

    @property
    def pnl(self) -> float:
        """What the parts add up to."""
        return self.spread - self.markout_loss - self.fees + self.funding + self.inventory

    def scaled(self, factor: float) -> Totals:
        """Every part times `factor`: another currency, or bps of volume."""
        return Totals(
            self.spread * factor,
            self.markout_loss * factor,
            self.fees * factor,
            self.funding * factor,
            self.inventory * factor,
        )


@dataclass(frozen=True)
class Decomposition:
    """The parts of a session's PnL, in the currency the contract settles in.

    Arrays have one entry per fill. `usd_rate` turns the settlement currency into USD (1 for a linear
    contract, the last mid for an inverse one). `late` counts fills whose horizon lies beyond the
    recording's end; they are marked at the last mid instead. `unpriced` counts fills that happened
    while the book had no mid; their captured spread is 0 and their own price serves as the mid.
    """

    horizon_s: float
    spread: Floats
    markout_loss: Floats
    fees: Floats
    inventory: Floats
    volume: Floats  # notional, USD
    funding: float
    total: Totals
    equity: float  # the ledger's
    residual_usd: float  # total.pnl - equity
    usd_rate: float
    late: int
    unpriced: int

    @property
    def total_usd(self) -> Totals:
        """The total in USD."""
        return self.total.scaled(self.usd_rate)

    @property
    def total_bps(self) -> Totals:
        """The total in bps of traded volume; zeros where nothing was traded."""
        volume = float(self.volume.sum())
        return self.total_usd.scaled(1e4 / volume if volume > 0.0 else 0.0)

    @property
    def fill_pnl(self) -> Floats:
        """Each fill's spread - markout loss - fee: what it earned by the horizon."""
        return self.spread - self.markout_loss - self.fees


def worth(instrument: Instrument, px: Floats | float) -> Floats:
    """What a position of one unit of quantity adds to equity at `px`, settlement currency.

    Linear: px·value. Inverse: -value/px. Differences of it are PnL per unit; its magnitude is the
    notional in settlement currency.
    """
    px = np.asarray(px, dtype=np.float64)
    if instrument.contract == "inverse":
        return -instrument.contract_value / px
    return px * instrument.contract_value


def notional_usd(instrument: Instrument, fills: NDArray[np.void]) -> Floats:
    """Traded value of each fill in USD."""
    if instrument.contract == "inverse":
        value: Floats = fills["qty"] * instrument.contract_value
        return value
    return fills["qty"] * fills["px"] * instrument.contract_value


def reference_mids(fills: NDArray[np.void]) -> Floats:
    """Mid before each fill; the fill's own price where the book had none."""
    return np.where(np.isfinite(fills["mid"]), fills["mid"], fills["px"])


def mids_after(fills: NDArray[np.void], horizon_s: float, last_mid: float) -> Floats:
    """Mid `horizon_s` after each fill, the last mid where the recording ends before that.

    Raises ``ValueError`` for a horizon that is not in `MARKOUT_HORIZONS_S`.
    """
    if horizon_s not in MARKOUT_HORIZONS_S:
        known = ", ".join(f"{h:g}" for h in MARKOUT_HORIZONS_S)
        raise ValueError(f"markout horizon {horizon_s:g} s was not recorded; choose one of {known} s")
    after = fills["mid_after"][:, MARKOUT_HORIZONS_S.index(horizon_s)]
    return np.where(np.isfinite(after), after, last_mid)


def decompose(
    fills: NDArray[np.void],
    ledger: Rec,
    instrument: Instrument,
    horizon_s: float = DEFAULT_HORIZON_S,
) -> Decomposition:
    """Split the PnL of `fills` (FILL_LOG) into its parts and tie it to `ledger` (LEDGER).

    Raises `ReconciliationError` where fills and ledger differ by half a cent or more, or by half a
    size step of position; ``ValueError`` for a horizon that was not recorded.
    """
    last_mid = float(ledger["last_mid"])
    if len(fills) == 0 and not np.isfinite(last_mid):
        last_mid = 1.0  # an empty book and no position: any price values nothing
    mid, after = reference_mids(fills), mids_after(fills, horizon_s, last_mid)
    signed = fills["side"] * fills["qty"]
    v_px, v_mid, v_after = (worth(instrument, x) for x in (fills["px"], mid, after))
    spread = signed * (v_mid - v_px)
    markout_loss = -signed * (v_after - v_mid)
    inventory = signed * (worth(instrument, last_mid) - v_after)
    fees = fills["fee"].astype(np.float64)
    funding = float(ledger["funding"])
    total = Totals(
        float(spread.sum()), float(markout_loss.sum()), float(fees.sum()), funding, float(inventory.sum())
    )
    usd_rate = last_mid if instrument.contract == "inverse" else 1.0
    equity = _ledger_equity(ledger, instrument, last_mid)
    _tie_out(fills, ledger, instrument, total.pnl - equity, usd_rate)
    recorded = fills["mid_after"][:, MARKOUT_HORIZONS_S.index(horizon_s)]
    return Decomposition(
        horizon_s=horizon_s,
        spread=spread,
        markout_loss=markout_loss,
        fees=fees,
        inventory=inventory,
        volume=notional_usd(instrument, fills),
        funding=funding,
        total=total,
        equity=equity,
        residual_usd=(total.pnl - equity) * usd_rate,
        usd_rate=usd_rate,
        late=int(np.count_nonzero(~np.isfinite(recorded))),
        unpriced=int(np.count_nonzero(~np.isfinite(fills["mid"]))),
    )


def _ledger_equity(ledger: Rec, instrument: Instrument, last_mid: float) -> float:
    """Equity by the exchange's own books: cash - fees + funding + position at the last mid."""
    at_last = float(ledger["position"]) * float(worth(instrument, last_mid))
    return float(ledger["cash"]) - float(ledger["fees"]) + float(ledger["funding"]) + at_last


def _tie_out(
    fills: NDArray[np.void], ledger: Rec, instrument: Instrument, residual: float, usd_rate: float
) -> None:
    """Raise unless fills and ledger agree on count, position, cash, fees and equity."""
    signed = fills["side"] * fills["qty"]
    cash = -float((signed * worth(instrument, fills["px"])).sum())
    position = float(signed.sum())
    checks = (
        ("number of fills", float(len(fills)), float(ledger["fills"]), 0.5),
        ("position", position, float(ledger["position"]), 0.5 * instrument.size_step),
        ("cash", cash, float(ledger["cash"]), 0.5 * CENT / usd_rate),
        ("fees", float(fills["fee"].sum()), float(ledger["fees"]), 0.5 * CENT / usd_rate),
        ("parts of the PnL less equity", residual, 0.0, 0.5 * CENT / usd_rate),
    )
    wrong = [
        f"{name}: fills say {mine:.10g}, ledger says {theirs:.10g}"
        for name, mine, theirs, tolerance in checks
        if not abs(mine - theirs) < tolerance
    ]
    if wrong:
        raise ReconciliationError(
            "the account does not reconcile with cash, so no report is written; " + "; ".join(wrong)
        )
