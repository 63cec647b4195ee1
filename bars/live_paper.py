"""Paper against a replay of the very rows the session received: which fills are the same."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
from numpy.typing import NDArray

from bars import Figure
from undertow import makers
from undertow.config import Config
from undertow.config.sections import Symmetric
from undertow.events import SNAPSHOT, Chunk
from undertow.instrument import Instrument
from undertow.maker import Maker
from undertow.replay.engine import Engine, ReplayResult
from undertow.replay.settings import ReplaySettings
from undertow.synthetic.generate import generate
from undertow.synthetic.presets import load_preset
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.playback import messages
from undertow.trading.runner import CoinRunner
from undertow.trading.seams import Received
from undertow.trading.session import LiveSession

TITLE = "Paper trading against replay"

SECONDS = 3_600.0
SEEDS = (51, 52, 53)
CONFIG = Config(symmetric=Symmetric(half_spread_bps=0.5, spacing_bps=0.5, requote_bps=0.3))
FEES_BPS = {"symmetric": 1.5, "undertow": -1.0, "glft": 1.5}
"""Maker fees at which the makers trade often on this market."""
IN_TIME = ReplaySettings(response_latency_ms=4_000.0), 3_900.0
AS_THE_VENUE = ReplaySettings(), 500.0


class _Still:
    """A clock nobody asks."""

    speed = 1.0

    def now_ns(self) -> int:
        return 0


def _market(seed: int, fee_bps: float) -> tuple[Instrument, list[Received]]:
    preset = load_preset("hl-btc").market
    instrument = msgspec.structs.replace(preset.instrument, maker_fee_bps=fee_bps)
    made = generate(
        msgspec.structs.replace(preset, instrument=instrument), seed, SECONDS, feed="snapshots-2026"
    )
    return instrument, list(messages(made, "BTC"))


def _paper(
    shown: list[Received], instrument: Instrument, maker: Maker, settings: ReplaySettings, settle_ms: float
) -> tuple[NDArray[np.void], CoinRunner]:
    one = CoinRunner("BTC", instrument, maker)
    paper = PaperExecution([PaperMarket("BTC", instrument)], settings, settle_ms=settle_ms, keep_fills=True)
    session = LiveSession([one], paper, _Still(), catch_up_s=1e9)
    paper.begin(session.answer)
    session.begin()
    for received in shown:
        session.deliver(received._replace(rows=received.rows.copy()))
    return paper.account("BTC")[0], one


def _replayed(
    shown: list[Received], instrument: Instrument, maker: Maker, settings: ReplaySettings
) -> ReplayResult:
    rows = np.concatenate([received.rows for received in shown])
    books = np.concatenate([received.snapshots for received in shown if len(received.snapshots)])
    rows["ref"][rows["kind"] == SNAPSHOT] = np.arange(len(books))
    engine = Engine(instrument, maker, settings, snapshot_fed=True)
    engine.feed(Chunk(rows, books))
    return engine.finish()


def _common(a: NDArray[np.void], b: NDArray[np.void], *names: str) -> int:
    """How many fills the two have in common, by `names`."""
    counts = [Counter(tuple(f[n].item() for n in names) for f in x) for x in (a, b)]
    return (counts[0] & counts[1]).total()


def measure() -> list[Figure]:
    """Three makers on three markets, with slow answers (everything is known in time) and the venue's."""
    exact, states, fills, same, live, replayed = 0, 0, 0, 0, 0, 0
    for seed in SEEDS:
        for name, fee_bps in FEES_BPS.items():
            instrument, shown = _market(seed, fee_bps)
            maker = makers.make(name, CONFIG, instrument)
            told, one = _paper(shown, instrument, maker, *IN_TIME)
            result = _replayed(shown, instrument, maker, IN_TIME[0])
            names = ("exch_ns", "recv_ns", "order_id", "tick", "qty", "side")
            exact += _common(told, result.fills, *names)
            fills += max(len(told), len(result.fills))
            states += one.states.tobytes() == result.maker_state.tobytes()
            told, _ = _paper(shown, instrument, maker, *AS_THE_VENUE)
            result = _replayed(shown, instrument, maker, AS_THE_VENUE[0])
            same += _common(told, result.fills, "exch_ns", "tick", "side")
            live, replayed = live + len(told), replayed + len(result.fills)
    runs = len(SEEDS) * len(FEES_BPS)
    seeds = list(SEEDS)
    return [
        Figure(
            "answers known in time: fills identical in all fields",
            f"{exact} of {fills}",
            "all",
            exact == fills > 100,
            seeds=seeds,
        ),
        Figure("answers known in time: final states identical", f"{states} of {runs}", "all", states == runs),
        Figure(
            "venue's latency: fills at the same moment, price and side",
            round(same / max(live, replayed), 3),
            ">= 0.5",
            same >= 0.5 * max(live, replayed),
            seeds=seeds,
            detail={"paper": live, "replay": replayed, "same": same},
        ),
        Figure(
            "venue's latency: fills of paper over fills of replay",
            round(live / max(replayed, 1), 3),
            "0.85..1.15",
            0.85 <= live / max(replayed, 1) <= 1.15,
        ),
    ]
