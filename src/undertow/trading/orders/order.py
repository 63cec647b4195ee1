"""One own order and its states.

::

    SENT ──► RESTING ◄──► CANCELING, MODIFYING
      │         │             │
      ├──► DOUBT ◄────────────┤        DOUBT: its state at the venue must be asked for
      └─────────┴──► ENDED ◄──┘

A fill changes the quantity, never the state, but for the last one, which ends the order. An order that
ended is *settled* once every fill it had has been booked; only then is its end told to the maker, whose
desk would otherwise give away the room those fills take. Quantities are whole size steps ("lots").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from undertow.events import CANCELED, FILLED, REJECTED
from undertow.kernel.desk import IOC


class State(IntEnum):
    """Where an order is, as far as is known."""

    SENT = 1
    """The request is under way; nothing has been heard."""
    RESTING = 2
    CANCELING = 3
    """A cancel is under way."""
    MODIFYING = 4
    """A modify that replaces it is under way."""
    DOUBT = 5
    """A reply was lost, or said only that the order is not what we thought: the venue is asked."""
    ENDED = 6


NEXT: Final = {
    State.SENT: {State.RESTING, State.DOUBT, State.ENDED},
    State.RESTING: {State.CANCELING, State.MODIFYING, State.DOUBT, State.ENDED},
    State.CANCELING: {State.RESTING, State.DOUBT, State.ENDED},
    State.MODIFYING: {State.RESTING, State.DOUBT, State.ENDED},
    State.DOUBT: {State.RESTING, State.ENDED},
    State.ENDED: set[State](),
}
"""The transitions there are."""


@dataclass(slots=True)
class Order:
    """An own order: what was asked for, and what has become of it.

    ``id`` is the desk's and unique per coin; ``lots`` the quantity asked for; ``final`` what it will have
    filled when all is booked (None: not known yet); ``code`` how it ended (an ACK code, 0: it has not).
    """

    coin: str
    id: int
    cloid: str
    side: int
    tick: int
    lots: int
    tif: int
    reduce_only: bool
    sent_ns: int
    state: State = State.SENT
    oid: int = 0
    filled: int = 0
    code: int = 0
    final: int | None = None
    replaces: int | None = None
    """The order this one takes the place of."""
    replaced_by: int | None = None
    """The order under way to take this one's place."""
    cancel_wanted: bool = False
    """The maker canceled it before the venue had acknowledged it."""
    owed: bool = False
    """A cancel or modify of it has not been answered to the maker."""
    flying: int = 0
    """Requests that touch it and are under way, or were lost and might still be carried out."""
    asked: int = 0
    """How often the venue was asked about it since it came into doubt."""
    told_open: bool = False
    told_end: bool = False
    written: tuple[int, int, int | None, bool] | None = None
    """What the journal has of it (`trading.orders.writing`)."""

    @property
    def leaves(self) -> int:
        """What may still fill; of an order that ended, what is known to have filled but is not booked.

        An order that ended with its last fills unknown counts whole.
        """
        if self.state == State.ENDED and self.final is not None:
            return max(self.final - self.filled, 0)
        return max(self.lots - self.filled, 0)

    @property
    def over(self) -> bool:
        """Whether it has come to its end at the venue."""
        return self.state == State.ENDED

    @property
    def settled(self) -> bool:
        """Whether it has ended and every fill of it is booked."""
        return self.over and self.final is not None and self.filled >= self.final

    @property
    def open_question(self) -> bool:
        """Whether it is in doubt, or ended with fills missing."""
        return self.state == State.DOUBT or (self.over and not self.settled)

    def to(self, state: State) -> None:
        """Change the state. Raises ValueError where there is no such transition."""
        if state == self.state:
            return
        if state not in NEXT[self.state]:
            raise ValueError(f"order {self.coin}#{self.id}: no way from {self.state.name} to {state.name}")
        self.state = state
        if state != State.DOUBT:
            self.asked = 0

    def acknowledge(self, oid: int) -> None:
        """The venue has it under `oid`. Without effect on one that has ended.

        On one in doubt only where this is the first word of it: a report may be older than the doubt.
        """
        if self.over:
            return
        first = self.oid == 0
        self.oid = self.oid or oid
        if self.state == State.SENT or (self.state == State.DOUBT and first):
            self.to(State.RESTING)

    def found(self, oid: int) -> None:
        """Asked for, it is in the book: whatever was under way has not touched it."""
        if self.over:
            return
        self.oid = self.oid or oid
        self.to(State.RESTING)

    def doubt(self) -> None:
        """What has become of it must be asked for. Without effect on one that has ended."""
        if not self.over:
            self.to(State.DOUBT)

    def book(self, lots: int) -> None:
        """A fill of `lots`, in whatever state."""
        self.filled += lots
        if not self.over and self.filled >= self.lots:
            self.end(FILLED, self.lots)

    def end(self, code: int, final: int | None) -> None:
        """It is over, by `code`, having filled `final` in all (None: to be found out).

        Of several reports the first says how; the first that says it how much. Booked fills are the
        truth: a report of less is stale.
        """
        if final is not None:
            final = max(final, self.filled)
        if not self.over:
            self.to(State.ENDED)
            self.code, self.final = code, final
        elif self.final is None:
            self.final = final
        if self.code == REJECTED and (self.filled or self.told_open):
            self.code = CANCELED

    @property
    def takes(self) -> bool:
        """Whether it is an order that never rests."""
        return self.tif == IOC
