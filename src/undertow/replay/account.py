"""The exchange's ledger, its fill log and its answers to the maker."""

from __future__ import annotations

import numpy as np

from undertow.compiled import compiled
from undertow.events import FILL, LOCAL, MAKER
from undertow.instrument import cash_change, fee_amount, funding_received, notional, price_of, round_size
from undertow.kernel.l2book import NO_BID
from undertow.records import Rec
from undertow.replay.latency import ANSWERS, delay_ns
from undertow.replay.venue import FOREVER, ROOM, Venue


@compiled
def last_mid(venue: Venue) -> float:
    """The exchange's last mid with both sides, as of the row before the one being matched."""
    ex = venue.ex
    if ex.mid_bid == NO_BID:
        return np.nan
    return 0.5 * (price_of(venue.inst, ex.mid_bid) + price_of(venue.inst, ex.mid_ask))


@compiled
def note_touch(ex: Rec, top: Rec) -> None:
    """Remember the touch after a row, while it has both sides."""
    if top.best_bid > 0 and top.best_ask < FOREVER:
        ex.mid_bid = top.best_bid
        ex.mid_ask = top.best_ask


@compiled
def answer(
    venue: Venue,
    now_ns: int,
    kind: int,
    code: int,
    order_id: int,
    side: int,
    px: float,
    qty: float,
    val: float,
) -> int:
    """Send an ACK or FILL row to the maker; returns when it will arrive."""
    ex, rules = venue.ex, venue.rules
    delay = delay_ns(
        rules.response_latency_ns, rules.response_jitter_ns, rules.seed, ANSWERS, ex.answer_draws
    )
    ex.answer_draws += 1
    recv_ns = max(ex.last_answer_ns, now_ns + delay)
    ex.last_answer_ns = recv_ns
    row = venue.outbox[ex.outbox_tail & (venue.outbox.shape[0] - 1)]
    ex.outbox_tail += 1
    row.exch_ns = now_ns
    row.recv_ns = recv_ns
    row.px = px
    row.qty = qty
    row.val = val
    row.ref = order_id
    row.kind = kind
    row.side = side
    row.flags = LOCAL
    row.asset = 0
    row.code = code
    if ex.outbox_tail - ex.outbox_head > venue.outbox.shape[0] - ROOM:
        ex.crowded = 1
    return recv_ns


@compiled
def book_fill(
    venue: Venue,
    now_ns: int,
    order_id: int,
    sent_ns: int,
    level: int,
    side: int,
    tick: int,
    qty: float,
    liquidity: int,
) -> None:
    """Enter a fill of `qty` at `tick` into ledger and log and tell the maker."""
    ex, inst = venue.ex, venue.inst
    ledger = ex.ledger
    px = price_of(inst, tick)
    fee = fee_amount(inst, px, qty, inst.maker_fee_bps if liquidity == MAKER else inst.taker_fee_bps)
    ledger.cash += cash_change(inst, side, px, qty)
    ledger.fees += fee
    held = ledger.position + side * qty
    ledger.position = np.sign(held) * round_size(inst, abs(held) + 0.25 * inst.size_step)
    ledger.volume += notional(inst, px, qty)
    ledger.max_abs_position = max(ledger.max_abs_position, abs(ledger.position))
    ledger.fills += 1
    if liquidity == MAKER:
        ledger.maker_fills += 1
    else:
        ledger.taker_fills += 1
    log = venue.fills[ex.n_fills]
    ex.n_fills += 1
    log.exch_ns = now_ns
    log.sent_ns = sent_ns
    log.order_id = order_id
    log.tick = tick
    log.px = px
    log.qty = qty
    log.fee = fee
    log.mid = last_mid(venue)
    log.position_after = ledger.position
    log.fill_rate = np.nan
    log.edge_bps = np.nan
    log.side = side
    log.liquidity = liquidity
    log.level = level
    for h in range(venue.horizons_ns.shape[0]):
        log.mid_after[h] = np.nan
    log.recv_ns = answer(venue, now_ns, FILL, liquidity, order_id, side, px, qty, fee)
    ex.next_markout_ns = min(ex.next_markout_ns, now_ns + venue.horizons_ns[0])
    if ex.n_fills > venue.fills.shape[0] - ROOM:
        ex.crowded = 1


@compiled
def settle_funding(venue: Venue, row: Rec) -> None:
    """Settle a FUNDING row on the position held, at the oracle price of the row."""
    ledger = venue.ex.ledger
    ledger.funding += funding_received(venue.inst, row.px, ledger.position, row.qty)
    ledger.settlements += 1


@compiled
def note_markouts(venue: Venue, before_ns: int) -> None:
    """Note the mid after each fill at every horizon that ends before `before_ns`."""
    ex = venue.ex
    mid = last_mid(venue)
    coming = FOREVER
    for h in range(venue.horizons_ns.shape[0]):
        at = ex.markout_at[h]
        while at < ex.n_fills and venue.fills[at].exch_ns + venue.horizons_ns[h] < before_ns:
            venue.fills[at].mid_after[h] = mid
            at += 1
        ex.markout_at[h] = at
        if at < ex.n_fills:
            coming = min(coming, venue.fills[at].exch_ns + venue.horizons_ns[h])
    ex.next_markout_ns = coming
