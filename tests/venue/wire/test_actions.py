"""Actions and signed bodies against what the official SDK 0.24.0 sends (`data/sdk_payloads`)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.venue.wire_data import examples, load, payloads

from undertow.venue.signing import Signature, Signer, recover
from undertow.venue.wire import actions as a
from undertow.venue.wire.info import decode_request as decode_info_request
from undertow.venue.wire.info import encode_info
from undertow.venue.wire.messages import Subscribe, decode_message, encode_post, encode_subscribe
from undertow.venue.wire.requests import decode_request, encode_request
from undertow.venue.wire.scalars import WireError
from undertow.venue.wire.subscriptions import UnknownSubscription, subscription_of

PAYLOADS = payloads()
SIGNER = Signer(b"\x01" * 32, mainnet=False)
CLOID = "0x" + "ab" * 16


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", PAYLOADS)
def test_payload_byte_for_byte(name: str) -> None:
    payload = PAYLOADS[name]
    body = _compact(payload)
    request = decode_request(body)
    action = a.decode_action(request.action)
    signature = SIGNER.sign(action, request.nonce, request.vault_address, request.expires_after)
    assert msgspec.to_builtins(signature) == payload["signature"]
    ours = encode_request(action, request.nonce, signature, request.vault_address, request.expires_after)
    assert ours == body
    signed_by = recover(
        request.action,
        request.nonce,
        request.signature,
        False,
        request.vault_address,
        request.expires_after,
    )
    assert signed_by == SIGNER.address


def test_seventeen_payloads() -> None:
    assert len(PAYLOADS) == 17


def test_made_by_hand() -> None:
    order = a.order_spec(0, 1, "99000", "0.001", cloid="0x" + "0" * 31 + "1")
    expected = PAYLOADS["exchange_order_alo_cloid"]["action"]
    assert json.loads(msgspec.json.encode(a.PlaceOrders([order]))) == expected
    reduce = a.order_spec(0, 1, "99000", "0.001", a.GTC, reduce_only=True)
    built = a.PlaceOrders([reduce], builder=a.Builder("0x" + "a" * 40, 10))
    assert (
        json.loads(msgspec.json.encode(built)) == PAYLOADS["exchange_order_gtc_reduceonly_builder"]["action"]
    )
    paid = a.PlaceOrders([a.order_spec(0, 1, "99000", "0.001")], grouping=a.Priority(1000))
    assert json.loads(msgspec.json.encode(paid)) == PAYLOADS["exchange_order_priority_grouping"]["action"]
    assert msgspec.json.encode(a.ScheduleCancel()) == b'{"type":"scheduleCancel"}'
    cancel = a.Cancel([a.CancelSpec(0, 5)], fast=True)
    assert msgspec.json.encode(cancel) == b'{"type":"cancel","cancels":[{"a":0,"o":5}],"f":true}'


def test_batch_sizes() -> None:
    spec = a.order_spec(0, -1, "1", "2")
    assert not spec.is_buy
    assert a.batch_size(a.PlaceOrders([spec] * 3)) == 3
    assert a.batch_size(a.Cancel([a.CancelSpec(0, 1)] * 2)) == 2
    assert a.batch_size(a.CancelByCloid([a.CancelByCloidSpec(0, CLOID)])) == 1
    assert a.batch_size(a.BatchModify([a.ModifySpec(1, spec)] * 4)) == 4
    assert a.batch_size(a.Modify(1, spec)) == a.batch_size(a.Noop()) == 1


@pytest.mark.parametrize(
    "action",
    [
        {"type": "cancel", "cancels": [], "f": False},
        {"type": "cancel", "cancels": [], "f": None},
        {"type": "batchModify", "modifies": [], "a": False},
        {"type": "order", "orders": [{"a": 0, "b": True, "p": "1", "s": "1", "r": False, "t": {}}]},
        {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": "0x12"}]},
        {"type": "cancel", "cancels": [{"a": -1, "o": 1}]},
        {"type": "nothing"},
        {},
        [],
    ],
)
def test_not_actions(action: Any) -> None:
    with pytest.raises(WireError):
        a.decode_action(_compact(action))


def test_false_cannot_be_built_into_an_action() -> None:
    with pytest.raises(ValueError, match="left out"):
        a.Cancel([], fast=False)
    with pytest.raises(ValueError, match="limit or trigger"):
        a.OrderType()


def test_faults_of_a_body_do_not_quote_it() -> None:
    body = {**PAYLOADS["exchange_cancel"], "nonce": "x"}
    with pytest.raises(WireError) as caught:
        decode_request(_compact(body))
    assert body["signature"]["r"][2:10] not in str(caught.value)
    signed = decode_request(_compact(PAYLOADS["exchange_cancel"]))
    assert body["signature"]["r"][2:10] not in repr(signed)


def test_a_posted_action_holds_the_body() -> None:
    message = examples()["ws post action request"]
    payload = message["request"]["payload"]
    action = a.decode_action(_compact(payload["action"]))
    signature = Signature(**payload["signature"])
    body = encode_request(action, payload["nonce"], signature)
    assert json.loads(encode_post(message["id"], "action", body)) == message


def test_info_requests_and_subscriptions_of_the_sdk() -> None:
    for request in load("sdk_payloads/info_requests.json"):
        assert json.loads(encode_info(decode_info_request(_compact(request)))) == request
    for message in load("sdk_payloads/ws_frames_sent.json"):
        sent = decode_message(_compact(message))
        assert isinstance(sent, Subscribe)
        key = subscription_of(sent.subscription)
        assert not isinstance(key, UnknownSubscription)
        want = {k: v.lower() if k == "user" else v for k, v in message["subscription"].items()}
        assert json.loads(encode_subscribe(key))["subscription"] == want
