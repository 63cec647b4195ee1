"""Streams of an account as a whole: state, margin, payments, the front end's summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from undertow.exchange.directory import Directory
from undertow.exchange.happenings import AccountChanged, Event, Fill, FundingPaid, Liquidated
from undertow.exchange.hub import Hub, frame
from undertow.exchange.info.account import active_asset_data, clearinghouse_state, web_data
from undertow.exchange.info.history import fundings_of
from undertow.exchange.info.ledger import updates
from undertow.exchange.shapes import funding
from undertow.exchange.streams.base import Every
from undertow.exchange.subscriptions import Subscription

STATE_NS = 1_000_000_000
"""How often states are sent while marks move (ours; the venue's pace is not documented)."""


class AccountStates:
    """``clearinghouseState``, ``activeAssetData``, ``webData3``: whole, on change and every second."""

    kinds: tuple[str, ...] = ("clearinghouseState", "activeAssetData", "webData3")

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub
        self._pace = Every(STATE_NS, self._send_all)

    def first(self, subscription: Subscription) -> list[bytes]:
        """The state."""
        return [self._frame(subscription)]

    def on_events(self, events: Sequence[Event]) -> None:
        """Whoever traded, paid or moved money hears at once."""
        changed = {
            event.user
            for event in events
            if isinstance(event, Fill | FundingPaid | AccountChanged | Liquidated)
        }
        if changed:
            self._send(changed)

    def on_time(self, now_ns: int) -> None:
        """Send what is due."""
        self._pace.on_time(now_ns)

    def _send_all(self) -> None:
        self._send(None)

    def _send(self, users: set[str] | None) -> None:
        for kind in self.kinds:
            for channel in self._hub.of(kind):
                if users is None or channel.subscription.user in users:
                    channel.publish(self._frame(channel.subscription))

    def _frame(self, subscription: Subscription) -> bytes:
        user, kind = subscription.user, subscription.kind
        data: dict[str, Any]
        if kind == "clearinghouseState":
            dex: str = subscription.fields["dex"]
            state = clearinghouse_state(self._directory, user, dex)
            data = {"dex": dex, "user": user, "clearinghouseState": state}
        elif kind == "activeAssetData":
            data = active_asset_data(self._directory, user, self._directory.coin(subscription.coin))
        else:
            data = web_data(self._directory, user)
        return frame(kind, data)


class Payments:
    """``userFundings`` and ``userNonFundingLedgerUpdates``: a snapshot, then what is new."""

    kinds: tuple[str, ...] = ("userFundings", "userNonFundingLedgerUpdates")

    def __init__(self, directory: Directory, hub: Hub) -> None:
        self._directory, self._hub = directory, hub

    def first(self, subscription: Subscription) -> list[bytes]:
        """What was paid so far, flagged ``isSnapshot``."""
        user = subscription.user
        data: dict[str, Any] = {"isSnapshot": True, "user": user}
        if subscription.kind == "userFundings":
            data["fundings"] = fundings_of(self._directory, user)
        else:
            data["nonFundingLedgerUpdates"] = updates(self._directory, user)
        return [frame(subscription.kind, data)]

    def on_events(self, events: Sequence[Event]) -> None:
        """One frame for the payments of an account at a time."""
        paid = [event for event in events if isinstance(event, FundingPaid)]
        for channel in self._hub.of("userFundings") if paid else ():
            user = channel.subscription.user
            mine = [funding(event) for event in paid if event.user == user]
            if mine:
                channel.publish(frame("userFundings", {"isSnapshot": False, "user": user, "fundings": mine}))

    def on_time(self, now_ns: int) -> None:
        """Nothing happens by time alone."""
