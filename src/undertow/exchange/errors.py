"""The venue's error texts, as the table of refusals has them, and the ways an action fails here."""

from __future__ import annotations

from typing import Final

from undertow.venue.refusals import RULES, Refusal


def _text(refusal: Refusal, at: int = 0) -> str:
    return RULES[refusal].texts[at]


TICK: Final = _text(Refusal.TICK)
INVALID_PRICE: Final = _text(Refusal.TICK, 1)
INVALID_SIZE: Final = _text(Refusal.SIZE)
ZERO_SIZE: Final = _text(Refusal.ZERO_SIZE)
MIN_VALUE: Final = _text(Refusal.MIN_NOTIONAL)
ALO: Final = _text(Refusal.POST_ONLY)
IOC: Final = _text(Refusal.IOC_NO_MATCH)
MARGIN: Final = _text(Refusal.MARGIN)
REDUCE_ONLY: Final = _text(Refusal.REDUCE_ONLY)
BAND: Final = _text(Refusal.PRICE_BAND)
ORACLE_BAND: Final = _text(Refusal.ORACLE)
MAX_VALUE: Final = _text(Refusal.TOO_LARGE)
OPEN_INTEREST: Final = _text(Refusal.OPEN_INTEREST_CAP)
TIER: Final = _text(Refusal.MARGIN_TIER)
TPSL_PRICE: Final = _text(Refusal.TRIGGER_PX)
NO_LIQUIDITY: Final = _text(Refusal.NO_LIQUIDITY)
TOO_MANY_ORDERS: Final = _text(Refusal.TOO_MANY_OPEN)
NOT_CANCELABLE: Final = _text(Refusal.NEVER_PLACED)
NOT_MODIFIABLE: Final = _text(Refusal.CANNOT_MODIFY)
BAD_MODIFY: Final = _text(Refusal.MODIFY_INVALID)
MODIFY_FAILED: Final = "Error placing new order during modify: {}"
POST_ONLY_PERIOD: Final = _text(Refusal.POST_ONLY_PERIOD)
HALTED: Final = _text(Refusal.HALTED)
BUDGET: Final = _text(Refusal.BUDGET)
WEIGHT: Final = _text(Refusal.WEIGHT)
SCHEDULE_VOLUME: Final = _text(Refusal.SCHEDULE_VOLUME)
SCHEDULE_EARLY: Final = _text(Refusal.SCHEDULE_EARLY)
EXPIRED: Final = _text(Refusal.EXPIRED)
NO_USER: Final = _text(Refusal.NO_USER)
NO_DEPOSIT: Final = _text(Refusal.NO_DEPOSIT)
NO_VAULT: Final = _text(Refusal.NO_VAULT)
SWITCH_LEVERAGE: Final = _text(Refusal.LEVERAGE_OPEN_POSITION)
LEVERAGE: Final = _text(Refusal.LEVERAGE_VALUE)
BUILDER_FEE: Final = _text(Refusal.BUILDER_FEE)

# The venue refuses these too, but its wording is not known.
EMPTY: Final = "Empty batch."
TPSL_REDUCE: Final = "TP/SL orders must be reduce only."
NO_ASSET: Final = "Asset {} does not exist."
SCHEDULE_DAY: Final = "Cannot set scheduled cancel time: {} triggers were used today."
PRIORITY_TRIGGER: Final = "Trigger orders cannot be canceled with priority."
ISOLATED_ONLY: Final = "Cross margin is not allowed for this asset."
MARGIN_LOCKED: Final = "Cannot remove margin from this position."
NO_POSITION: Final = "No isolated position in this asset."
MARGIN_SHORT: Final = "Insufficient margin available."
MASTER_ONLY: Final = "Action must be signed by the account's own wallet."


class Refused(Exception):
    """An action refused as a whole; the text is the reply's."""


class PreValidation(Exception):
    """A fault of the action's content alone: one error for the whole batch."""


class Malformed(ValueError):
    """An action the venue cannot read: it answers with status 422 and this text, and nothing happens."""


class Rejected(Exception):
    """An order refused. ``status``: what it becomes; the text goes into its place of the reply."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status
