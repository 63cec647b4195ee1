"""What the guard costs a message, and how long from a message to the cancels it makes necessary.

``python -m benchmarks.risk``: one market as a live feed brings it, one symmetric maker on paper, with and
without a guard, the same messages.
"""

from __future__ import annotations

import time

import numpy as np
from tests.risk.guarding import guarded
from tests.trading.driving import RowClock, market, paper_session, runner

from undertow.risk.findings import Grade
from undertow.risk.settings import Kill
from undertow.trading.margin import MarginBook
from undertow.trading.playback import messages
from undertow.trading.session import LiveSession

WARM = 500


def _times(session: LiveSession, shown: list, times: list[float]) -> None:
    clock = session.clock
    assert isinstance(clock, RowClock)
    for received in shown:
        clock.ns = int(received.rows["recv_ns"][-1])
        begun = time.perf_counter()
        session.deliver(received)
        times.append((time.perf_counter() - begun) * 1e6)


def _say(name: str, times: list[float]) -> None:
    p50, p99 = np.percentile(times[WARM:] if len(times) > 2 * WARM else times, [50, 99])
    print(f"{name:<42} p50 {p50:8.1f} us   p99 {p99:8.1f} us")


def main() -> None:
    """Print the figures."""
    made = market(3, 900.0)
    shown = list(messages(made, "BTC"))
    bare: list[float] = []
    session, _ = paper_session([runner("symmetric", made)], margin=MarginBook(1e4, {"BTC": 10.0}))
    _times(session, shown, bare)
    watched: list[float] = []
    session, _, guard = guarded([runner("symmetric", made)])
    _times(session, shown, watched)
    _say("a message, without a guard", bare)
    _say("a message, with it", watched)
    kills: list[float] = []
    for k in range(60):
        one = runner("symmetric", made)
        session, _, guard = guarded([one], Kill(sweep=False))
        _times(session, shown[: 300 + k], [])
        begun = time.perf_counter()
        guard.kill("benchmark", one.last_ns, grade=Grade.CANCEL)
        session.enforce(one.last_ns)
        kills.append((time.perf_counter() - begun) * 1e6)
    _say("switch thrown to cancels sent (12 orders)", kills)


if __name__ == "__main__":
    main()
