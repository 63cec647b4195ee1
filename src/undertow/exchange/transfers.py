"""What an account's own wallet signs: agents, and money between accounts, dexes and the outside.

Carried out at once, not in a block: nothing here competes for a price.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from undertow.exchange import errors
from undertow.exchange.accounts import Account, LedgerEntry
from undertow.exchange.core import Exchange
from undertow.exchange.happenings import AccountChanged
from undertow.exchange.margin import withdrawable
from undertow.exchange.numbers import USD_DECIMALS, parse
from undertow.exchange.subscriptions import Unreadable, address

Action = dict[str, Any]
_AGENT_NAME: Final = re.compile(r"(?P<name>.*?)(?: valid_until (?P<until>[0-9]{1,16}))?\Z", re.DOTALL)
_NAMED_AGENTS: Final = 3
_WITHDRAWAL_FEE: Final = 1_000_000
_PERCENT_DECIMALS: Final = 3
"""A thousandth of a percent is a tenth of a bp, the unit of builder fees."""
_MOST_BUILDER_FEE: Final = 100


class Refusal(Exception):
    """The action is refused; the text is the reply's."""


def carry_out(exchange: Exchange, signer: str, action: Action, nonce: int) -> str | None:
    """Do what `action`, signed by `signer`, says; returns why not, or None where it was done."""
    try:
        account = exchange.account(signer)
        if account is None or not account.deposited:
            raise Refusal(errors.NO_DEPOSIT.format(address=signer))
        if action.get("hyperliquidChain") != "Testnet":
            raise Refusal(
                f"hyperliquidChain {action.get('hyperliquidChain')!r} is not this network's: Testnet"
            )
        signed = action.get("nonce", action.get("time"))
        if signed != nonce:
            raise Refusal(f"Invalid nonce: {nonce} is not the {signed} that was signed")
        _use(exchange, signer, nonce)
        _DOERS[action["type"]](exchange, account, action)
    except Refusal as fault:
        return str(fault)
    return None


def _use(exchange: Exchange, signer: str, nonce: int) -> None:
    fault = exchange.state.nonces.take(signer, nonce, exchange.state.now_ms)
    if fault is not None:
        raise Refusal(fault)


def _address(value: object) -> str:
    try:
        return address(value)
    except Unreadable:
        raise Refusal(f"{value!r} is not an address") from None


def _micro(value: object) -> int:
    found = parse(value, USD_DECIMALS)
    if not found:
        raise Refusal(f"Invalid amount {value!r}")
    return found


def _approve_agent(exchange: Exchange, account: Account, action: Action) -> None:
    """One agent without a name, three with; a name may carry ``valid_until <ms>``."""
    parts = _AGENT_NAME.match(str(action.get("agentName") or ""))
    assert parts is not None
    name, until = parts["name"] or None, parts["until"]
    agent = _address(action.get("agentAddress"))
    if exchange.account(agent) is not None or agent in exchange.state.owner_of_agent:
        raise Refusal("Extra agent already used.")
    named = [other.name for other in account.agents.values() if other.name]
    if name is not None and name not in named and len(named) >= _NAMED_AGENTS + 2 * len(account.sub_accounts):
        raise Refusal("Too many extra agents.")
    exchange.approve_agent(account.address, agent, name, int(until) if until else None)


def _approve_builder_fee(exchange: Exchange, account: Account, action: Action) -> None:
    """A builder's greatest fee, as a percentage of notional: ``0.01%`` is one bp, 0.1% the most."""
    text = str(action.get("maxFeeRate"))
    found = parse(text[:-1], _PERCENT_DECIMALS) if text.endswith("%") else None
    if found is None or found > _MOST_BUILDER_FEE:
        raise Refusal(f"Invalid builder fee {text!r}: at most 0.1%, in steps of 0.001%")
    exchange.approve_builder_fee(account.address, _address(action.get("builder")), found)


def _spend(exchange: Exchange, account: Account, dex: str, micro: int, kind: str) -> None:
    purse = account.purses.get(dex)
    if purse is None or withdrawable(purse) < micro:
        raise Refusal("Insufficient balance for withdrawal.")
    purse.raw -= micro
    now_ms = exchange.state.now_ms
    account.ledger.append(LedgerEntry(now_ms, kind, -micro))
    exchange.state.events.append(AccountChanged(account.address, now_ms))


def _usd_send(exchange: Exchange, account: Account, action: Action) -> None:
    micro, to = _micro(action.get("amount")), _address(action.get("destination"))
    _spend(exchange, account, "", micro, "internalTransfer")
    exchange.credit(to, micro)


def _send_asset(exchange: Exchange, account: Account, action: Action) -> None:
    source, target = str(action.get("sourceDex")), str(action.get("destinationDex"))
    dexes = [dex.name for dex in exchange.dexes]
    for dex in (source, target):
        if dex not in dexes:
            raise Refusal(f"Dex {dex!r} is not offered by this local exchange.")
    if action.get("fromSubAccount"):
        raise Refusal("Sending from a sub-account is not offered by this local exchange.")
    if not str(action.get("token")).startswith("USDC"):
        raise Refusal(f"Token {action.get('token')!r} is not the collateral: USDC")
    micro, to = _micro(action.get("amount")), _address(action.get("destination"))
    _spend(exchange, account, source, micro, "send")
    exchange.credit(to, micro, target, "send")


def _withdraw(exchange: Exchange, account: Account, action: Action) -> None:
    micro = _micro(action.get("amount"))
    if micro <= _WITHDRAWAL_FEE:
        raise Refusal("Withdrawal amount must exceed the fee of 1 USDC.")
    _spend(exchange, account, "", micro, "withdraw")
    exchange.state.house.deposits -= micro


def _class_transfer(exchange: Exchange, account: Account, action: Action) -> None:
    raise Refusal("Insufficient spot balance" if action.get("toPerp") else "There is no spot account here.")


_DOERS: Final[dict[str, Callable[[Exchange, Account, Action], None]]] = {
    "approveAgent": _approve_agent,
    "approveBuilderFee": _approve_builder_fee,
    "usdSend": _usd_send,
    "sendAsset": _send_asset,
    "withdraw3": _withdraw,
    "usdClassTransfer": _class_transfer,
}
