"""What may go wrong on the way to an exchange in the same process.

`Faults` is asked about every frame, request and connect. The base class lets everything through;
`RandomFaults` breaks things at given rates from a seed; a test overrides what it wants to break.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Copy(NamedTuple):
    """One delivery of a frame."""

    delay_s: float = 0.0
    """On top of the latency of the way (s)."""
    in_order: bool = True
    """Whether frames sent later wait behind it; False lets them overtake it, and it them."""


DELIVERED: Sequence[Copy] = (Copy(),)
DROPPED: Sequence[Copy] = ()


class Fate(Enum):
    """What becomes of a request posted over HTTP."""

    ANSWERED = "answered"
    REQUEST_LOST = "request lost"
    """Never received; the client runs into its timeout."""
    REPLY_LOST = "reply lost"
    """Received and acted on, but the client runs into its timeout."""
    TOO_MANY = "429"
    """Status 429, body ``null``; not acted on."""
    SERVER_ERROR = "502"
    """Status 502 with a page of HTML; not acted on."""
    SERVER_ERROR_AFTER = "502 after"
    """Status 502, though it was acted on."""


class Faults:
    """No faults; override what should break. Called in the order things are sent."""

    def connecting(self) -> str | None:
        """Why the next connect is refused, or None."""
        return None

    def upward(self, data: bytes) -> Sequence[Copy]:
        """How a frame of the client's reaches the venue: empty drops it, two copies duplicate it."""
        return DELIVERED

    def downward(self, data: bytes) -> Sequence[Copy]:
        """The same for a frame of the venue's."""
        return DELIVERED

    def request(self, path: str, body: bytes) -> Fate:
        """What becomes of a request."""
        return Fate.ANSWERED


@dataclass(frozen=True)
class Rates:
    """Probability of each fault, per frame, request or connect."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    delay_s: float = 1.0
    """Longest delay of a delayed or reordered frame (s)."""
    refuse: float = 0.0
    request_lost: float = 0.0
    reply_lost: float = 0.0
    too_many: float = 0.0
    server_error: float = 0.0


class RandomFaults(Faults):
    """Faults at `rates`, drawn from `seed`; none while `active` is False."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self._random = random.Random(seed)
        self._rates = rates
        self.active = True

    def connecting(self) -> str | None:
        """Refused at the rate ``refuse``."""
        if self.active and self._random.random() < self._rates.refuse:
            return "connection refused"
        return None

    def upward(self, data: bytes) -> Sequence[Copy]:
        """Dropped, duplicated, reordered or delayed at the rates of each."""
        return self._copies()

    def downward(self, data: bytes) -> Sequence[Copy]:
        """Dropped, duplicated, reordered or delayed at the rates of each."""
        return self._copies()

    def request(self, path: str, body: bytes) -> Fate:
        """One draw over the fates' rates."""
        if not self.active:
            return Fate.ANSWERED
        draw, rates = self._random.random(), self._rates
        for rate, fate in (
            (rates.request_lost, Fate.REQUEST_LOST),
            (rates.reply_lost, Fate.REPLY_LOST),
            (rates.too_many, Fate.TOO_MANY),
            (rates.server_error / 2, Fate.SERVER_ERROR),
            (rates.server_error / 2, Fate.SERVER_ERROR_AFTER),
        ):
            if draw < rate:
                return fate
            draw -= rate
        return Fate.ANSWERED

    def _copies(self) -> Sequence[Copy]:
        if not self.active:
            return DELIVERED
        draw, rates = self._random.random(), self._rates
        if draw < rates.drop:
            return DROPPED
        draw -= rates.drop
        if draw < rates.duplicate:
            return (Copy(), Copy(self._late()))
        draw -= rates.duplicate
        if draw < rates.reorder:
            return (Copy(self._late(), in_order=False),)
        draw -= rates.reorder
        return (Copy(self._late()),) if draw < rates.delay else DELIVERED

    def _late(self) -> float:
        return self._random.random() * self._rates.delay_s
