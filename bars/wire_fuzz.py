"""A million messages bent out of shape: each gives a sound typed frame or the one typed error."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bars import Figure
from bars._frame_mutations import messages
from undertow.venue.wire.frames import (
    CHANNELS,
    AckFrame,
    GreetingFrame,
    UnknownFrame,
    UserLedgerFrame,
    decode_frame,
)
from undertow.venue.wire.outward import encode_frame
from undertow.venue.wire.scalars import WireError

TITLE = "The wire under fuzzed messages"
MESSAGES = 1_000_000
SEED = 20260224
_INT64 = 2**63
_AMOUNT = 1e24


@dataclass
class Found:
    """Counts of one run; examples of what must not be."""

    messages: int = 0
    refused: int = 0
    unknown: int = 0
    frames: Counter[str] = field(default_factory=Counter)
    untyped: list[str] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)


def unsound(value: Any) -> str | None:
    """What of a decoded frame must never reach a state: a number not finite or beyond its bounds."""
    if isinstance(value, float):
        return None if math.isfinite(value) and abs(value) <= _AMOUNT else f"number {value}"
    if isinstance(value, int):
        return None if -_INT64 <= value < _INT64 else f"number {value}"
    if isinstance(value, msgspec.Struct):
        return next(filter(None, (unsound(getattr(value, f)) for f in value.__struct_fields__)), None)
    if isinstance(value, list | tuple):
        return next(filter(None, map(unsound, value)), None)
    if isinstance(value, dict):
        return next(filter(None, map(unsound, value.values())), None)
    return None


def _check(frame: Any, text: bytes, found: Found) -> None:
    if isinstance(frame, UnknownFrame):
        found.unknown += 1
        if frame.channel in CHANNELS or frame.raw != text:
            found.unsound.append(f"{text[:200]!r} taken as unknown")
        return
    found.frames[type(frame).__name__] += 1
    if isinstance(frame, GreetingFrame):
        return
    if not isinstance(frame, AckFrame | UserLedgerFrame):  # they hold JSON as sent, nobody's state
        wrong = unsound(frame)
        if wrong:
            found.unsound.append(f"{text[:200]!r}: {wrong}")
    again = encode_frame(frame)
    if encode_frame(decode_frame(again)) != again:
        found.unsound.append(f"{text[:200]!r} reads differently once written")


def run(count: int, seed: int) -> Found:
    """Decode `count` bent messages and look at everything that comes out."""
    found = Found()
    for text in messages(count, seed):
        found.messages += 1
        try:
            frame = decode_frame(text)
        except WireError:
            found.refused += 1
            continue
        except BaseException as fault:
            found.untyped.append(f"{text[:200]!r}: {type(fault).__name__} {fault}")
            continue
        try:
            _check(frame, text, found)
        except BaseException as fault:
            found.unsound.append(f"{text[:200]!r} cannot be written: {type(fault).__name__} {fault}")
    return found


def measure() -> list[Figure]:
    """The full million."""
    found = run(MESSAGES, SEED)
    detail = {
        "refused with WireError": found.refused,
        "unknown channel": found.unknown,
        "typed": dict(found.frames.most_common()),
        "examples": (found.untyped + found.unsound)[:10],
    }
    return [
        Figure(
            f"other exceptions than WireError in {found.messages} messages",
            len(found.untyped),
            "0",
            not found.untyped,
            [SEED],
            detail,
        ),
        Figure(
            f"frames with a number out of bounds, or that read differently once written, of "
            f"{sum(found.frames.values())} typed",
            len(found.unsound),
            "0",
            not found.unsound,
            [SEED],
        ),
    ]
