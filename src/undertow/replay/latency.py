"""Latency of the two channels between maker and exchange.

Each delay is a constant plus an exponential one, drawn from a counter-based hash (splitmix64 of
seed, channel and counter): no generator state, the same draw whatever else happens. Channels are
FIFO: nothing overtakes what was sent before it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled

ORDERS: Final = 1
ANSWERS: Final = 2


@compiled
def unit_draw(seed: int, channel: int, counter: int) -> float:
    """Uniform number in [0, 1) that depends on its arguments alone (splitmix64)."""
    x = np.uint64(seed) ^ (np.uint64(channel) * np.uint64(0x9E3779B97F4A7C15))
    x += np.uint64(counter) * np.uint64(0xD1342543DE82EF95)
    for _ in range(2):
        x += np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return float(x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def delay_ns(base_ns: int, jitter_ns: float, seed: int, channel: int, counter: int) -> int:
    """`base_ns` plus an exponential delay of mean `jitter_ns`."""
    if jitter_ns <= 0.0:
        return base_ns
    return base_ns + int(-jitter_ns * np.log(1.0 - unit_draw(seed, channel, counter)))
