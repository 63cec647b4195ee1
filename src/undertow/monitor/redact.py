"""Secrets taken out of text: the last line of defence before anything is written or sent.

Nothing should ever hand a key to a log. Where something does, this hides every run of 56 or more hex
digits (private keys, signatures whole or stripped of leading zeros, and, alike, transaction hashes),
every decimal number of 60 or more digits (the same as integers), and the value of every field named
like a secret.
"""

from __future__ import annotations

import re
from typing import Any, Final

HIDDEN: Final = "<redacted>"
_HEX: Final = re.compile(r"(?<![0-9a-zA-Z])(?:0[xX])?[0-9a-fA-F]{56,}(?![0-9a-zA-Z])")
_NUMBER: Final = re.compile(r"(?<![0-9])[0-9]{60,}(?![0-9])")
_SECRET_NAMES: Final = frozenset(
    {
        *("r", "s", "v", "signature", "signatures", "sig", "key", "secret", "token", "password", "mnemonic"),
        *(
            "private_key",
            "privatekey",
            "agent_key",
            "api_key",
            "apikey",
            "secret_key",
            "authorization",
            "seed_phrase",
        ),
    }
)


def redact(text: str) -> str:
    """`text` with everything that looks like a key or signature hidden."""
    return _NUMBER.sub(HIDDEN, _HEX.sub(HIDDEN, text))


def is_secret_name(name: str) -> bool:
    """Whether a field's name says that its value is secret."""
    return name.lower().replace("-", "_") in _SECRET_NAMES


def redacted(value: Any) -> Any:
    """`value` as plain data without secrets: dicts, sequences, text; raw bytes become their length."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(k)): HIDDEN if is_secret_name(str(k)) else redacted(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(v) for v in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else redact(str(value))
    return redact(str(value))
