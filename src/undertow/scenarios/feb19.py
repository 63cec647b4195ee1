"""19 February 2026 as a market: exact where the record speaks, random where it is silent.

`rebuilt(seed)` is the falling market, ``mirrored=True`` its reflection (log-mid about 29.1415, sides
exchanged), `twin(seed)` the same market without a drift: a Brownian mid of the same σ, the same orders
at the same rates on both sides, the same book.

Exact: the recorded mids, those the trend readings give, and the recorded aggressor orders (time, side,
volume). Random between: Brownian bridges, further one-sided sweeps up to .015 a second, a trickle of
ordinary orders on both sides, spread and displayed sizes. No order moves the mid of itself: what
follows a recorded sweep is in the recorded mids, what follows a random one is the bridge.

Free choices, and why (docs/recorded-losses.md): `SIGMA`, `ORDINARY_PER_S`, `REACH_BPS`, the law of
volumes and depths, nothing random in the four quiet minutes.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.data.memory import InMemoryRecording
from undertow.instrument import Instrument
from undertow.scenarios import record
from undertow.scenarios.paths import brownian, pinned
from undertow.scenarios.record import seconds_of
from undertow.scenarios.tape import LEVEL_QTY, LEVELS, Print, Quotes, quotes_around, recording_of
from undertow.synthetic.presets import load_preset
from undertow.units import s_to_ns

Floats = NDArray[np.float64]

SIGMA: Final = 0.75
"""bps/√s: quadratic variation through the known mids, their drift taken off."""
ORDINARY_PER_S: Final = 0.001
"""Ordinary orders per side and second: one filled the old maker's asks in twenty minutes."""
REACH_BPS: Final = 5.5
"""The recorded orders reached at least so far: the third level of a ladder at 1/κ − 3 bps."""
QUIET_UNTIL_S: Final = seconds_of(record.ORDERS[0].clock)
"""No order filled the old maker before; none is generated."""
STEP: Final = 0.001
"""Venue price step at 29 USD (five significant figures)."""
GRID_S: Final = 0.25
SNAPSHOT_S: Final = 0.5
SPREAD_LIFE_S: Final = 5.0
PHASE_S: Final = 5.5
"""The market begins up to so long before the record, so that quote cycles meet it at any phase."""
REFERENCE_PX: Final = 29.1415
MEAN_DEPTH_BPS: Final = 1.0 / record.TAPE_KAPPA_PER_BP


def instrument() -> Instrument:
    """hyna:HYPE of the preset ``hip3-hype`` at the fee the record implies."""
    found = load_preset("hip3-hype").market.instrument
    return msgspec.structs.replace(found, maker_fee_bps=record.MAKER_FEE_BPS)


def rebuilt(seed: int, *, mirrored: bool = False) -> InMemoryRecording:
    """The market of 19 February with the randomness of `seed`."""
    rng = np.random.default_rng([219, seed])
    lead = float(rng.uniform(0.0, PHASE_S))
    prints = _recorded_orders(rng) + _random_orders(rng)
    times = _grid(lead, [p.time_s for p in prints])
    x = _through_the_record(rng, times)
    sign = -1 if mirrored else 1
    flipped = [Print(p.time_s, sign * p.side, p.qty, p.depth_bps) for p in prints]
    name = f"feb19-mirrored-{seed}" if mirrored else f"feb19-{seed}"
    return _market(rng, name, times, sign * x, flipped, lead, sign)


def twin(seed: int) -> InMemoryRecording:
    """The drift-free twin: same σ, orders and book, both sides alike, no drift."""
    rng = np.random.default_rng([220, seed])
    lead = float(rng.uniform(0.0, PHASE_S))
    prints = _two_sided_orders(rng)
    times = _grid(lead, [p.time_s for p in prints])
    return _market(rng, f"feb19-twin-{seed}", times, brownian(rng, times, SIGMA), prints, lead, 1)


# ---- orders -------------------------------------------------------------------------------------


def _sizes(rng: np.random.Generator, n: int) -> Floats:
    """Volumes drawn from the nine recorded ones."""
    drawn: Floats = rng.choice([order.size for order in record.ORDERS], n)
    return drawn


def _poisson(rng: np.random.Generator, rate_per_s: float, start_s: float) -> list[float]:
    n = rng.poisson(rate_per_s * (record.DURATION_S - start_s))
    times: list[float] = np.sort(rng.uniform(start_s, record.DURATION_S, n)).round(3).tolist()
    return times


def _orders(rng: np.random.Generator, times: list[float], sides: Floats, reach_bps: float) -> list[Print]:
    n = len(times)
    depths = reach_bps + rng.exponential(MEAN_DEPTH_BPS, n)
    laws = zip(times, sides, _sizes(rng, n), depths, strict=True)
    return [Print(t, int(side), float(qty), float(depth)) for t, side, qty, depth in laws]


def _recorded_orders(rng: np.random.Generator) -> list[Print]:
    """The nine orders of the record; how far beyond the maker's quotes they would have reached is drawn."""
    return [
        Print(seconds_of(o.clock), o.side, o.size, REACH_BPS + float(rng.exponential(MEAN_DEPTH_BPS)))
        for o in record.ORDERS
    ]


def recorded_sweeps() -> int:
    """Recorded orders on the side that swept."""
    return sum(order.side < 0 for order in record.ORDERS)


def _random_orders(rng: np.random.Generator) -> list[Print]:
    """Sweeps that bring their rate to .015 a second from the first fill on, and ordinary orders."""
    active_s = record.DURATION_S - QUIET_UNTIL_S
    sweeps = _poisson(rng, record.SWEEPS_PER_S - recorded_sweeps() / active_s, QUIET_UNTIL_S)
    ordinary = _poisson(rng, 2.0 * ORDINARY_PER_S, QUIET_UNTIL_S)
    return _orders(rng, sweeps, np.full(len(sweeps), -1.0), 0.0) + _orders(
        rng, ordinary, rng.choice([-1.0, 1.0], len(ordinary)), 0.0
    )


def _two_sided_orders(rng: np.random.Generator) -> list[Print]:
    """The orders of the falling market on either side with even odds, at the same rates and depths."""
    active_s = record.DURATION_S - QUIET_UNTIL_S
    as_recorded = recorded_sweeps() / active_s
    laws = ((as_recorded, REACH_BPS), (record.SWEEPS_PER_S - as_recorded + 2.0 * ORDINARY_PER_S, 0.0))
    found: list[Print] = []
    for rate, reach in laws:
        times = _poisson(rng, rate, 0.0)
        found += _orders(rng, times, rng.choice([-1.0, 1.0], len(times)), reach)
    return found


# ---- mid and book -------------------------------------------------------------------------------


def _grid(lead_s: float, orders_s: list[float]) -> Floats:
    """Times of the book, seconds: a grid, the known moments, and a millisecond before every order."""
    known = [seconds_of(clock) for clock, _ in record.MIDS]
    known += [seconds_of(clock) for reading in record.TREND for clock in reading[:2]]
    before = [t - 0.001 for t in orders_s]
    grid = np.arange(0.0, record.DURATION_S, GRID_S)
    everything = np.concatenate([grid, known, before, [-lead_s, record.DURATION_S]])
    times: Floats = np.unique(np.round(everything, 3))
    return times


def _through_the_record(rng: np.random.Generator, times: Floats) -> Floats:
    """The mid as 1e4·ln(mid/29.1415), a Brownian bridge between all mids the record gives."""
    free = brownian(rng, times, SIGMA)
    nodes = {seconds_of(clock): _offset(px) for clock, px in record.MIDS}
    nodes[record.DURATION_S] = _offset(float(rng.uniform(*record.LAST_MID)))
    first = pinned(times, free, *_sorted(nodes))
    at = {clock: float(first[np.searchsorted(times, seconds_of(clock))]) for clock in _read_at()}
    since_13_30 = float(first[np.searchsorted(times, seconds_of("22:13:30"))])
    at["22:18:30"] = since_13_30 + record.TREND[-1].bps
    nodes |= {seconds_of(clock): value for clock, value in at.items()}
    for reading in record.TREND:
        if reading.clock in at:
            nodes[seconds_of(reading.since)] = at[reading.clock] - reading.bps
    early_s, begin_s = seconds_of("22:08:07"), seconds_of("22:06:32")
    gap_s = seconds_of("22:10:00") - early_s
    nodes[early_s] = nodes[seconds_of("22:10:00")] + SIGMA * np.sqrt(gap_s) * float(rng.standard_normal())
    nodes[begin_s] = nodes[early_s] - record.TREND[0].bps
    return pinned(times, free, *_sorted(nodes))


def _read_at() -> tuple[str, ...]:
    """Moments of the trend readings whose mid the recorded ones determine well."""
    return ("22:15:00", "22:17:30")


def _offset(px: float) -> float:
    return float(1e4 * np.log(px / REFERENCE_PX))


def _sorted(nodes: dict[float, float]) -> tuple[Floats, Floats]:
    times = np.array(sorted(nodes))
    return times, np.array([nodes[t] for t in times])


def _market(
    rng: np.random.Generator,
    name: str,
    times: Floats,
    x: Floats,
    prints: list[Print],
    lead_s: float,
    sign: int,
) -> InMemoryRecording:
    """The book around the mid, and everything as rows. `sign` −1 exchanges what bid and ask draw."""
    n = len(times)
    low, high = (round(bps * 1e-4 * REFERENCE_PX / STEP) for bps in record.TOUCH_SPREAD_BPS)
    life = np.maximum.accumulate(np.where(rng.random(n) < GRID_S / SPREAD_LIFE_S, np.arange(n), 0))
    spread = rng.integers(low, high + 1, n)[life]
    sizes = np.array(LEVEL_QTY) * np.exp(0.4 * rng.standard_normal((2, n, LEVELS)))
    sizes = np.maximum(np.round(sizes, 2), 0.01)[::sign]
    bid, ask = quotes_around(REFERENCE_PX * np.exp(1e-4 * x), STEP, spread)
    quotes = Quotes(times + lead_s, bid, ask, sizes[0], sizes[1])
    shifted = [Print(p.time_s + lead_s, p.side, p.qty, p.depth_bps) for p in sorted(prints)]
    start_ns = record.START_NS - s_to_ns(lead_s)
    return recording_of(name, instrument(), STEP, start_ns, quotes, shifted, SNAPSHOT_S)
