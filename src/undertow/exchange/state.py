"""Everything the exchange is at one moment, which its parts share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from undertow.exchange.accounts import Account
from undertow.exchange.fees import FeeSchedule
from undertow.exchange.happenings import Event, NonUserCancel, OrderUpdate
from undertow.venue.nonces import NonceWindow

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin
    from undertow.exchange.listing import Rules
    from undertow.exchange.orders import Order

_DAY_MS: Final = 86_400_000
_MASK64: Final = 2**64 - 1
_TID_BITS: Final = 50
_CROWD: Final = 512

BACKSTOP: Final = "0x" + "b5" * 20
"""The liquidator, which takes over what the book could not."""


def mix(n: int) -> int:
    """A whole number of 64 bits scattered by `n` (splitmix64)."""
    n = (n + 0x9E3779B97F4A7C15) & _MASK64
    n = ((n ^ (n >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    n = ((n ^ (n >> 27)) * 0x94D049BB133111EB) & _MASK64
    return n ^ (n >> 31)


@dataclass(slots=True)
class House:
    """The other side of the accounts' books: what the background is owed, and the fees.

    ``raw``: the background's money, ``steps`` its signed size per coin; with them money and sizes
    sum to what was deposited, and to zero.
    """

    raw: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    fees: int = 0
    deposits: int = 0


class State:
    """The exchange's state. ``now_ns``: end of the last block."""

    def __init__(self, rules: Rules, start_ns: int, seed: int) -> None:
        self.rules = rules
        self.now_ns = start_ns
        self.coins: list[Coin] = []
        self.by_name: dict[str, Coin] = {}
        self.by_asset: dict[int, Coin] = {}
        self.accounts: dict[str, Account] = {}
        self.owner_of_agent: dict[str, str] = {}
        self.nonces = NonceWindow()
        self.house = House()
        self.fees = FeeSchedule()
        self.events: list[Event] = []
        self.post_only_until_ns = -1
        self.triggers: list[Order] = []
        self._next_oid = 1 + mix(seed) % 10**9
        self._next_tid = mix(seed + 1) % 2**30
        self._transaction = mix(seed + 2) % 2**40
        self._lid = 0
        self._crowd = [f"0x{mix(seed + 100 + i):016x}{mix(seed - i):016x}{i:08x}" for i in range(_CROWD)]
        self.backstop = Account(BACKSTOP, rules, self.now_ms)

    @property
    def now_ms(self) -> int:
        """The block's time as the wire shows it."""
        return self.now_ns // 1_000_000

    @property
    def day(self) -> int:
        """The UTC day."""
        return self.now_ms // _DAY_MS

    def next_oid(self) -> int:
        """A fresh order id."""
        self._next_oid += 1
        return self._next_oid

    def next_tid(self) -> int:
        """A fresh trade id: 50 bits, scattered, never twice."""
        self._next_tid += 1
        return self._next_tid * 0x9E3779B97F4A7C15 % 2**_TID_BITS

    def next_lid(self) -> int:
        """A fresh liquidation id."""
        self._lid += 1
        return self._lid

    def transaction(self) -> int:
        """Begin a transaction: the number its hash is made of (`hash_text`)."""
        self._transaction += 1
        return self._transaction

    def stranger(self, n: int) -> str:
        """An address of the background crowd."""
        return self._crowd[mix(n) % _CROWD]

    def set_status(self, order: Order, status: str) -> None:
        """Give `order` a new status and say so; a last one takes it off the account's live orders."""
        order.status, order.status_ns = status, self.now_ns
        if not order.live:
            order.account.live.pop(order.oid, None)
        self.events.append(OrderUpdate(order.account.address, order, status, order.left, self.now_ms))

    def take_off(self, order: Order, status: str, *, by_user: bool = False) -> None:
        """End a live order: off the book, off the triggers, with `status`; its waiting children too."""
        if order.resting:
            order.coin.resting.remove(order)
        self.set_status(order, status)
        if not by_user and status != "reduceOnlyCanceled":
            self.events.append(NonUserCancel(order.account.address, order.coin, order.oid, self.now_ms))
        if order.trigger is not None:
            self.triggers = [other for other in self.triggers if other is not order]
        for child in order.children:
            if child.live and child.waiting:
                self.take_off(child, status, by_user=by_user)


def hash_text(number: int) -> str:
    """The hash of transaction `number`, as the wire shows it."""
    return f"0x{mix(number):016x}{mix(~number & _MASK64):016x}{mix(number ^ 0xA5A5):016x}{number:016x}"
