"""What the order manager must know to go on, rebuilt from a session's journal alone.

A journal is ahead of the rows a maker was shown: whatever was shown had been written down before. So the
desks go back to the last row known to have been shown, and what was written down since is shown to them:
fills first, then the ends of the orders those fills were of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from undertow.journal.reading import OpenOrder, Reader
from undertow.journal.rows import Ack, FillRow, Intent
from undertow.trading.orders.ledger import HOUR_MS, CoinAccount, Fill
from undertow.trading.orders.memory import Memory
from undertow.trading.orders.order import Order, State
from undertow.trading.restraint import OWN_IDS

_KEPT: Final = 20_000
_NONCE_DAYS_MS: Final = 2 * 86_400_000
"""The venue takes no nonce older than this."""


@dataclass
class DeskFacts:
    """A coin's desk as of the last FILL row its maker was shown. Exact: lots and decimals.

    ``working``: orders on it, oldest first, each with what of it had filled by then.
    """

    account: CoinAccount
    last_id: int
    working: list[tuple[Order, int]] = field(default_factory=list)


@dataclass
class Recollection:
    """``memory`` for `VenueExecution.adopt`, ``desks`` for the makers; ``last_nonce`` used so far,
    ``last_own_id`` the highest id of an order, those of the session's own accord included."""

    memory: Memory
    desks: Mapping[str, DeskFacts]
    last_nonce: int
    last_own_id: int


def recollect(reader: Reader, shown: Mapping[str, int], now_ms: int) -> Recollection | None:
    """Rebuild from a journal. ``shown``: how many FILL rows each coin's maker was shown.

    None where the session never came so far as to know its position: then nothing was ever sent.
    """
    openings = reader.openings()
    if not openings:
        return None
    coins = reader.coins()
    accounts = {coin: CoinAccount(lots=opening.lots) for coin, opening in openings.items()}
    desks = {
        coin: DeskFacts(CoinAccount(lots=o.lots), reader.last_order_id(coin, OWN_IDS))
        for coin, o in openings.items()
    }
    known: dict[tuple[int, int], None] = dict.fromkeys(reader.old_fills())
    filled: defaultdict[tuple[str, int], int] = defaultdict(int)
    untold: list[tuple[Fill, int]] = []
    for row in reader.fills():
        account, lot = accounts[row.coin], coins[row.coin].lot_size
        known[row.oid, row.tid] = None
        _book(account, row, lot)
        if account.fills <= shown.get(row.coin, 0):
            _book(desks[row.coin].account, row, lot)
            filled[row.coin, row.order_id] += row.lots
        else:
            untold.append((_fill(row), row.order_id))
    paid: dict[tuple[str, int], None] = {}
    for payment in reader.payments():
        accounts[payment.coin].funding += payment.usd
        desks[payment.coin].account.funding += payment.usd
        paid[payment.coin, payment.exch_ms // HOUR_MS] = None
    orders = [_order(found) for found in reader.open_orders()]
    _note_successors(orders)
    ends = list(_ended(reader, untold, {(order.coin, order.id) for order in orders}))
    for order in sorted([*orders, *(order for order, _ in ends)], key=lambda order: order.id):
        if order.id < OWN_IDS:  # the others are on no desk
            desks[order.coin].working.append((order, filled[order.coin, order.id]))
    memory = Memory(
        tuple(orders),
        accounts,
        tuple(known)[-_KEPT:],
        reader.complete_ms(),
        min(opening.ignore_before_ms for opening in openings.values()),
        tuple(reader.nonces_unknown(now_ms - _NONCE_DAYS_MS)),
        tuple(paid)[-_KEPT:],
        tuple(untold),
        tuple((order, at) for order, at in ends if order.filled < order.lots),
    )
    last_own_id = max(reader.last_order_id(coin) for coin in coins)
    return Recollection(memory, desks, reader.last_nonce(), last_own_id)


def _book(account: CoinAccount, row: FillRow, lot_size: Decimal) -> None:
    value = row.px * row.lots * lot_size
    account.lots += row.side * row.lots
    account.cash -= row.side * value
    account.fees += row.fee
    account.volume += value
    account.fills += 1


def _fill(row: FillRow) -> Fill:
    return Fill(
        row.coin,
        row.oid,
        row.tid,
        row.cloid,
        row.side,
        row.px,
        row.lots,
        row.fee,
        row.crossed,
        row.exch_ms,
        row.start_lots,
        row.closed_pnl,
        row.fee_token,
        row.hash,
    )


def _asked(intent: Intent) -> Order:
    return Order(
        intent.coin,
        intent.order_id,
        intent.cloid,
        intent.side,
        intent.tick,
        intent.lots,
        intent.tif,
        intent.reduce_only,
        intent.time_ns,
        replaces=intent.replaces,
        told_open=True,
    )


def _order(found: OpenOrder) -> Order:
    """An order whose end was not told: in doubt, whatever was thought of it last."""
    order = _asked(found.intent)
    order.state, order.filled = State.DOUBT, found.filled
    if found.ack is not None:
        order.oid = found.ack.oid
        order.written = (order.oid, found.ack.code, found.ack.final, False)
    return order


def _note_successors(orders: list[Order]) -> None:
    """A modify may have been under way: the order replaced must know by which."""
    known = {(order.coin, order.id): order for order in orders}
    for order in orders:
        old = None if order.replaces is None else known.get((order.coin, order.replaces))
        if old is not None:
            old.replaced_by = order.id


def _ended(
    reader: Reader, untold: list[tuple[Fill, int]], standing: set[tuple[str, int]]
) -> Iterator[tuple[Order, int]]:
    """Orders that ended, of which the makers were not shown all fills; and when they ended (ns)."""
    missing: defaultdict[str, dict[int, None]] = defaultdict(dict)
    for fill, order_id in untold:
        if order_id >= 0 and (fill.coin, order_id) not in standing:
            missing[fill.coin][order_id] = None
    if not missing:
        return
    acks: dict[tuple[str, int], Ack] = {(ack.coin, ack.order_id): ack for ack in reader.acks() if ack.ended}
    filled: defaultdict[tuple[str, int], int] = defaultdict(int)
    for row in reader.fills():
        filled[row.coin, row.order_id] += row.lots
    for coin, ids in missing.items():
        for intent in reader.orders(coin, list(ids)):
            order, ack = _asked(intent), acks.get((coin, intent.order_id))
            order.filled = filled[coin, order.id]
            if ack is None:
                continue
            order.oid, order.told_end = ack.oid, True
            order.end(ack.code, order.filled)
            yield order, ack.time_ns
