"""Fewer points, the same picture: long series cut down to what a screen can show."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from undertow.account.decomposition import Floats

Index = NDArray[np.int64]


def _edges(n: int, buckets: int) -> Index:
    return np.linspace(0, n, buckets + 1).astype(np.int64)


def extremes(values: Floats, points: int = 3000) -> Index:
    """Indices of the lowest and highest value of each of `points` / 2 equal stretches, in order.

    Peaks and troughs all survive, which averaging and every-k-th sampling do not promise. A stretch
    of nothing but NaN keeps its first entry, so a gap stays a gap. Everything, where it fits.
    """
    n = len(values)
    if n <= points:
        return np.arange(n)
    edges = _edges(n, points // 2)
    low = np.where(np.isnan(values), np.inf, values)
    high = np.where(np.isnan(values), -np.inf, values)
    kept = []
    for start, stop in itertools.pairwise(edges):
        kept.append(start + int(np.argmin(low[start:stop])))
        kept.append(start + int(np.argmax(high[start:stop])))
    return np.unique(kept)


def averages(values: Floats, points: int = 1500) -> Floats:
    """Mean of each of `points` equal stretches, NaN left out; the values themselves where they fit."""
    n = len(values)
    if n <= points:
        return values
    edges = _edges(n, points)[:-1]
    known = ~np.isnan(values)
    counts = np.add.reduceat(known.astype(np.float64), edges)
    sums = np.add.reduceat(np.where(known, values, 0.0), edges)
    return np.where(counts > 0.0, sums / np.maximum(counts, 1.0), np.nan)


def starts(n: int, points: int = 1500) -> Index:
    """Index of the first entry of each stretch `averages` makes of `n` values."""
    return np.arange(n) if n <= points else _edges(n, points)[:-1]


def spread_evenly(n: int, most: int) -> Index:
    """At most `most` indices out of `n`, evenly spaced, first and last among them."""
    if n <= most:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, most).round().astype(np.int64))
