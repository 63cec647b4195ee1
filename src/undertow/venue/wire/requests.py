"""The body of a request to /exchange: an action with its nonce and signature."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw

from undertow.venue.signing import Signature
from undertow.venue.wire.actions import Action
from undertow.venue.wire.scalars import WireError

_U64 = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class ExchangeRequest(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A signed request as it came; ``action`` is its JSON, hashed in its own key order."""

    action: Raw
    nonce: _U64
    signature: Signature
    vault_address: str | None = None
    expires_after: _U64 | None = None


class _Outgoing(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    action: Action
    nonce: int
    signature: Signature
    vault_address: str | None
    expires_after: int | None


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(ExchangeRequest)


def encode_request(
    action: Action,
    nonce: int,
    signature: Signature,
    vault: str | None = None,
    expires_after: int | None = None,
) -> bytes:
    """The HTTP body, and payload of a websocket post, of a signed action. Never to be logged."""
    return _ENCODER.encode(_Outgoing(action, nonce, signature, vault, expires_after))


def decode_request(body: bytes | Raw) -> ExchangeRequest:
    """The signed request of a body. Raises `WireError`, whose text does not quote it."""
    try:
        return _DECODER.decode(body)
    except (ValueError, RecursionError, OverflowError) as fault:
        raise WireError(f"not a signed request ({fault})") from None
