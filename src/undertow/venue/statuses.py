"""What an order's status says: whether it still rests, and why it no longer does.

Source: Hyperliquid docs, "Info endpoint" (order status). The set is open: a status not listed here
counts as open, so that an order is never believed gone on a word we do not know.
"""

from __future__ import annotations

import enum
from typing import Final


class OrderStatus(enum.Enum):
    """The statuses of orders; the value is the word on the wire."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    TRIGGERED = "triggered"
    REJECTED = "rejected"
    SCHEDULED_CANCEL = "scheduledCancel"
    INTERNAL_CANCEL = "internalCancel"
    MARGIN_CANCELED = "marginCanceled"
    VAULT_WITHDRAWAL_CANCELED = "vaultWithdrawalCanceled"
    OPEN_INTEREST_CAP_CANCELED = "openInterestCapCanceled"
    SELF_TRADE_CANCELED = "selfTradeCanceled"
    REDUCE_ONLY_CANCELED = "reduceOnlyCanceled"
    SIBLING_FILLED_CANCELED = "siblingFilledCanceled"
    DELISTED_CANCELED = "delistedCanceled"
    LIQUIDATED_CANCELED = "liquidatedCanceled"
    OUTCOME_SETTLED_CANCELED = "outcomeSettledCanceled"
    TICK_REJECTED = "tickRejected"
    MIN_TRADE_NTL_REJECTED = "minTradeNtlRejected"
    PERP_MARGIN_REJECTED = "perpMarginRejected"
    REDUCE_ONLY_REJECTED = "reduceOnlyRejected"
    BAD_ALO_PX_REJECTED = "badAloPxRejected"
    IOC_CANCEL_REJECTED = "iocCancelRejected"
    BAD_TRIGGER_PX_REJECTED = "badTriggerPxRejected"
    MARKET_ORDER_NO_LIQUIDITY_REJECTED = "marketOrderNoLiquidityRejected"
    POSITION_INCREASE_AT_OPEN_INTEREST_CAP_REJECTED = "positionIncreaseAtOpenInterestCapRejected"
    POSITION_FLIP_AT_OPEN_INTEREST_CAP_REJECTED = "positionFlipAtOpenInterestCapRejected"
    TOO_AGGRESSIVE_AT_OPEN_INTEREST_CAP_REJECTED = "tooAggressiveAtOpenInterestCapRejected"
    OPEN_INTEREST_INCREASE_REJECTED = "openInterestIncreaseRejected"
    INSUFFICIENT_SPOT_BALANCE_REJECTED = "insufficientSpotBalanceRejected"
    ORACLE_REJECTED = "oracleRejected"
    PERP_MAX_POSITION_REJECTED = "perpMaxPositionRejected"
    TOO_MANY_OPEN_ORDERS_REJECTED = "tooManyOpenOrdersRejected"
    UNKNOWN = ""

    @property
    def terminal(self) -> bool:
        """Whether the order is gone for good."""
        return self not in _ALIVE

    @property
    def rejected(self) -> bool:
        """Whether it never rested."""
        return self is OrderStatus.REJECTED or self.value.endswith("Rejected")

    @property
    def canceled(self) -> bool:
        """Whether it ended with size left, by us or by the exchange."""
        return self.terminal and not self.rejected and self is not OrderStatus.FILLED


_ALIVE: Final = frozenset({OrderStatus.OPEN, OrderStatus.TRIGGERED, OrderStatus.UNKNOWN})
_BY_TEXT: Final = {status.value: status for status in OrderStatus if status.value}


def order_status(text: str) -> OrderStatus:
    """The status of a word on the wire; `OrderStatus.UNKNOWN`, which is not terminal, of any other."""
    return _BY_TEXT.get(text, OrderStatus.UNKNOWN)
