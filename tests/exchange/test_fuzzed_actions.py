"""Whatever is sent, the exchange answers or says that it cannot read it; it never breaks."""

from __future__ import annotations

import copy
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings
from tests.exchange.still import ALICE, PX, STEP, Bench, conserved

from undertow.exchange.errors import Malformed

_B = Bench()
_ORDER = _B.spec(1, PX - STEP, 20, "Gtc", cloid="0x" + "0a" * 16)
_STOP = _B.spec(-1, PX, 20, reduce=True, trigger=(True, PX - 10 * STEP, "sl"))
ACTIONS: list[dict[str, Any]] = [
    {"type": "order", "orders": [_ORDER, _STOP], "grouping": "na", "builder": {"b": ALICE, "f": 0}},
    {"type": "order", "orders": [_ORDER, _STOP], "grouping": "normalTpsl"},
    {"type": "order", "orders": [_STOP], "grouping": "positionTpsl"},
    {"type": "order", "orders": [_ORDER], "grouping": {"p": 10}},
    {"type": "cancel", "cancels": [{"a": 0, "o": 5}], "f": True},
    {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": "0x" + "0a" * 16}]},
    {"type": "modify", "oid": 5, "order": _ORDER, "a": True},
    {"type": "batchModify", "modifies": [{"oid": "0x" + "0a" * 16, "order": _ORDER}]},
    {"type": "scheduleCancel", "time": 1_800_000_000_000},
    {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 5},
    {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": 5},
    {"type": "reserveRequestWeight", "weight": 5},
    {"type": "noop"},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
    | st.sampled_from(["", "0", "1", "100.01", "99999999999999", "0.01", "Alo", "tp", "0x" + "0a" * 16, "na"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(list("abprstc")), inner, max_size=3)
    ),
    max_leaves=5,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything inside `value`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, part in inside for p in places(part, (*path, key)))]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_field_replaced_or_dropped_never_breaks_the_exchange(data: st.DataObject) -> None:
    action: Any = copy.deepcopy(data.draw(st.sampled_from(ACTIONS)))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(action)))
        if not path:
            action = data.draw(JSON)
            break
        at = action
        for key in path[:-1]:
            at = at[key]
        if data.draw(st.booleans()) and isinstance(at, dict):
            del at[path[-1]]
        else:
            at[path[-1]] = data.draw(JSON)
    b = Bench()
    try:
        ticket = b.ex.submit(ALICE, action, b.nonce())
    except Malformed:
        return
    b.run()
    assert ticket.reply is not None
    assert ticket.reply["status"] in ("ok", "err")
    conserved(b.ex)
