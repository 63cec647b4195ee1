"""Random numbers whose whole state is one integer in a record.

SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): an
additive counter put through a 64-bit mixer. The generator of a market therefore lives in the
market's own state record, a copied record continues with the same numbers, and each part of a
market (price, flow, book, feed) has a stream of its own, so that changing one leaves the others.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec

RNG: Final = np.dtype([("counter", "<u8")], align=True)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)
_TWO_PI = 2.0 * np.pi
_INV_2_53 = 1.0 / 9007199254740992.0


def stream(seed: int, index: int) -> np.uint64:
    """Starting counter of stream `index` of a generator seeded with `seed`."""
    mask = (1 << 64) - 1
    z = (seed * 0xD1342543DE82EF95 + (index + 1) * 0x9E3779B97F4A7C15) & mask
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = ((z ^ (z >> shift)) * factor) & mask
    return np.uint64(z ^ (z >> 31))


@compiled
def uniform(rng: Rec) -> float:
    """A number in [0, 1) with 53 random bits."""
    z = rng.counter + _GOLDEN
    rng.counter = z
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    z = z ^ (z >> _S31)
    return float(z >> _S11) * _INV_2_53


@compiled
def exponential(rng: Rec) -> float:
    """An exponential number with expectation 1."""
    return -np.log(1.0 - uniform(rng))


@compiled
def normal(rng: Rec) -> float:
    """A standard normal number (Box-Muller; always two uniforms)."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform(rng)))
    return radius * np.cos(_TWO_PI * uniform(rng))


@compiled
def poisson(rng: Rec, expected: float) -> int:
    """A Poisson count (inversion by multiplication below 30, rounded normal above)."""
    if expected <= 0.0:
        return 0
    if expected > 30.0:
        return max(0, int(np.floor(expected + np.sqrt(expected) * normal(rng) + 0.5)))
    limit = np.exp(-expected)
    count = 0
    product = uniform(rng)
    while product > limit:
        count += 1
        product *= uniform(rng)
    return count
