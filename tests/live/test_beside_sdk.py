"""The whole session and the official SDK, unmodified, on one exchange: each sees what the other did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from hyperliquid.websocket_manager import subscription_to_identifier
from tests.exchange.sdk import IOC, Ears, close, listening, one, trader
from tests.exchange.serve import Threaded, served
from tests.live.full_session import MARKETS, OTHER, REFERENCES, SIGNER
from tests.live.sdk_calls import DONE, every_action, every_question, subscriptions
from tests.trading.driving import config

from undertow.clock import WallClock
from undertow.exchange.local import LocalSpec
from undertow.live.assemble import Parts
from undertow.live.preparing import as_it_is, prepare
from undertow.live.spec import RunSpec
from undertow.live.trade import Traded, trade
from undertow.trading.orders.manager import VenueExecution
from undertow.venue.client import VenueClient
from undertow.venue.http import HttpxClient
from undertow.venue.sockets import connector

OTHER_KEY = "0x" + "22" * 32
US = SIGNER.address
CHANNELS = {"userEvents": "user"}


class Seen(NamedTuple):
    """What the SDK saw and did."""

    said: dict[str, Any]
    answers: dict[str, Any]
    shared: set[int]
    """Trades it made with us."""
    open_orders: list[dict[str, Any]]
    trades: list[dict[str, Any]]


def _wait_until(found: Callable[[], Any], seconds: float = 10.0) -> Any:
    until = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)
    return result


def _hit_our_quotes(client: Any) -> set[int]:
    """Sell through our best bid, a few times; numbers of the trades that both accounts have."""
    shared: set[int] = set()
    for _ in range(20):
        ours = [o for o in client.info.open_orders(US) if o["coin"] == "BTC" and o["side"] == "B"]
        if ours:
            px = max(float(o["limitPx"]) for o in ours)
            bids = client.info.l2_snapshot("BTC")["levels"][0]
            before_us = sum(float(level["sz"]) for level in bids if float(level["px"]) >= px)
            client.order("BTC", False, round(before_us, 5) or 0.001, px, IOC)
            fills = [client.info.user_fills(user) for user in (US, OTHER.address)]
            shared = set.intersection(*({fill["tid"] for fill in made} for made in fills))
        if len(shared) >= 3:
            break
        time.sleep(0.2)
    return shared


def _sdk(running: Threaded, stop: Callable[[], None]) -> Seen:
    """Everything the SDK does, on a thread of its own."""
    try:
        client = trader(running.url, OTHER_KEY)
        _wait_until(lambda: client.info.open_orders(US))
        with listening(running.url) as ears:
            wanted = subscriptions(US)
            for k, subscription in enumerate(wanted):
                ears.subscribe(f"{k}", **subscription)
            said = every_action(running.url, OTHER_KEY)
            answers = every_question(client, US)
            shared = _hit_our_quotes(client)
            open_orders = client.info.open_orders(US)
            time.sleep(0.5)
            for k, subscription in enumerate(wanted):
                if subscription_to_identifier(subscription):  # it has no callback for the others
                    ears.wait(f"{k}")
            _wait_until(lambda: ears.channels >= {CHANNELS.get(s["type"], s["type"]) for s in wanted})
            trades = [trade for frame in _frames(ears, "trades") for trade in frame["data"]]
        close(client)
        return Seen(said, answers, shared, open_orders, trades)
    finally:
        stop()


def _frames(ears: Ears, channel: str) -> list[Any]:
    return [frame for frames in ears.heard.values() for frame in frames if frame["channel"] == channel]


async def _together(running: Threaded, folder: Path) -> tuple[Parts, Traded, Seen, list[set[int]]]:
    clock, stop = WallClock(), asyncio.Event()
    http = HttpxClient(running.url)
    sockets = connector(running.url.replace("http", "ws", 1) + "/ws", clock)
    client = VenueClient(http, sockets, clock, network="local", signer=SIGNER)
    coins = tuple(market.coin for market in MARKETS)
    spec = RunSpec(
        url=running.url, coins=coins, references=REFERENCES, maker="symmetric", duration_s=None, folder=folder
    )
    parts = await prepare(spec, as_it_is(config()), client, clock, say=lambda _: None, name="s", passing=True)
    loop = asyncio.get_running_loop()
    sdk = loop.run_in_executor(None, _sdk, running, lambda: loop.call_soon_threadsafe(stop.set))
    known: list[set[int]] = []

    def show(_: object) -> None:
        assert isinstance(parts.execution, VenueExecution)
        known.append({order.oid for order in parts.execution.table.standing("BTC") if order.oid})

    traded = await trade(parts, stop, show)
    seen = await sdk
    await client.close()
    return parts, traded, seen, known


def test_our_session_and_the_official_sdk_trade_on_one_exchange(tmp_path: Path) -> None:
    funds = {US: 100_000.0, OTHER.address: 50_000_000.0}
    with served(LocalSpec(MARKETS, port=0, funds=funds, limits=False)) as running:
        parts, traded, seen, known = asyncio.run(_together(running, tmp_path))
        account = running.call(lambda: running.local.exchange.account(US))
        assert account is not None
        _judge_calls(seen)
        assert len(seen.shared) >= 3, "the SDK found quotes of ours to trade with"
        assert (traded.orders_left, len(account.live), traded.broke) == (0, 0, None)
        booked = {(fill.oid, fill.tid): fill for fill in account.fills if fill.coin.name == "BTC"}
    assert isinstance(parts.execution, VenueExecution)
    assert set(parts.execution.ledger.known) >= booked.keys(), "every fill of ours was booked"
    ours = {tid: oid for oid, tid in booked}
    assert seen.shared <= ours.keys(), "both sides of a trade have its number"
    stood = set().union(*known)
    assert {ours[tid] for tid in seen.shared} & stood, "what it hit were orders our table had standing"
    assert {o["oid"] for o in seen.open_orders if o["coin"] == "BTC"} & stood
    shown = {trade["tid"]: set(trade["users"]) for trade in seen.trades}
    assert any(shown.get(tid) == {US, OTHER.address} for tid in seen.shared)


def _judge_calls(seen: Seen) -> None:
    """Every call was answered as the venue answers it."""
    said = seen.said
    assert all(answer is not None for answer in seen.answers.values()), seen.answers
    assert {order["coin"] for order in seen.answers["open_orders"]} <= {market.coin for market in MARKETS}
    assert float(seen.answers["user_state"]["marginSummary"]["accountValue"]) > 0.0
    assert seen.answers["user_role"] == {"role": "user"}
    for name in ("update_leverage", "update_isolated_margin", "schedule_cancel_clear", "noop"):
        assert said[f"exchange_{name}"] == DONE, name
    assert said["exchange_schedule_cancel_set"]["response"].startswith("Cannot set scheduled cancel time")
    assert "Vault not registered" in said["exchange_order_vaultAddress"]["response"]
    assert "Builder fee has not been approved" in str(said["exchange_order_gtc_reduceonly_builder"])
    assert "could not immediately match" in one(said["exchange_order_ioc_expiresAfter"])["error"]
    assert one(said["exchange_cancel"]) == one(said["exchange_cancel_by_cloid"]) == "success"
    assert said["exchange_bulk_cancel_2"]["response"]["data"]["statuses"] == ["success"] * 3
    assert "filled" in one(said["exchange_market_open_ioc"])
