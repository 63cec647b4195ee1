"""Nonces of signed actions: made on our side, checked on the exchange's.

A nonce is a time in ms. The exchange keeps a signer's 100 highest; a new one must be above the
smallest of these, not among them, and inside (now - 2 days, now + 1 day). Source: Hyperliquid docs,
"Nonces and API wallets".
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from undertow.clock import Clock
from undertow.venue.errors import refusal_text
from undertow.venue.refusals import Refusal

KEPT: Final = 100
_DAY_MS: Final = 86_400_000


class NonceSource:
    """Nonces of one signer: the time in ms, or one more than the last where that is later.

    One source per signer and process; two processes must not share a signer.
    """

    def __init__(self, clock: Clock, last: int = 0) -> None:
        """`last`: the highest nonce known to be used (of a journal), 0 if none."""
        self._clock, self._last = clock, last

    @property
    def last(self) -> int:
        """The highest nonce given out."""
        return self._last

    def next(self) -> int:
        """A nonce never given before, above all others."""
        self._last = max(self._clock.now_ns() // 1_000_000, self._last + 1)
        return self._last

    def leap(self) -> None:
        """Pass over what an earlier process with a clock ahead of ours may have used one after the other."""
        self._last += KEPT

    def raise_to(self, nonce: int) -> None:
        """Give out only nonces above `nonce` (the exchange said ``nonce too low N < M``)."""
        self._last = max(self._last, nonce)


class NonceWindow:
    """The nonces the exchange remembers of each signer."""

    def __init__(self) -> None:
        self._kept: dict[str, list[int]] = {}

    def refusal(self, signer: str, nonce: int, now_ms: int) -> str | None:
        """The official text of why `nonce` is refused, or None; changes nothing."""
        if not now_ms - 2 * _DAY_MS < nonce < now_ms + _DAY_MS:
            return refusal_text(Refusal.NONCE_WINDOW, nonce=nonce)
        kept = self._kept.get(signer, [])
        place = bisect_left(kept, nonce)
        if place < len(kept) and kept[place] == nonce:
            return refusal_text(Refusal.NONCE_DUPLICATE, nonce=nonce)
        if len(kept) >= KEPT and place == 0:
            return refusal_text(Refusal.NONCE_LOW, nonce=nonce, nonce_floor=kept[0])
        return None

    def take(self, signer: str, nonce: int, now_ms: int) -> str | None:
        """Use up `nonce` of `signer` (lower-case address), or say why not, as `refusal`."""
        text = self.refusal(signer, nonce, now_ms)
        if text is None:
            kept = self._kept.setdefault(signer, [])
            kept.insert(bisect_left(kept, nonce), nonce)
            del kept[:-KEPT]
        return text
