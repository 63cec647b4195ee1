"""Messages bent out of shape: real ones changed in structure or in bytes, and noise."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent.parent / "tests" / "venue" / "data" / "wire_examples.json"
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 1e308, 5e-324),
    *("", "nan", "NaN", "inf", "-inf", "1e400", "1e-400", "-0.0", "0x10", " 1", "1_0", "null", "true"),
    *("84143.0", "-84143.0", "0." + "9" * 60, "9" * 60, "\u0661", "\x00", "é" * 50, [], {}, [[]], [None]),
    *({"px": "1"}, [[1, 2], [3]], "A", "B", "0xabababababababababababababababab"),
)
_PIECES = (b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u", b"\\ud800", b"\x00", b"\xff", b"\xc3")


_CTX = {"funding": "0.0001", "openInterest": "1.5", "prevDayPx": "9.5", "dayNtlVlm": "1.0"}
_CTX |= {"premium": None, "oraclePx": "9.6", "markPx": "9.7", "midPx": None, "impactPxs": None}
_SPOT = {"prevDayPx": "9.5", "dayNtlVlm": "1.0", "markPx": "9.7", "midPx": None, "coin": "@107"}
_DATA = {"user": "0xa", "coin": "BTC", "leverage": {"type": "isolated", "value": 5, "rawUsd": "1.5"}}
_DATA |= {"maxTradeSzs": ["1.0", "2.0"], "availableToTrade": ["3.0", "4.0"], "markPx": "5.0"}
_LEDGER = {"time": 1, "hash": "0x1", "delta": {"type": "deposit", "usdc": "5.0"}}
_UNRECORDED: tuple[dict[str, Any], ...] = (
    {"channel": "pong"},
    {"channel": "somethingNew", "data": {"a": [1, {"b": None}]}},
    {"channel": "allDexsAssetCtxs", "data": {"ctxs": [["", [_CTX]], ["xyz", []]]}},
    {"channel": "activeSpotAssetCtx", "data": {"coin": "@107", "ctx": _SPOT}},
    {"channel": "activeAssetData", "data": _DATA},
    {
        "channel": "userNonFundingLedgerUpdates",
        "data": {"user": "0xa", "nonFundingLedgerUpdates": [_LEDGER]},
    },
)
"""Channels without an example of their own."""


def seeds() -> list[Any]:
    """Messages of the websocket, with books as deep as the real ones."""
    found = [
        entry["msg"]
        for entry in json.loads(EXAMPLES.read_text())
        if isinstance(entry["msg"], dict) and "channel" in entry["msg"]
    ]
    for depth in (5, 20):
        side = [{"px": f"{84143 - i}.0", "sz": f"{i}.25", "n": i} for i in range(depth)]
        book = {"coin": "BTC", "time": 1790232236546, "levels": [side, side]}
        found.append({"channel": "l2Book", "data": book})
    return [*found, *_UNRECORDED]


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        found.append((value, key))
        if isinstance(item, dict | list):
            _places(item, found)
    return found


def _plausible(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind, now and then beyond its bounds."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((value + 1, rng.randrange(10**13), rng.randrange(2**64), -value))
    if isinstance(value, str) and value[-1:].isdigit() and not value.startswith("0x"):
        return (
            f"{rng.choice((1, 1, 1, -1)) * rng.random() * 10 ** rng.randrange(-9, 26):.{rng.randrange(9)}f}"
        )
    if isinstance(value, list):
        return value[: rng.randrange(len(value) + 1)]
    return None if value is None or rng.random() < 0.1 else value


def _bend(message: Any, rng: random.Random) -> Any:
    """One change of structure: a value replaced, a key lost, renamed or doubled, a list bent."""
    holder, key = rng.choice(_places(message, []))
    how = rng.randrange(12)
    if how >= 7:
        holder[key] = _plausible(holder[key], rng)
    elif how <= 2:
        holder[key] = copy.deepcopy(rng.choice(_ODD))
    elif how == 3:
        del holder[key]
    elif how == 4 and isinstance(holder, dict):
        holder[rng.choice(("channel", "data", key + "x", ""))] = holder.pop(key)
    elif how == 5:
        holder[key] = [holder[key]] * rng.randrange(4)
    else:
        holder[key] = {"a": holder[key]}
    return message


def _scramble(text: bytes, rng: random.Random) -> bytes:
    """One change of bytes: cut, flipped, inserted, repeated."""
    at, how = rng.randrange(len(text) + 1), rng.randrange(5)
    if how == 0:
        return text[:at]
    if how == 1 and at < len(text):
        return text[:at] + bytes([text[at] ^ (1 << rng.randrange(8))]) + text[at + 1 :]
    if how == 2:
        return text[:at] + rng.choice(_PIECES) + text[at:]
    if how == 3:
        return text[:at] + rng.randbytes(rng.randrange(1, 9)) + text[at:]
    until = min(len(text), at + rng.randrange(40))
    return text[:at] + text[at:until] * rng.randrange(2, 6) + text[until:]


def messages(count: int, seed: int) -> Iterator[bytes]:
    """`count` bent messages: six tenths in structure, three in bytes (some in both), the rest noise."""
    rng = random.Random(seed)
    plain = seeds()
    texts = [json.dumps(message, separators=(",", ":")).encode() for message in plain]
    for _ in range(count):
        kind = rng.random()
        if kind < 0.6:
            message = json.loads(rng.choice(texts))
            for _ in range(rng.choice((1, 1, 2, 4))):
                message = _bend(message, rng) if _places(message, []) else {"channel": "bbo"}
            text = json.dumps(message, separators=(",", ":")).encode()
            yield _scramble(text, rng) if kind < 0.1 else text
        elif kind < 0.9:
            text = rng.choice(texts)
            for _ in range(rng.choice((1, 1, 2, 5))):
                text = _scramble(text, rng)
            yield text
        elif kind < 0.97:
            yield rng.randbytes(rng.randrange(200))
        else:
            opening = rng.choice((b"[", b'{"channel":', b'{"channel":"l2Book","data":', b'{"data":['))
            yield opening * rng.randrange(1, 3000)
