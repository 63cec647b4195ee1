"""A background that does nothing but what a test tells it, and an exchange with one or more of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undertow.exchange.core import Exchange, Ticket
from undertow.exchange.listing import Dex, Listing, Rules
from undertow.exchange.market import Aggressor, MarketContext
from undertow.exchange.numbers import plain
from undertow.instrument import Instrument, hyperliquid_perp

START_NS = 1_767_225_600_000_000_000
PX = 1_000_000
"""100 dollars in ticks of a coin with two size decimals."""
STEP = 100
"""A valid price step around `PX`: one cent."""
ALICE, BOB, CAROL = ("0x" + c * 40 for c in "abc")


class StillMarket:
    """Levels as a test sets them; orders come when it says `shoot`."""

    def __init__(self, sz_decimals: int = 2, px: int = PX, size: int = 1000, depth: int = 20) -> None:
        self.instrument: Instrument = hyperliquid_perp("X", sz_decimals)
        self.sz_decimals = sz_decimals
        scale = 10 ** (6 - sz_decimals)
        self.context = MarketContext(px / scale, px / scale, 0.0)
        self.books: dict[int, dict[int, int]] = {
            side: {px - side * STEP * (1 + i): size for i in range(depth)} for side in (1, -1)
        }
        self._shots: list[tuple[int, int, int | None]] = []
        self.felt: list[tuple[int, int]] = []

    def shoot(self, side: int, steps: int, limit: int | None = None) -> None:
        """In the next block an order of `side` takes `steps`, or all there is up to `limit`."""
        self._shots.append((side, steps, limit))

    def advance(self, until_ns: int) -> list[Aggressor]:
        shots, self._shots = self._shots, []
        out = []
        for side, steps, limit in shots:
            order = Aggressor(side, [], limit is not None)
            while steps > 0 and (best := self.best(-side)) is not None:
                if limit is not None and (best - limit) * side > 0:
                    break
                taken = self.take(-side, best, steps)
                order.prints.append((best, taken))
                steps -= taken
            if order.prints:
                out.append(order)
        return out

    def best(self, side: int) -> int | None:
        book = self.books[side]
        return (max(book) if side > 0 else min(book)) if book else None

    def size(self, side: int, tick: int) -> int:
        return self.books[side].get(tick, 0)

    def sizes(self, levels: NDArray[np.int64]) -> list[int]:
        return [self.size(side, tick) for side, tick in levels.tolist()]

    def levels(self, side: int, depth: int) -> list[tuple[int, int, int]]:
        ticks = sorted(self.books[side], reverse=side > 0)[:depth]
        return [(tick, self.books[side][tick], 1) for tick in ticks]

    def set(self, side: int, tick: int, steps: int) -> None:
        if steps > 0:
            self.books[side][tick] = steps
        else:
            self.books[side].pop(tick, None)

    def take(self, side: int, tick: int, steps: int) -> int:
        taken = min(self.size(side, tick), steps)
        self.set(side, tick, self.size(side, tick) - taken)
        return taken

    def give_back(self, side: int, tick: int, steps: int) -> None:
        self.set(side, tick, self.size(side, tick) + steps)

    def feel(self, side: int, steps: int) -> None:
        self.felt.append((side, steps))


class Bench:
    """An exchange of still markets, with short ways to act and look."""

    def __init__(
        self,
        coins: Sequence[str] = ("X",),
        *,
        rules: Rules | None = None,
        dexes: tuple[Dex, ...] = (),
        seed: int = 1,
        usd: float = 1_000_000.0,
        **terms: Any,
    ) -> None:
        self.markets = {coin: StillMarket() for coin in coins}
        terms.setdefault("max_order_usd", 1e9)
        listings = [
            Listing(coin, (lambda market: lambda start_ns: market)(self.markets[coin]), **terms)
            for coin in coins
        ]
        self.ex = Exchange(listings, rules or Rules(dexes=dexes), START_NS, seed)
        self.coin = self.ex.state.by_name[coins[0]]
        self.market = self.markets[coins[0]]
        self._nonce = START_NS // 1_000_000
        for user in (ALICE, BOB, CAROL):
            for dex in {coin.partition(":")[0] if ":" in coin else "" for coin in coins}:
                self.ex.deposit(user, usd, dex)
        self.ex.drain()

    @property
    def state(self) -> Any:
        return self.ex.state

    def nonce(self) -> int:
        self._nonce += 1
        return self._nonce

    def spec(
        self, side: int, tick: int, steps: int, tif: str = "Gtc", *, coin: str = "", reduce: bool = False,
        cloid: str | None = None, trigger: tuple[bool, int, str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        found = self.state.by_name[coin] if coin else self.coin
        kind: dict[str, Any] = {"limit": {"tif": tif}}
        if trigger is not None:
            market, at, tpsl = trigger
            kind = {"trigger": {"isMarket": market, "triggerPx": plain(at, found.px_decimals), "tpsl": tpsl}}
        spec = {
            "a": found.asset,
            "b": side > 0,
            "p": plain(tick, 4),
            "s": plain(steps, 2),
            "r": reduce,
            "t": kind,
        }
        return spec if cloid is None else {**spec, "c": cloid}

    def send(self, user: str, action: dict[str, Any], **how: Any) -> Ticket:
        return self.ex.submit(user, action, self.nonce(), **how)

    def run(self, blocks: int = 1) -> None:
        self.ex.advance(self.ex.now_ns + blocks * self.ex.rules.block_ns)

    def act(self, user: str, action: dict[str, Any], **how: Any) -> Any:
        """Send, run a block, and return the reply."""
        ticket = self.send(user, action, **how)
        if ticket.reply is None:
            self.run()
        assert ticket.reply is not None
        return ticket.reply

    def orders(self, user: str, *specs: dict[str, Any], grouping: Any = "na") -> list[Any]:
        """Place and return the statuses."""
        reply = self.act(user, {"type": "order", "orders": list(specs), "grouping": grouping})
        assert reply["status"] == "ok", reply
        return reply["response"]["data"]["statuses"]

    def order(self, user: str, side: int, tick: int, steps: int, tif: str = "Gtc", **more: Any) -> Any:
        return self.orders(user, self.spec(side, tick, steps, tif, **more))[0]

    def rest(self, user: str, side: int, tick: int, steps: int, tif: str = "Gtc", **more: Any) -> int:
        """Place an order that must rest; returns its oid."""
        return self.order(user, side, tick, steps, tif, **more)["resting"]["oid"]

    def steps(self, user: str) -> int:
        return self.ex.account(user).steps(self.coin)

    def known(self, user: str, oid: int) -> Any:
        return self.ex.account(user).known[oid]


def fills_of(events: list[Any], user: str) -> list[tuple[int, int, bool]]:
    """(tick, steps, crossed) of a user's fills."""
    return [(e.tick, e.steps, e.crossed) for e in events if type(e).__name__ == "Fill" and e.user == user]


def conserved(ex: Exchange) -> None:
    """Money and sizes sum to what came in, and to nothing."""
    state = ex.state
    everyone = [*state.accounts.values(), state.backstop]
    raw = sum(p.raw + sum(q.raw for q in p.positions.values()) for a in everyone for p in a.purses.values())
    assert raw + state.house.raw + state.house.fees == state.house.deposits
    for coin in state.coins:
        steps = [a.steps(coin) for a in everyone]
        assert sum(steps) + state.house.steps.get(coin.name, 0) == 0
        assert coin.account_long == sum(max(s, 0) for s in steps)
