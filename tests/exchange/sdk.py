"""The official SDK (hyperliquid-python-sdk, unmodified) against a served local exchange."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info

DEXES = ["", "hyna"]
HYPE = "hyna:HYPE"
ALO, GTC, IOC = ({"limit": {"tif": tif}} for tif in ("Alo", "Gtc", "Ioc"))


def wallet(key: str) -> LocalAccount:
    account: LocalAccount = Account.from_key(key)
    return account


def trader(url: str, key: str, **more: Any) -> Exchange:
    """The SDK's Exchange; `close` it, so that its connections are not left to the garbage collector."""
    return Exchange(wallet(key), url, perp_dexs=DEXES, timeout=20, **more)


def close(*clients: Exchange | Info) -> None:
    for client in clients:
        client.session.close()
        if isinstance(client, Exchange):
            client.info.session.close()


class Ears:
    """An Info with its websocket; frames are kept per subscription, and the channels they came on."""

    def __init__(self, url: str) -> None:
        self.info = Info(url, skip_ws=False, perp_dexs=DEXES, timeout=20)
        self.heard: dict[str, list[Any]] = {}
        self.channels: set[str] = set()
        """Of every frame, also of those that the SDK has no callback for."""
        self._some = threading.Condition()
        assert self.info.ws_manager is not None
        self._on_message = self.info.ws_manager.on_message
        self.info.ws_manager.ws.on_message = self._overhear

    def _overhear(self, socket: Any, message: str) -> None:
        """A frame, before the SDK's own handler has it."""
        if message.startswith("{"):
            self.channels.add(json.loads(message)["channel"])
        self._on_message(socket, message)

    def subscribe(self, name: str, **subscription: Any) -> int:
        def hear(message: Any) -> None:
            with self._some:
                self.heard.setdefault(name, []).append(message)
                self._some.notify_all()

        return self.info.subscribe(subscription, hear)  # type: ignore[arg-type]

    def wait(self, name: str, count: int = 1, timeout: float = 10.0) -> list[Any]:
        """The frames of `name`, once there are `count`."""
        with self._some:
            enough = self._some.wait_for(lambda: len(self.heard.get(name, [])) >= count, timeout)
            found = list(self.heard.get(name, []))
        assert enough, f"{len(found)} frames of {name} after {timeout} s"
        return found

    def close(self) -> None:
        manager = self.info.ws_manager
        assert manager is not None
        while not manager.ws_ready and manager.is_alive():
            time.sleep(0.01)
        if manager.is_alive():
            # Where nothing arrives, the SDK's thread notices its end only after ten seconds.
            manager.ws.keep_running = False
            manager.ws.send(json.dumps({"method": "ping"}))
        manager.join(10)
        self.info.disconnect_websocket()
        assert not manager.is_alive()
        assert not manager.ping_sender.is_alive()
        close(self.info)


@contextmanager
def listening(url: str) -> Iterator[Ears]:
    ears = Ears(url)
    try:
        yield ears
    finally:
        ears.close()


def one(reply: Any) -> Any:
    """The only status of a reply."""
    assert reply["status"] == "ok", reply
    (status,) = reply["response"]["data"]["statuses"]
    return status
