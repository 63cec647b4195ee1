"""What can go wrong between us and the venue, by what is then known of the request.

A refusal by the venue is no failure: it is a value in the reply (`undertow.venue.errors.Refused`).
"""

from __future__ import annotations


class VenueFailure(Exception):
    """Base of all failures below. Texts never hold a request's body: it bears a signature."""


class NotSent(VenueFailure):
    """Certainly not received: there was no connection, or too much was under way already."""


class Unanswered(VenueFailure):
    """No reply came, or none that can be read: the request may have been carried out or not.

    Never answered by sending it again: ask the venue what became of it, or burn its nonce.
    """


class Rejected(VenueFailure):
    """A question that the venue refused to answer. ``status``: of HTTP (429: too many requests)."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what}: the venue answered {status} {text[:200]}".rstrip())
        self.status = status


class Quarantined(VenueFailure):
    """A subscription that the venue will not have: it closed the socket twice, or said so."""
