"""The table of refusals: official texts, and what each asks of whoever receives it."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple


class Nature(enum.Enum):
    """What to do about a refusal."""

    CHANGE = "ask for something else: the order as asked can never be accepted"
    REPRICE = "true of that moment: price again"
    GONE = "the order named rests no longer"
    WAIT = "send it again later"
    ACCOUNT = "key, network, deposit or setting is wrong: nothing succeeds until a person changes it"
    UNKNOWN = "not known to us"


class Refusal(enum.Enum):
    """Why the exchange refuses; one name per reason, however it words it."""

    TICK = enum.auto()
    SIZE = enum.auto()
    ZERO_SIZE = enum.auto()
    MIN_NOTIONAL = enum.auto()
    POST_ONLY = enum.auto()
    IOC_NO_MATCH = enum.auto()
    MARGIN = enum.auto()
    REDUCE_ONLY = enum.auto()
    PRICE_BAND = enum.auto()
    ORACLE = enum.auto()
    TOO_LARGE = enum.auto()
    OPEN_INTEREST_CAP = enum.auto()
    OPEN_INTEREST_SPEED = enum.auto()
    OPEN_INTEREST_AGGRESSIVE = enum.auto()
    MARGIN_TIER = enum.auto()
    TRIGGER_PX = enum.auto()
    NO_LIQUIDITY = enum.auto()
    SPOT_BALANCE = enum.auto()
    TOO_MANY_OPEN = enum.auto()
    NEVER_PLACED = enum.auto()
    CANNOT_MODIFY = enum.auto()
    MODIFY_INVALID = enum.auto()
    POST_ONLY_PERIOD = enum.auto()
    HALTED = enum.auto()
    BUDGET = enum.auto()
    WEIGHT = enum.auto()
    SCHEDULE_VOLUME = enum.auto()
    SCHEDULE_EARLY = enum.auto()
    NONCE_DUPLICATE = enum.auto()
    NONCE_LOW = enum.auto()
    NONCE_WINDOW = enum.auto()
    EXPIRED = enum.auto()
    NO_USER = enum.auto()
    NO_DEPOSIT = enum.auto()
    NO_SIGNER = enum.auto()
    NO_VAULT = enum.auto()
    LEVERAGE_OPEN_POSITION = enum.auto()
    LEVERAGE_VALUE = enum.auto()
    BUILDER_FEE = enum.auto()
    IP_LIMIT = enum.auto()
    BAD_REQUEST = enum.auto()
    UNKNOWN = enum.auto()


class Rule(NamedTuple):
    """Texts (the first is the one to write), what to do, after how long, whether the whole request fell.

    ``whole``: the refusal answers a request as such, none of which was carried out.
    """

    texts: tuple[str, ...]
    nature: Nature
    retry_after_s: float | None = None
    whole: bool = False


def _order(nature: Nature, *texts: str, after_s: float | None = None) -> Rule:
    return Rule(texts, nature, after_s)


def _request(nature: Nature, *texts: str, after_s: float | None = None) -> Rule:
    return Rule(texts, nature, after_s, whole=True)


_C, _R, _G, _W, _A = Nature.CHANGE, Nature.REPRICE, Nature.GONE, Nature.WAIT, Nature.ACCOUNT

RULES: Final[dict[Refusal, Rule]] = {
    Refusal.TICK: _order(_C, "Price must be divisible by tick size.", "Order has invalid price."),
    Refusal.SIZE: _order(_C, "Order has invalid size."),
    Refusal.ZERO_SIZE: _order(_C, "Order has zero size."),
    Refusal.MIN_NOTIONAL: _order(
        _C, "Order must have minimum value of $10.", "Order must have minimum value of {limit_usd} {quote}."
    ),
    Refusal.POST_ONLY: _order(
        _R, "Post only order would have immediately matched, bbo was {bid_px}@{ask_px}."
    ),
    Refusal.IOC_NO_MATCH: _order(_R, "Order could not immediately match against any resting orders."),
    Refusal.MARGIN: _order(_R, "Insufficient margin to place order."),
    Refusal.REDUCE_ONLY: _order(_R, "Reduce only order would increase position."),
    Refusal.PRICE_BAND: _order(
        _R, "Order price cannot be more than {percent}% away from the reference price"
    ),
    Refusal.ORACLE: _order(_R, "Price too far from oracle", "Order price too far from oracle"),
    Refusal.TOO_LARGE: _order(_C, "Order value too large. Max is ${limit_usd}."),
    Refusal.OPEN_INTEREST_CAP: _order(_R, "Order would increase open interest while open interest is capped"),
    Refusal.OPEN_INTEREST_SPEED: _order(_R, "Order would increase open interest too quickly"),
    Refusal.OPEN_INTEREST_AGGRESSIVE: _order(
        _R, "Order rejected due to price more aggressive than oracle while at open interest cap"
    ),
    Refusal.MARGIN_TIER: _order(
        _R, "Order would cause position to exceed margin tier limit at current leverage"
    ),
    Refusal.TRIGGER_PX: _order(_C, "Invalid TP/SL price."),
    Refusal.NO_LIQUIDITY: _order(_R, "No liquidity available for market order."),
    Refusal.SPOT_BALANCE: _order(_R, "Insufficient spot balance"),
    Refusal.TOO_MANY_OPEN: _order(_R, "Too many open orders."),
    Refusal.NEVER_PLACED: _order(_G, "Order was never placed, already canceled, or filled."),
    Refusal.CANNOT_MODIFY: _order(_G, "Cannot modify canceled or filled order"),
    Refusal.MODIFY_INVALID: _order(_C, "Attempted to modify to invalid new order"),
    Refusal.POST_ONLY_PERIOD: _order(
        _W,
        "Only post-only orders allowed immediately after a network upgrade",
        "Only post-only orders allowed immediately after network upgrade",
        after_s=60.0,
    ),
    Refusal.HALTED: _order(_W, "Trading is halted.", after_s=60.0),
    Refusal.BUDGET: _request(
        _W,
        "Too many cumulative requests sent ({used} > {cap}) for cumulative volume traded ${volume_usd}."
        " Place taker orders to free up 1 request per USDC traded.",
        after_s=10.0,
    ),
    Refusal.WEIGHT: _request(_C, "Signed action over weight limit of 200."),
    Refusal.SCHEDULE_VOLUME: _request(
        _A,
        "Cannot set scheduled cancel time until enough volume traded."
        " Required: ${required_usd}. Traded: ${volume_usd}.",
    ),
    Refusal.SCHEDULE_EARLY: _request(
        _C, "Scheduled cancel time too early, must be at least 5 seconds from now."
    ),
    Refusal.NONCE_DUPLICATE: _request(_W, "Invalid nonce: duplicate nonce {nonce}", after_s=0.0),
    Refusal.NONCE_LOW: _request(_W, "Invalid nonce: nonce too low {nonce} < {nonce_floor}", after_s=0.0),
    Refusal.NONCE_WINDOW: _request(_W, "Invalid nonce: nonce {nonce} outside the time window", after_s=0.0),
    Refusal.EXPIRED: _request(_R, "Action already expired"),
    Refusal.NO_USER: _request(_A, "User or API Wallet {address} does not exist."),
    Refusal.NO_DEPOSIT: _request(_A, "Must deposit before performing actions. User: {address}"),
    Refusal.NO_SIGNER: _request(_A, "Unable to recover signer."),
    Refusal.NO_VAULT: _request(_A, "Vault not registered: {address}"),
    Refusal.LEVERAGE_OPEN_POSITION: _request(_C, "Cannot switch leverage type with open position."),
    Refusal.LEVERAGE_VALUE: _request(_C, "Invalid leverage value"),
    Refusal.BUILDER_FEE: _request(_A, "Builder fee has not been approved"),
    Refusal.IP_LIMIT: _request(_W, "429 Too Many Requests", after_s=10.0),
    Refusal.BAD_REQUEST: _request(_C, "Failed to deserialize the JSON body into the target type"),
    Refusal.UNKNOWN: _order(Nature.UNKNOWN),
}
"""What each refusal says and asks. Times of waiting are ours: the budget's ten seconds are recorded,
upgrades last minutes, a refused nonce needs only a new one."""

UNVERIFIED: Final = frozenset(
    {Refusal.TOO_MANY_OPEN, Refusal.HALTED, Refusal.NONCE_WINDOW, Refusal.IP_LIMIT, Refusal.BAD_REQUEST}
)
"""Refusals that exist but whose wording is ours."""
