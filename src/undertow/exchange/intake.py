"""What is posted to ``/exchange``: read, its signer recovered, handed to the exchange, answered.

Actions of trading are signed as an agent's message of source ``b`` (every network but mainnet);
those of an account itself (agents, transfers) as typed data of their own fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from undertow.exchange import errors, user_signed
from undertow.exchange.core import Exchange
from undertow.exchange.subscriptions import Unreadable, address
from undertow.exchange.transfers import carry_out
from undertow.venue.signing import Signature, SigningError, recover
from undertow.venue.wire.scalars import WireError

Answered = Callable[[int, bytes], None]

MALFORMED: Final = b"Failed to deserialize the JSON body into the target type"
"""What the venue answers, with status 422, to a body it cannot read (facts, section 5)."""

NO_SIGNER: Final = "Unable to recover signer."
ELSEWHERE: Final = frozenset(
    {
        "setReferrer",
        "createSubAccount",
        "subAccountTransfer",
        "subAccountSpotTransfer",
        "vaultTransfer",
        "spotSend",
        "tokenDelegate",
        "convertToMultiSigUser",
        "spotDeploy",
        "perpDeploy",
        "CSignerAction",
        "CValidatorAction",
        "multiSig",
        "evmUserModify",
        "agentEnableDexAbstraction",
        "agentSetAbstraction",
        "userDexAbstraction",
        "userSetAbstraction",
        "gossipPriorityBid",
        "twapOrder",
        "twapCancel",
    }
)
"""Actions of the venue that have no meaning here; refused with a text of ours."""

_encode = msgspec.json.Encoder().encode


class _Envelope(msgspec.Struct):
    """The body of a post to ``/exchange``."""

    action: dict[str, Any]
    nonce: int
    signature: Signature
    vaultAddress: str | None = None
    expiresAfter: int | None = None


def weight_of(request: Any) -> int:
    """The IP weight of a request: 1 and one more for every 40 orders or cancels."""
    action = request.get("action") if isinstance(request, dict) else None
    if not isinstance(action, dict):
        return 1
    batch = next(
        (action[k] for k in ("orders", "cancels", "modifies") if isinstance(action.get(k), list)), ()
    )
    return 1 + len(batch) // 40


def refused(text: str) -> bytes:
    """The reply to a request that failed as a whole."""
    return _encode({"status": "err", "response": text})


class Intake:
    """Takes signed actions for one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def submit(self, request: Any, answered: Answered) -> None:
        """Take a decoded request; `answered` is called now, or when its block is through."""
        try:
            envelope = msgspec.convert(request, _Envelope)
            vault = None if envelope.vaultAddress is None else address(envelope.vaultAddress)
            if not 0 <= envelope.nonce < 2**63:
                raise Unreadable("nonce")
        except (msgspec.ValidationError, Unreadable):
            answered(422, MALFORMED)
            return
        if envelope.action.get("type") in user_signed.TYPES:
            self._of_the_user(envelope, answered)
        else:
            self._of_trading(envelope, vault, answered)

    def _of_trading(self, sent: _Envelope, vault: str | None, answered: Answered) -> None:
        try:
            signer = recover(
                sent.action, sent.nonce, sent.signature, False, vault=vault, expires_after=sent.expiresAfter
            )
        except (SigningError, WireError, OverflowError):
            answered(200, refused(NO_SIGNER))
            return
        kind = sent.action.get("type")
        if kind in ELSEWHERE:
            known = self._exchange.account(signer) or signer in self._exchange.state.owner_of_agent
            stranger = errors.NO_USER.format(address=signer)
            answered(200, refused(f"{kind} is not offered by this local exchange." if known else stranger))
            return
        try:
            ticket = self._exchange.submit(signer, sent.action, sent.nonce, vault, sent.expiresAfter)
        except errors.Malformed:
            answered(422, MALFORMED)
            return
        ticket.on_reply(lambda reply: answered(200, _encode(reply)))

    def _of_the_user(self, sent: _Envelope, answered: Answered) -> None:
        signature = sent.signature
        try:
            r, s = int(signature.r, 16), int(signature.s, 16)
            signer = user_signed.recover(sent.action, r, s, signature.v)
        except (ValueError, KeyError, TypeError, OverflowError):
            answered(200, refused(NO_SIGNER))
            return
        text = carry_out(self._exchange, signer, sent.action, sent.nonce)
        reply = refused(text) if text else _encode({"status": "ok", "response": {"type": "default"}})
        answered(200, reply)
