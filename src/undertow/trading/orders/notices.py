"""What the order manager has to say beside the rows: to the log, the screen, the risk room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What happened."""

    LIMIT = "limit"
    """A pre-trade limit refused an order of the maker's: it never left."""
    REFUSED = "refused"
    """The venue refused an order, a cancel or a whole request."""
    REPLY_LOST = "reply_lost"
    """A request was not answered; what became of its orders is being asked."""
    ASKED = "asked"
    """An order whose state was in doubt was asked for, and found."""
    REQUESTS_EXHAUSTED = "requests_exhausted"
    """The address has no requests left: cancels and reducing orders only."""
    FOREIGN_ORDER = "foreign_order"
    """An open order on a coin of ours that this session did not send."""
    FOREIGN_FILL = "foreign_fill"
    """A fill on a coin of ours of an order that this session did not send. It is booked."""
    ORPHAN = "orphan"
    """An open order of ours that the maker knows nothing of; it is canceled."""
    POSITION = "position"
    """The venue's position is not the sum of the fills, and no fill explains it."""
    OVERFILL = "overfill"
    """A fill raced a modify: the position is beyond what was wanted by at most that order."""
    JOURNAL = "journal"
    """The journal cannot be written: nothing is sent any more but cancels."""
    ODD = "odd"
    """The venue said something unknown or impossible; nothing was changed by it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. ``value``: lots, milliseconds or a code, as the text says."""

    now_ns: int
    kind: Kind
    coin: str
    text: str
    value: float = 0.0


@dataclass(slots=True)
class Notices:
    """Counts notices and passes them on."""

    listener: Callable[[Notice], None] | None = None
    counts: Counter[Kind] = field(default_factory=Counter)

    def tell(self, now_ns: int, kind: Kind, coin: str, text: str, value: float = 0.0) -> None:
        """One more of `kind`."""
        self.counts[kind] += 1
        if self.listener is not None:
            self.listener(Notice(now_ns, kind, coin, text, value))
