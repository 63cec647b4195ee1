"""The local exchange's core: what a block costs, that it does not grow, and that its laws hold."""

from __future__ import annotations

import collections
import gc
import random
import resource
import time

from bars import Figure
from undertow.exchange.core import Exchange
from undertow.exchange.happenings import Fill, Liquidated, OrderUpdate
from undertow.exchange.listing import generated_listing
from undertow.exchange.numbers import plain

TITLE = "Local exchange: cost of a block, memory over eight hours, laws under random play"

START_NS = 1_767_225_600_000_000_000
BLOCK_NS = 70_000_000
_USERS = ["0x" + f"{i + 1:040x}" for i in range(3)]


class Quoters:
    """Three accounts that quote four levels a side on every coin, replacing them every second or so."""

    def __init__(self, ex: Exchange, seed: int) -> None:
        self.ex, self.rng, self.nonce = ex, random.Random(seed), START_NS // 10**6
        for user in _USERS:
            for dex in {coin.dex.name for coin in ex.state.coins}:
                ex.deposit(user, 1e6, dex)
            ex.controls.set_requests(user, traded_usd=1e12)

    def act(self) -> None:
        """One account requotes one coin; now and then it takes instead."""
        user, coin = self.rng.choice(_USERS), self.rng.choice(self.ex.state.coins)
        account = self.ex.account(user)
        assert account is not None
        oids = [order.oid for order in account.open_on(coin)]
        self.nonce += 1
        if oids:
            cancels = [{"a": coin.asset, "o": oid} for oid in oids]
            self.ex.submit(user, {"type": "cancel", "cancels": cancels}, self._fresh())
        orders = []
        for side in (1, -1):
            best = coin.best(side)
            if best is None:
                continue
            step = 10 ** max(0, len(str(best)) - 5)
            steps = max(1, round(50 * 10**6 / best))
            takes = self.rng.random() < 0.05
            for level in range(1 if takes else 4):
                tick = (best // step + (side * 20 if takes else -side * level)) * step
                orders.append(
                    {
                        "a": coin.asset,
                        "b": side > 0,
                        "p": plain(tick, coin.px_decimals),
                        "s": plain(steps, coin.sz_decimals),
                        "r": False,
                        "t": {"limit": {"tif": "Ioc" if takes else "Alo"}},
                    }
                )
        if orders:
            self.ex.submit(user, {"type": "order", "orders": orders, "grouping": "na"}, self._fresh())

    def _fresh(self) -> int:
        self.nonce = max(self.nonce + 1, self.ex.now_ns // 10**6)
        return self.nonce


def run(n_coins: int, hours: float, requotes_per_s: float) -> tuple[float, list[float], int]:
    """CPU ms per block, resident MB at each eighth of the run, and fills of accounts."""
    presets = ("hip3-hype", "hl-btc")
    listings = [generated_listing(f"C{i}", presets[i % 2], i + 1) for i in range(n_coins)]
    ex = Exchange(listings, start_ns=START_NS, seed=1)
    quoters = Quoters(ex, 1)
    blocks = round(hours * 3600e9 / BLOCK_NS)
    ex.advance(START_NS + 20 * BLOCK_NS)
    fills, resident, due = 0, [], 0.0
    begun = time.process_time()
    for i in range(blocks):
        due += requotes_per_s * BLOCK_NS * 1e-9
        while due >= 1.0:
            due -= 1.0
            quoters.act()
        ex.advance(ex.now_ns + BLOCK_NS)
        fills += sum(isinstance(event, Fill) for event in ex.drain())
        if (i + 1) % max(1, blocks // 8) == 0:
            gc.collect()
            resident.append(_resident_mb())
    return 1e3 * (time.process_time() - begun) / blocks, resident, fills


def _resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def laws(examples: int) -> dict[str, int]:
    """Play the state machine of the tests `examples` times; what happened, by name. Raises on a breach."""
    from hypothesis import HealthCheck, settings
    from hypothesis.stateful import run_state_machine_as_test
    from tests.exchange.test_state_machine import ExchangeMachine

    seen: collections.Counter[str] = collections.Counter()

    class Counting(ExchangeMachine):
        def check_events(self) -> None:
            for event in self.b.state.events:
                if isinstance(event, OrderUpdate):
                    seen[event.status] += 1
                elif isinstance(event, (Fill, Liquidated)):
                    seen[type(event).__name__] += 1
            super().check_events()

    run_state_machine_as_test(
        Counting,
        settings=settings(
            max_examples=examples,
            stateful_step_count=80,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return dict(seen)


def measure() -> list[Figure]:
    """All figures; about two minutes of CPU."""
    one, resident, fills = run(1, 8.0, 1.0)
    growth = resident[-1] - resident[3]  # by then the kept fills and orders are full
    twenty, _, _ = run(20, 0.1, 20.0)
    share = 100.0 * twenty / (BLOCK_NS * 1e-6)
    seen = laws(2_000)
    return [
        Figure(
            "CPU ms per block, one generated market, three quoting accounts",
            round(one, 3),
            "< 1",
            one < 1.0,
            [1],
            {"fills in 8 h": fills, "seconds of CPU for 8 h": round(one * 8 * 3600 / 70, 1)},
        ),
        Figure(
            "resident MB gained from hour 4 to hour 8",
            round(growth, 1),
            "< 2",
            growth < 2.0,
            [1],
            {"MB at each hour": [round(mb, 1) for mb in resident]},
        ),
        Figure("% of one core, 20 markets at real time", round(share, 1), "< 50", share < 50.0, [1]),
        Figure(
            "random plays of accounts and background without a breach of a law",
            2_000,
            "all",
            True,
            [],
            seen,
        ),
    ]
