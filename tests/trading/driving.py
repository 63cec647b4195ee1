"""Paper sessions driven by hand: no event loop, no waiting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from undertow import makers
from undertow.config import Config
from undertow.config.sections import Avellaneda, GlftGrid, Symmetric
from undertow.maker import Maker
from undertow.synthetic.generate import GeneratedMarket, generate
from undertow.synthetic.presets import load_preset
from undertow.trading.folder import LegStart
from undertow.trading.paper import PaperExecution, PaperMarket
from undertow.trading.runner import CoinRunner
from undertow.trading.seams import Received
from undertow.trading.session import LiveSession


def config() -> Config:
    """Makers that begin soon and trade often."""
    return Config(
        glft_grid=GlftGrid(window_cycles=300),
        symmetric=Symmetric(half_spread_bps=0.3, spacing_bps=0.4, requote_bps=0.2),
        avellaneda=Avellaneda(refresh_s=5.0, volatility_ticks=20, intensity_ticks=20, filled_delay_s=2.0),
    )


def market(seed: int = 3, duration_s: float = 240.0, maker_fee_bps: float = 1.5) -> GeneratedMarket:
    """A generated market with the venue's feed of 2026: best quotes, two kinds of snapshots, prints."""
    preset = load_preset("hl-btc").market
    instrument = msgspec.structs.replace(preset.instrument, maker_fee_bps=maker_fee_bps)
    preset = msgspec.structs.replace(preset, instrument=instrument)
    return generate(preset, seed=seed, duration_s=duration_s, feed="snapshots-2026")


def runner(name: str, made: GeneratedMarket, coin: str = "BTC", **options: Any) -> CoinRunner:
    """A runner of one of our makers on a generated market."""
    return CoinRunner(coin, made.instrument, makers.make(name, config(), made.instrument), **options)


def maker_of(start: LegStart) -> Maker:
    """The maker of a recorded leg."""
    return makers.make_recorded(start.maker, config(), start.instrument)


class RowClock:
    """A clock that a test sets."""

    speed = 1.0

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        return self.ns


def paper_session(
    runners: Sequence[CoinRunner], *, settings: Any = None, settle_ms: float = 500.0, **options: Any
) -> tuple[LiveSession, PaperExecution]:
    """A paper session ready for `deliver`."""
    markets = [PaperMarket(r.coin, r.instrument, r.snapshot_fed) for r in runners]
    paper = PaperExecution(markets, settings, settle_ms=settle_ms, keep_fills=True)
    session = LiveSession(runners, paper, RowClock(), catch_up_s=1e9, **options)
    paper.begin(session.answer)
    session.begin()
    return session, paper


def play(session: LiveSession, messages: Iterable[Received]) -> int:
    """Deliver messages one after the other; returns the last receive time."""
    last = 0
    clock = session.clock
    assert isinstance(clock, RowClock)
    for received in messages:
        last = clock.ns = int(received.rows["recv_ns"][-1])
        session.deliver(Received(received.coin, received.rows.copy(), received.snapshots))
    return last


def end(session: LiveSession, paper: PaperExecution, now_ns: int) -> int:
    """Cancel everything and let the answers come; returns when the session was over."""
    session.gate.ending = True
    paper.cancel_all(now_ns)
    while not paper.is_idle:
        now_ns += 100_000_000
        session.on_time(now_ns)
    session.finish(now_ns)
    return now_ns
