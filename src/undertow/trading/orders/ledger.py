"""What fills and funding have made of the account: position, cash, fees, coin by coin, exactly.

Every fill is booked once: the venue reports it on two streams, again in the snapshot after each reconnect,
and again when asked. Position comes from fills alone; that it is the venue's is checked elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

Key = TypeVar("Key")

HOUR_MS: Final = 3_600_000
"""A coin pays once an hour; stream and history may give its time differently."""
_REMEMBERED: Final = 20_000
"""Fills and payments kept to tell repetitions: ten times what a snapshot or one reply can repeat."""


class Fill(NamedTuple):
    """An own fill as the venue reports it. ``(oid, tid)`` is unique; fee > 0 is paid, and includes a
    builder's; ``crossed``: we took."""

    coin: str
    oid: int
    tid: int
    cloid: str | None
    side: int
    px: Decimal
    lots: int
    fee: Decimal
    crossed: bool
    time_ms: int
    start_lots: int | None = None
    """Position before it, where the report says so."""
    closed_pnl: Decimal | None = None
    """What it realised by the venue's reckoning, without fees."""
    fee_token: str = "USDC"
    hash: str = ""


class Payment(NamedTuple):
    """A funding payment; ``usd`` > 0 is received."""

    coin: str
    time_ms: int
    usd: Decimal


@dataclass(slots=True)
class CoinAccount:
    """Sums of one coin since the session began. ``cash`` is without fees and funding."""

    lots: int = 0
    cash: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    volume: Decimal = Decimal(0)
    fills: int = 0


@dataclass(slots=True)
class Ledger:
    """The account as far as it is booked. `lot_sizes` gives the size of a lot of each coin."""

    lot_sizes: dict[str, Decimal]
    accounts: dict[str, CoinAccount] = field(default_factory=dict)
    complete_ms: int = 0
    """Every fill up to this time (the venue's) is known: what is missing is asked for from here on."""
    ignore_before_ms: int = 0
    """Older fills belong to the position found at the start."""
    _traces: list[dict[str, list[int]]] = field(default_factory=list)
    _seen: dict[tuple[int, int], None] = field(default_factory=dict)
    _paid: dict[tuple[str, int], None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for coin in self.lot_sizes:
            self.accounts.setdefault(coin, CoinAccount())

    def open_with(self, coin: str, lots: int) -> None:
        """The position found before anything was booked."""
        self.accounts[coin].lots = lots

    @property
    def known(self) -> tuple[tuple[int, int], ...]:
        """(oid, tid) of the fills remembered, oldest first."""
        return tuple(self._seen)

    def recall(
        self,
        accounts: Mapping[str, CoinAccount],
        known: Iterable[tuple[int, int]],
        complete_ms: int,
        ignore_before_ms: int,
        paid: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Go on from what another process had booked."""
        self.accounts = {coin: replace(account) for coin, account in accounts.items()}
        self._seen = dict.fromkeys(known)
        self._paid = dict.fromkeys(paid)
        self.complete_ms, self.ignore_before_ms = complete_ms, ignore_before_ms

    @property
    def paid(self) -> tuple[tuple[str, int], ...]:
        """Coin and hour of the payments remembered, oldest first."""
        return tuple(self._paid)

    @contextmanager
    def trace(self) -> Iterator[dict[str, list[int]]]:
        """Positions of each coin while the block runs: that at its beginning and after each fill since."""
        positions = {coin: [account.lots] for coin, account in self.accounts.items()}
        self._traces.append(positions)
        try:
            yield positions
        finally:
            self._traces = [other for other in self._traces if other is not positions]

    def knows(self, fill: Fill) -> bool:
        """Whether `fill` has been booked, or is of before."""
        return fill.time_ms < self.ignore_before_ms or (fill.oid, fill.tid) in self._seen

    def note_old(self, fill: Fill) -> None:
        """`fill` is part of the position found at the start: not to be booked again."""
        _remember(self._seen, (fill.oid, fill.tid))

    def book(self, fill: Fill) -> bool:
        """Book a fill of a coin of the session; False where it was known."""
        if self.knows(fill):
            return False
        self.note_old(fill)
        account = self.accounts[fill.coin]
        value = fill.px * fill.lots * self.lot_sizes[fill.coin]
        account.lots += fill.side * fill.lots
        for positions in self._traces:
            positions[fill.coin].append(account.lots)
        account.cash -= fill.side * value
        account.fees += fill.fee
        account.volume += value
        account.fills += 1
        return True

    def pay(self, payment: Payment) -> bool:
        """Book a funding payment of a coin of the session; False where it was known."""
        key = (payment.coin, payment.time_ms // HOUR_MS)
        if key in self._paid:
            return False
        _remember(self._paid, key)
        self.accounts[payment.coin].funding += payment.usd
        return True


def _remember(known: dict[Key, None], key: Key) -> None:
    """Note `key`, forgetting the oldest beyond what is kept."""
    known[key] = None
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]
