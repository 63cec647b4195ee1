"""What a key may do for an account, by the venue's own word.

An agent (API wallet) can trade and cannot withdraw, so a process that trades holds an agent's key and
no other: a master key is refused. Sources: Hyperliquid docs, "Nonces and API wallets"; facts, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undertow.live.keys import KeyRefused
from undertow.venue.client import VenueClient
from undertow.venue.failures import VenueFailure
from undertow.venue.signing import Signer
from undertow.venue.wire.info import ExtraAgentsRequest, UserRoleRequest, VaultDetailsRequest
from undertow.venue.wire.info_replies import UserRole

_DAY_MS: Final = 86_400_000
EXPIRY_WARNING_DAYS: Final = 14.0
_PAGE: Final = {
    "mainnet": "https://app.hyperliquid.xyz/API",
    "testnet": "https://app.hyperliquid-testnet.xyz/API",
}


@dataclass(frozen=True)
class Authority:
    """Whom a key acts for. ``account``: whose money; ``vault``: set where that is not the agent's user
    itself; ``days_left``: until the agent expires, None where the venue does not say (unnamed agents)."""

    account: str
    owner: str
    vault: str | None
    role: str
    days_left: float | None = None


def how_to_make_an_agent(network: str) -> str:
    """One sentence."""
    page = _PAGE.get(network)
    if page is None:
        return "approve an agent with the account's own key (approveAgent) and give that agent's key"
    return f"make an API wallet at {page}, approve it with the account's wallet, and give its key instead"


async def authorise(asker: VenueClient, signer: Signer, account: str) -> Authority:
    """Whether `signer` may trade for `account` (empty: the agent's own user) at the asker's network.

    Raises `KeyRefused`: a master key, an agent of somebody else, an expired one, one of another network,
    a sub-account or vault of others. Raises `VenueFailure` where the venue does not answer.
    """
    network = asker.network
    role = await asker.info(UserRoleRequest(user=signer.address))
    account = account.lower()
    if role.role != "agent":
        if network == "local" and account in ("", signer.address):
            return Authority(signer.address, signer.address, None, "master")
        raise KeyRefused(_not_an_agent(role, signer.address, account, network))
    owner = (role.master or "").lower()
    if account == signer.address:
        raise KeyRefused(
            f"live.account names the agent {signer.address} itself; it must name {owner}, whose agent it is"
        )
    days_left = await _days_left(asker, owner, signer.address)
    if account in ("", owner):
        return Authority(owner, owner, None, "agent", days_left)
    await _check_related(asker, owner, account)
    return Authority(account, owner, account, "agent", days_left)


def _not_an_agent(role: UserRole, address: str, account: str, network: str) -> str:
    make = how_to_make_an_agent(network)
    if role.role == "missing":
        return (
            f"{network} does not know the key's address {address}: it was never approved there, has expired "
            f"or was revoked, or it is of another network; {make}"
        )
    if role.role == "user":
        whose = "of the account traded" if address == account else f"of the account {address}"
        return (
            f"this is the master key {whose}, which can withdraw: it is refused; {make}, and move the "
            "master key away from this machine"
        )
    return f"the key's address {address} is a {role.role}, not an agent; {make}"


async def _days_left(asker: VenueClient, owner: str, agent: str) -> float | None:
    now_ms = asker.clock.now_ns() // 1_000_000
    for found in await asker.info(ExtraAgentsRequest(user=owner)):
        if found.address.lower() == agent:
            left = (found.valid_until - now_ms) / _DAY_MS
            if left <= 0.0:
                raise KeyRefused(
                    f"the agent {agent} ({found.name}) expired {-left:.1f} days ago; "
                    + how_to_make_an_agent(asker.network)
                )
            return left
    return None


async def _check_related(asker: VenueClient, owner: str, account: str) -> None:
    """Raises `KeyRefused` unless `account` is a sub-account of `owner` or a vault it leads."""
    role = await asker.info(UserRoleRequest(user=account))
    if role.role == "subAccount":
        if (role.master or "").lower() == owner:
            return
        raise KeyRefused(f"{account} is a sub-account of {role.master}, the key is an agent of {owner}")
    if role.role == "vault":
        leader = await _leader(asker, account)
        if leader in (None, owner):
            return
        raise KeyRefused(f"the vault {account} is led by {leader}, the key is an agent of {owner}")
    raise KeyRefused(
        f"the key is an agent of {owner}, and live.account = {account} is a {role.role} that is neither it, "
        "its sub-account nor its vault: correct live.account or give the right key"
    )


async def _leader(asker: VenueClient, vault: str) -> str | None:
    """Who leads a vault; None where the venue does not tell (it then decides at the first order)."""
    try:
        details = await asker.info(VaultDetailsRequest(vault_address=vault))
    except VenueFailure:
        return None
    return None if details is None else details.leader.lower()
