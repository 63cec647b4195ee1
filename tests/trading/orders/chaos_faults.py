"""Faults of chaos schedules, each counted as it happens: of the way, of the venue's mood, of nonces."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from undertow.exchange import actions
from undertow.exchange.core import Exchange, Ticket
from undertow.exchange.faults import Copy, Fate, RandomFaults, Rates
from undertow.exchange.handling import answer, refusal
from undertow.venue.refusals import RULES, Refusal

_OF_NONCES = (Refusal.NONCE_DUPLICATE, Refusal.NONCE_LOW, Refusal.NONCE_WINDOW)
SAID = tuple(one for one in RULES if one not in (*_OF_NONCES, Refusal.UNKNOWN, Refusal.BAD_REQUEST))
"""What a venue in a mood says; nonces are refused by really using them up (`use_up`)."""
NOBODY_KNOWS = "Computer says no."


class CountedFaults(RandomFaults):
    """`RandomFaults` that counts what became of what."""

    def __init__(self, seed: int, rates: Rates, counts: Counter[str]) -> None:
        super().__init__(seed, rates)
        self._counts = counts

    def connecting(self) -> str | None:
        refused = super().connecting()
        self._counts["connect refused"] += refused is not None
        return refused

    def upward(self, data: bytes) -> Sequence[Copy]:
        return self._counted("up", super().upward(data))

    def downward(self, data: bytes) -> Sequence[Copy]:
        return self._counted("down", super().downward(data))

    def request(self, path: str, body: bytes) -> Fate:
        fate = super().request(path, body)
        if fate is not Fate.ANSWERED:
            self._counts[f"request: {fate.value}"] += 1
        return fate

    def _counted(self, way: str, copies: Sequence[Copy]) -> Sequence[Copy]:
        if len(copies) != 1:
            self._counts[f"frame {way} {'duplicated' if copies else 'dropped'}"] += 1
        elif not copies[0].in_order:
            self._counts[f"frame {way} reordered"] += 1
        elif copies[0].delay_s:
            self._counts[f"frame {way} delayed"] += 1
        return copies


class Moody:
    """In the place of `Exchange.submit`: now and then refuses with any text the venue has."""

    def __init__(self, exchange: Exchange, seed: int, rate: float) -> None:
        self._exchange, self._submit, self._rate = exchange, exchange.submit, rate
        self._random = random.Random(seed)
        self.active = True

    def __call__(self, signer: str, action: object, nonce: int, vault=None, expires_after=None) -> Ticket:
        read = actions.read(action)
        trades = isinstance(read, actions.PlaceOrders | actions.CancelOrders | actions.ModifyOrders)
        if not (self.active and trades and self._random.random() < self._rate):
            return self._submit(signer, action, nonce, vault, expires_after)
        why = self._random.choice(SAID)
        text = RULES[why].texts[0].format_map(defaultdict(lambda: "1"))
        if self._random.random() < 0.03:
            text = NOBODY_KNOWS
        ticket, state = Ticket(), self._exchange.state
        fault = state.nonces.take(
            signer.lower(), nonce, state.now_ms
        )  # a copy of the frame is not carried out
        kind = "cancel" if isinstance(read, actions.CancelOrders) else "order"
        members = self._random.choice((1, actions.weight(read)))  # one by one, or before any was looked at
        if fault or RULES[why].whole:
            ticket.answer(refusal(fault or text))
        else:
            ticket.answer(answer(kind, [{"error": text}] * members))
        return ticket


def use_up(exchange: Exchange, signer: str, first_ms: int, n: int) -> None:
    """Somebody with the same key uses `n` nonces from `first_ms` on."""
    for nonce in range(first_ms, first_ms + n):
        exchange.state.nonces.take(signer.lower(), nonce, exchange.state.now_ms)
