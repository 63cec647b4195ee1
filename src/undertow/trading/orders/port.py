"""What the order manager needs of a venue: requests with typed answers, questions, reports.

`undertow.trading.orders.venue_port` makes one of the venue client; tests make one of a model.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from undertow.trading.orders.batching import Batch
from undertow.trading.orders.ledger import Fill


class Unanswered(Exception):
    """No reply came: the request may or may not have been carried out, and may still be."""


class Why(StrEnum):
    """Why the venue refused, as far as it matters here."""

    GONE = "gone"
    """The order to cancel or modify was never placed, is canceled, or filled."""
    WOULD_MATCH = "would_match"
    """Post-only, and it would have traded."""
    NO_MATCH = "no_match"
    """Immediate-or-cancel, and nothing to trade with."""
    REDUCE_ONLY = "reduce_only"
    EXHAUSTED = "exhausted"
    """Too many cumulative requests for the volume traded."""
    TOO_FAST = "too_fast"
    """Too many requests per minute (429)."""
    NONCE_USED = "nonce_used"
    NONCE_LOW = "nonce_low"
    EXPIRED = "expired"
    """It came after its ``expiresAfter``."""
    POST_ONLY_PHASE = "post_only_phase"
    """After an upgrade of the network, post-only orders alone are taken for some minutes."""
    HALTED = "halted"
    UNREAD = "unread"
    """An answer of a shape that is new to us: it may be no refusal at all."""
    OTHER = "other"


class Refused(NamedTuple):
    """The venue refused; ``text`` is its own."""

    why: Why
    text: str


class Resting(NamedTuple):
    """The order is in the book."""

    oid: int


class Filled(NamedTuple):
    """The order traded `lots` at once."""

    oid: int
    lots: int


class Done(NamedTuple):
    """A cancel was carried out."""


Outcome = Resting | Filled | Done | Refused


class Reply(NamedTuple):
    """Answer to a request: ``refused`` as a whole, or one outcome per order of it, in order.

    A single `Refused` for several orders is a refusal of all of them before any was looked at.
    """

    refused: Refused | None
    outcomes: list[Outcome]


class Report(NamedTuple):
    """What the venue says of an order at ``time_ms``: its status word, what is left and was asked for."""

    coin: str
    oid: int
    cloid: str | None
    side: int
    tick: int
    lots: int
    orig_lots: int
    status: str
    time_ms: int
    reduce_only: bool = False


class VenuePort(Protocol):
    """The venue. Every method raises `Unanswered` where no reply came; only `act` changes anything."""

    def now_ms(self) -> int:
        """The venue's time, as well as it is known."""
        ...

    async def read_time(self) -> None:
        """Ask the venue for its time."""
        ...

    def next_nonce(self) -> int:
        """A nonce never given before, greater than all given."""
        ...

    def resync_nonces(self) -> None:
        """The venue found a nonce used or too low: go on above those it remembers."""
        ...

    async def act(self, batch: Batch, nonce: int, expires_ms: int | None) -> Reply:
        """Sign and send one request. Its bytes leave before the first suspension."""
        ...

    async def burn(self, nonce: int) -> Reply:
        """Use up `nonce` on a request that does nothing: another with it can then never be carried out."""
        ...

    async def open_orders(self, dex: str) -> list[Report]:
        """Open orders on a dex, on whatever coin, status ``open``."""
        ...

    async def order_status(self, key: int | str) -> Report | None:
        """What became of the order with this oid or cloid; None where the venue knows none."""
        ...

    async def fills_since(self, start_ms: int) -> list[Fill]:
        """Own fills on the session's coins from `start_ms` on, oldest first, all of them."""
        ...

    async def positions(self, dex: str) -> dict[str, int]:
        """Position of every coin of the session on a dex, in lots; 0 where there is none."""
        ...
