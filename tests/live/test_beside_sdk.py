"""The whole session and the official SDK, unmodified, on one exchange: each sees what the other did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

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


class Seen(NamedTuple):
    """What the SDK saw and did."""

    said: dict[str, Any]
    questions: int
    hit: list[tuple[int, str, str]]
    """Our orders it traded with: oid, price, size of its own fill."""
    open_orders: list[dict[str, Any]]
    trades: list[dict[str, Any]]
    fills: list[dict[str, Any]]


def _wait_until(found: Callable[[], Any], seconds: float = 10.0) -> Any:
    until = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.05)
    return result


def _hit_our_quotes(client: Any) -> list[tuple[int, str, str]]:
    """Sell to our best bid, a few times; what was hit."""
    hit: list[tuple[int, str, str]] = []
    for _ in range(12):
        ours = [o for o in client.info.open_orders(US) if o["coin"] == "BTC" and o["side"] == "B"]
        if ours:
            best = max(ours, key=lambda o: float(o["limitPx"]))
            status = one(client.order("BTC", False, 0.002, float(best["limitPx"]), IOC))
            if "filled" in status:
                hit.append((status["filled"]["oid"], status["filled"]["avgPx"], status["filled"]["totalSz"]))
        if len(hit) == 3:
            break
        time.sleep(0.2)
    return hit


def _sdk(running: Threaded, stop: Callable[[], None]) -> Seen:
    """Everything the SDK does, on a thread of its own."""
    try:
        client = trader(running.url, OTHER_KEY)
        _wait_until(lambda: client.info.open_orders(US))
        with listening(running.url) as ears:
            heard = [f"{k}" for k, wanted in enumerate(subscriptions(US)) if ears.subscribe(f"{k}", **wanted)]
            said = every_action(running.url, OTHER_KEY)
            questions = every_question(client, OTHER.address)
            hit = _hit_our_quotes(client)
            open_orders = client.info.open_orders(US)
            time.sleep(0.5)
            for name in heard:
                ears.wait(name)
            trades = [trade for frame in _frames(ears, "trades") for trade in frame["data"]]
        fills = client.info.user_fills(OTHER.address)
        close(client)
        return Seen(said, questions, hit, open_orders, trades, fills)
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
    funds = {US: 100_000.0, OTHER.address: 100_000.0}
    with served(LocalSpec(MARKETS, port=0, funds=funds, limits=False)) as running:
        parts, traded, seen, known = asyncio.run(_together(running, tmp_path))
        account = running.call(lambda: running.local.exchange.account(US))
        assert account is not None
        _judge_calls(seen)
        assert len(seen.hit) >= 2, "the SDK found quotes of ours to trade with"
        assert (traded.orders_left, len(account.live), traded.broke) == (0, 0, None)
        booked = {(fill.oid, fill.tid): fill for fill in account.fills if fill.coin.name == "BTC"}
    assert isinstance(parts.execution, VenueExecution)
    ledger = parts.execution.ledger
    assert set(ledger.known) >= booked.keys(), "every fill of ours was booked"
    theirs = {fill["tid"] for fill in seen.fills if fill["oid"] in {oid for oid, _, _ in seen.hit}}
    ours = {tid: oid for oid, tid in booked}
    assert theirs
    assert theirs <= ours.keys(), "both sides of a trade have its number"
    hit = {ours[tid] for tid in theirs}
    assert hit <= set().union(*known), "what it hit were orders our table had standing"
    assert {o["oid"] for o in seen.open_orders if o["coin"] == "BTC"} & set().union(*known)
    shown = {trade["tid"]: set(trade["users"]) for trade in seen.trades}
    assert any(shown.get(tid) == {US, OTHER.address} for tid in theirs)


def _judge_calls(seen: Seen) -> None:
    """Every call was answered as the venue answers it."""
    said = seen.said
    assert seen.questions >= 10
    for name in ("update_leverage", "update_isolated_margin", "schedule_cancel_clear", "noop"):
        assert said[f"exchange_{name}"] == DONE, name
    assert said["exchange_schedule_cancel_set"]["response"].startswith("Cannot set scheduled cancel time")
    assert "Vault not registered" in said["exchange_order_vaultAddress"]["response"]
    assert "Builder fee has not been approved" in str(said["exchange_order_gtc_reduceonly_builder"])
    assert "could not immediately match" in one(said["exchange_order_ioc_expiresAfter"])["error"]
    assert one(said["exchange_cancel"]) == one(said["exchange_cancel_by_cloid"]) == "success"
    assert said["exchange_bulk_cancel_2"]["response"]["data"]["statuses"] == ["success"] * 3
    assert "filled" in one(said["exchange_market_open_ioc"])
