"""Damaged and made-up frames: nothing raises, nothing wrong is believed.

A sample; frames as such are fuzzed a million times by the bars of the wire types."""

from __future__ import annotations

import random

import numpy as np
from tests.venue.market_sim import COIN, Way, session
from tests.venue.test_feed import EXAMPLES, MS, T0, bbo

from undertow.instrument import hyperliquid_perp
from undertow.kernel.l2book import NO_ASK, NO_BID, apply_row, new_book
from undertow.venue.account_feed import AccountFeed
from undertow.venue.client import VenueClient
from undertow.venue.feed import MarketFeed
from undertow.venue.wire.frames import decode_frame
from undertow.venue.wire.outward import encode
from undertow.venue.wire.scalars import WireError

N = 6_000


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The frame with bytes changed, removed, doubled or swapped for another number."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        if not out:
            break
        at = rng.randrange(len(out))
        what = rng.random()
        if what < 0.3:
            out[at] = rng.randrange(256)
        elif what < 0.5:
            del out[at : at + rng.randint(1, 20)]
        elif what < 0.7:
            out[at:at] = out[at : at + rng.randint(1, 30)]
        else:
            out[at : at + 1] = rng.choice([b"-1", b"1e400", b"null", b"0", b"999999999999999999999", b'"'])
    return bytes(out)


def test_no_damaged_frame_breaks_the_feed_or_crosses_the_book() -> None:
    rng = random.Random(17)
    feed, inst = MarketFeed([COIN]), hyperliquid_perp(COIN, 2).record()
    book = new_book(erode=True)
    messages = session(4, 2_000, Way({"bbo": 50.0, "fast": 90.0, "slow": 300.0, "trades": 50.0}))
    last = 0
    for k in range(N):
        message = messages[k % len(messages)]
        data = damaged(message.data, rng) if rng.random() < 0.7 else message.data
        for received in feed.on_frame(data, message.recv_ms * MS):
            for row in received.rows.view(np.recarray):
                apply_row(book, inst, row, received.snapshots)
                assert row.exch_ns >= last
                last = row.exch_ns
            assert np.all(np.isfinite(received.rows["qty"]))
        bids, asks = feed.coin(COIN).fusion.sides()
        assert bids == sorted(bids)
        assert asks == sorted(asks)
        assert not (bids and asks) or -bids[0][0] < asks[0][0]
        top = book.top
        assert top.best_bid == NO_BID or top.best_ask == NO_ASK or top.best_bid < top.best_ask
    assert feed.stats.malformed > N / 10
    assert feed.lead_ns <= 60_000 * MS + MS


def test_a_time_that_cannot_be_true_does_not_deafen_the_feed() -> None:
    feed = MarketFeed(["BTC"])
    feed.on_frame(bbo(T0 + 10**8), T0 * MS)
    assert feed.on_frame(bbo(T0), (T0 + 100) * MS) != []


def test_no_damaged_frame_breaks_the_account() -> None:
    from tests.venue.fake_venue import FakeVenue
    from tests.venue.scripted_http import ScriptedHttp

    from undertow.clock import WallClock

    rng = random.Random(23)
    frames = [encode(e["msg"]) for e in EXAMPLES if isinstance(e.get("msg"), dict) and "channel" in e["msg"]]
    clock = WallClock()
    user = "0x1a642f0e3c3af545e7acbd38b07251b3990914f1"
    client = VenueClient(ScriptedHttp(), FakeVenue(clock), clock, network="local", account=user)
    events: list[object] = []
    account = AccountFeed(client, events.append, since_ms=0)
    typed = 0
    for _ in range(N):
        try:
            frame = decode_frame(damaged(rng.choice(frames), rng))
        except WireError:
            continue
        typed += 1
        account.on_frame(frame, 1)
    assert typed > 100
    assert events
