"""Is the journal the account? Orders, positions, money against the exchange's, to the last unit.

The exchange's side is given as plain data (`VenueAccount`); `undertow.live.verifying` asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from undertow.journal.reading import Reader
from undertow.journal.rows import CoinRow, FillRow

VENUE_KEEPS: Final = 10_000
"""Fills the venue still tells of (Hyperliquid docs, "Info endpoint")."""
_HOUR_MS: Final = 3_600_000


class VenueFill(NamedTuple):
    """A fill as the exchange tells it."""

    coin: str
    oid: int
    tid: int
    side: int
    px: Decimal
    lots: int
    fee: Decimal
    exch_ms: int


class VenuePayment(NamedTuple):
    """A funding payment as the exchange tells it."""

    coin: str
    exch_ms: int
    usd: Decimal


class VenueAccount(NamedTuple):
    """The exchange's account since the journal began: fills and payments oldest first, open orders by coin,
    positions in lots."""

    fills: Sequence[VenueFill]
    payments: Sequence[VenuePayment]
    open_oids: Mapping[str, frozenset[int]]
    lots: Mapping[str, int]


@dataclass
class Sums:
    """One side's account of a coin. ``cash`` is without fees and funding."""

    lots: int = 0
    cash: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    fills: int = 0


@dataclass
class Verdict:
    """Both sides' sums by coin, and a sentence for everything in which they differ."""

    journal: dict[str, Sums] = field(default_factory=dict)
    venue: dict[str, Sums] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether journal and exchange agree in everything."""
        return not self.differences


def verify(reader: Reader, venue: VenueAccount) -> Verdict:
    """Compare a journal with the exchange's account."""
    verdict, coins, openings = Verdict(), reader.coins(), reader.openings()
    for coin in coins:
        opened = openings[coin].lots if coin in openings else 0
        verdict.journal[coin], verdict.venue[coin] = Sums(opened), Sums(opened)
    since_ms = min((o.ignore_before_ms for o in openings.values()), default=0)
    old = set(reader.old_fills())
    theirs = {
        (f.oid, f.tid): f
        for f in venue.fills
        if f.coin in coins and f.exch_ms >= since_ms and (f.oid, f.tid) not in old
    }
    _compare_fills(verdict, list(reader.fills()), theirs, coins, len(venue.fills) >= VENUE_KEEPS)
    _compare_payments(verdict, reader, venue.payments, coins)
    _compare_orders(verdict, reader, venue, coins)
    for coin in coins:
        _compare_sums(verdict, coin, venue.lots.get(coin, 0))
    return verdict


def _add(sums: Sums, side: int, px: Decimal, lots: int, fee: Decimal, lot_size: Decimal) -> None:
    sums.lots += side * lots
    sums.cash -= side * px * lots * lot_size
    sums.fees += fee
    sums.fills += 1


def _compare_fills(
    verdict: Verdict,
    ours: list[FillRow],
    theirs: Mapping[tuple[int, int], VenueFill],
    coins: Mapping[str, CoinRow],
    truncated: bool,
) -> None:
    seen: set[tuple[int, int]] = set()
    oldest_ms = min((f.exch_ms for f in theirs.values()), default=0)
    for mine in ours:
        key, lot_size = (mine.oid, mine.tid), coins[mine.coin].lot_size
        _add(verdict.journal[mine.coin], mine.side, mine.px, mine.lots, mine.fee, lot_size)
        if key in seen:
            verdict.differences.append(f"fill {mine.oid}:{mine.tid} of {mine.coin} is in the journal twice")
        seen.add(key)
        found = theirs.get(key)
        if found is None and truncated and mine.exch_ms <= oldest_ms:  # the venue tells of it no more
            _add(verdict.venue[mine.coin], mine.side, mine.px, mine.lots, mine.fee, lot_size)
        elif found is None:
            verdict.differences.append(
                f"fill {mine.oid}:{mine.tid} of {mine.coin} is unknown to the exchange"
            )
        elif found[:7] != (mine.coin, mine.oid, mine.tid, mine.side, mine.px, mine.lots, mine.fee):
            verdict.differences.append(f"fill {mine.oid}:{mine.tid}: journal {mine}, exchange {found}")
    for key, found in theirs.items():
        lot_size = coins[found.coin].lot_size
        _add(verdict.venue[found.coin], found.side, found.px, found.lots, found.fee, lot_size)
        if key not in seen:
            verdict.differences.append(f"fill {found.oid}:{found.tid} of {found.coin} is not in the journal")


def _compare_payments(
    verdict: Verdict, reader: Reader, payments: Sequence[VenuePayment], coins: Mapping[str, CoinRow]
) -> None:
    since_ms = reader.about().created_ns // 1_000_000
    ours = {(p.coin, p.exch_ms // _HOUR_MS): p.usd for p in reader.payments()}
    theirs = {
        (p.coin, p.exch_ms // _HOUR_MS): p.usd for p in payments if p.coin in coins and p.exch_ms >= since_ms
    }
    for (coin, hour), usd in ours.items():
        verdict.journal[coin].funding += usd
        if theirs.get((coin, hour)) != usd:
            said = f"journal {usd}, exchange {theirs.get((coin, hour), 'none')}"
            verdict.differences.append(f"funding of {coin} in hour {hour}: {said}")
    for (coin, hour), usd in theirs.items():
        verdict.venue[coin].funding += usd
        if (coin, hour) not in ours:
            verdict.differences.append(f"funding of {coin} in hour {hour}: journal none, exchange {usd}")


def _compare_orders(
    verdict: Verdict, reader: Reader, venue: VenueAccount, coins: Mapping[str, CoinRow]
) -> None:
    ours: dict[str, set[int]] = {coin: set() for coin in coins}
    for order in reader.open_orders():
        oid = 0 if order.ack is None else order.ack.oid
        ours[order.intent.coin].add(oid)
    for coin, oids in ours.items():
        theirs = venue.open_oids.get(coin, frozenset())
        if oids != theirs:
            only, missing = sorted(oids - theirs), sorted(theirs - oids)
            verdict.differences.append(
                f"open orders of {coin}: {only or 'none'} in the journal alone, "
                f"{missing or 'none'} at the exchange"
            )


def _compare_sums(verdict: Verdict, coin: str, lots: int) -> None:
    ours, theirs = verdict.journal[coin], verdict.venue[coin]
    if ours.lots != lots:
        verdict.differences.append(f"position of {coin}: journal {ours.lots} lots, exchange {lots}")
    for name in ("cash", "fees", "funding", "fills"):
        a, b = getattr(ours, name), getattr(theirs, name)
        if a != b:
            verdict.differences.append(f"{name} of {coin}: journal {a}, exchange {b}")
