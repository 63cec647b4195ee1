"""``POST /info``: every request about perpetuals, and the shapes of what the official SDK asks besides.

Weights: Hyperliquid docs, "Rate limits and user limits" (facts, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from undertow.exchange.directory import Directory
from undertow.exchange.info import account, books, fees, history, ledger, market, orders, prints
from undertow.exchange.info.contexts import mids
from undertow.exchange.info.elsewhere import EMPTY, NEED_USER
from undertow.exchange.info.prints import Prints
from undertow.exchange.shapes import trade
from undertow.exchange.subscriptions import INTERVALS_MS, Fatal, Unreadable, address, check_aggregation

Request = Mapping[str, Any]


class Malformed(ValueError):
    """The request cannot be read: status 422."""


_LIGHT: Final = frozenset(
    {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus"}
)
_ROWS: Final = {
    "userFills": 20,
    "userFillsByTime": 20,
    "fundingHistory": 20,
    "userFunding": 20,
    "userNonFundingLedgerUpdates": 20,
    "historicalOrders": 20,
    "recentTrades": 20,
    "userTwapSliceFills": 20,
    "candleSnapshot": 60,
}
"""Rows of a reply that cost one more weight."""


def weight_of(kind: object) -> int:
    """The IP weight of a request before its reply is known."""
    return 2 if kind in _LIGHT else 60 if kind == "userRole" else 20


class Info:
    """Answers requests from an exchange's state."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.prints = Prints()
        self._answers: dict[str, Callable[[Request], Any]] = {
            **self._of_markets(),
            **self._of_accounts(),
            **self._of_the_past(),
        }

    def answer(self, request: object) -> tuple[Any, int]:
        """The reply, and what its rows weigh on top. Raises `Malformed`."""
        if not isinstance(request, dict):
            raise Malformed("not an object")
        kind = request.get("type")
        if not isinstance(kind, str):
            raise Malformed("type")
        found = self._answers.get(kind)
        if found is not None:
            reply = found(request)
        elif kind in EMPTY:
            if kind in NEED_USER:
                _user(request)
            reply = EMPTY[kind]()
        else:
            raise Malformed(f"type {kind!r}")
        rows = _ROWS.get(kind)
        return reply, len(reply) // rows if rows and isinstance(reply, list) else 0

    def _of_markets(self) -> dict[str, Callable[[Request], Any]]:
        d = self._directory
        return {
            "meta": lambda r: market.meta(d, self._dex(r)),
            "metaAndAssetCtxs": lambda r: market.meta_and_contexts(d, self._dex(r)),
            "perpDexs": lambda r: market.perp_dexs(d),
            "allMids": lambda r: mids(d, self._dex(r)),
            "l2Book": self._book,
            "recentTrades": self._recent,
            "candleSnapshot": self._candles,
            "fundingHistory": lambda r: market.funding_history(d, d.find(_text(r, "coin")), *_span(r)),
            "predictedFundings": lambda r: market.predicted_fundings(d),
            "exchangeStatus": lambda r: {"time": d.now_ms, "specialStatuses": None},
        }

    def _of_accounts(self) -> dict[str, Callable[[Request], Any]]:
        d = self._directory
        return {
            "clearinghouseState": lambda r: account.clearinghouse_state(d, _user(r), self._dex(r)),
            "openOrders": lambda r: orders.open_orders(d, _user(r), self._dex(r), frontend=False),
            "frontendOpenOrders": lambda r: orders.open_orders(d, _user(r), self._dex(r), frontend=True),
            "orderStatus": lambda r: orders.order_status(d, _user(r), _ident(r)),
            "activeAssetData": self._asset_data,
            "userRateLimit": lambda r: account.rate_limit(d, _user(r)),
            "maxBuilderFee": lambda r: account.max_builder_fee(d, _user(r), _user(r, "builder")),
            "userFees": lambda r: fees.user_fees(d, _user(r)),
            "userRole": lambda r: account.role(d, _user(r)),
            "extraAgents": lambda r: account.agents(d, _user(r)),
            "vaultDetails": lambda r: account.vault_details(d, _user(r, "vaultAddress")),
            "subAccounts": lambda r: account.sub_accounts(d, _user(r)),
            "portfolio": lambda r: account.portfolio(d, _user(r)),
            "webData3": lambda r: account.web_data(d, _user(r)),
        }

    def _of_the_past(self) -> dict[str, Callable[[Request], Any]]:
        d = self._directory
        return {
            "userFills": lambda r: history.fills_of(d, _user(r), aggregate=r.get("aggregateByTime") is True),
            "userFillsByTime": lambda r: history.fills_between(
                d, _user(r), *_span(r), aggregate=r.get("aggregateByTime") is True
            ),
            "userFunding": lambda r: history.user_funding(d, _user(r), *_span(r)),
            "userNonFundingLedgerUpdates": lambda r: ledger.updates(d, _user(r), *_span(r)),
            "historicalOrders": lambda r: orders.historical_orders(d, _user(r)),
        }

    def _dex(self, request: Request) -> str:
        dex = request.get("dex")
        if dex is None:
            return ""
        if not isinstance(dex, str) or not self._directory.has_dex(dex):
            raise Malformed("dex")
        return dex

    def _book(self, request: Request) -> Any:
        coin = self._directory.find(_text(request, "coin"))
        if coin is None:
            return None
        figures, mantissa = request.get("nSigFigs"), request.get("mantissa")
        try:
            check_aggregation(figures, mantissa)
        except Fatal as fault:
            raise Malformed(str(fault)) from None
        return books.book(coin, self._directory.now_ms, 20, figures, mantissa)

    def _recent(self, request: Request) -> Any:
        coin = self._directory.find(_text(request, "coin"))
        return None if coin is None else [trade(event) for event in prints.recent(coin)]

    def _candles(self, request: Request) -> Any:
        wanted = request.get("req")
        if not isinstance(wanted, dict) or wanted.get("interval") not in INTERVALS_MS:
            raise Malformed("req")
        coin = self._directory.find(_text(wanted, "coin"))
        start_ms, end_ms = _span(wanted)
        if coin is None:
            return []
        found = self.prints.candles(coin.name).between(
            wanted["interval"], start_ms, self._directory.now_ms if end_ms is None else end_ms
        )
        return [prints.candle(coin, wanted["interval"], one) for one in found]

    def _asset_data(self, request: Request) -> Any:
        coin = self._directory.find(_text(request, "coin"))
        if coin is None:
            raise Malformed("coin")
        return account.active_asset_data(self._directory, _user(request), coin)


def _text(request: Request, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise Malformed(name)
    return value


def _user(request: Request, name: str = "user") -> str:
    try:
        return address(request.get(name))
    except Unreadable:
        raise Malformed(name) from None


def _ident(request: Request) -> int | str:
    value = request.get("oid")
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Malformed("oid")
    return value.lower() if isinstance(value, str) else value


def _span(request: Request) -> tuple[int, int | None]:
    start, end = request.get("startTime"), request.get("endTime")
    if isinstance(start, bool) or not isinstance(start, int):
        raise Malformed("startTime")
    if end is not None and (isinstance(end, bool) or not isinstance(end, int)):
        raise Malformed("endTime")
    return start, end
