"""What watching a session costs: ``python -m benchmarks.screen``.

Looking at a coin and handing a view on happen on the trading loop; drawing happens in a process of its own
(share of a core at four frames a second). Beside it rich's own `Live` draws the same lines. Views are
those of makers replayed on generated markets; medians of several rounds.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from tests.monitor.replayed import replayed

from undertow.monitor.screen import Screen, frame
from undertow.monitor.view import SessionView, from_json, to_json
from undertow.monitor.watch import SessionWatch

COINS = {"HYPE": ("hip3-hype", 7, "undertow"), "BTC": ("hl-btc", 3, "undertow")}
SIZES = ((80, 24), (120, 40), (200, 50))


def _median_s(work: Callable[[int], Any], rounds: int) -> float:
    taken = []
    for i in range(rounds):
        begun = time.process_time()
        work(i)
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def _live(views: list[SessionView], size: tuple[int, int]) -> float:
    console = Console(file=io.StringIO(), force_terminal=True, width=size[0], height=size[1])
    with Live(console=console, screen=True, auto_refresh=False) as live:
        return _median_s(
            lambda i: live.update(Group(*frame(views[i % len(views)], size)), refresh=True), len(views)
        )


def main() -> None:
    """Measure and print."""
    looks: list[float] = []
    watched = SessionWatch.look_next

    def timed(watch: SessionWatch, now_ns: int) -> None:
        begun = time.process_time()
        watched(watch, now_ns)
        looks.append(time.process_time() - begun)

    SessionWatch.look_next = timed  # type: ignore[method-assign]
    views = list(replayed(COINS, 120.0, in_turns=True))[200:]
    lines = [to_json(view) for view in views]
    print(f"look at one coin, on the loop    {statistics.median(looks) * 1e6:8.0f} µs")
    encode = _median_s(lambda i: to_json(views[i]), len(views))
    print(f"encode a view of {len(COINS)} coins         {encode * 1e6:8.0f} µs ({len(lines[-1]):,} bytes)")
    for size in SIZES:
        screen = Screen(io.StringIO(), size=size)
        drawn = _median_s(lambda i, screen=screen: screen.draw(from_json(lines[i])), len(lines))
        peer = _live(views, size)
        share = f"{drawn * 4:.1%} of a core (rich Live {peer * 1e3:.2f} ms)"
        print(f"draw {size[0]:>3} x {size[1]}, read and changed  {drawn * 1e3:8.2f} ms = {share}")


if __name__ == "__main__":
    main()
