"""Who signed: recovery of signers, agents, the texts for strangers (facts, sections 4 and 5)."""

from __future__ import annotations

import json
from typing import Any

from tests.exchange.drive import KEY, OTHER, OTHER_KEY, START_MS, USER, Session, limit_order, virtual

from undertow.exchange import user_signed
from undertow.venue.signing import Signer

ORDER = limit_order(0, True, "90000", "0.001", "Alo")
STRANGER_KEY = "0x" + "33" * 32
STRANGER = Signer(STRANGER_KEY, mainnet=False).address


def test_a_stranger_is_told_so() -> None:
    async def body(session: Session) -> Any:
        return await session.act(ORDER, key=STRANGER_KEY)

    assert virtual(body) == {"status": "err", "response": f"User or API Wallet {STRANGER} does not exist."}


def test_a_signature_for_mainnet_recovers_to_a_stranger() -> None:
    async def body(session: Session) -> str:
        signature = Signer(KEY, mainnet=True).sign(ORDER, START_MS)
        envelope = {
            "action": ORDER,
            "nonce": START_MS,
            "signature": {"r": signature.r, "s": signature.s, "v": signature.v},
        }
        _, reply = await session.net.post("/exchange", json.dumps(envelope).encode())
        text: str = json.loads(reply)["response"]
        return text

    text = virtual(body)
    assert text.startswith("User or API Wallet 0x")
    assert USER not in text


def test_key_order_of_the_action_is_what_was_signed() -> None:
    async def body(session: Session) -> tuple[Any, Any]:
        envelope = session.signed(ORDER)
        turned = dict(reversed(list(envelope.items())))
        good = await session.net.post("/exchange", json.dumps(turned).encode())
        envelope = session.signed(ORDER)
        envelope["action"] = dict(reversed(list(ORDER.items())))
        bad = await session.net.post("/exchange", json.dumps(envelope).encode())
        return json.loads(good[1]), json.loads(bad[1])

    good, bad = virtual(body)
    assert good["status"] == "ok"
    assert bad["response"].endswith("does not exist.")


def test_short_and_mixed_case_signatures_and_absent_nulls() -> None:
    """The SDK strips leading zeros of r and s; other clients send either case and leave nulls out."""

    async def body(session: Session) -> set[int]:
        lengths: set[int] = set()
        for _ in range(600):
            envelope = session.signed({"type": "noop"})
            signature = envelope["signature"]
            short = min(len(signature["r"]), len(signature["s"]))
            if short >= 66 and 66 in lengths:
                continue
            lengths.add(short)
            signature["r"] = "0x" + signature["r"][2:].upper()
            del envelope["vaultAddress"], envelope["expiresAfter"]
            _, reply = await session.net.post("/exchange", json.dumps(envelope).encode())
            assert json.loads(reply) == {"status": "ok", "response": {"type": "default"}}
            if min(lengths) < 66 and 66 in lengths:
                break
        return lengths

    assert min(virtual(body)) < 66


def test_what_is_no_signature() -> None:
    async def body(session: Session) -> list[Any]:
        replies = []
        for r, s, v in (("0x0", "0x0", 27), ("zz", "0x1", 27), ("0x1", "0x1", 99)):
            envelope = session.signed(ORDER) | {"signature": {"r": r, "s": s, "v": v}}
            replies.append(await session.net.post("/exchange", json.dumps(envelope).encode()))
        missing = session.signed(ORDER)
        del missing["signature"]
        replies.append(await session.net.post("/exchange", json.dumps(missing).encode()))
        return replies

    *bad, missing = virtual(body)
    assert {json.loads(reply)["response"] for _, reply in bad} == {"Unable to recover signer."}
    assert missing[0] == 422


def test_an_action_the_venue_cannot_read_is_422() -> None:
    async def body(session: Session) -> list[int]:
        actions: list[dict[str, Any]] = [
            {"type": "cancel", "cancels": [{"a": 0, "o": 1}], "f": False},
            {"type": "dance"},
            {"type": "order", "orders": [{"a": 0}], "grouping": "na"},
        ]
        sent = [json.dumps(session.signed(action)).encode() for action in actions]
        return [(await session.net.post("/exchange", body))[0] for body in sent]

    assert virtual(body) == [422, 422, 422]


def _signed_by_user(session: Session, key: str, **fields: Any) -> bytes:
    from eth_account import Account
    from hyperliquid.utils.signing import sign_usd_transfer_action

    action = {"type": "usdSend", "destination": OTHER, "amount": "5", "time": START_MS, **fields}
    signature = sign_usd_transfer_action(Account.from_key(key), action, False)
    return json.dumps({"action": action, "nonce": START_MS, "signature": signature}).encode()


def test_transfers_are_signed_by_the_account_itself_and_only_once() -> None:
    async def body(session: Session) -> list[Any]:
        session.exchange.approve_agent(USER, STRANGER)
        replies = []
        for key, fields in ((KEY, {}), (KEY, {}), (STRANGER_KEY, {}), (OTHER_KEY, {"amount": "-5"})):
            _, reply = await session.net.post("/exchange", _signed_by_user(session, key, **fields))
            replies.append(json.loads(reply))
        return replies

    done, again, agent, negative = virtual(body)
    assert done == {"status": "ok", "response": {"type": "default"}}
    assert again["response"] == f"Invalid nonce: duplicate nonce {START_MS}"
    assert agent["response"] == f"Must deposit before performing actions. User: {STRANGER}"
    assert negative["status"] == "err"


def test_every_kind_of_action_a_wallet_signs_recovers_as_the_sdk_signed_it() -> None:
    from eth_account import Account
    from hyperliquid.utils import signing

    wallet = Account.from_key(KEY)
    user = "0x" + "aB" * 20
    cases: list[tuple[Any, dict[str, Any]]] = [
        (signing.sign_agent, {"type": "approveAgent", "agentAddress": user, "agentName": "bot", "nonce": 1}),
        (signing.sign_agent, {"type": "approveAgent", "agentAddress": user, "agentName": "", "nonce": 1}),
        (
            signing.sign_approve_builder_fee,
            {"type": "approveBuilderFee", "maxFeeRate": "0.1%", "builder": user, "nonce": 1},
        ),
        (
            signing.sign_usd_transfer_action,
            {"type": "usdSend", "destination": user, "amount": "5", "time": 1},
        ),
        (
            signing.sign_withdraw_from_bridge_action,
            {"type": "withdraw3", "destination": user, "amount": "5", "time": 1},
        ),
        (
            signing.sign_usd_class_transfer_action,
            {"type": "usdClassTransfer", "amount": "5", "toPerp": True, "nonce": 1},
        ),
        (
            signing.sign_send_asset_action,
            {
                "type": "sendAsset",
                "destination": user,
                "sourceDex": "",
                "destinationDex": "xyz",
                "token": "USDC",
                "amount": "5",
                "fromSubAccount": "",
                "nonce": 1,
            },
        ),
    ]
    assert {action["type"] for _, action in cases} == set(user_signed.TYPES)
    for sign, action in cases:
        signature = sign(wallet, action, False)
        r, s, v = int(signature["r"], 16), int(signature["s"], 16), signature["v"]
        assert user_signed.recover(action, r, s, v) == USER
        if action.get("agentName") == "":
            del action["agentName"]
            assert user_signed.recover(action, r, s, v) == USER
