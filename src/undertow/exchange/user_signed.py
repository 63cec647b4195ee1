"""Actions a user signs in a wallet: EIP-712 data of their own fields, and who signed them.

Source: the official SDK's type tables. Domain: name ``HyperliquidSignTransaction``, version 1, the
chain id the action names, no contract.
"""

from __future__ import annotations

from typing import Any, Final

from coincurve import PublicKey

from undertow.venue.signing import keccak

TYPES: Final[dict[str, tuple[str, tuple[tuple[str, str], ...]]]] = {
    "approveAgent": (
        "HyperliquidTransaction:ApproveAgent",
        (
            ("hyperliquidChain", "string"),
            ("agentAddress", "address"),
            ("agentName", "string"),
            ("nonce", "uint64"),
        ),
    ),
    "approveBuilderFee": (
        "HyperliquidTransaction:ApproveBuilderFee",
        (
            ("hyperliquidChain", "string"),
            ("maxFeeRate", "string"),
            ("builder", "address"),
            ("nonce", "uint64"),
        ),
    ),
    "usdSend": (
        "HyperliquidTransaction:UsdSend",
        (
            ("hyperliquidChain", "string"),
            ("destination", "string"),
            ("amount", "string"),
            ("time", "uint64"),
        ),
    ),
    "withdraw3": (
        "HyperliquidTransaction:Withdraw",
        (
            ("hyperliquidChain", "string"),
            ("destination", "string"),
            ("amount", "string"),
            ("time", "uint64"),
        ),
    ),
    "usdClassTransfer": (
        "HyperliquidTransaction:UsdClassTransfer",
        (("hyperliquidChain", "string"), ("amount", "string"), ("toPerp", "bool"), ("nonce", "uint64")),
    ),
    "sendAsset": (
        "HyperliquidTransaction:SendAsset",
        (
            ("hyperliquidChain", "string"),
            ("destination", "string"),
            ("sourceDex", "string"),
            ("destinationDex", "string"),
            ("token", "string"),
            ("amount", "string"),
            ("fromSubAccount", "string"),
            ("nonce", "uint64"),
        ),
    ),
}
"""Action type to the primary type and the fields signed, in order."""

NONCE_FIELDS: Final = ("nonce", "time")
DEFAULTS: Final = {"agentName": "", "fromSubAccount": ""}

_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def _word(value: Any, kind: str) -> bytes:
    if kind == "string":
        return keccak(str(value).encode())
    if kind == "address":
        return bytes.fromhex(str(value)[2:]).rjust(32, b"\0")
    return int(value).to_bytes(32, "big")


def digest(action: dict[str, Any]) -> bytes:
    """What was signed, 32 bytes. Raises `ValueError`, `KeyError` or `TypeError` for malformed fields."""
    primary, fields = TYPES[action["type"]]
    named = ",".join(f"{kind} {name}" for name, kind in fields)
    words = [keccak(f"{primary}({named})".encode())]
    for name, kind in fields:
        value = action[name] if name in action else DEFAULTS[name]
        words.append(_word(value, kind))
    domain = keccak(
        keccak(_DOMAIN_TYPE)
        + keccak(b"HyperliquidSignTransaction")
        + keccak(b"1")
        + int(action["signatureChainId"], 16).to_bytes(32, "big")
        + bytes(32)
    )
    return keccak(b"\x19\x01" + domain + keccak(b"".join(words)))


def recover(action: dict[str, Any], r: int, s: int, v: int) -> str:
    """The address that signed, lower case. Raises `ValueError` where the signature is none."""
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v - 27])
    try:
        key = PublicKey.from_signature_and_message(signature, digest(action), hasher=None)
    except Exception as fault:
        raise ValueError("no signer can be recovered") from fault
    return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()
