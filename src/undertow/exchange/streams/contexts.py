"""What is known of every coin beside its book: contexts and mids, at their paces."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from undertow.exchange.directory import Directory
from undertow.exchange.happenings import Event
from undertow.exchange.hub import Hub, frame
from undertow.exchange.info.contexts import context, contexts, marks_and_mids, mids
from undertow.exchange.streams.base import Every
from undertow.exchange.subscriptions import Subscription

SECOND_NS = 1_000_000_000
MIDS_NS = 5 * SECOND_NS
ALL_DEXS_NS = 13_600_000_000

_encode = msgspec.json.Encoder().encode


class Contexts:
    """``activeAssetCtx`` every second, ``allMids`` every 5 s, ``allDexsAssetCtxs`` every 13.6 s."""

    kinds: tuple[str, ...] = ("activeAssetCtx", "allMids", "allDexsAssetCtxs")

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub
        self._paces = (
            Every(SECOND_NS, lambda: self._send("activeAssetCtx")),
            Every(MIDS_NS, lambda: self._send("allMids")),
            Every(ALL_DEXS_NS, lambda: self._send("allDexsAssetCtxs")),
        )

    def first(self, subscription: Subscription) -> list[bytes]:
        """What there is."""
        return [self._frame(subscription)]

    def on_events(self, events: Sequence[Event]) -> None:
        """Contexts are sent by time alone."""

    def on_time(self, now_ns: int) -> None:
        """Send what is due."""
        for pace in self._paces:
            pace.on_time(now_ns)

    def _send(self, kind: str) -> None:
        for channel in self._hub.of(kind):
            channel.publish(self._frame(channel.subscription))

    def _frame(self, subscription: Subscription) -> bytes:
        data: dict[str, Any]
        if subscription.kind == "activeAssetCtx":
            coin = self._directory.coin(subscription.coin)
            data = {"coin": coin.name, "ctx": context(coin, self._directory.state.now_ns)}
        elif subscription.kind == "allMids":
            dex: str = subscription.fields["dex"]
            data = {"mids": mids(self._directory, dex)}
            if dex:
                data = {"dex": dex} | data
        else:
            data = {"ctxs": [[dex, contexts(self._directory, dex)] for dex in self._directory.dex_names()]}
        return frame(subscription.kind, data)


class FastContexts:
    """``fastAssetCtxs``: marks and mids of all coins that changed, once a second, deflated.

    The data is base64 of a raw deflate of JSON ``{coin: {markPx?, midPx?}}``; everything at first.
    """

    kinds: tuple[str, ...] = ("fastAssetCtxs",)

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub
        self._pace = Every(SECOND_NS, self._send)
        self._sent: dict[str, dict[str, str]] = {}

    def first(self, subscription: Subscription) -> list[bytes]:
        """All marks and mids."""
        now = self._now()
        if not self._hub.of("fastAssetCtxs"):
            self._sent = now
        return [frame("fastAssetCtxs", deflated(now))]

    def on_events(self, events: Sequence[Event]) -> None:
        """Sent by time alone."""

    def on_time(self, now_ns: int) -> None:
        """Send what is due."""
        self._pace.on_time(now_ns)

    def _send(self) -> None:
        channels = self._hub.of("fastAssetCtxs")
        if not channels:
            return
        now = self._now()
        changed: dict[str, dict[str, str]] = {}
        for coin, values in now.items():
            old = self._sent.get(coin, {})
            new = {name: value for name, value in values.items() if old.get(name) != value}
            if new:
                changed[coin] = new
        self._sent = now
        if changed:
            data = frame("fastAssetCtxs", deflated(changed))
            for channel in channels:
                channel.publish(data)

    def _now(self) -> dict[str, dict[str, str]]:
        return marks_and_mids(self._directory)


def deflated(values: dict[str, dict[str, str]]) -> str:
    """The text of a fastAssetCtxs frame."""
    packer = zlib.compressobj(wbits=-15)
    return base64.b64encode(packer.compress(_encode(values)) + packer.flush()).decode()
