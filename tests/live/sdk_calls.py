"""Every call of ``sdk_payloads`` made by the official SDK itself, on a market where others trade too."""

from __future__ import annotations

import json
import time
from typing import Any

from hyperliquid.exchange import Exchange
from hyperliquid.utils.types import Cloid
from tests.exchange.sdk import ALO, GTC, HYPE, IOC, close, one, trader
from tests.venue.wire_data import load, payloads

DONE = {"status": "ok", "response": {"type": "default"}}


def far(client: Exchange, coin: str = "BTC", share: float = 0.9) -> float:
    """A price well away from the market."""
    mids = client.info.all_mids("hyna" if ":" in coin else "")
    return float(f"{float(mids[coin]) * share:.3g}")


def _spec(client: Exchange, coin: str, sz: float, **more: Any) -> Any:
    px = far(client, coin)
    return {
        "coin": coin,
        "is_buy": True,
        "sz": sz,
        "limit_px": px,
        "order_type": ALO,
        "reduce_only": False,
        **more,
    }


def every_action(url: str, key: str) -> dict[str, Any]:
    """Call by call, by the name of its payload: what the exchange answered."""
    client = trader(url, key)
    px, cloid = far(client), Cloid.from_int(1)
    said: dict[str, Any] = {}
    said["exchange_order_alo_cloid"] = client.order("BTC", True, 0.001, px, ALO, cloid=cloid)
    said["exchange_cancel_by_cloid"] = client.cancel_by_cloid("BTC", cloid)
    builder: Any = {"b": "0x" + "aa" * 20, "f": 10}
    said["exchange_order_gtc_reduceonly_builder"] = client.order(
        "BTC", True, 0.001, px, GTC, reduce_only=True, builder=builder
    )
    client.set_expires_after(int(time.time() * 1000) + 60_000)
    said["exchange_order_ioc_expiresAfter"] = client.order("BTC", True, 0.001, px, IOC)
    client.set_expires_after(None)
    paid: Any = {"p": 1000}
    said["exchange_order_priority_grouping"] = client.bulk_orders(
        [_spec(client, "BTC", 0.001)], grouping=paid
    )
    oid = one(said["exchange_order_priority_grouping"])["resting"]["oid"]
    said["exchange_cancel"] = client.cancel("BTC", oid)
    said["exchange_order_hip3_110000"] = client.order(HYPE, True, 1.0, far(client, HYPE), ALO)
    hype = one(said["exchange_order_hip3_110000"])["resting"]["oid"]
    said["exchange_bulk_orders_2"] = client.bulk_orders(
        [_spec(client, "BTC", 0.001), _spec(client, HYPE, 1.0)]
    )
    oids = [s["resting"]["oid"] for s in said["exchange_bulk_orders_2"]["response"]["data"]["statuses"]]
    modifies: list[Any] = [
        {"oid": oids[0], "order": _spec(client, "BTC", 0.002, cloid=None)},
        {"oid": oids[1], "order": _spec(client, HYPE, 2.0, cloid=None)},
    ]
    said["exchange_bulk_modify_orders_new_2"] = client.bulk_modify_orders_new(modifies)
    oids = [
        s["resting"]["oid"] for s in said["exchange_bulk_modify_orders_new_2"]["response"]["data"]["statuses"]
    ]
    cancels = [{"coin": "BTC", "oid": oids[0]}, {"coin": HYPE, "oid": oids[1]}, {"coin": HYPE, "oid": hype}]
    said["exchange_bulk_cancel_2"] = client.bulk_cancel(cancels)
    said["exchange_update_leverage"] = client.update_leverage(5, "BTC")
    said["exchange_market_open_ioc"] = client.market_open("BTC", True, 0.001)
    client.market_close("BTC")
    said["exchange_update_isolated_margin"] = _isolated(client)
    said["exchange_schedule_cancel_set"] = client.schedule_cancel(int(time.time() * 1000) + 60_000)
    said["exchange_schedule_cancel_clear"] = client.schedule_cancel(None)
    said["exchange_noop"] = client.noop(int(time.time() * 1000))
    close(client)
    vault = trader(url, key, vault_address="0x" + "cd" * 20)
    said["exchange_order_vaultAddress"] = vault.order("BTC", True, 0.001, px, ALO)
    close(vault)
    assert said.keys() == payloads().keys(), said.keys() ^ payloads().keys()
    return said


def _isolated(client: Exchange) -> Any:
    assert client.update_leverage(5, "BTC", is_cross=False) == DONE
    client.market_open("BTC", True, 0.001)
    reply = client.update_isolated_margin(10.5, "BTC")
    client.market_close("BTC")
    assert client.update_leverage(5, "BTC") == DONE
    return reply


def every_question(client: Exchange, user: str) -> dict[str, Any]:
    """Every recorded request, about a listed dex; then what Info asks of the market and of a `user`."""
    info, answers = client.info, {}
    for recorded in load("sdk_payloads/info_requests.json"):
        request = recorded | ({"dex": "hyna"} if recorded.get("dex") else {})
        answers[json.dumps(request)] = info.post("/info", request)
    for ask in (info.meta, info.spot_meta, info.perp_dexs, info.all_mids, info.meta_and_asset_ctxs):
        answers[ask.__name__] = ask()
    answers["l2_snapshot"] = info.l2_snapshot(HYPE)
    for ask in (
        info.user_state,
        info.open_orders,
        info.frontend_open_orders,
        info.user_fills,
        info.historical_orders,
        info.user_fees,
        info.user_rate_limit,
        info.user_role,
        info.spot_user_state,
    ):
        answers[ask.__name__] = ask(user)
    return answers


def subscriptions(user: str) -> list[dict[str, str]]:
    """Every subscription recorded that the venue has a channel for, of `user`."""
    found = []
    for frame in load("sdk_payloads/ws_frames_sent.json"):
        wanted = dict(frame["subscription"])
        if "user" in wanted:
            wanted["user"] = user
        if wanted.get("coin") != "KILL":  # a coin that is not listed ends the socket
            found.append(wanted)
    return found
