"""The live loop: rows in, makers, requests out; one thing after the other.

A session's own clock is that of its rows. Before anything is shown that was received at t, all that is
due before t happens in the order of its time: answers of the execution, refusals of the gate, TIMER
rows, observations. At one moment the order is that of a replay: market rows, answers, the timer, the
observation. So what a session does depends on what it receives and not on how promptly the event loop
wakes it, and a paper session can be driven at any speed, or by hand through `LiveSession.deliver`.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from undertow.clock import Clock
from undertow.events import EVENT, LOCAL, TIMER, empty_snapshots
from undertow.trading import step
from undertow.trading.gate import Gate
from undertow.trading.margin import MarginBook
from undertow.trading.runner import Batch, CoinRunner
from undertow.trading.seams import Execution, Holding, Received, Watcher

Stale = Callable[[str, int, int], str | None]
"""(coin, side, now_ns): why that side must not be quoted now, a phrase; None: it may be."""

NEVER: Final = 2**62
OLD_NS: Final = 5_000_000_000
"""A first row older than this (replayed history) does not set the clock back."""
_NO_BOOKS: Final = empty_snapshots()


class Recorder(Protocol):
    """What writes a session down (`undertow.trading.capture.SessionRecorder`)."""

    def open(self, runner: CoinRunner) -> None:
        """Begin a leg of the runner's coin: its initial state is noted, its `capture` set."""
        ...

    def on_time(self, now_ns: int) -> None:
        """Write what has gathered, if it is time."""
        ...

    def close(self, now_ns: int) -> None:
        """Write everything, the final states too."""
        ...


@dataclass
class Lane:
    """A coin in the session: its runner and when it is due."""

    runner: CoinRunner
    timer_ns: int = NEVER
    sample_ns: int = NEVER
    first_ns: int = NEVER
    observation: NDArray[np.void] | None = None

    @property
    def due_ns(self) -> int:
        """The next thing the clock brings."""
        return min(self.timer_ns, self.sample_ns)


@dataclass
class Counts:
    """What happened to the session itself."""

    messages: int = 0
    timers: int = 0
    skipped_timers: int = 0
    backward: int = 0  # messages stamped earlier than what came before them
    pulled: int = 0  # cancels the session itself sent
    unknown_coin: int = 0


@dataclass
class LiveSession:
    """Makers on coins, one execution, one account.

    `recorder` writes everything down, `margin` is the account shared by all coins, `stale` is asked at
    every timer whether a side of a coin may be quoted, `watcher` may take orders out of the market and
    send its own. A process that slept longer than `catch_up_s` skips the timers it missed. `resumed`: the
    makers go on where another process left them, with their positions. Give `deliver` to the feed.
    """

    runners: Sequence[CoinRunner]
    execution: Execution
    clock: Clock
    recorder: Recorder | None = None
    margin: MarginBook | None = None
    stale: Stale | None = None
    watcher: Watcher | None = None
    resumed: bool = False
    catch_up_s: float = 5.0
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.lanes = {runner.coin: Lane(runner) for runner in self.runners}
        self.gate = Gate(self.margin)
        self._queue: deque[tuple[bool, Received]] = deque()
        self._instant: deque[Received] = deque()
        self._busy = self._advancing = self._showing = False
        self._timer = np.zeros(1, dtype=EVENT)
        self._task: asyncio.Task[None] | None = None
        self.failure: BaseException | None = None  # what stopped the clock; the session must be ended

    # ---- life ---------------------------------------------------------------------------------------

    async def start(self, marks: Mapping[str, float] | None = None) -> None:
        """Start the execution and the clock; the feed may deliver from now on.

        Positions the execution found (its ``positions``, by coin) are the makers' own from now on, taken
        over at the price in `marks`. Raises ValueError where one of them has no price.
        """
        if self.resumed:
            self.begin()  # what is told while starting belongs to the record
        await self.execution.start(self.answer)
        if not self.resumed:
            self._adopt(marks or {})
            self.begin()
        self._task = asyncio.get_running_loop().create_task(self._keep_time())

    def _adopt(self, marks: Mapping[str, float]) -> None:
        for coin, position in getattr(self.execution, "positions", {}).items():
            if position and coin in self.lanes:
                px = marks.get(coin, math.nan)
                if not px > 0.0:
                    raise ValueError(f"{coin}: a position of {position:g} is held; marks must give its price")
                self.lanes[coin].runner.adopt(position, px)

    def begin(self) -> None:
        """Begin the record (`start` does), for those who drive a session without an event loop."""
        if self.recorder is not None:
            for runner in self.runners:
                self.recorder.open(runner)

    async def stop(self) -> None:
        """End in order: no new orders, all cancelled, everything written.

        Raises what the execution raises where it cannot cancel; the record is closed all the same.
        """
        self.gate.ending = True
        try:
            await self.execution.stop()
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)
            self.finish(self.clock.now_ns())

    def finish(self, now_ns: int) -> None:
        """Close the record; nothing may be delivered after it."""
        self.gate.ending = True
        if self.recorder is not None:
            self.recorder.close(now_ns)

    async def _keep_time(self) -> None:
        """Wake whenever something is due."""
        pace = self.clock.speed
        try:
            while True:
                now_ns = self.clock.now_ns()
                due_ns = min((lane.due_ns for lane in self.lanes.values()), default=NEVER)
                due_ns = min(due_ns, self.gate.next_ns, now_ns + 100_000_000)
                await asyncio.sleep(max(due_ns - now_ns, 0) * 1e-9 / pace)
                self.on_time(self.clock.now_ns())
        except Exception as failure:
            self.failure = failure
            raise

    # ---- what comes in ------------------------------------------------------------------------------

    def deliver(self, received: Received) -> None:
        """Market rows of the feed (`undertow.trading.seams.Deliver`)."""
        self._take(True, received)

    def answer(self, received: Received) -> None:
        """ACK and FILL rows of the execution."""
        self._take(False, received)

    def on_time(self, now_ns: int) -> None:
        """Let everything happen that is due by `now_ns`."""
        if not self._busy:
            self._busy = True
            try:
                self._advance(now_ns + 1)
            finally:
                self._busy = False
            self._drain()
            if self.watcher is not None:
                self.watcher.on_time(now_ns)
                self.enforce(now_ns)
        if self.recorder is not None:
            self.recorder.on_time(now_ns)

    def enforce(self, now_ns: int) -> None:
        """Cancel what the gate leaves standing no longer and send what the watcher sends.

        To be called by whoever changed what may stand; inside an event it happens at once in any case.
        """
        for coin in self.gate.take_changed():
            if coin in self.lanes:
                self._pull(self.lanes[coin], now_ns)
        if self.watcher is None or self.gate.ending:
            return
        for coin, actions in self.watcher.own_orders(now_ns):
            self._send_own(self.lanes[coin].runner, actions, now_ns)

    def set_stale(self, coin: str, stale: bool, side: int = 0) -> None:
        """The feed says that `side` of `coin` (0: both) is stale (or fresh again).

        Growing quotes of that side are pulled, and held back until it is fresh.
        """
        self.gate.set_stale(coin, stale, side)
        if not self._busy:
            self._pull(self.lanes[coin], self.clock.now_ns())

    def _take(self, market: bool, received: Received) -> None:
        if self._showing and not market:
            self._instant.append(received)
            return
        if self._advancing and not market:
            self._answered(received)
            return
        self._queue.append((market, received))
        if not self._busy:
            self._drain()

    def _drain(self) -> None:
        self._busy = True
        try:
            while self._queue:
                market, received = self._queue.popleft()
                if received.coin not in self.lanes:
                    self.counts.unknown_coin += 1
                elif len(received.rows):
                    self._market(received) if market else self._late_answer(received)
        finally:
            self._busy = False

    def _market(self, received: Received) -> None:
        lane = self.lanes[received.coin]
        received = self._in_order(lane, received)
        recv_ns = int(received.rows["recv_ns"][-1])
        if lane.first_ns == NEVER:
            self._begin(lane, received, recv_ns)
        self._advance(recv_ns)
        self.counts.messages += 1
        self.execution.on_market(received)
        if self.watcher is not None:
            self.watcher.on_market(received)
            self.enforce(recv_ns)
        self._show(lane, received.rows, received.snapshots)
        if self.recorder is not None:
            self.recorder.on_time(recv_ns)

    def _late_answer(self, received: Received) -> None:
        self._advance(int(received.rows["recv_ns"][-1]))
        self._answered(received)

    def _answered(self, received: Received) -> None:
        lane = self.lanes[received.coin]
        received = self._in_order(lane, received)
        self._show(lane, received.rows, received.snapshots)
        if self.watcher is not None:
            self._hold(lane, int(received.rows["recv_ns"][-1]), acted=False)
            self.enforce(int(received.rows["recv_ns"][-1]))

    def _hold(self, lane: Lane, now_ns: int, *, acted: bool) -> None:
        """Tell the watcher what the coin means to the account."""
        assert self.watcher is not None
        gained, unit_usd, bids, asks = lane.runner.burden()
        position = float(lane.runner.states["desk"][0]["position"])
        mid_px = unit_usd / lane.runner.instrument.contract_value
        holding = Holding(lane.runner.coin, gained, mid_px, position, bids, asks)
        self.watcher.on_holding(holding, now_ns, acted=acted)

    def _in_order(self, lane: Lane, received: Received) -> Received:
        """`received` with receive times not before what the maker has already seen."""
        last_ns = lane.runner.last_ns
        if int(received.rows["recv_ns"][0]) >= last_ns:
            return received
        rows = received.rows.copy()
        rows["recv_ns"] = np.maximum(rows["recv_ns"], last_ns)
        self.counts.backward += 1
        return received._replace(rows=rows)

    def _begin(self, lane: Lane, received: Received, recv_ns: int) -> None:
        """The coin's first rows: its clock starts at them, as a replay's does."""
        exch_ns = int(received.rows["exch_ns"][0])
        lane.first_ns = exch_ns if 0 <= recv_ns - exch_ns <= OLD_NS else recv_ns
        if lane.runner.interval_ns > 0:
            lane.timer_ns = lane.first_ns + lane.runner.interval_ns
        if lane.runner.sample_ns > 0:
            lane.sample_ns = lane.first_ns + lane.runner.sample_ns

    # ---- what the clock brings ----------------------------------------------------------------------

    def _advance(self, until_ns: int) -> None:
        """Let everything happen that is due before `until_ns`."""
        self._advancing = True
        try:
            while True:
                lane = min(self.lanes.values(), key=lambda lane: lane.due_ns, default=None)
                due_ns = NEVER if lane is None else lane.due_ns
                if due_ns >= until_ns:
                    break
                assert lane is not None
                if until_ns - due_ns > self.catch_up_s * 1e9 and due_ns == lane.timer_ns:
                    self._skip(lane, until_ns)
                    continue
                self._answers_until(due_ns)
                self._tick(lane) if due_ns == lane.timer_ns else self._sample(lane)
            self._answers_until(until_ns - 1)
        finally:
            self._advancing = False

    def _answers_until(self, time_ns: int) -> None:
        self.execution.on_time(time_ns)
        for coin, row in self.gate.refusals(time_ns):
            self._answered(Received(coin, row, _NO_BOOKS))

    def _tick(self, lane: Lane) -> None:
        due_ns, lane.timer_ns = lane.timer_ns, lane.timer_ns + lane.runner.interval_ns
        if self.gate.ending:
            return
        row = self._timer
        row["exch_ns"] = due_ns
        row["recv_ns"] = max(due_ns, lane.runner.last_ns)
        row["kind"], row["flags"] = TIMER, LOCAL
        self.counts.timers += 1
        self._ask_feed(lane.runner.coin, due_ns)
        self._show(lane, row, _NO_BOOKS)
        self.gate.look(lane.runner)
        if self.watcher is not None:
            self._hold(lane, due_ns, acted=True)
            self.watcher.on_time(due_ns)
            self.enforce(due_ns)
        self._pull(lane, due_ns)

    def _ask_feed(self, coin: str, now_ns: int) -> None:
        if self.stale is not None:
            for side in (1, -1):
                self.gate.set_stale(coin, self.stale(coin, side, now_ns) is not None, side)

    def _sample(self, lane: Lane) -> None:
        due_ns, lane.sample_ns = lane.sample_ns, lane.sample_ns + lane.runner.sample_ns
        lane.observation = lane.runner.observe(due_ns)

    def _skip(self, lane: Lane, until_ns: int) -> None:
        """The process slept: the timers it missed are not made up for."""
        missed = (until_ns - 1 - lane.timer_ns) // lane.runner.interval_ns
        lane.timer_ns += missed * lane.runner.interval_ns
        self.counts.skipped_timers += missed

    # ---- what goes out ------------------------------------------------------------------------------

    def _show(self, lane: Lane, rows: NDArray[np.void], snapshots: NDArray[np.float64]) -> None:
        """Show rows to a maker and send what it asks for; then what was answered at once."""
        self._showing = True
        try:
            self._ask(lane.runner, lane.runner.see(rows, snapshots))
        finally:
            self._showing = False
        while self._instant:
            self._answered(self._instant.popleft())

    def _ask(self, runner: CoinRunner, batches: list[Batch]) -> None:
        for now_ns, actions in batches:
            passed, answers = self.gate.let_pass(runner, now_ns, actions)
            if len(passed):
                self.execution.send(runner.coin, now_ns, passed)
            for k in range(len(answers)):
                self._instant.append(Received(runner.coin, answers[k : k + 1].copy(), _NO_BOOKS))

    def _pull(self, lane: Lane, now_ns: int) -> None:
        """Cancel what must not stand."""
        now_ns = max(now_ns, lane.runner.last_ns)
        cancels = self.gate.to_pull(lane.runner, now_ns)
        self.counts.pulled += len(cancels)
        self._send_own(lane.runner, cancels, now_ns)

    def _send_own(self, runner: CoinRunner, actions: NDArray[np.void], now_ns: int) -> None:
        """Send requests that are not the maker's: it sees their answers, not them."""
        if not len(actions):
            return
        now_ns = max(now_ns, runner.last_ns)
        if runner.capture is not None:
            runner.capture.rows(step.own_requests(runner.insts, actions, now_ns))
        self.execution.send(runner.coin, now_ns, actions)
