"""Lines without a terminal: calm, printable, and at once when something happens."""

from __future__ import annotations

import json

from undertow.events import ACK, CANCELED
from undertow.monitor.facts import Feed, Kill
from undertow.monitor.notable import Watcher
from undertow.monitor.plain import PlainLines, json_line
from undertow.monitor.view import from_json
from undertow.units import s_to_ns

from .watched import NAME, Watched, quoting


class Told:
    """A watched session whose lines are collected."""

    def __init__(self, s: Watched, every_s: float = 5.0) -> None:
        self.s, self.lines = s, list[str]()
        self._plain, self._watcher = PlainLines(self.lines.append, every_s), Watcher()

    def look(self) -> list[str]:
        """The lines of one view."""
        self.lines.clear()
        view = self.s.view()
        self._plain.show(view, self._watcher.changes(view))
        assert all(line.endswith("\n") and line[:-1].isprintable() for line in self.lines)
        return [line[10:-1] for line in self.lines]


def test_a_line_every_few_seconds() -> None:
    told = Told(quoting())
    written = 0
    for _ in range(100):  # ten seconds
        told.s.show(100.0)
        told.s.acknowledge(told.s.timer())
        written += sum(line.startswith(f"{NAME} mid ") for line in told.look())
    assert written == 2


def test_the_status_line_answers_the_question() -> None:
    s = Watched()
    s.show(100.0)
    s.timer()
    (line,) = Told(s).look()
    assert line == (
        "COIN mid 100, spread 10.0 bps, r 0.0 bps, drift 0.000±0.035 bps/s, position flat, PnL 0.00, 0 fills"
        " | not quoting: warming up, 30 s left"
    ), line


def test_what_happens_is_told_at_once_and_once() -> None:
    s = Watched(warmup_s=0.0)
    told = Told(s, every_s=1e6)
    told.look()
    s.warm(40.0)
    (line,) = told.look()
    assert line.startswith(f"{NAME} first quote: ")
    assert told.look() == []
    s.filled(s.working(1)[0], 0.05)
    (line,) = told.look()
    assert line.startswith(f"{NAME} bought 0.05 at ")
    assert line.endswith("position +0.05 (+5.00 USD)")
    own = s.facts.coin(NAME)
    own.feeds["bbo"] = Feed(last_ns=s.now_ns - s_to_ns(9.0), limit_s=5.0)
    assert told.look() == [f"{NAME} feed bbo is 9.0 s old (limit 5.0 s)"]
    assert told.look() == []
    own.feeds["bbo"].last_ns = s.now_ns
    assert told.look() == [f"{NAME} feed bbo is back"]
    s.facts.connection.state, s.facts.connection.note = "down", "timed out"
    assert told.look() == ["link to local is down (timed out)"]
    s.facts.connection.state, s.facts.connection.note = "up", ""
    assert told.look() == ["link to local is up"]
    s.facts.kills.append(Kill(reason="loss", text="-5 USD"))
    assert told.look() == ["kill switch (cancel): loss: -5 USD"]
    s.facts.kills.clear()
    assert told.look() == ["kill switch reset: loss"]
    own.refused, own.refused_ns = "the venue refuses: Order has invalid size.", s.now_ns
    assert told.look() == [f"{NAME} the venue refuses: Order has invalid size."]
    own.halted = "delisted"
    assert told.look() == [f"{NAME} halted: delisted"]
    own.halted = ""
    assert told.look() == [f"{NAME} trades again"]
    s.facts.budget.left, s.facts.budget.cap, s.facts.budget.used = 900.0, 10_000.0, 9_100
    assert told.look() == ["900 requests left, 9,100 used"]
    s.facts.stopping = "three minutes are over"
    assert told.look() == ["three minutes are over"]


def test_a_side_that_stops_is_told_when_it_has_settled() -> None:
    s = quoting()
    told = Told(s, every_s=1e6)
    told.look()
    for order in s.working(1):
        s.send(kind=ACK, ref=int(order["id"]), code=CANCELED)
    assert s.code != "quoting"
    assert told.look() == []
    s.now_ns += s_to_ns(2.0)
    assert told.look() == []
    s.now_ns += s_to_ns(1.5)
    (line,) = told.look()
    assert line.startswith(f"{NAME} no bid: ")


def test_every_fill_is_told_also_several_between_views() -> None:
    s = quoting()
    told = Told(s, every_s=1e6)
    told.look()
    for _ in range(3):
        s.filled(s.working(1)[0], 0.01)
    lines = told.look()
    assert len(lines) == 3
    assert all("bought 0.01" in line for line in lines)


def test_json_lines_are_one_object_each() -> None:
    s = quoting()
    view = s.view()
    line = json_line(view)
    assert line.count("\n") == 1
    assert json.loads(line)["coins"][0]["why"] == s.why
    assert from_json(line.encode()) == view
