"""The generated market behind the exchange: it lives, reacts, and keeps the books right."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.exchange.still import ALICE, BOB, START_NS, conserved

from undertow.exchange.core import Exchange
from undertow.exchange.happenings import BookChanged, Fill, Traded
from undertow.exchange.listing import generated_listing
from undertow.exchange.numbers import on_grid, plain

BLOCK = 70_000_000


def opened(preset: str = "hip3-hype", coin: str = "hyna:HYPE", seed: int = 3) -> Exchange:
    ex = Exchange([generated_listing(coin, preset, seed)], start_ns=START_NS, seed=seed)
    for user in (ALICE, BOB):
        ex.deposit(user, 1e6, ex.state.coins[0].dex.name)
    return ex


class Quoter:
    """Quotes both sides at random near the touch, and now and then takes."""

    def __init__(self, ex: Exchange, user: str, seed: int) -> None:
        self.ex, self.user, self.rng = ex, user, random.Random(seed)
        self.nonce = START_NS // 10**6

    def send(self, action: dict) -> None:
        self.nonce += 1
        self.ex.submit(self.user, action, self.nonce)

    def act(self) -> None:
        coin = self.ex.state.coins[0]
        live = list(self.ex.account(self.user).live)
        if live and self.rng.random() < 0.7:
            self.send({"type": "cancel", "cancels": [{"a": coin.asset, "o": oid} for oid in live[:3]]})
        side = self.rng.choice([1, -1])
        best = coin.best(side)
        if best is None:
            return
        tif = self.rng.choice(["Alo", "Alo", "Gtc", "Ioc"])
        step = 10 ** max(0, len(str(best)) - 5)
        away = self.rng.randint(-3, 6) if tif != "Ioc" else -20
        tick = (best // step - side * away) * step
        steps = round(self.rng.uniform(15, 400) / (coin.mark / 10**coin.px_decimals) * 10**coin.sz_decimals)
        order = {
            "a": coin.asset,
            "b": side > 0,
            "p": plain(tick, coin.px_decimals),
            "s": plain(steps, coin.sz_decimals),
            "r": False,
            "t": {"limit": {"tif": tif}},
        }
        self.send({"type": "order", "orders": [order], "grouping": "na"})


def play(ex: Exchange, blocks: int, seed: int) -> list:
    quoters = [Quoter(ex, ALICE, seed), Quoter(ex, BOB, seed + 1)]
    events = []
    coin = ex.state.coins[0]
    for i in range(blocks):
        if i % 4 == 0:
            for quoter in quoters:
                quoter.act()
        ex.advance(ex.now_ns + BLOCK)
        bid, ask = coin.best(1), coin.best(-1)
        assert bid is None or ask is None or bid < ask
        events += ex.drain()
    return events


@pytest.mark.parametrize(("preset", "coin", "least"), [("hip3-hype", "hyna:HYPE", 20), ("hl-btc", "BTC", 5)])
def test_accounts_trade_with_a_living_market(preset: str, coin: str, least: int) -> None:
    ex = opened(preset, coin)
    events = play(ex, 2_500, 11)
    conserved(ex)
    fills = [e for e in events if isinstance(e, Fill)]
    assert sum(e.crossed for e in fills) > 20
    assert sum(not e.crossed for e in fills) > least
    trades = [e for e in events if isinstance(e, Traded)]
    assert len({e.tid for e in trades}) == len(trades)
    assert all(on_grid(e.tick, e.coin.px_decimals) for e in trades)
    # every fill is one side of a print
    pairs = {(e.tid, user) for e in trades for user in (e.buyer, e.seller)}
    assert all((e.tid, e.user) in pairs for e in fills)


def test_the_same_seeds_and_actions_give_the_same_events() -> None:
    def seen() -> list:
        return [
            (type(e).__name__, e.time_ms, getattr(e, "tick", 0), getattr(e, "tid", 0))
            for e in play(opened(), 700, 5)
        ]

    assert seen() == seen()


def test_one_long_advance_is_many_short_ones() -> None:
    one, many = opened(seed=9), opened(seed=9)
    one.advance(START_NS + 300 * BLOCK)
    for i in range(1, 601):
        many.advance(START_NS + i * BLOCK // 2)
    first, second = one.drain(), many.drain()
    assert [e[1:] for e in first if isinstance(e, Traded)] == [e[1:] for e in second if isinstance(e, Traded)]
    assert len(first) == len(second)


def test_what_is_taken_is_gone_until_it_refills() -> None:
    ex = opened("hl-btc", "BTC")
    coin = ex.state.coins[0]
    ex.advance(START_NS + 20 * BLOCK)
    market = coin.market
    best = market.best(-1)
    depth = market.levels(-1, 3)
    for tick, steps, _ in depth:
        assert market.take(-1, tick, steps) == steps
        assert market.size(-1, tick) == 0
    assert market.best(-1) > depth[-1][0]
    market.give_back(-1, best, 7)
    assert market.levels(-1, 1)[0][:2] == (best, 7)
    where = np.array([[-1, best], [-1, best + 1], [1, 10**12]], np.int64)
    assert market.sizes(where) == [7, 0, 0]
    for _ in range(600):
        ex.advance(ex.now_ns + BLOCK)
    assert len(market.levels(-1, 20)) == 20


def test_an_empty_side_is_quoted_again() -> None:
    ex = opened()
    coin = ex.state.coins[0]
    for tick, steps, _ in coin.market.levels(1, 4096):
        coin.market.take(1, tick, steps)
    assert coin.best(1) is None
    assert coin.top()[0] is None
    ex.advance(START_NS + 200 * BLOCK)
    assert coin.best(1) is not None
    assert any(isinstance(e, BookChanged) for e in ex.drain())


def test_heavy_buying_moves_the_market() -> None:
    """Takers' impact: while accounts buy, the market stands higher than it would."""
    higher = []
    for seed in range(4):
        mids = []
        for buys in (False, True):
            ex = opened(seed=seed)
            coin = ex.state.coins[0]
            quoter = Quoter(ex, ALICE, 1)
            seen = []
            for i in range(120):
                if buys and i % 3 == 0:
                    tick = (coin.best(-1) or 0) * 102 // 100 // 100 * 100
                    spec = {"a": coin.asset, "b": True, "p": plain(tick, 4), "s": "100", "r": False}
                    order = {**spec, "t": {"limit": {"tif": "Ioc"}}}
                    quoter.send({"type": "order", "orders": [order], "grouping": "na"})
                ex.advance(ex.now_ns + BLOCK)
                seen.append(coin.mid2())
            mids.append(np.mean(seen))
        higher.append(mids[1] - mids[0])
    assert min(higher) > 0
