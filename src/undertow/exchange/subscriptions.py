"""What can be subscribed to: the kinds, their fields with the defaults filled in, and what is refused how.

Hyperliquid tells faults apart in two ways (facts, section 2): a frame it cannot read is answered with
an error frame, while a coin it does not know, or an aggregation it does not offer, closes the socket
without a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec


class Unreadable(ValueError):
    """The frame is not a request; the venue answers with an error frame."""


class Fatal(Exception):
    """The venue drops the socket without a message."""


class Names(Protocol):
    """What subscriptions are checked against."""

    def has_coin(self, coin: str) -> bool:
        """Whether a perpetual of exactly this name is listed (``BTC``, ``xyz:TSLA``)."""
        ...

    def has_dex(self, dex: str) -> bool:
        """Whether there is a builder dex of exactly this name, or it is the main one (empty)."""
        ...


@dataclass(frozen=True, eq=False)
class Subscription:
    """One thing to hear of. Two are the same where `text` is."""

    kind: str
    fields: Mapping[str, Any]
    """As the acknowledgement echoes it: ``type`` first, defaults filled in, addresses in lower case."""
    text: str
    """`fields` as compact JSON: the key, and what error texts quote."""

    @property
    def coin(self) -> str:
        """The coin it is about; empty where it is about none."""
        return str(self.fields.get("coin", ""))

    @property
    def user(self) -> str:
        """The account it is about, in lower case; empty where it is about none."""
        return str(self.fields.get("user", ""))


INTERVALS_MS = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    "3d": 259_200_000,
    "1w": 604_800_000,
    "1M": 2_592_000_000,
}
"""Candle intervals (ms); ``1M`` is counted as 30 days here."""

_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]{40}\Z")

Field = Callable[[Any, Names], Any]


def address(value: object) -> str:
    """An account address in lower case. Raises `Unreadable` where it is none."""
    if not isinstance(value, str) or not _ADDRESS.match(value):
        raise Unreadable("not an address")
    return value.lower()


def _coin(value: object, names: Names) -> str:
    if not isinstance(value, str):
        raise Unreadable("coin must be a string")
    if not names.has_coin(value):
        raise Fatal(f"unknown coin {value!r}")
    return value


def _dex(value: object, names: Names) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable("dex must be a string")
    if not names.has_dex(value):
        raise Fatal(f"unknown dex {value!r}")
    return value


def _user(value: object, names: Names) -> str:
    return address(value)


def _flag(value: object, names: Names) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise Unreadable("must be true or false")
    return value


def _number(value: object, names: Names) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable("must be a whole number")
    return value


def _interval(value: object, names: Names) -> str:
    if not isinstance(value, str) or value not in INTERVALS_MS:
        raise Unreadable("unknown candle interval")
    return value


KINDS: dict[str, dict[str, Field]] = {
    "l2Book": {"coin": _coin, "nSigFigs": _number, "mantissa": _number, "fast": _flag},
    "bbo": {"coin": _coin},
    "trades": {"coin": _coin},
    "candle": {"coin": _coin, "interval": _interval},
    "activeAssetCtx": {"coin": _coin},
    "activeAssetData": {"user": _user, "coin": _coin},
    "allMids": {"dex": _dex},
    "fastAssetCtxs": {},
    "allDexsAssetCtxs": {},
    "orderUpdates": {"user": _user},
    "userFills": {"user": _user, "aggregateByTime": _flag},
    "userEvents": {"user": _user},
    "userFundings": {"user": _user},
    "userNonFundingLedgerUpdates": {"user": _user},
    "clearinghouseState": {"user": _user, "dex": _dex},
    "openOrders": {"user": _user, "dex": _dex},
    "notification": {"user": _user},
    "webData3": {"user": _user},
}
"""The kinds of subscription and the fields of each, in the order they are echoed in."""


def check_aggregation(n_sig_figs: int | None, mantissa: int | None) -> None:
    """Raise `Fatal` for an aggregation of the book that is not offered.

    ``nSigFigs`` is 2 to 5 or absent; ``mantissa`` 1, 2 or 5 and only with ``nSigFigs`` 5.
    """
    if n_sig_figs is not None and n_sig_figs not in (2, 3, 4, 5):
        raise Fatal(f"nSigFigs {n_sig_figs}")
    if mantissa is not None and (n_sig_figs != 5 or mantissa not in (1, 2, 5)):
        raise Fatal(f"mantissa {mantissa}")


def parse(wanted: object, names: Names) -> Subscription:
    """Read a subscription as a client sent it; fields that are not known are ignored.

    Raises `Unreadable` for what is no subscription, `Fatal` for what drops the socket.
    """
    if not isinstance(wanted, dict):
        raise Unreadable("no subscription")
    kind = wanted.get("type")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Unreadable("unknown subscription type")
    fields: dict[str, Any] = {"type": kind}
    for name, read in KINDS[kind].items():
        fields[name] = read(wanted.get(name), names)
    if kind == "l2Book":
        check_aggregation(fields["nSigFigs"], fields["mantissa"])
    return Subscription(kind, fields, msgspec.json.encode(fields).decode())
