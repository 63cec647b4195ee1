"""Wire types to JSON as the exchange writes it: every float a decimal string with at least one decimal.

Used by the local exchange and by tests; the inverse of the decoders.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from undertow.venue.wire.frames import FastAssetCtxsFrame, Frame, UnknownFrame, deflate_ctxs


def decimal_text(value: float) -> str:
    """Shortest text that reads back as `value`, without exponent: ``84143.0``, ``0.0000125``.

    Raises `ValueError` where it is not finite.
    """
    text = repr(value)
    if "e" not in text:
        if "n" in text:
            raise ValueError(f"{text} cannot be written on the wire")
        return text
    text = format(Decimal(text), "f")
    return text if "." in text else text + ".0"


@cache
def _plan(kind: type[msgspec.Struct]) -> tuple[dict[str, str], list[tuple[str, str, bool, Any]]]:
    """Tag, then (attribute, key, omitted at its default, default) of each field."""
    config = kind.__struct_config__
    tag = {config.tag_field: str(config.tag)} if config.tag_field else {}
    omitted = getattr(kind, "omitted", ())
    plan = []
    for field in msgspec.structs.fields(kind):
        default = field.default_factory() if callable(field.default_factory) else field.default
        plan.append((field.name, field.encode_name, config.omit_defaults or field.name in omitted, default))
    return tag, plan


def _struct(value: msgspec.Struct) -> dict[str, Any]:
    tag, plan = _plan(type(value))
    out: dict[str, Any] = dict(tag)
    for attribute, key, omit, default in plan:
        item = getattr(value, attribute)
        if item is msgspec.UNSET or (omit and item == default):
            continue
        out[key] = to_wire(item)
    return out


def _same(value: Any) -> Any:
    return value


_BY_TYPE: dict[type, Callable[[Any], Any]] = {
    float: decimal_text,
    list: lambda value: [to_wire(item) for item in value],
    tuple: lambda value: [to_wire(item) for item in value],
    dict: lambda value: {key: to_wire(item) for key, item in value.items()},
    **dict.fromkeys((str, int, bool, type(None), msgspec.Raw), _same),
}


def to_wire(value: Any) -> Any:
    """`value` as plain JSON values (and `msgspec.Raw`), keys named and left out as on the wire."""
    known = _BY_TYPE.get(type(value))
    if known is not None:
        return known(value)
    if isinstance(value, msgspec.Struct):
        return _struct(value)
    raise TypeError(f"{type(value).__name__} has no form on the wire")


def encode(value: Any) -> bytes:
    """`to_wire` as JSON text: replies of /info and /exchange."""
    return msgspec.json.encode(to_wire(value))


def encode_frame(frame: Frame) -> bytes:
    """The message of a frame; inverse of `undertow.venue.wire.frames.decode_frame`."""
    if isinstance(frame, UnknownFrame):
        return frame.raw
    if isinstance(frame, FastAssetCtxsFrame):
        text = deflate_ctxs(encode(frame.data))
        return msgspec.json.encode({"channel": "fastAssetCtxs", "data": text})
    return encode(frame)
