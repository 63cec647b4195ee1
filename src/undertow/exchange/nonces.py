"""Nonces of one signer: a window of the highest hundred, none used twice."""

from __future__ import annotations

from bisect import insort
from typing import Final

KEPT: Final = 100
_PAST_MS: Final = 2 * 86_400_000
_FUTURE_MS: Final = 86_400_000


class NonceWindow:
    """What a signer has used. A nonce must lie in (T − 2 d, T + 1 d) and above the smallest kept."""

    def __init__(self) -> None:
        self._used: list[int] = []

    def fault(self, nonce: int, now_ms: int) -> str | None:
        """Why `nonce` is refused at `now_ms`; None if it is good."""
        used = self._used
        if nonce in used:
            return f"Invalid nonce: duplicate nonce {nonce}"
        low = max(now_ms - _PAST_MS, used[0] if len(used) >= KEPT else 0)
        if nonce <= low:
            return f"Invalid nonce: nonce too low {nonce} < {low}"
        if nonce >= now_ms + _FUTURE_MS:
            return f"Invalid nonce: nonce too high {nonce} > {now_ms + _FUTURE_MS}"
        return None

    def use(self, nonce: int) -> None:
        """Mark a good nonce as used."""
        insort(self._used, nonce)
        if len(self._used) > KEPT:
            del self._used[0]
