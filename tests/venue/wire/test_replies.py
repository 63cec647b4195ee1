"""Replies to actions in the three shapes of error, and statuses nobody has seen."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.venue.wire_data import examples

from undertow.venue.errors import Fate
from undertow.venue.refusals import Refusal
from undertow.venue.wire.replies import (
    Failed,
    Filled,
    Resting,
    Success,
    Unread,
    Waiting,
    decode_http_reply,
    decode_reply,
)
from undertow.venue.wire.scalars import WireError

CLOID = "0x" + "ab" * 16


def reply_of(name: str, members: int) -> Any:
    return decode_reply(json.dumps(examples()[name]).encode(), members)


def test_an_order_reply() -> None:
    reply = reply_of("http order ok", 5)
    resting, filled, failed, fill_wait, trigger_wait = reply.statuses
    assert resting == Resting(1001, CLOID)
    assert filled == Filled(0.02, 1891.4, 1002, CLOID)
    assert isinstance(failed, Failed)
    assert not failed.whole
    error = failed.error
    assert (error.refusal, error.bid_px, error.ask_px, error.asset) == (
        Refusal.POST_ONLY,
        84143.0,
        84144.0,
        0,
    )
    assert (fill_wait, trigger_wait) == (Waiting("waitingForFill"), Waiting("waitingForTrigger"))
    assert (reply.kind, reply.refused) == ("order", None)


def test_cancels_and_modifies() -> None:
    done, gone = reply_of("http cancel", 2).statuses
    assert done == Success()
    assert gone.error.refusal is Refusal.NEVER_PLACED
    assert gone.fate("cancel") is Fate.GONE
    moved, refused = reply_of("http batchModify", 2).statuses
    assert moved == Resting(1003, CLOID)
    assert refused.error.refusal is Refusal.CANNOT_MODIFY
    assert refused.fate("modify") is Fate.GONE
    assert reply_of("http modify (single)", 1).statuses == (Success(),)


def test_a_refusal_of_the_request() -> None:
    reply = reply_of("http whole-request error", 3)
    assert reply.refused is not None
    assert (reply.refused.refusal, reply.refused.used, reply.refused.cap) == (Refusal.BUDGET, 97460, 97456)
    assert len(reply.statuses) == 3
    for status in reply.statuses:
        assert status.whole
        assert status.fate("cancel") is status.fate("modify") is Fate.STANDS
        assert status.fate("order") is Fate.GONE


def _statuses(*members: Any, kind: str = "order") -> bytes:
    data = {"type": kind, "data": {"statuses": list(members)}}
    return json.dumps({"status": "ok", "response": data}).encode()


def test_one_error_for_a_whole_batch() -> None:
    reply = decode_reply(_statuses({"error": "Order has invalid size."}), 4)
    assert len(reply.statuses) == 4
    assert reply.refused is not None
    assert {status.error.refusal for status in reply.statuses} == {Refusal.SIZE}
    assert all(status.whole and status.fate("modify") is Fate.STANDS for status in reply.statuses)
    alone = decode_reply(_statuses({"error": "Order has invalid size."}), 1)
    assert (alone.statuses[0].whole, alone.refused) == (False, None)
    never = {"error": "Order was never placed, already canceled, or filled."}
    spread = decode_reply(_statuses(never, kind="cancel"), 2).statuses
    assert [status.fate("cancel") for status in spread] == [Fate.UNKNOWN] * 2, "it does not say which"


def test_statuses_that_are_new() -> None:
    reply = decode_reply(_statuses({"queued": {"oid": 1}}, "maybe", 7, {"resting": {"oid": "x"}}), 5)
    assert all(isinstance(status, Unread) for status in reply.statuses)
    assert len(reply.statuses) == 5
    extra = decode_reply(_statuses("success", "success", kind="cancel"), 1)
    assert extra.statuses == (Success(),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b'{"status":"ok"}',
        b'{"status":"ok","response":null}',
        b'{"status":"ok","response":{"type":"order","data":[]}}',
        b'{"status":"err","response":{}}',
        b"[" * 50_000,
        b"\xff",
    ],
)
def test_not_replies(body: bytes) -> None:
    with pytest.raises(WireError):
        decode_reply(body, 1)


def test_http_statuses() -> None:
    limited = decode_http_reply(429, b"null", 2)
    assert limited.refused is not None
    assert limited.refused.refusal is Refusal.IP_LIMIT
    assert [s.fate("cancel") for s in limited.statuses] == [Fate.STANDS] * 2
    unparsed = decode_http_reply(422, b"Failed to deserialize the JSON body into the target type")
    assert unparsed.refused is not None
    assert unparsed.refused.refusal is Refusal.BAD_REQUEST
    with pytest.raises(WireError, match="HTTP 502"):
        decode_http_reply(502, b"<html>")
    assert decode_http_reply(200, b'{"status":"ok","response":{"type":"default"}}').statuses == (Success(),)


odd = st.binary(max_size=60) | st.text().map(lambda text: json.dumps({"status": text}).encode())


@given(odd, st.integers(1, 5))
def test_any_body(body: bytes, members: int) -> None:
    with contextlib.suppress(WireError):
        assert len(decode_reply(body, members).statuses) == members
