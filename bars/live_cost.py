"""What a message costs the live loop: from rows in Python to the maker's requests in Python."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from bars import Figure
from bars.live_paper import _Still
from undertow import makers
from undertow.config import Config
from undertow.events import KIND_NAMES, SNAPSHOT, TRADE
from undertow.synthetic.generate import generate
from undertow.trading.capture import SessionRecorder
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.playback import messages
from undertow.trading.runner import CoinRunner
from undertow.trading.seams import Received
from undertow.trading.session import LiveSession

TITLE = "Cost of the live loop"

SEED = 61
SECONDS = 1_200.0


def _alone(shown: list[Received], runner: CoinRunner) -> dict[str, list[float]]:
    """Microseconds of `CoinRunner.see` by kind of message, no decisions in between."""
    taken: dict[str, list[float]] = {}
    for received in shown:
        rows = received.rows.copy()
        began = time.perf_counter_ns()
        runner.see(rows, received.snapshots)
        spent = time.perf_counter_ns() - began
        kinds = set(rows["kind"].tolist())
        kind = SNAPSHOT if SNAPSHOT in kinds else TRADE if TRADE in kinds else int(rows["kind"][-1])
        taken.setdefault(KIND_NAMES[kind], []).append(spent * 1e-3)
    return taken


def _whole(shown: list[Received], runner: CoinRunner, folder: Path) -> tuple[list[float], list[float]]:
    """Microseconds of a market message and of a timer with paper matching and recording."""
    paper = PaperExecution([PaperMarket(runner.coin, runner.instrument)])
    session = LiveSession([runner], paper, _Still(), recorder=SessionRecorder(folder), catch_up_s=1e9)
    paper.begin(session.answer)
    session.begin()
    of_messages, of_timers = [], []
    for received in shown:
        rows = received._replace(rows=received.rows.copy())
        at_ns = int(rows.rows["recv_ns"][0])
        lane = session.lanes[runner.coin]
        while lane.timer_ns < at_ns:
            began = time.perf_counter_ns()
            session.on_time(lane.timer_ns)
            of_timers.append((time.perf_counter_ns() - began) * 1e-3)
        began = time.perf_counter_ns()
        session.deliver(rows)
        of_messages.append((time.perf_counter_ns() - began) * 1e-3)
    session.finish(session.lanes[runner.coin].runner.last_ns)
    return of_messages, of_timers


def measure() -> list[Figure]:
    """The undertow maker on a generated market with the venue's cadence; wall time of one core."""
    made = generate("hl-btc", SEED, SECONDS, feed="snapshots-2026")
    shown = list(messages(made, "BTC"))

    def runner() -> CoinRunner:
        return CoinRunner("BTC", made.instrument, makers.make("undertow", Config(), made.instrument))

    _alone(shown[:200], runner())
    alone = _alone(shown, runner())
    with tempfile.TemporaryDirectory() as folder:
        whole, timers = _whole(shown, runner(), Path(folder) / "s")
    medians = {kind: float(np.median(values)) for kind, values in alone.items()}
    worst = max(medians.values())
    p50, p99 = np.percentile(whole, [50, 99])
    t50, t99 = np.percentile(timers, [50, 99])
    per_s = (sum(whole) + sum(timers)) / SECONDS / 1e6
    return [
        Figure(
            "CoinRunner.see, median of the dearest kind of message, us",
            round(worst, 1),
            "<= 20",
            worst <= 20.0,
            seeds=[SEED],
            detail={kind: round(value, 1) for kind, value in medians.items()},
        ),
        Figure(
            "a market message through loop, paper and recorder, us (p50)",
            round(float(p50), 1),
            "<= 100",
            bool(p50 <= 100.0),
            detail={"p99": round(float(p99), 1)},
        ),
        Figure(
            "a timer, decision and requests included, us (p50)",
            round(float(t50), 1),
            "<= 200",
            bool(t50 <= 200.0),
            detail={"p99": round(float(t99), 1)},
        ),
        Figure(
            "20 coins at this cadence, share of a core", round(20 * per_s, 3), "<= 0.4", 20 * per_s <= 0.4
        ),
    ]
