"""Accounts: money and positions per dex, orders, fills, volume, requests."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from undertow.exchange.fees import FeeTier, Volumes
from undertow.exchange.requests import Requests

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin
    from undertow.exchange.happenings import Fill, FundingPaid
    from undertow.exchange.listing import Rules
    from undertow.exchange.orders import Order

DEFAULT_LEVERAGE: Final = 20


@dataclass(slots=True)
class Position:
    """A position. Money in millionths of a dollar.

    ``steps``: signed size. ``cost``: signed value at entry. ``raw``: isolated collateral less the cost
    of the position (its equity is ``raw`` + steps·mark); 0 while cross.
    """

    coin: Coin
    cross: bool
    leverage: int
    steps: int = 0
    cost: int = 0
    raw: int = 0
    funding_open: int = 0
    funding_change: int = 0

    @property
    def value(self) -> int:
        """Signed value at the mark."""
        return self.steps * self.coin.mark

    @property
    def unrealized(self) -> int:
        """Gain at the mark over the cost."""
        return self.steps * self.coin.mark - self.cost


@dataclass(slots=True)
class Purse:
    """An account's money on one dex. ``raw``: deposits less the cost of cross positions."""

    raw: int = 0
    positions: dict[str, Position] = field(default_factory=dict)


@dataclass(slots=True)
class Leverage:
    """How an account trades a coin."""

    cross: bool
    value: int


@dataclass(slots=True)
class Agent:
    """A wallet that may sign for an account, until ``valid_until_ms``."""

    address: str
    name: str | None
    valid_until_ms: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Money that came (> 0) or went otherwise than by trading, in millionths; ``kind`` as on the wire."""

    time_ms: int
    kind: str
    micro: int


class Account:
    """One address that holds money: a master, a sub-account or a vault (``master`` set)."""

    def __init__(self, address: str, rules: Rules, now_ms: int, master: str | None = None) -> None:
        self.address = address
        self.master = master
        self.name = ""
        self.is_vault = False
        self.deposited = False
        self.created_ms = now_ms
        self.purses: dict[str, Purse] = {"": Purse()}
        self.leverages: dict[str, Leverage] = {}
        self.live: dict[int, Order] = {}
        self.known: OrderedDict[int, Order] = OrderedDict()
        self.by_cloid: dict[str, list[Order]] = {}
        self.fills: deque[Fill] = deque(maxlen=rules.fills_kept)
        self.fundings: deque[FundingPaid] = deque(maxlen=rules.fundings_kept)
        self.ledger: deque[LedgerEntry] = deque(maxlen=rules.fundings_kept)
        self.requests = Requests(rules)
        self.volumes = Volumes()
        self.fee_tier = FeeTier(staking_discount=rules.staking_discount)
        self.builders: dict[str, int] = {}
        self.agents: dict[str, Agent] = {}
        self.sub_accounts: list[str] = []
        self.funding_all: dict[str, int] = {}
        self.schedule_ms: int | None = None
        self.schedule_day = -1
        self.schedule_triggers = 0
        self.liquidated_ns = -(2**62)
        self._kept = rules.orders_kept

    def purse(self, dex: str) -> Purse:
        """The money on `dex`."""
        found = self.purses.get(dex)
        if found is None:
            found = self.purses[dex] = Purse()
        return found

    def position(self, coin: Coin) -> Position | None:
        """The position in `coin`, if any."""
        purse = self.purses.get(coin.dex.name)
        return purse.positions.get(coin.name) if purse else None

    def steps(self, coin: Coin) -> int:
        """Signed size of the position in `coin`."""
        position = self.position(coin)
        return position.steps if position else 0

    def leverage(self, coin: Coin) -> Leverage:
        """How the account trades `coin`; by default cross where allowed, at 20× or the most allowed."""
        found = self.leverages.get(coin.name)
        if found is None:
            found = Leverage(coin.listing.margin_mode == "", min(DEFAULT_LEVERAGE, coin.listing.max_leverage))
            self.leverages[coin.name] = found
        return found

    def remember(self, order: Order) -> None:
        """Enter a new order, and forget the oldest dead ones beyond what is kept."""
        self.known[order.oid] = order
        if order.cloid is not None:
            self.by_cloid.setdefault(order.cloid, []).append(order)
        surplus = len(self.known) - self._kept
        if surplus > 0:
            self._forget(surplus)

    def _forget(self, surplus: int) -> None:
        dead = list(islice((order for order in self.known.values() if not order.live), surplus))
        for order in dead:
            del self.known[order.oid]
            if order.cloid is not None:
                namesakes = self.by_cloid[order.cloid]
                namesakes.remove(order)
                if not namesakes:
                    del self.by_cloid[order.cloid]

    def find(self, ident: int | str) -> Order | None:
        """The order of an oid, or the youngest of a cloid (a live one first)."""
        if isinstance(ident, int):
            return self.known.get(ident)
        namesakes = self.by_cloid.get(ident, [])
        return next((o for o in reversed(namesakes) if o.live), namesakes[-1] if namesakes else None)

    def open_on(self, coin: Coin) -> list[Order]:
        """Live orders on `coin`, oldest first."""
        return [order for order in self.live.values() if order.coin is coin]
