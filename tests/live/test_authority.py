"""What a key may do, as the venue says."""

from __future__ import annotations

import pytest
from tests.live.venues import AGENT, MASTER, MASTER_KEY, START_NS, STRANGER, SUB, VAULT, asked

from undertow.exchange.core import Exchange
from undertow.live.authority import Authority, authorise
from undertow.live.keys import KeyRefused
from undertow.venue.client import VenueClient
from undertow.venue.signing import Signer


def allowed(
    account: str, *, signer: Signer = AGENT, days: float | None = None, network: str = "testnet"
) -> Authority:
    async def question(client: VenueClient, exchange: Exchange) -> Authority:
        if days is not None:
            until = START_NS // 10**6 + round(days * 86_400_000)
            exchange.approve_agent(MASTER, AGENT.address, "maker", until)
        return await authorise(client, signer, account)

    return asked(question, network=network)  # type: ignore[arg-type]


def test_an_agent_acts_for_its_account() -> None:
    for account in ("", MASTER, MASTER.upper().replace("0X", "0x")):
        found = allowed(account, days=100.0)
        assert (found.account, found.owner, found.vault, found.role) == (MASTER, MASTER, None, "agent")
        assert found.days_left == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize("account", [SUB, VAULT])
def test_sub_accounts_and_vaults_of_the_owner(account: str) -> None:
    found = allowed(account)
    assert (found.account, found.owner, found.vault) == (account, MASTER, account)


def test_a_master_key_is_refused() -> None:
    master = Signer(MASTER_KEY, mainnet=False)
    for account in ("", MASTER):
        with pytest.raises(KeyRefused, match=r"master key.*can withdraw.*API wallet at") as caught:
            allowed(account, signer=master)
        assert MASTER_KEY not in str(caught.value)
    assert allowed("", signer=master, network="local").role == "master"
    with pytest.raises(KeyRefused, match="master key"):
        allowed(SUB, signer=master, network="local")


def test_who_may_not() -> None:
    stranger = "0x" + "99" * 20
    with pytest.raises(KeyRefused, match=f"agent of {MASTER}, and live.account = {STRANGER} is a user"):
        allowed(STRANGER)
    with pytest.raises(KeyRefused, match="is a missing"):
        allowed(stranger)
    with pytest.raises(KeyRefused, match="names the agent"):
        allowed(AGENT.address)
    with pytest.raises(KeyRefused, match=r"expired 2.0 days ago"):
        allowed("", days=-2.0)
    with pytest.raises(KeyRefused, match="testnet does not know"):
        allowed("", signer=Signer("77" * 32, mainnet=False))


def test_a_sub_account_of_somebody_else() -> None:
    async def question(client: VenueClient, exchange: Exchange) -> None:
        for address, vault, says in (
            ("0x" + "61" * 20, False, f"sub-account of {STRANGER}"),
            ("0x" + "62" * 20, True, f"led by {STRANGER}"),
        ):
            exchange.add_sub_account(STRANGER, address, vault=vault)
            with pytest.raises(KeyRefused, match=says):
                await authorise(client, AGENT, address)

    asked(question)
