"""Paper sessions under a guard, driven by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.trading.driving import paper_session

from undertow.risk.guard import Guard, Traded
from undertow.risk.settings import Kill, bounds
from undertow.risk.switch import KillSwitch
from undertow.trading.margin import MarginBook
from undertow.trading.paper import PaperExecution
from undertow.trading.runner import CoinRunner
from undertow.trading.session import LiveSession

TIERS = ((0.0, 40),)
CAPITAL_USD = 10_000.0


def guarded(
    runners: list[CoinRunner],
    kill: Kill | None = None,
    *,
    limit_usd: float = 1_200.0,
    switch: KillSwitch | None = None,
    references: int = 0,
    **options: Any,
) -> tuple[LiveSession, PaperExecution, Guard]:
    """A paper session and its guard. `limit_usd`: position limit of each coin."""
    kill = kill or Kill()
    margin = MarginBook(CAPITAL_USD, {r.coin: 10.0 for r in runners})
    session, paper = paper_session(runners, margin=margin, **options)
    names = [r.coin for r in runners]
    guard = Guard(
        {r.coin: Traded(r.instrument, TIERS, references) for r in runners},
        bounds(kill, CAPITAL_USD, dict.fromkeys(names, 1e9), dict.fromkeys(names, limit_usd)),
        switch or KillSwitch(may_flatten=kill.flatten),
        CAPITAL_USD,
        session.gate,
    )
    session.watcher = guard
    return session, paper, guard


def resting(paper: PaperExecution, coin: str) -> dict[int, list[tuple[int, float, float]]]:
    """What the venue holds and has under way of `coin`: (id, price tick, leaves) by side."""
    ex = paper.matchers[coin].cells.ex
    out: dict[int, list[tuple[int, float, float]]] = {}
    for side, n, orders in (
        (1, ex["bids"][0], ex["bid_orders"][0]),
        (-1, ex["asks"][0], ex["ask_orders"][0]),
    ):
        alive = orders[: int(n)]
        out[side] = [(int(o["id"]), float(o["tick"]), float(o["leaves"])) for o in alive]
    return out


def held(paper: PaperExecution, coin: str) -> float:
    """The venue's position."""
    return float(paper.matchers[coin].cells.ex["ledger"]["position"][0])


def working(one: CoinRunner) -> np.ndarray:
    desk = one.states["desk"][0]
    return desk["working"][: int(desk["n_working"])]
