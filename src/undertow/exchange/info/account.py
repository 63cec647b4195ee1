"""An account in the venue's words: margin and positions, leverage, rate limit, role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undertow.exchange.accounts import Account, Leverage, Position, Purse
from undertow.exchange.directory import Directory
from undertow.exchange.margin import (
    Summary,
    cross_summary,
    free_for_orders,
    liquidation_px,
    margin_used,
    summary,
    withdrawable,
)
from undertow.exchange.numbers import divide, usd, wire
from undertow.exchange.shapes import average_px, sz

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin

Json = dict[str, Any]


def clearinghouse_state(directory: Directory, user: str, dex: str) -> Json:
    """Margin and positions on one dex, whole; zeros where nothing was ever there."""
    account = directory.account(user)
    purse = account.purses.get(dex) if account is not None else None
    if purse is None:
        purse = Purse()
    paid = account.funding_all if account is not None else {}
    cross = cross_summary(purse)
    return {
        "marginSummary": _margin(summary(purse)),
        "crossMarginSummary": _margin(cross),
        "crossMaintenanceMarginUsed": usd(cross.maintenance),
        "withdrawable": usd(withdrawable(purse)),
        "assetPositions": [
            {"type": "oneWay", "position": _position(purse, position, paid.get(position.coin.name, 0))}
            for position in purse.positions.values()
        ],
        "time": directory.now_ms,
    }


def _margin(found: Summary) -> Json:
    return {
        "accountValue": usd(found.value),
        "totalNtlPos": usd(found.notional),
        "totalRawUsd": usd(found.raw),
        "totalMarginUsed": usd(found.used),
    }


def _position(purse: Purse, position: Position, paid: int) -> Json:
    coin, worth = position.coin, abs(position.value)
    used = divide(abs(position.cost), position.leverage)
    liquidation = liquidation_px(purse, position)
    return {
        "coin": coin.name,
        "szi": sz(coin, position.steps),
        "leverage": _leverage(position.cross, position.leverage, position.raw),
        "entryPx": average_px(coin, abs(position.cost), abs(position.steps)),
        "positionValue": usd(worth),
        "unrealizedPnl": usd(position.unrealized),
        "returnOnEquity": wire(divide(position.unrealized * 10**10, used) if used else 0, 10),
        "liquidationPx": None if liquidation is None else wire(round(liquidation * 10**10), 10),
        "marginUsed": usd(margin_used(position)),
        "maxLeverage": coin.listing.max_leverage,
        "cumFunding": {
            "allTime": usd(paid),
            "sinceOpen": usd(position.funding_open),
            "sinceChange": usd(position.funding_change),
        },
    }


def _leverage(cross: bool, value: int, raw: int) -> Json:
    if cross:
        return {"type": "cross", "value": value}
    return {"type": "isolated", "value": value, "rawUsd": usd(raw)}


def active_asset_data(directory: Directory, user: str, coin: Coin) -> Json:
    """Leverage in a coin, what may be bought and sold of it, and with how much (USD)."""
    account = directory.account(user)
    leverage = Leverage(coin.listing.margin_mode == "", min(20, coin.listing.max_leverage))
    if account is not None:
        leverage = account.leverages.get(coin.name, leverage)
    room = [_room(account, coin, side) for side in (1, -1)]
    sizes = [max(0, money * leverage.value // max(coin.mark, 1)) for money in room]
    return {
        "user": user,
        "coin": coin.name,
        "leverage": _leverage(leverage.cross, leverage.value, 0),
        "maxTradeSzs": [sz(coin, steps) for steps in sizes],
        "availableToTrade": [usd(money) for money in room],
        "markPx": wire(coin.mark, coin.px_decimals),
    }


def _room(account: Account | None, coin: Coin, side: int) -> int:
    """Margin an order of `side` may use: what is free, and twice what closing sets free."""
    if account is None:
        return 0
    purse = account.purses.get(coin.dex.name) or Purse()
    position = purse.positions.get(coin.name)
    freed = 2 * margin_used(position) if position is not None and position.steps * side < 0 else 0
    return max(0, free_for_orders(purse)) + freed


def rate_limit(directory: Directory, user: str) -> Json:
    """The address's budget of requests."""
    account = directory.account(user)
    if account is None:
        free = directory.state.rules.requests_free
        return {"cumVlm": "0.0", "nRequestsUsed": 0, "nRequestsCap": free, "nRequestsSurplus": 0}
    requests = account.requests
    return {
        "cumVlm": usd(requests.traded_micro),
        "nRequestsUsed": requests.used,
        "nRequestsCap": requests.cap,
        "nRequestsSurplus": max(0, requests.used - requests.cap),
    }


def role(directory: Directory, user: str) -> Json:
    """What an address is."""
    owner = directory.state.owner_of_agent.get(user)
    if owner is not None:
        return {"role": "agent", "data": {"user": owner}}
    account = directory.account(user)
    if account is None:
        return {"role": "missing"}
    if account.is_vault:
        return {"role": "vault"}
    if account.master is not None:
        return {"role": "subAccount", "data": {"master": account.master}}
    return {"role": "user"}


def agents(directory: Directory, user: str) -> list[Json]:
    """The named agents that may sign for an account."""
    account = directory.account(user)
    if account is None:
        return []
    return [
        {"name": agent.name, "address": agent.address, "validUntil": agent.valid_until_ms}
        for agent in account.agents.values()
        if agent.name
    ]


def max_builder_fee(directory: Directory, user: str, builder: str) -> int:
    """The fee `user` lets `builder` take, in tenths of a bp."""
    account = directory.account(user)
    return account.builders.get(builder, 0) if account is not None else 0


def sub_accounts(directory: Directory, user: str) -> list[Json] | None:
    """The sub-accounts of a master; None where it has none."""
    account = directory.account(user)
    if account is None or not account.sub_accounts:
        return None
    rows: list[Json] = []
    for address in account.sub_accounts:
        sub = directory.account(address)
        rows.append(
            {
                "name": sub.name if sub is not None else "",
                "subAccountUser": address,
                "master": user,
                "clearinghouseState": clearinghouse_state(directory, address, ""),
                "spotState": {"balances": []},
            }
        )
    return rows


def vault_details(directory: Directory, vault: str) -> Json | None:
    """Name and leader of a vault; None where there is none."""
    account = directory.account(vault)
    if account is None or not account.is_vault:
        return None
    return {"name": account.name, "vaultAddress": vault, "leader": account.master}


def web_data(directory: Directory, user: str) -> Json:
    """The front end's summary."""
    account = directory.account(user)
    agent = None
    if account is not None:
        agent = next((a for a in account.agents.values() if not a.name), None)
    ledger = 0 if account is None else sum(row.micro for row in account.ledger)
    return {
        "userState": {
            "agentAddress": None if agent is None else agent.address,
            "agentValidUntil": None if agent is None else agent.valid_until_ms,
            "cumLedger": usd(ledger),
            "serverTime": directory.now_ms,
            "isVault": account is not None and account.is_vault,
            "user": user,
        },
        "perpDexStates": [{"totalVaultEquity": "0.0"} for _ in directory.dex_names()],
    }


def portfolio(directory: Directory, user: str) -> list[list[Any]]:
    """Account value, gain and volume over spans; one point each, at present (no history is kept)."""
    account = directory.account(user)
    value = volume = ledger = 0
    if account is not None:
        value = sum(summary(purse).value for purse in account.purses.values())
        volume = account.requests.traded_micro
        ledger = sum(row.micro for row in account.ledger)
    now_ms = directory.now_ms
    spans = ("day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth", "perpAllTime")
    point: Json = {
        "accountValueHistory": [[now_ms, usd(value)]],
        "pnlHistory": [[now_ms, usd(value - ledger)]],
        "vlm": usd(volume),
    }
    return [[span, point] for span in spans]
