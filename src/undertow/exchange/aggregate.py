"""Levels of a book merged to fewer significant figures, as ``nSigFigs`` and ``mantissa`` ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Level(NamedTuple):
    """One price of one side: price and size in whole units of the smallest decimal, number of orders."""

    px: int
    sz: int
    n: int


def step_of(px: int, n_sig_figs: int, mantissa: int | None) -> int:
    """Distance of the merged prices around `px`, in the units of `px`; at least one."""
    exponent = len(str(px)) - n_sig_figs
    return 10**exponent * (mantissa or 1) if exponent >= 0 else 1


def merged(
    levels: Iterable[Level], side: int, n_sig_figs: int, mantissa: int | None, depth: int
) -> list[Level]:
    """The best `depth` merged levels of one side, best first.

    ``levels`` come best first; ``side`` +1 for bids, which merge downward, -1 for asks, which merge
    upward, so that a merged level never looks better than what it holds.
    """
    found: list[Level] = []
    for level in levels:
        step = step_of(level.px, n_sig_figs, mantissa)
        px = level.px // step * step if side > 0 else -(-level.px // step) * step
        if found and found[-1].px == px:
            last = found[-1]
            found[-1] = Level(px, last.sz + level.sz, last.n + level.n)
        elif len(found) == depth:
            break
        else:
            found.append(Level(px, level.sz, level.n))
    return found
