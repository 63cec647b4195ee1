"""Signatures against those of the official SDK (`data/signing_vectors.json`, made with 0.24.0)."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import msgpack
import msgspec
import pytest
from hyperliquid.utils.signing import recover_agent_or_user_from_l1_action
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.venue.wire_data import load

from undertow.venue.signing import (
    Signature,
    Signer,
    SigningError,
    action_hash,
    address_of,
    keccak,
    pack_action,
    recover,
)
from undertow.venue.wire.actions import decode_action
from undertow.venue.wire.scalars import WireError

KEY = b"\x01" * 32
VECTORS = load("signing_vectors.json")
CASES = VECTORS["cases"]
SIGNERS = {"sig_mainnet": Signer(KEY, True), "sig_testnet": Signer(KEY, False)}


def _name(case: dict[str, Any]) -> str:
    return (
        f"{case['name']}-vault={case['vaultAddress'] is not None}-expires={case['expiresAfter'] is not None}"
    )


def test_there_are_68_vectors() -> None:
    assert len(CASES) == 68


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_vector(case: dict[str, Any]) -> None:
    action = decode_action(json.dumps(case["action"]).encode())
    packed = pack_action(action)
    assert packed.hex() == case["msgpack"]
    nonce, vault, expires = VECTORS["nonce"], case["vaultAddress"], case["expiresAfter"]
    assert "0x" + action_hash(packed, nonce, vault, expires).hex() == case["action_hash"]
    for key, signer in SIGNERS.items():
        signature = signer.sign(action, nonce, vault, expires)
        assert msgspec.to_builtins(signature) == case[key]
        assert signer.sign(packed, nonce, vault, expires) == signature
        sent = json.dumps(case["action"]).encode()
        recovered = recover(sent, nonce, signature, signer.mainnet, vault, expires)
        assert recovered == signer.address == VECTORS["address"].lower()


def test_recovery_takes_what_the_sdk_sends() -> None:
    """r and s lose leading zeros in the SDK; others pad them, write capitals, or v as 0 and 1."""
    short = [c for c in CASES for k in SIGNERS if min(len(c[k]["r"]), len(c[k]["s"])) < 66]
    assert short, "no vector has a shortened number"
    for case in CASES:
        plain = case["sig_testnet"]
        forms = [
            plain,
            {"r": "0x" + plain["r"][2:].zfill(64), "s": "0x" + plain["s"][2:].zfill(64), "v": plain["v"]},
            {"r": plain["r"].upper(), "s": plain["s"][2:].upper(), "v": plain["v"] - 27},
        ]
        for form in forms:
            signature = msgspec.convert(form, Signature)
            address = recover(
                case["action"], VECTORS["nonce"], signature, False, case["vaultAddress"], case["expiresAfter"]
            )
            assert address == VECTORS["address"].lower()


def test_anything_else_recovers_another_address() -> None:
    case = next(c for c in CASES if c["name"] == "order_cloid" and c["vaultAddress"])
    nonce, vault = VECTORS["nonce"], case["vaultAddress"]
    signature = SIGNERS["sig_testnet"].sign(case["action"], nonce, vault)
    reordered = {key: case["action"][key] for key in reversed(case["action"])}
    larger = copy.deepcopy(case["action"])
    larger["orders"][0]["s"] = "1"
    for action, n, v, mainnet in (
        (reordered, nonce, vault, False),
        (larger, nonce, vault, False),
        (case["action"], nonce + 1, vault, False),
        (case["action"], nonce, None, False),
        (case["action"], nonce, vault, True),
    ):
        try:
            recovered = recover(action, n, signature, mainnet, v)
        except SigningError:  # no key can have made it: as good
            continue
        assert recovered != VECTORS["address"].lower()


@pytest.mark.parametrize(
    "change",
    [
        *({"v": v} for v in (26, 29, 2, -1)),
        *({"r": r} for r in ("0x0", "0x" + "f" * 64, "0x" + "1" * 65, "0x 1", "zz", "")),
        *({"s": s} for s in ("0x", "0x-1", "0x1_0", "0o1")),
    ],
)
def test_impossible_signatures(change: dict[str, Any]) -> None:
    fields = {**CASES[0]["sig_testnet"], **change}
    with pytest.raises(SigningError):
        recover(CASES[0]["action"], 1, Signature(**fields), False)


def test_nothing_shows_the_key_or_the_signature() -> None:
    signer = SIGNERS["sig_mainnet"]
    shown = repr(signer) + str(signer) + f"{signer}"
    assert KEY.hex() not in shown
    assert signer.address in shown
    signature = signer.sign(CASES[0]["action"], 1)
    assert signature.r[2:] not in repr(signature) + str(signature) + repr([signature])
    with pytest.raises(TypeError):
        pickle.dumps(signer)
    with pytest.raises(TypeError):
        copy.deepcopy(signer)


@pytest.mark.parametrize("key", ["", "0x12", "g" * 64, "0x" + "0" * 64, "f" * 64, b"\x01" * 31, "11" * 33])
def test_a_bad_key_is_named_without_being_shown(key: str | bytes) -> None:
    with pytest.raises(SigningError, match="private key must be 32 bytes") as caught:
        Signer(key, True)
    assert not key or str(key) not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_addresses() -> None:
    assert address_of("0x" + KEY.hex()) == address_of(KEY) == VECTORS["address"].lower()
    assert keccak(b"").hex().startswith("c5d2460186f7233c927e7db2dcc703c0")
    vault = VECTORS["vaultAddress"]
    assert action_hash(b"", 1, vault) == action_hash(b"", 1, "0X" + vault[2:].upper())
    for bad in ("0x12", "", vault[:-1], vault + "0", vault[:20] + " " + vault[20:], "0x" + "g" * 40):
        with pytest.raises(SigningError, match="40 hexadecimal digits"):
            action_hash(b"", 1, vault=bad)
    for nonce, expires in ((-1, None), (2**64, None), (1, -1), (1, 2**64)):
        with pytest.raises(SigningError, match="64-bit"):
            action_hash(b"", nonce, None, expires)
    assert len(action_hash(b"", 2**64 - 1, None, 0)) == 32


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=20), json_values, max_size=20))
def test_msgpack_is_that_of_the_sdk(action: dict[str, Any]) -> None:
    """msgspec packs any JSON object as the msgpack library does, keys in their own order."""
    assert pack_action(action) == msgpack.packb(action)


def test_what_cannot_be_packed_is_a_wire_error() -> None:
    for sent in (b"{", b'{"a":' * 100_000, b'{"a":%d}' % 2**64, b"\xff", b'{"a":"\\ud800"}'):
        with pytest.raises(WireError):
            pack_action(sent)


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.booleans(), st.integers(0, 2**63 - 1), st.booleans())
def test_the_sdk_recovers_our_signer(key: bytes, mainnet: bool, nonce: int, with_vault: bool) -> None:
    try:
        signer = Signer(key, mainnet)
    except SigningError:
        return
    vault = VECTORS["vaultAddress"] if with_vault else None
    action = CASES[0]["action"]
    signature = msgspec.to_builtins(signer.sign(action, nonce, vault))
    address = recover_agent_or_user_from_l1_action(action, signature, vault, nonce, None, mainnet)
    assert address.lower() == signer.address
