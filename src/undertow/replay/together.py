"""Several engines fed by one reading of a recording, each on a thread of its own (ADR 20)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from undertow.events import Chunk
from undertow.recording import Recording
from undertow.replay.engine import Engine, ReplayResult

Watch = Callable[[Chunk], None]


class _Runner(threading.Thread):
    """One engine on a thread of its own, fed through a short queue."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self.engine = engine
        self.chunks: queue.Queue[Chunk | None] = queue.Queue(maxsize=2)
        self.failure: BaseException | None = None

    def run(self) -> None:
        while (chunk := self.chunks.get()) is not None:
            if self.failure is None:
                try:
                    self.engine.feed(chunk)
                except BaseException as failure:
                    self.failure = failure


def run_engines(
    recording: Recording, engines: Sequence[Engine], watch: Watch | None = None
) -> list[ReplayResult]:
    """Feed every engine the whole of `recording`, reading it once; the results in their order.

    `watch` is called with every chunk, in the caller's thread, after it went to the engines. Results
    do not depend on the number of cores.
    """
    if len(engines) == 1:
        for chunk in recording.chunks():
            engines[0].feed(chunk)
            if watch is not None:
                watch(chunk)
        return [engines[0].finish()]
    runners = [_Runner(engine) for engine in engines]
    for runner in runners:
        runner.start()
    try:
        fed: set[int] = set()  # those that took the first chunk here, which compiles or loads their loop once
        for index, chunk in enumerate(recording.chunks()):
            if index == 0:
                fed = _first_of_each_loop(engines)
                for at in sorted(fed):
                    engines[at].feed(chunk)
            for at, runner in enumerate(runners):
                if index > 0 or at not in fed:
                    runner.chunks.put(chunk)
            if watch is not None:
                watch(chunk)
            if any(runner.failure for runner in runners):
                break
    finally:
        for runner in runners:
            runner.chunks.put(None)
        for runner in runners:
            runner.join()
    for runner in runners:
        if runner.failure is not None:
            raise runner.failure
    return [engine.finish() for engine in engines]


def _first_of_each_loop(engines: Sequence[Engine]) -> set[int]:
    """Places of the engines whose loop no earlier one has."""
    first: dict[int, int] = {}
    for at, engine in enumerate(engines):
        first.setdefault(id(engine.loop), at)
    return set(first.values())
