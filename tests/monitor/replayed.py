"""Real sessions to watch: makers replayed on generated markets, looked at as they go."""

from __future__ import annotations

from collections.abc import Iterator

from undertow.config import Config
from undertow.events import BBO, FILL, LOCAL, SNAPSHOT, TRADE, Chunk
from undertow.makers import make, with_calibration
from undertow.monitor.facts import Feed, SessionFacts
from undertow.monitor.view import SessionView
from undertow.monitor.watch import SessionWatch
from undertow.replay.engine import Engine
from undertow.replay.settings import ReplaySettings
from undertow.synthetic.generate import generate

SOURCES = {BBO: "bbo", SNAPSHOT: "book", TRADE: "trades"}
LIMITS_S = {"bbo": 60.0, "book": 12.0, "trades": None}


class _Coin:
    """One coin's engine, fed in slices of time."""

    def __init__(self, name: str, preset: str, seed: int, seconds: float, maker: str) -> None:
        self.name = name
        recording = generate(preset, seed=seed, duration_s=seconds)
        self.maker = make(maker, with_calibration(Config(), preset), recording.instrument)
        settings = ReplaySettings(capture=True, seed=seed)
        self.engine = Engine(recording.instrument, self.maker, settings, snapshot_fed=recording.snapshot_fed)
        self.chunks = list(recording.chunks())
        self.at, self.row, self.told = 0, 0, 0

    def feed(self, until_ns: int, facts: SessionFacts) -> None:
        """Replay what was received before `until_ns`; note the feeds' times."""
        own = facts.coin(self.name)
        while self.at < len(self.chunks):
            chunk = self.chunks[self.at]
            stop = self.row + int((chunk.rows["recv_ns"][self.row :] < until_ns).sum())
            rows = chunk.rows[self.row : stop]
            self.engine.feed(Chunk(rows, chunk.snapshots))
            for kind, source in SOURCES.items():
                seen = rows[(rows["kind"] == kind) & (rows["flags"] & LOCAL != 0)]
                feed = own.feeds.setdefault(source, Feed(limit_s=LIMITS_S[source]))
                if len(seen):
                    feed.last_ns = int(seen["recv_ns"][-1])
            if stop < len(chunk.rows):
                self.row = stop
                return
            self.at, self.row = self.at + 1, 0

    def tell(self, watch: SessionWatch) -> None:
        """Tell the watch of the fills since the last time."""
        captured = self.engine.local.captured[: int(self.engine.venue.ex["n_captured"])]
        fresh = captured[self.told :]
        for row in fresh[fresh["kind"] == FILL]:
            watch.on_fill(self.name, row)
        self.told = len(captured)


def replayed(
    coins: dict[str, tuple[str, int, str]], seconds: float, every_s: float = 0.25, *, in_turns: bool = False
) -> Iterator[SessionView]:
    """Views every `every_s` of market time. `coins`: name -> (preset, seed, maker).

    `in_turns`: every coin by `look_next`, as a live session does, else all by a fresh view.
    """
    made = [_Coin(name, preset, seed, seconds, maker) for name, (preset, seed, maker) in coins.items()]
    start = min(int(c.chunks[0].rows["recv_ns"][0]) for c in made)
    market = ", ".join(dict.fromkeys(preset for preset, *_ in coins.values()))
    facts = SessionFacts(session="replayed", market=market, started_ns=start)
    facts.ends_ns = start + round(seconds * 1e9)
    facts.connection.state, facts.connection.since_ns = "up", start
    watch = SessionWatch(facts)
    for c in made:
        watch.add_coin(
            c.name, c.maker, c.engine.state, c.engine.params, c.engine.instrument, c.engine.local.book
        )
    for k in range(1, int(seconds / every_s) + 1):
        now = start + round(k * every_s * 1e9)
        for c in made:
            c.feed(now, facts)
            c.tell(watch)
        for _ in made if in_turns else ():
            watch.look_next(now)
        yield watch.view(now, fresh=not in_turns)
