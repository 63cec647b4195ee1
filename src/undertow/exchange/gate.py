"""The gate: who signs for whom, and what is refused before it reaches a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.exchange import errors
from undertow.exchange.accounts import Account
from undertow.exchange.actions import Action, CancelOrders, ModifyOrders, PlaceOrders, ReserveWeight, weight
from undertow.exchange.errors import PreValidation, Refused
from undertow.exchange.nonces import NonceWindow
from undertow.exchange.placing import prevalidate

if TYPE_CHECKING:
    from undertow.exchange.state import State

_EXPIRED_COST = 5


def admit(
    state: State, signer: str, action: Action, nonce: int, vault: str | None, expires_after: int | None
) -> Account:
    """The account `action` is for. Raises `Refused` or `PreValidation`; then only the nonce may be used.

    Order: wallet, vault, content, nonce, expiry, weight, budget.
    """
    owner = owner_of(state, signer)
    account = owner if vault is None else _of_vault(state, owner, vault)
    if not owner.deposited and not account.deposited:
        raise Refused(errors.NO_DEPOSIT.format(owner.address))
    if isinstance(action, ReserveWeight) and signer != owner.address:
        raise Refused(errors.MASTER_ONLY)
    count = weight(action)
    if count > state.rules.most_per_action:
        raise Refused(errors.WEIGHT.format(state.rules.most_per_action))
    _content(state, action)
    window = state.nonces.setdefault(signer, NonceWindow())
    fault = window.fault(nonce, state.now_ms)
    if fault is not None:
        raise Refused(fault)
    window.use(nonce)
    if expires_after is not None and expires_after < state.now_ms:
        account.requests.charge(_EXPIRED_COST * count)
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
        raise Refused(errors.NO_USER.format(signer))
    return owner


def _of_vault(state: State, owner: Account, vault: str) -> Account:
    account = state.accounts.get(vault)
    if account is None or account.master != owner.address:
        raise Refused(errors.NO_VAULT.format(vault))
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
