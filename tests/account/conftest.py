"""Sessions made of random fills, with a ledger kept the slow and obvious way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from undertow.instrument import Instrument, cash_change, fee_amount, notional
from undertow.records import Rec, new_record
from undertow.replay.log import FILL_LOG, LEDGER, MARKOUT_HORIZONS_S

Session = tuple[NDArray[np.void], Rec]

INSTRUMENTS = {
    "linear": Instrument(name="BTC", tick_size=0.1, size_step=0.001),
    "inverse": Instrument(
        name="BTCUSD", tick_size=0.1, size_step=1.0, contract="inverse", contract_value=100.0
    ),
}


@pytest.fixture(scope="session", params=sorted(INSTRUMENTS))
def instrument(request: pytest.FixtureRequest) -> Instrument:
    """A linear and an inverse contract in turn."""
    return INSTRUMENTS[request.param]


@pytest.fixture(scope="session")
def make_session() -> Callable[..., Session]:
    """`_session`, to be called with an instrument and a number of fills."""
    return _session


def _session(
    instrument: Instrument,
    n: int,
    *,
    seed: int = 0,
    start_px: float = 50_000.0,
    funding: float = 0.0,
    interval_s: float = 5.0,
) -> Session:
    """`n` random fills around a random walk, and the ledger an exchange would keep of them."""
    rng = np.random.default_rng(seed)
    fills = np.zeros(n, dtype=FILL_LOG)
    ledger = new_record(LEDGER)
    rec = instrument.record()
    horizons = np.array(MARKOUT_HORIZONS_S)
    start_ns = 1_700_000_000_000_000_000
    seconds = np.sort(rng.uniform(0.0, interval_s * max(n, 1), n))
    grid = np.arange(0.0, interval_s * max(n, 1) + 60.0, 0.25)
    mids = start_px * np.exp(np.cumsum(rng.normal(0.0, 1e-4 * 0.5, len(grid))))
    position = cash = fees = volume = 0.0
    for i in range(n):
        f = fills[i]
        at = int(seconds[i] / 0.25)
        side = int(rng.choice([-1, 1]))
        maker = bool(rng.random() < 0.8)
        depth = rng.exponential(2.0) * (1.0 if maker else -1.0)
        tick = round(mids[at] * (1.0 - side * depth * 1e-4) / instrument.tick_size)
        f["exch_ns"] = start_ns + int(seconds[i] * 1e9)
        f["recv_ns"] = f["exch_ns"] + 50_000_000
        f["tick"], f["px"] = tick, tick * instrument.tick_size
        f["qty"] = instrument.size_step * int(rng.integers(1, 50))
        f["side"], f["liquidity"], f["level"] = side, 1 if maker else 2, int(rng.integers(0, 4))
        f["mid"] = mids[at]
        later = ((seconds[i] + horizons) / 0.25).astype(int)
        inside = later < len(grid)
        f["mid_after"] = np.where(inside, mids[np.minimum(later, len(grid) - 1)], np.nan)
        fee_bps = instrument.maker_fee_bps if maker else instrument.taker_fee_bps
        f["fee"] = fee_amount(rec, f["px"], f["qty"], fee_bps)
        f["edge_bps"] = rng.normal(1.0, 1.0)
        position += side * f["qty"]
        cash += cash_change(rec, side, f["px"], f["qty"])
        fees += f["fee"]
        volume += notional(rec, f["px"], f["qty"])
        f["position_after"] = position
    ledger["cash"], ledger["fees"], ledger["funding"], ledger["position"] = cash, fees, funding, position
    ledger["volume"], ledger["last_mid"], ledger["fills"] = volume, mids[-1], n
    ledger["max_abs_position"] = np.abs(fills["position_after"]).max(initial=0.0)
    ledger["first_ns"], ledger["last_ns"] = start_ns, start_ns + int(grid[-1] * 1e9)
    return fills, ledger
