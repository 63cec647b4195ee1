"""Every wire type, from random values to bytes and back: nothing lost, nothing changed."""

from __future__ import annotations

import json
import types
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.venue.wire.strategies import values_of

from undertow.venue.signing import Signature
from undertow.venue.wire import account, actions, info_replies, market, messages, posts
from undertow.venue.wire.frames import CHANNELS, FastAssetCtxsFrame, Frame, decode_frame
from undertow.venue.wire.info import REQUESTS, InfoRequest, decode_info, decode_request, encode_info
from undertow.venue.wire.outward import encode, encode_frame
from undertow.venue.wire.requests import ExchangeRequest
from undertow.venue.wire.subscriptions import (
    Subscription,
    canonical,
    decode_subscription,
    filled,
    subscription_of,
)

SOME = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))


def _args(union: Any) -> list[Any]:
    return list(union.__args__)


def _structs(*modules: types.ModuleType) -> list[type]:
    return [
        value
        for module in modules
        for name, value in sorted(vars(module).items())
        if isinstance(value, type)
        and issubclass(value, msgspec.Struct)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


FRAMES = [frame for frame in _args(Frame) if frame.__struct_config__.tag or frame is FastAssetCtxsFrame]


def test_every_channel_has_a_frame() -> None:
    assert {frame.__struct_config__.tag for frame in FRAMES} == CHANNELS
    assert len(FRAMES) == 23


@pytest.mark.parametrize("frame", FRAMES, ids=lambda f: f.__name__)
@SOME
@given(data=st.data())
def test_frame(frame: type, data: st.DataObject) -> None:
    value = data.draw(values_of(frame))
    text = encode_frame(value)
    assert encode_frame(decode_frame(text)) == text
    assert json.loads(encode_frame(decode_frame(text))) == json.loads(text)
    if not any(isinstance(v, msgspec.Raw) for v in _walk(value)):
        assert decode_frame(text) == value
        # keys in another order, blanks, fields nobody knows
        loose = {"x": [1], **dict(reversed(json.loads(text).items()))}
        assert decode_frame(json.dumps(loose, indent=1).encode()) == value


def _walk(value: Any) -> list[Any]:
    if isinstance(value, msgspec.Struct):
        return [value] + [w for f in value.__struct_fields__ for w in _walk(getattr(value, f))]
    if isinstance(value, list | tuple):
        return [w for item in value for w in _walk(item)]
    return [value]


WIRE = _structs(account, market, info_replies, posts)


@pytest.mark.parametrize("kind", WIRE, ids=lambda k: k.__name__)
@SOME
@given(data=st.data())
def test_struct(kind: type, data: st.DataObject) -> None:
    value = data.draw(values_of(kind))
    text = encode(value)
    again = msgspec.json.decode(text, type=kind, strict=False)
    assert encode(again) == text
    if not any(isinstance(v, msgspec.Raw) for v in _walk(value)):
        assert again == value


@pytest.mark.parametrize("kind", _args(actions.Action), ids=lambda k: k.__name__)
@SOME
@given(data=st.data())
def test_action(kind: type, data: st.DataObject) -> None:
    value = data.draw(values_of(kind))
    text = msgspec.json.encode(value)
    assert actions.decode_action(text) == value
    packed = msgspec.msgpack.encode(value)
    plain = msgspec.msgpack.decode(packed)
    assert next(iter(plain)) == "type"
    assert list(plain) == list(json.loads(text)), "one key order in both"
    assert plain == json.loads(text)
    assert None not in _leaves(plain)
    for key in ("f", "a", "c", "builder", "time", "destination"):
        assert plain.get(key, True) is not False


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


@pytest.mark.parametrize("kind", _args(Subscription), ids=lambda k: k.__name__)
@SOME
@given(data=st.data())
def test_subscription(kind: type, data: st.DataObject) -> None:
    value = canonical(data.draw(values_of(kind)))
    assert decode_subscription(msgspec.json.encode(value)) == value
    assert subscription_of(filled(value)) == value, "the ack's defaults make no difference"
    assert hash(subscription_of(filled(value))) == hash(value)
    message = messages.decode_message(messages.encode_subscribe(value))
    assert isinstance(message, messages.Subscribe)
    assert subscription_of(message.subscription) == value
    assert isinstance(messages.decode_message(messages.encode_unsubscribe(value)), messages.Unsubscribe)


@pytest.mark.parametrize("kind", list(REQUESTS.values()), ids=lambda k: k.__name__)
@SOME
@given(data=st.data())
def test_info(kind: type[InfoRequest[Any]], data: st.DataObject) -> None:
    request = data.draw(values_of(kind))
    assert decode_request(encode_info(request)) == request
    reply = data.draw(values_of(kind.reply))
    body = encode(reply)
    assert encode(decode_info(request, body)) == body


@SOME
@given(values_of(ExchangeRequest), values_of(Signature))
def test_signed_request(request: ExchangeRequest, signature: Signature) -> None:
    body = msgspec.json.encode(msgspec.structs.replace(request, signature=signature))
    again = msgspec.json.decode(body, type=ExchangeRequest)
    assert again.signature == signature
    assert (again.nonce, again.vault_address, again.expires_after) == (
        request.nonce,
        request.vault_address,
        request.expires_after,
    )
    assert bytes(again.action) == bytes(request.action)
