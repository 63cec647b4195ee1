"""The venue's error texts (facts §5). Those marked U are not known from the venue itself."""

from __future__ import annotations

from typing import Final

TICK: Final = "Price must be divisible by tick size."
INVALID_PRICE: Final = "Order has invalid price."
INVALID_SIZE: Final = "Order has invalid size."
ZERO_SIZE: Final = "Order has zero size."
MIN_VALUE: Final = "Order must have minimum value of ${}."
ALO: Final = "Post only order would have immediately matched, bbo was {}@{}."
IOC: Final = "Order could not immediately match against any resting orders."
MARGIN: Final = "Insufficient margin to place order."
REDUCE_ONLY: Final = "Reduce only order would increase position."
BAND: Final = "Order price cannot be more than {}% away from the reference price"
ORACLE_BAND: Final = "Price too far from oracle"
MAX_VALUE: Final = "Order value too large. Max is ${}."
OPEN_INTEREST: Final = "Order would increase open interest while open interest is capped"
AGGRESSIVE_AT_CAP: Final = (
    "Order rejected due to price more aggressive than oracle while at open interest cap"
)
TIER: Final = "Order would cause position to exceed margin tier limit at current leverage"
TPSL_PRICE: Final = "Invalid TP/SL price."
NO_LIQUIDITY: Final = "No liquidity available for market order."
NOT_CANCELABLE: Final = "Order was never placed, already canceled, or filled."
NOT_MODIFIABLE: Final = "Cannot modify canceled or filled order"
BAD_MODIFY: Final = "Attempted to modify to invalid new order"
MODIFY_FAILED: Final = "Error placing new order during modify: {}"
POST_ONLY_PERIOD: Final = "Only post-only orders allowed immediately after a network upgrade"
WEIGHT: Final = "Signed action over weight limit of {}."
SCHEDULE_VOLUME: Final = (
    "Cannot set scheduled cancel time until enough volume traded. Required: ${}. Traded: ${}"
)
SCHEDULE_EARLY: Final = "Scheduled cancel time too early, must be at least {} seconds from now."
NO_USER: Final = "User or API Wallet {} does not exist."
NO_DEPOSIT: Final = "Must deposit before performing actions. User: {}"
NO_VAULT: Final = "Vault not registered: {}"
SWITCH_LEVERAGE: Final = "Cannot switch leverage type with open position."
LEVERAGE: Final = "Invalid leverage value"
EXPIRED: Final = "Action already expired"
BUILDER_FEE: Final = "Builder fee has not been approved"

# U
TOO_MANY_ORDERS: Final = "Too many open orders. Limit is {}."
OPEN_ORDERS_CROWDED: Final = "Too many open orders: reduce only and trigger orders are refused from {} on."
EMPTY: Final = "Empty batch."
TPSL_REDUCE: Final = "TP/SL orders must be reduce only."
NO_ASSET: Final = "Asset {} does not exist."
HALTED: Final = "Trading is halted."
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
