"""Signatures of actions: a msgpack hash inside an EIP-712 message, signed with secp256k1.

The action hash is ``keccak(msgpack(action) | nonce u64 | 00 or 01+vault | [00+expiresAfter u64])``;
what is signed is the EIP-712 message ``Agent{source, connectionId: hash}`` with source ``a`` on
mainnet and ``b`` elsewhere, domain ``{Exchange, 1, 1337, 0x0}``. Source: Hyperliquid docs, "Signing",
and the official SDK, against whose signatures this file is tested. No key and no signature appears in
any text made here.
"""

from __future__ import annotations

import os
from typing import Any, Final, NoReturn

import coincurve
import msgspec
from sha3 import keccak_256

from undertow.venue.wire.actions import Action
from undertow.venue.wire.scalars import WireError

_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_TWO_64: Final = 1 << 64
_PACK: Final = msgspec.msgpack.Encoder()
_UNPACK_JSON: Final = msgspec.json.Decoder()


class SigningError(ValueError):
    """A key, address or signature that cannot be used. The text names the fault, never the secret."""


class Signature(msgspec.Struct, frozen=True, gc=False):
    """A signature; ``r`` and ``s`` in hexadecimal without leading zeros, ``v`` 27 or 28."""

    r: str
    s: str
    v: int

    def __repr__(self) -> str:
        return "Signature(hidden)"

    __str__ = __repr__


def keccak(data: bytes) -> bytes:
    """Keccak-256 of `data`: 32 bytes."""
    digest: bytes = keccak_256(data).digest()
    return digest


_DOMAIN: Final = keccak(
    keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    + keccak(b"Exchange")
    + keccak(b"1")
    + (1337).to_bytes(32, "big")
    + bytes(32)
)
_AGENT: Final = keccak(b"Agent(string source,bytes32 connectionId)")
_SOURCE: Final = {True: _AGENT + keccak(b"a"), False: _AGENT + keccak(b"b")}


def _address_bytes(address: str) -> bytes:
    digits = address[2:] if address[:2] in ("0x", "0X") else address
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if len(raw) != 20 or len(digits) != 40:
        raise SigningError(f"address {address[:60]!r} must be 0x and 40 hexadecimal digits")
    return raw


def pack_action(action: Action | dict[str, Any] | bytes | msgspec.Raw) -> bytes:
    """The msgpack of an action that its hash is made of.

    A dict keeps its own key order; bytes are its JSON as a client sent it. Raises `WireError`.
    """
    try:
        if isinstance(action, bytes | msgspec.Raw):
            action = _UNPACK_JSON.decode(action)
        return _PACK.encode(action)
    except (ValueError, TypeError, OverflowError, RecursionError) as fault:
        raise WireError(f"action cannot be hashed ({fault})") from None


def action_hash(
    packed: bytes, nonce: int, vault: str | None = None, expires_after: int | None = None
) -> bytes:
    """Hash of an action: `packed` msgpack, `nonce` and `expires_after` in ms, `vault` address or None.

    Raises `SigningError` of an address that is none, or a time outside an unsigned 64-bit integer.
    """
    if not 0 <= nonce < _TWO_64 or not 0 <= (expires_after or 0) < _TWO_64:
        raise SigningError("nonce and expiresAfter must be unsigned 64-bit integers")
    parts = [packed, nonce.to_bytes(8, "big")]
    parts.append(b"\x00" if vault is None else b"\x01" + _address_bytes(vault))
    if expires_after is not None:
        parts.append(b"\x00" + expires_after.to_bytes(8, "big"))
    return keccak(b"".join(parts))


def signed_digest(connection_id: bytes, mainnet: bool) -> bytes:
    """The 32 bytes that are signed for an action whose hash is `connection_id`."""
    return keccak(b"\x19\x01" + _DOMAIN + keccak(_SOURCE[mainnet] + connection_id))


def _address_of_point(public: coincurve.PublicKey) -> str:
    return "0x" + keccak(public.format(compressed=False)[1:])[12:].hex()


def _private_key(key: str | bytes) -> coincurve.PrivateKey:
    try:
        secret = bytes.fromhex(key.strip().removeprefix("0x")) if isinstance(key, str) else bytes(key)
        if len(secret) != 32:
            raise ValueError
        return coincurve.PrivateKey(secret)
    except ValueError:
        raise SigningError("the private key must be 32 bytes: 0x and 64 hexadecimal digits") from None


def address_of(key: str | bytes) -> str:
    """Address (lower case) of a private key, hexadecimal or 32 bytes. Raises `SigningError`."""
    return _address_of_point(_private_key(key).public_key)


class Signer:
    """Signs actions with one key for one network. Never shows the key; cannot be pickled."""

    __slots__ = ("_key", "address", "mainnet")

    def __init__(self, key: str | bytes, mainnet: bool) -> None:
        """`key`: 32 bytes or their hexadecimal. Raises `SigningError` where it is not a key."""
        self._key = _private_key(key)
        self.mainnet = mainnet
        self.address = _address_of_point(self._key.public_key)

    def sign(
        self,
        action: Action | dict[str, Any] | bytes,
        nonce: int,
        vault: str | None = None,
        expires_after: int | None = None,
    ) -> Signature:
        """Signature of an action (bytes: its msgpack already), `nonce` and `expires_after` in ms."""
        packed = action if isinstance(action, bytes) else pack_action(action)
        digest = signed_digest(action_hash(packed, nonce, vault, expires_after), self.mainnet)
        raw = self._key.sign_recoverable(digest, hasher=None)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
        return Signature(f"{r:#x}", f"{s:#x}", 27 + raw[64])

    def give_to_child(self, descriptor: int) -> None:
        """Write the key's 32 bytes to a pipe that a child process of ours, which is to sign too, reads."""
        os.write(descriptor, self._key.secret)

    def __repr__(self) -> str:
        return f"Signer({self.address}, {'mainnet' if self.mainnet else 'testnet'})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Signer holds a key and is not pickled")


def _scalar(text: str, name: str) -> bytes:
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    try:
        if not 0 < len(digits) <= 64 or not digits.isalnum():
            raise ValueError
        value = int(digits, 16)
    except ValueError:
        value = 0
    if not 0 < value < _ORDER:
        raise SigningError(f"{name} of the signature is not a number of the curve")
    return value.to_bytes(32, "big")


def recover(
    action: Action | dict[str, Any] | bytes | msgspec.Raw,
    nonce: int,
    signature: Signature,
    mainnet: bool,
    vault: str | None = None,
    expires_after: int | None = None,
) -> str:
    """Address (lower case) that signed `action`; bytes are its JSON, hashed in its own key order.

    ``r`` and ``s`` may lack leading zeros and be of either case, ``v`` may be 0, 1, 27 or 28.
    Raises `SigningError` where nobody can have made the signature, `WireError` of a bad action.
    """
    parity = signature.v - 27 if signature.v >= 27 else signature.v
    if parity not in (0, 1):
        raise SigningError("v of the signature must be 27 or 28")
    raw = _scalar(signature.r, "r") + _scalar(signature.s, "s") + bytes([parity])
    digest = signed_digest(action_hash(pack_action(action), nonce, vault, expires_after), mainnet)
    try:
        public = coincurve.PublicKey.from_signature_and_message(raw, digest, hasher=None)
    except Exception:
        raise SigningError("Unable to recover signer.") from None
    return _address_of_point(public)
