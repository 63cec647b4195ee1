"""The subscriptions of one connection: which are wanted, which stand, and which kill the socket.

A bad subscription (an unknown coin) closes the whole socket without a word. All are asked for at once;
if the socket closes before all are acknowledged, those that were not are suspects, and on the next
socket they are asked for one at a time, then two, four, ... A suspect that closes the socket twice
while it is the only one asked for is put in quarantine.
"""

from __future__ import annotations

from typing import Final

from undertow.venue.wire.subscriptions import Subscription, UnknownSubscription, canonical

STRIKES: Final = 2


class Wanted:
    """Subscriptions in order of wish. `batch` says what to ask for now."""

    def __init__(self) -> None:
        self._all: dict[Subscription, None] = {}
        self._asked: dict[Subscription, None] = {}
        self._standing: dict[Subscription, None] = {}
        self._suspects: dict[Subscription, None] = {}
        self._strikes: dict[Subscription, int] = {}
        self._window = 1
        self.quarantined: dict[Subscription, str] = {}
        """Subscriptions not asked for any more, and why."""

    def add(self, subscription: Subscription) -> bool:
        """Want `subscription`. False if it is already, or in quarantine."""
        key = canonical(subscription)
        if key in self._all or key in self.quarantined:
            return False
        self._all[key] = None
        return True

    def remove(self, subscription: Subscription) -> bool:
        """Want it no longer; whether it had been asked for (and must be ended at the venue)."""
        key = canonical(subscription)
        self._all.pop(key, None)
        self._suspects.pop(key, None)
        self.quarantined.pop(key, None)
        asked = key in self._asked or key in self._standing
        self._asked.pop(key, None)
        self._standing.pop(key, None)
        return asked

    def forget(self, subscription: Subscription) -> None:
        """It no longer stands and is to be asked for again."""
        key = canonical(subscription)
        self._standing.pop(key, None)
        self._asked.pop(key, None)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, subscription: Subscription) -> bool:
        return canonical(subscription) in self._all

    @property
    def asked(self) -> list[Subscription]:
        """Asked for on this socket and not acknowledged, oldest first."""
        return list(self._asked)

    @property
    def standing(self) -> list[Subscription]:
        """Acknowledged on this socket."""
        return list(self._standing)

    @property
    def complete(self) -> bool:
        """Whether all that are wanted stand."""
        return len(self._standing) == len(self._all)

    def opened(self) -> None:
        """A new socket: nothing stands."""
        self._asked.clear()
        self._standing.clear()
        self._window = 1

    def batch(self) -> list[Subscription]:
        """What to ask for now; noted as asked. Empty while suspects are being tried."""
        if any(key in self._suspects for key in self._asked):
            return []
        waiting = [k for k in self._all if k not in self._asked and k not in self._standing]
        clean = [k for k in waiting if k not in self._suspects]
        if clean or self._asked:
            chosen = clean
        else:
            chosen = [k for k in self._suspects if k in self._all and k not in self._standing][: self._window]
            self._window *= 2
        self._asked.update(dict.fromkeys(chosen))
        return chosen

    def acknowledged(self, key: Subscription | UnknownSubscription) -> bool:
        """The venue acknowledged `key`; whether it was wanted."""
        if isinstance(key, UnknownSubscription) or key not in self._all:
            return False
        self._asked.pop(key, None)
        self._standing[key] = None
        self._suspects.pop(key, None)
        self._strikes.pop(key, None)
        return True

    def closed_by_venue(self) -> Subscription | None:
        """The socket was closed on us; the subscription that is put in quarantine for it, if any."""
        asked = list(self._asked)
        self._asked.clear()
        self._standing.clear()
        if len(asked) == 1 and (asked[0] in self._suspects or len(self._all) == 1):
            guilty = asked[0]
            self._suspects.setdefault(guilty)
            self._strikes[guilty] = self._strikes.get(guilty, 0) + 1
            if self._strikes[guilty] >= STRIKES:
                self.quarantine(guilty, f"the venue closed the socket {STRIKES} times when asked for it")
                return guilty
            return None
        # The venue answers in order: the first not acknowledged is the likeliest.
        self._suspects = {**dict.fromkeys(asked), **self._suspects}
        return None

    def quarantine(self, key: Subscription, reason: str) -> None:
        """Ask for `key` no more."""
        self._all.pop(key, None)
        self._asked.pop(key, None)
        self._suspects.pop(key, None)
        self.quarantined[key] = reason
