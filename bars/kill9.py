"""Processes killed for good while they trade: nothing lost, nothing twice, nothing left behind.

Real processes as ``undertow run`` starts them, on local exchanges in processes of their own, killed with
SIGKILL at random moments (while they trade, reconcile, or load) and started again on what they left; after
the last one has ended in order its journal is held against the exchange's account. Beside them, in virtual
time and with a transport that fails, order managers that die at a random statement of their journal.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import Counter
from pathlib import Path

from tests.journal.crashing import crash_session
from tests.journal.killing import kill_many

from bars import Figure
from undertow import makers
from undertow.config import Config
from undertow.trading.folder import legs_of
from undertow.trading.results import result_of

TITLE = "Kill -9: journal, exchange and report stay one"
KILLS = ((1, 35, "symmetric"), (2, 35, "symmetric"), (3, 35, "symmetric"), (4, 5, "undertow"))
"""Seed, kills, maker of each exchange."""
CRASHES = 300


def _report_differs(folder: Path, maker: str) -> list[str]:
    """The account the report is made of, against the journal."""
    from undertow.journal.reading import Reader

    wrong = []
    with Reader(folder) as reader:
        fills = list(reader.fills())
        coins = reader.coins()
    for coin, terms in coins.items():
        start = legs_of(folder, coin)[-1].start
        ledger = result_of(folder, coin, makers.make(maker, Config(), start.instrument)).ledger
        own = [fill for fill in fills if fill.coin == coin]
        lots = sum(fill.side * fill.lots for fill in own)
        cash = -sum(fill.side * fill.px * fill.lots * terms.lot_size for fill in own)
        fees = sum(fill.fee for fill in own)
        ours = (len(own), float(lots * terms.lot_size), round(float(cash), 6), round(float(fees), 6))
        named = [ledger[name] for name in ("fills", "position", "cash", "fees")]
        theirs = (int(named[0]), float(named[1]), round(float(named[2]), 6), round(float(named[3]), 6))
        if ours != theirs:
            wrong.append(f"{coin}: journal {ours}, report {theirs}")
    return wrong


def _killed() -> list[Figure]:
    phases: Counter[str] = Counter()
    wrong: list[str] = []
    kills = fills = intents = 0
    for seed, n, maker in KILLS:
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(kill_many(n, Path(folder), seed, maker=maker))
            assert found.verdict is not None
            wrong += [f"seed {seed}: {text}" for text in (*found.verdict.differences, *found.faults)]
            wrong += [f"seed {seed}: {text}" for text in _report_differs(found.folder, maker)]
        kills, fills, intents = kills + found.kills, fills + found.fills, intents + found.intents
        phases.update(found.phases)
    detail = {"phases": dict(phases), "fills": fills, "intents": intents, "wrong": wrong[:20]}
    seeds = [seed for seed, _, _ in KILLS]
    return [
        Figure(
            "processes killed with SIGKILL while trading and resumed",
            kills,
            ">= 100",
            kills >= 100,
            seeds,
            detail,
        ),
        Figure(
            "differences between journal, exchange and report afterwards", len(wrong), "0", not wrong, seeds
        ),
    ]


def _crashed() -> list[Figure]:
    logging.disable(logging.CRITICAL)  # what dies says so in many places
    deaths = fills = 0
    wrong: list[str] = []
    for seed in range(CRASHES):
        with tempfile.TemporaryDirectory() as folder:
            try:
                session = crash_session(seed, Path(folder))
            except AssertionError as failed:
                wrong.append(f"seed {seed}: {failed}")
                continue
            deaths += session.deaths
            fills += len(session.model.fills)
    logging.disable(logging.NOTSET)
    detail = {"deaths": deaths, "fills": fills, "wrong": wrong[:20]}
    return [
        Figure(
            "sessions that died at statements of their journal", CRASHES, ">= 300", CRASHES >= 300, [], detail
        ),
        Figure("of these not right to the last unit", len(wrong), "0", not wrong),
    ]


def measure() -> list[Figure]:
    """Run them all."""
    return _killed() + _crashed()
