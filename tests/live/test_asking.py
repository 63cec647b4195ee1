"""What is asked for, and what is missing for it."""

from __future__ import annotations

import pytest

from undertow.config import Config, Live, Rollout, loads
from undertow.live.asking import Asked, spec_of
from undertow.live.spec import CannotRun, RunSpec

ACCOUNT = "0x" + "Ab" * 20
NAMED = Config(live=Live(account=ACCOUNT, coins=("BTC",)))


def test_without_anything_it_is_a_local_exchange_with_orders() -> None:
    spec = spec_of(Asked(), Config(), has_key=False)
    assert (spec.network, spec.orders, spec.stage, spec.account_usd) == ("local", "venue", "full", 10_000.0)


@pytest.mark.parametrize("network", ["testnet", "mainnet"])
def test_without_a_key_orders_are_matched_on_paper(network: str) -> None:
    spec = spec_of(Asked(network=network, coins=("BTC",)), Config(), has_key=False)
    assert (spec.orders, spec.stage) == ("paper", "shadow")
    with pytest.raises(CannotRun, match=r"an agent key in UNDERTOW_AGENT_KEY.*API wallet.*--orders paper"):
        spec_of(Asked(network=network, coins=("BTC",), orders="venue"), Config(), has_key=False)
    with pytest.raises(ValueError, match="--coin is needed"):
        spec_of(Asked(network=network), Config(), has_key=False)


def test_with_a_key_testnet_takes_orders() -> None:
    spec = spec_of(Asked(network="testnet", coins=("BTC",)), Config(), has_key=True)
    assert (spec.orders, spec.stage) == ("venue", "full")
    paper = spec_of(Asked(network="testnet", coins=("BTC",), orders="paper"), Config(), has_key=True)
    assert (paper.orders, paper.stage) == ("paper", "shadow")


def test_mainnet_wants_both_words() -> None:
    both = Asked(network="mainnet", coins=("BTC",), live=True)
    spec = spec_of(both, NAMED, has_key=True)
    assert (spec.orders, spec.stage, spec.account) == ("venue", "minimum", ACCOUNT.lower())
    with pytest.raises(CannotRun, match="need: --live") as caught:
        spec_of(Asked(network="mainnet", coins=("BTC",)), NAMED, has_key=True)
    assert "names the account" not in str(caught.value)
    with pytest.raises(CannotRun, match=r"need: a --config whose \[live\] section names the account"):
        spec_of(both, Config(), has_key=True)
    with pytest.raises(CannotRun, match=r"an agent key.*--live.*names the account"):
        spec_of(Asked(network="mainnet", coins=("BTC",), orders="venue"), Config(), has_key=False)
    with pytest.raises(CannotRun, match="need --live"):
        RunSpec(network="mainnet", coins=("BTC",), account=ACCOUNT)


def test_a_stage_and_where_orders_go_must_fit() -> None:
    shadow = Asked(network="mainnet", coins=("BTC",), stage="shadow", live=True)
    assert spec_of(shadow, NAMED, has_key=True).orders == "paper"
    with pytest.raises(CannotRun, match="--stage shadow sends nothing"):
        spec_of(Asked(network="testnet", coins=("B",), stage="shadow", orders="venue"), NAMED, has_key=True)
    with pytest.raises(CannotRun, match="--stage full sends orders"):
        spec_of(Asked(network="testnet", coins=("B",), stage="full", orders="paper"), NAMED, has_key=True)
    with pytest.raises(CannotRun, match="an agent key"):
        spec_of(Asked(network="testnet", coins=("B",), stage="minimum"), NAMED, has_key=False)
    configured = Config(rollout=Rollout(stage="shadow"))
    assert spec_of(Asked(network="testnet", coins=("B",)), configured, has_key=True).orders == "paper"


def test_options_come_before_the_configuration() -> None:
    config = loads(
        '[live]\ncoins = ["BTC", "ETH"]\nreferences = ["ETH=BTC"]\nleverage = 7\naccount_usd = 55.0\n'
        'folder = "elsewhere"\nexpire_after_s = 0\norders = "paper"\n',
        Config,
    )
    spec = spec_of(Asked(network="testnet"), config, has_key=True)
    assert spec.coins == ("BTC", "ETH")
    assert spec.references == {"ETH": ("BTC",)}
    assert (spec.leverage, spec.account_usd, str(spec.folder)) == (7, 55.0, "elsewhere")
    assert spec.expire_after_s is None
    assert spec.orders == "paper"
    over = Asked(network="testnet", coins=("SOL",), leverage=2, orders="venue", references=("SOL=ETH",))
    spec = spec_of(over, config, has_key=True)
    assert (spec.coins, spec.leverage, spec.orders) == (("SOL",), 2, "venue")
    assert spec.references == {"SOL": ("ETH",)}
    with pytest.raises(ValueError, match="must be COIN=OTHER"):
        spec_of(Asked(references=("SOL",)), config, has_key=False)
