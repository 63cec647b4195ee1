"""Fills identical with hftbacktest, in the modes where it is right.

No partial fills, constant latency, power-law queue (n = 3), fixed step, no modify, one own order a
tick. Both engines read the same levels and prints and run the same grid, whose arithmetic is the
same file (``baselines/glft_math.py``); nothing is tiled. A fill is its exchange time, side and tick.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from benchmarks.peer.cases import CASES, SOURCES, Case, Market, market
from benchmarks.peer.process import VERSION, Peer

from bars import Figure
from undertow.replay import replay

TITLE = f"Fills identical with hftbacktest {VERSION}"

Fill = tuple[int, int, int]


def _ours(market: Market, case: Case) -> Counter[Fill]:
    fills = replay(market.recording, market.maker(case), case.settings()).fills
    columns = (fills[name].tolist() for name in ("exch_ns", "side", "tick"))
    return Counter(zip(*columns, strict=True))


def _theirs(market: Market, case: Case, peer: Peer, file: Path) -> Counter[Fill]:
    peer.run(market.job(case, depth="roi", fills=file))
    return Counter((ns, 1 if side == 1 else -1, tick) for ns, side, tick in np.load(file).tolist())


def measure() -> list[Figure]:
    """Compare every configuration on every recording."""
    figures = []
    identical = distinct = different = 0
    with tempfile.TemporaryDirectory() as folder, Peer() as peer:
        for name in SOURCES:
            place = market(name, Path(folder))
            seen: set[Fill] = set()
            here, apart = [], 0
            for case in CASES:
                ours, theirs = _ours(place, case), _theirs(place, case, peer, Path(folder) / "fills.npy")
                same = ours & theirs
                here.append(same.total())
                apart += (ours - theirs).total() + (theirs - ours).total()
                seen |= set(same)
            identical, distinct, different = identical + sum(here), distinct + len(seen), different + apart
            figures.append(
                Figure(
                    f"{name}: fills that differ",
                    apart,
                    "0",
                    apart == 0,
                    detail={"identical per configuration": here, "distinct": len(seen)},
                )
            )
            place.events_file.unlink()
    figures.append(Figure("fills that differ, all", different, "0", different == 0))
    figures.append(Figure("identical fills, all configurations", identical, ">= 50000", identical >= 50_000))
    figures.append(
        Figure(
            "distinct identical fills (recording, time, side, tick)", distinct, ">= 50000", distinct >= 50_000
        )
    )
    figures.append(Figure("recordings", len(SOURCES), ">= 3", len(SOURCES) >= 3))
    figures.append(Figure("configurations", len(CASES), ">= 5", len(CASES) >= 5))
    return figures
