"""The gate: who signs for whom, and what is refused before it reaches a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from undertow.exchange import errors
from undertow.exchange.accounts import Account
from undertow.exchange.actions import Action, CancelOrders, ModifyOrders, PlaceOrders, ReserveWeight, weight
from undertow.exchange.errors import PreValidation, Refused
from undertow.exchange.placing import prevalidate

if TYPE_CHECKING:
    from undertow.exchange.state import State

EXPIRED_COST: Final = 5
"""What a stale action costs of the budget, times its orders."""


def admit(
    state: State, signer: str, action: Action, nonce: int, vault: str | None, expires_after: int | None
) -> Account:
    """The account `action` is for. Raises `Refused` or `PreValidation`; then only the nonce may be used.

    Order: wallet, vault, content, nonce, expiry, weight, budget.
    """
    owner = owner_of(state, signer)
    account = owner if vault is None else _of_vault(state, owner, vault)
    if not owner.deposited and not account.deposited:
        raise Refused(errors.NO_DEPOSIT.format(address=owner.address))
    if isinstance(action, ReserveWeight) and signer != owner.address:
        raise Refused(errors.MASTER_ONLY)
    if isinstance(action, PlaceOrders) and action.builder is not None:
        builder, fee = action.builder
        if fee > owner.builders.get(builder.lower(), 0):
            raise Refused(errors.BUILDER_FEE)
    count = weight(action)
    if count > state.rules.most_per_action:
        raise Refused(errors.WEIGHT)
    _content(state, action)
    fault = state.nonces.take(signer, nonce, state.now_ms)
    if fault is not None:
        raise Refused(fault)
    if expires_after is not None and expires_after < state.now_ms:
        account.requests.charge(EXPIRED_COST * count)
        raise Refused(errors.EXPIRED)
    fault = account.requests.fault(count, isinstance(action, CancelOrders), state.now_ns)
    if fault is not None:
        raise Refused(fault)
    return account


def owner_of(state: State, signer: str) -> Account:
    """The account whose wallet or agent `signer` is. Raises `Refused`."""
    account = state.accounts.get(signer)
    if account is not None and account.master is None:
        return account
    owner = state.accounts.get(state.owner_of_agent.get(signer, ""))
    if owner is None or owner.agents[signer].valid_until_ms < state.now_ms:
        raise Refused(errors.NO_USER.format(address=signer))
    return owner


def _of_vault(state: State, owner: Account, vault: str) -> Account:
    account = state.accounts.get(vault)
    if account is None or account.master != owner.address:
        raise Refused(errors.NO_VAULT.format(address=vault))
    return account


def _content(state: State, action: Action) -> None:
    match action:
        case PlaceOrders():
            prevalidate(state, action.orders, action.grouping)
        case ModifyOrders():
            prevalidate(state, [spec for _, spec in action.modifies])
        case CancelOrders():
            if not action.targets:
                raise PreValidation(errors.EMPTY)
        case _:
            pass
