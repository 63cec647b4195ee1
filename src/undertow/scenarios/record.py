"""What is known of 19 February 2026, 22:06:32 to 22:26:01 UTC: hyna:HYPE, a maker that ended 6.94 long.

Every figure is the incident note's or the fill record's (fills with times in milliseconds, the mid at
placement, the mid five seconds later, trend readings); nothing here is generated. `MIDS` holds the
recorded mids, `TREND` what the trend readings say of two mids at once, `ORDERS` the aggressor orders
that filled the maker: fills of one moment are one order. Prices are USD, times seconds from the start.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

START_NS: Final = int(np.datetime64("2026-02-19T22:06:32", "ns").astype(np.int64))
DURATION_S: Final = 1169.0


def seconds_of(clock: str) -> float:
    """Seconds from the session's start of a UTC time of that evening, ``HH:MM:SS[.mmm]``."""
    hours, minutes, seconds = clock.split(":")
    return round(3600.0 * (int(hours) - 22) + 60.0 * (int(minutes) - 6) + float(seconds) - 32.0, 3)


class RecordedFill(NamedTuple):
    """One own fill. `loss_5s_bps` is the markout loss, positive when the mid moved against it."""

    clock: str
    side: int  # ours
    size: float
    position_after: float
    mid_at_placement: float
    from_mid_bps: float  # distance of the fill from that mid, unsigned
    loss_5s_bps: float
    mid_5s: float


FILLS: Final = (
    RecordedFill("22:10:43.799", -1, 0.46, -0.46, 29.1415, 0.172, 1.716, 29.1465),
    RecordedFill("22:13:18.553", 1, 0.65, 0.19, 29.1040, 1.374, 2.405, 29.0970),
    RecordedFill("22:15:18.277", 1, 0.55, 0.74, 29.0805, 0.172, 7.221, 29.0595),
    RecordedFill("22:15:23.068", 1, 0.50, 1.24, 29.0595, 0.172, 4.129, 29.0475),
    RecordedFill("22:15:23.068", 1, 0.88, 2.12, 29.0595, 0.172, 4.129, 29.0475),
    RecordedFill("22:17:25.493", 1, 0.65, 2.77, 29.0320, 2.411, 8.439, 29.0075),
    RecordedFill("22:17:25.493", 1, 0.89, 3.66, 29.0320, 2.756, 8.439, 29.0075),
    RecordedFill("22:17:31.729", 1, 0.49, 4.15, 29.0080, 3.103, 6.205, 28.9900),
    RecordedFill("22:17:48.339", 1, 0.88, 5.03, 28.9860, 1.035, 1.380, 28.9820),
    RecordedFill("22:17:51.738", 1, 0.86, 5.89, 28.9805, 1.208, 1.380, 28.9765),
    RecordedFill("22:17:51.738", 1, 0.69, 6.58, 28.9805, 1.208, 1.380, 28.9765),
    RecordedFill("22:21:32.346", 1, 0.36, 6.94, 28.9625, 0.173, 4.143, 28.9505),
)

MIDS: Final = (
    ("22:10:43.799", 29.1415),
    ("22:10:48.799", 29.1465),
    ("22:13:18.553", 29.1040),
    ("22:13:23.553", 29.0970),
    ("22:15:18.277", 29.0805),
    ("22:15:23.068", 29.0595),
    ("22:15:28.068", 29.0475),
    ("22:17:25.493", 29.0320),
    ("22:17:30.493", 29.0075),
    ("22:17:31.729", 29.0080),
    ("22:17:36.729", 28.9900),
    ("22:17:48.339", 28.9860),
    ("22:17:51.738", 28.9805),
    ("22:17:56.738", 28.9765),
    ("22:21:32.346", 28.9625),
    ("22:21:37.346", 28.9505),
)
"""Mid at placement at the time of the fill, and the mid five seconds later. Where the next fill's mid
comes before those five seconds are over it stands instead (22:15:18 and 22:17:48)."""

LAST_MID: Final = (28.89, 28.90)
"""Range of the mid at the end: what a loss of $0.84 on 6.94 contracts allows."""


class TrendReading(NamedTuple):
    """The mid at `clock` stood `bps` above that at `since`."""

    clock: str
    since: str
    bps: float


TREND: Final = (
    TrendReading("22:08:07", "22:06:32", -10.0),  # 300 s window, longer than the session then
    TrendReading("22:15:00", "22:10:00", -15.5),
    TrendReading("22:15:00", "22:14:30", -11.4),
    TrendReading("22:17:30", "22:12:30", -47.1),
    TrendReading("22:17:30", "22:17:00", -20.3),
    TrendReading("22:18:30", "22:13:30", -58.0),
)
"""Readings of the 30 s and 300 s windows. The 500 ms readings (−5 to −6.5 bps) are not used: they
repeat at 22:06, 22:08, 22:15 and 22:17 and no mid of that resolution is recorded."""


class RecordedOrder(NamedTuple):
    """An aggressor order that filled the maker: `side` the aggressor's, `size` what the maker took."""

    clock: str
    side: int
    size: float


def _orders() -> tuple[RecordedOrder, ...]:
    found: dict[str, RecordedOrder] = {}
    for fill in FILLS:
        before = found.get(fill.clock)
        size = round(fill.size + (before.size if before else 0.0), 2)
        found[fill.clock] = RecordedOrder(fill.clock, -fill.side, size)
    return tuple(found.values())


ORDERS: Final = _orders()

PNL_USD: Final = -0.84
FINAL_POSITION: Final = FILLS[-1].position_after
MEAN_LOSS_5S_BPS: Final = float(np.mean([fill.loss_5s_bps for fill in FILLS]))
"""4.25 bps: the mean over the twelve fills, each counted once."""

LOT: Final = 0.943
"""Contracts a level: 5.66 over six levels. Of the recorded totals (4.17, 4.71, 5.66) only this one lets a
level hold the .89 that was filled at one price."""
LIMIT: Final = 8.57
"""Contracts: the dynamic position limit of the note."""
TAPE_KAPPA_PER_BP: Final = 0.1287
"""κ = 1287 per unit of price, measured on the tape over 3.2 hours and injected at the start."""
SWEEPS_PER_S: Final = 0.015
TOUCH_SPREAD_BPS: Final = (3.0, 8.0)
MAKER_FEE_BPS: Final = 1.0
"""Realised +$0.02, unrealised −$0.84, total −$0.84 leave $0.02 ± 0.015 of fees on $228: about 1 bp."""
