"""The engine against the reference matcher: identical fills and acknowledgements, random markets.

Expected values come from `reference.py`, which says the rules of docs/replay.md in plain Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.replay.markets import COIN, START_NS, Stretch
from tests.replay.reference import ASK, BID, ReferenceExchange, Request, Row, Rules
from tests.replay.scripted import scripted

from undertow.events import ACK, BBO, DEPTH, END, EVENT, EXCH, FUNDING, LOCAL, MARK, SNAPSHOT, TRADE
from undertow.replay import ReplayResult, ReplaySettings, replay

MS = 1_000_000
LOW = 1_000
STATUS = {1: "open", 2: "filled", 3: "canceled", 4: "rejected", 5: "expired", 6: "cancel_rejected"}
KIND = {"depth": DEPTH, "trade": TRADE, "snapshot": SNAPSHOT, "bbo": BBO, "funding": FUNDING}

sides = st.sampled_from([BID, ASK])
ticks = st.integers(LOW, LOW + 11)


@st.composite
def ladders(draw: st.DrawFn) -> dict[int, list[tuple[int, int]]]:
    """Levels of a snapshot, best first, at most four a side, not crossed."""
    middle = draw(st.integers(LOW + 2, LOW + 9))
    found = {}
    for side in (BID, ASK):
        gaps = draw(st.lists(st.integers(1, 2), min_size=1, max_size=4))
        prices = middle - side * (np.cumsum(gaps) - (1 if side == BID else 0))
        found[side] = [(int(p), draw(st.integers(1, 9))) for p in prices]
    return found


@st.composite
def markets(draw: st.DrawFn, kinds: Sequence[str]) -> list[Row]:
    rows, now = [], 0
    for _ in range(draw(st.integers(5, 40))):
        now += draw(st.integers(0, 3))
        kind = draw(st.sampled_from(kinds))
        row = Row(START_NS + now * MS, kind, draw(sides), draw(ticks), draw(st.integers(0, 9)))
        if kind == "trade":
            row.qty = max(1, row.qty)
        elif kind == "snapshot":
            row.levels = draw(ladders())
        elif kind == "funding":
            row.rate = draw(st.sampled_from([-0.01, 0.01]))
        rows.append(row)
    return rows


@st.composite
def schedules(draw: st.DrawFn) -> list[Request]:
    requests: list[Request] = []
    for number in range(1, draw(st.integers(1, 30)) + 1):
        kind = draw(st.sampled_from(["new", "new", "new", "cancel", "modify"]))
        earlier = [r for r in requests if r.kind != "cancel"]
        if kind != "new" and not earlier:
            kind = "new"
        request = Request(
            START_NS + draw(st.integers(1, 60)) * MS,
            kind,
            number,
            side=draw(sides),
            tick=draw(ticks),
            qty=draw(st.integers(1, 8)),
            tif=draw(st.sampled_from(["post_only", "post_only", "gtc", "ioc"])),
            reduce_only=kind == "new" and draw(st.integers(0, 3)) == 0,
        )
        if kind != "new":
            target = draw(st.sampled_from(earlier))
            request.target, request.side, request.tif = target.id, target.side, "post_only"
        if kind == "cancel":
            request.id = request.target
        requests.append(request)
    return sorted(requests, key=lambda r: r.ns)


def stretch(rows: list[Row], erodes: bool) -> Stretch:
    """The reference's rows as a recording that ends a second later."""
    out = np.zeros(len(rows) + 2, dtype=EVENT)
    flags = EXCH | LOCAL | END
    out[0] = (START_NS, START_NS, 100.0, 0, 0, 0, MARK, 0, flags, 0, 0)
    tables: list[NDArray[np.float64]] = []
    for at, row in enumerate(rows, start=1):
        qty = row.rate if row.kind == "funding" else row.qty / 100
        place = (row.ns, row.ns + 2 * MS, row.tick / 10, qty, 0, len(tables))
        out[at] = (*place, KIND[row.kind], row.side, flags, 0, 0)
        if row.kind == "snapshot":
            table = np.full((4, 4), np.nan)
            for side, first in ((BID, 0), (ASK, 2)):
                for k, (tick, qty) in enumerate(row.levels[side]):
                    table[first : first + 2, k] = tick / 10, qty / 100
            tables.append(table)
    last = START_NS + 1_000 * MS
    out[-1] = (last, last + 2 * MS, 100.0, 0, 0, 0, MARK, 0, flags, 0, 0)
    snapshots = np.array(tables) if tables else np.empty((0, 4, 4))
    return Stretch(out, snapshots=snapshots, snapshot_fed=erodes, chunk_rows=11)


def engine(rows: list[Row], requests: list[Request], rules: Rules) -> ReplayResult:
    settings_ = ReplaySettings(
        order_latency_ms=rules.order_latency_ns / MS,
        order_jitter_ms=0,
        response_latency_ms=rules.response_latency_ns / MS,
        response_jitter_ms=0,
        queue_model=rules.queue_model,  # type: ignore[arg-type]
        queue_power=rules.power,
        block_rule=rules.block_rule,
        cycle_interval_ms=1,
        capture=True,
    )
    return replay(stretch(rows, rules.erodes), scripted(requests, COIN.size_step), settings_)


def compare(rows: list[Row], requests: list[Request], rules: Rules) -> ReferenceExchange:
    expected = ReferenceExchange(rules)
    expected.run(rows, requests)
    result = engine(rows, requests, rules)
    maker = result.fills["liquidity"] == 1
    fills = [
        (int(f["exch_ns"]), int(f["order_id"]), int(f["side"]), int(f["tick"]), round(f["qty"] * 100), who)
        for f, who in zip(result.fills, np.where(maker, "maker", "taker"), strict=True)
    ]
    told = result.captured[result.captured["kind"] == ACK]
    acks = [(int(a["exch_ns"]), int(a["ref"]), STATUS[int(a["code"])], round(a["qty"] * 100)) for a in told]
    assert fills == expected.fills
    assert sorted(acks) == sorted(expected.acks)
    assert round(result.ledger["position"] * 100) == expected.position
    assert result.ledger["funding"] == pytest.approx(expected.funding / 1_000)
    assert np.all(told["recv_ns"] >= told["exch_ns"] + rules.response_latency_ns)
    return expected


latencies = st.sampled_from([0, 1 * MS, 2 * MS, 5 * MS])
rules = st.builds(
    Rules,
    order_latency_ns=latencies,
    response_latency_ns=latencies,
    queue_model=st.sampled_from(["risk_averse", "power", "log"]),
    block_rule=st.booleans(),
    erodes=st.just(False),
    min_notional_ticks=st.just(1_000.0),
)
EXAMPLES: dict[str, Any] = {
    "max_examples": 300,
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


@given(markets(["depth", "depth", "depth", "trade", "trade", "funding"]), schedules(), rules)
@settings(**EXAMPLES)
def test_diffs_and_prints(rows: list[Row], requests: list[Request], rules: Rules) -> None:
    expected = compare(rows, requests, rules)
    event(f"fills: {min(len(expected.fills), 5)}")


@given(markets(["snapshot", "trade", "trade", "bbo", "depth"]), schedules(), rules, st.booleans())
@settings(**EXAMPLES)
def test_snapshots_prints_and_best_quotes(
    rows: list[Row], requests: list[Request], rules: Rules, erodes: bool
) -> None:
    rules.erodes = erodes
    compare(rows, requests, rules)
