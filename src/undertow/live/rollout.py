"""The rollout's record: what each stage has shown of a coin on an account, and what the next one asks for.

One small file per network, account and coin in ``SESSIONS/rollout``; every session adds a line. Hours and
fills count since the last session that ended badly: a kill, an order left, a position nobody can explain.
Shadow needs no account, so what it has shown counts for every account.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from undertow.config import Rollout, Stage
from undertow.live.private import make_private, write_private

BEFORE: Final[dict[Stage, Stage]] = {"minimum": "shadow", "full": "minimum"}
"""The stage that must be done first."""
FOLDER: Final = "rollout"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What one session showed of one coin. ``faults``: why it does not count (empty: it does).

    ``predicted_fills`` and ``realised_fills`` are of the same quotes; ``predicted_bps`` and ``realised_bps``
    the edge per volume of ``edge_fills`` fills after adverse selection and fees, as the orders forecast it
    and as it came.
    """

    session: str
    began: str
    stage: Stage
    maker: str
    hours: float
    fills: int
    predicted_fills: float = 0.0
    realised_fills: int = 0
    predicted_bps: float = 0.0
    realised_bps: float = 0.0
    edge_fills: int = 0
    faults: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


class Check(msgspec.Struct, frozen=True):
    """One thing a stage asks for: what there is, what there must be, whether it is enough."""

    name: str
    have: str
    need: str
    passed: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.have}, needs {self.need}"


def path_of(sessions: Path, network: str, account: str, coin: str) -> Path:
    """Where the record lies; `account` empty: of shadow sessions without one."""
    return sessions / FOLDER / f"{network}.{account.lower() or 'no-account'}.{quote(coin, safe='')}.json"


def read(sessions: Path, network: str, account: str, coin: str) -> list[Shown]:
    """Every session of the coin on the account, and the shadow sessions without an account, oldest first.

    Raises ValueError naming a file that cannot be read.
    """
    found = _read(path_of(sessions, network, account, coin))
    if account:
        found += [one for one in _read(path_of(sessions, network, "", coin)) if one.stage == "shadow"]
    return sorted(found, key=lambda one: one.began)


def _read(path: Path) -> list[Shown]:
    if not path.is_file():
        return []
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Shown])
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} is no record of a rollout ({error}): move it away") from None


def add(sessions: Path, network: str, account: str, coin: str, shown: Shown) -> None:
    """Note what a session showed."""
    path = path_of(sessions, network, account, coin)
    make_private(path.parent)
    everything = [*_read(path), shown]
    write_private(path, msgspec.json.format(msgspec.json.encode(everything), indent=1) + b"\n")


def counted(record: Iterable[Shown], stage: Stage) -> list[Shown]:
    """The sessions of `stage` that count: those since the last of it that ended badly."""
    of_stage = [one for one in record if one.stage == stage]
    bad = [k for k, one in enumerate(of_stage) if one.faults]
    return of_stage[bad[-1] + 1 :] if bad else of_stage


def checks(record: Sequence[Shown], stage: Stage, bounds: Rollout) -> list[Check]:
    """What `stage` asks of the one before it; empty: nothing (shadow)."""
    before = BEFORE.get(stage)
    if before is None:
        return []
    sessions = counted(record, before)
    least = bounds.shadow_hours if before == "shadow" else bounds.minimum_hours
    hours = sum(one.hours for one in sessions)
    fills = sum(one.fills for one in sessions)
    return [
        Check(f"hours in {before}", f"{hours:.1f}", f"{least:g}", hours >= least),
        _clean(record, before),
        Check(f"fills in {before}", f"{fills}", f"{bounds.least_fills}", fills >= bounds.least_fills),
        _fill_ratio(sessions, bounds),
        _edge(sessions, bounds),
    ]


def missing(record: Sequence[Shown], stage: Stage, bounds: Rollout) -> list[Check]:
    """The checks of `stage` that are not passed."""
    return [check for check in checks(record, stage, bounds) if not check.passed]


def _clean(record: Sequence[Shown], before: Stage) -> Check:
    of_stage = [one for one in record if one.stage == before]
    last = of_stage[-1].faults if of_stage else ("no session",)
    have = "; ".join(last) or "ended clean"
    return Check(f"last session in {before}", have, "no kill, no order left, position proven", not last)


def _fill_ratio(sessions: Sequence[Shown], bounds: Rollout) -> Check:
    """Realised over predicted fills of the same quotes; a maker that predicts none is not asked."""
    need = f"{bounds.fill_ratio_low:g} to {bounds.fill_ratio_high:g}"
    predicted = sum(one.predicted_fills for one in sessions)
    realised = sum(one.realised_fills for one in sessions)
    if not predicted > 0.0:
        return Check("realised over predicted fills", "no forecast", need, bool(sessions))
    ratio = realised / predicted
    passed = bounds.fill_ratio_low <= ratio <= bounds.fill_ratio_high
    have = f"{ratio:.2f} ({realised} of {predicted:.1f})"
    return Check("realised over predicted fills", have, need, passed)


def _edge(sessions: Sequence[Shown], bounds: Rollout) -> Check:
    """What fills earned after their markouts, against what their orders forecast."""
    need = f"at most {bounds.edge_shortfall_bps:g} bps below the forecast"
    fills = sum(one.edge_fills for one in sessions)
    if not fills:
        return Check("edge of fills", "no forecast", need, bool(sessions))
    predicted = sum(one.predicted_bps * one.edge_fills for one in sessions) / fills
    realised = sum(one.realised_bps * one.edge_fills for one in sessions) / fills
    short = predicted - realised
    passed = math.isfinite(short) and short <= bounds.edge_shortfall_bps
    return Check("edge of fills", f"{realised:+.2f} bps, forecast {predicted:+.2f}", need, passed)
