"""Price-time matching: account orders and the background in one book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from undertow.exchange.clearing import NOBODY, Party, clear
from undertow.exchange.margin import can_trade
from undertow.exchange.orders import FILLED, Order

if TYPE_CHECKING:
    from undertow.exchange.coin import Coin
    from undertow.exchange.market import Aggressor
    from undertow.exchange.resting import Level
    from undertow.exchange.state import State

ANY: Final = 2**62
"""No limit of size; ±ANY: no limit of price."""


class Sweep:
    """One taker walking down the other side of a book. ``left``: what it still wants."""

    def __init__(self, state: State, coin: Coin, side: int, limit: int, left: int, taker: Party) -> None:
        self.state, self.coin, self.side, self.limit, self.left = state, coin, side, limit, left
        self.taker = taker
        self.number = state.transaction()
        self.broke = False
        """The taker's margin ran out."""
        self._dry = False  # the background has no more

    def run(self, *, background: bool = True) -> int:
        """Take what the limit allows, best first; returns what was taken.

        Without `background`, from account orders only.
        """
        wanted = self.left
        mine = self.coin.resting.of(-self.side)
        self._dry = not background
        while self.left > 0 and not self.broke:
            theirs = None if self._dry else self.coin.market.best(-self.side)
            best = mine.best()
            tick = best if theirs is None else theirs
            if best is not None and tick is not None and (best - tick) * self.side < 0:
                tick = best
            if tick is None or (tick - self.limit) * self.side > 0:
                break
            level = mine.levels.get(tick)
            if level is None:
                self._background(tick, self.left, None)
            else:
                self._level(level)
        return wanted - self.left

    def _level(self, level: Level) -> None:
        """Take from one level where account orders rest, in order of time."""
        while level.orders and self.left > 0 and not self.broke:
            order = level.orders[0]
            if self._withdrawn(order):
                continue
            if order.ahead > 0 and not self._dry:
                if not self._background(level.tick, min(order.ahead, self.left), level) and not self.broke:
                    order.ahead = 0
                continue
            self._account(order)

    def _withdrawn(self, order: Order) -> bool:
        """Whether a resting order cannot trade and was taken off: own, beyond its position, unfunded."""
        state, account = self.state, order.account
        if account is self.taker.account:
            state.take_off(order, "selfTradeCanceled")
            return True
        if order.reduce_only and account.steps(order.coin) * order.side >= 0:
            state.take_off(order, "reduceOnlyCanceled")
            return True
        if not can_trade(account, order.coin, order.side * min(order.left, self.left), order.tick):
            state.take_off(order, "marginCanceled")
            return True
        return False

    def _account(self, order: Order) -> None:
        """Trade with the first account order of a level."""
        steps = min(order.left, self.left)
        if order.reduce_only:
            steps = min(steps, abs(order.account.steps(order.coin)))
        if not self._afford(order.tick, steps):
            return
        clear(
            self.state,
            self.coin,
            self.side,
            order.tick,
            steps,
            self.taker,
            Party(order.account, order),
            self.number,
        )
        self.left -= steps
        if order.left == 0:
            self.coin.resting.remove(order)
            self.state.set_status(order, FILLED)
        after_fill(self.state, order)

    def _background(self, tick: int, steps: int, level: Level | None) -> int:
        """Trade up to `steps` with the background at `tick`; returns what was there."""
        there = min(steps, self.coin.market.size(-self.side, tick))
        if there == 0:
            self._dry = self._dry or level is None
            return 0
        if not self._afford(tick, there):
            return 0
        taken = self.coin.market.take(-self.side, tick, there)
        if level is not None:
            level.traded(taken)
        clear(self.state, self.coin, self.side, tick, taken, self.taker, NOBODY, self.number)
        self.left -= taken
        return taken

    def _afford(self, tick: int, steps: int) -> bool:
        account = self.taker.account
        if account is None or self.taker.liquidation is not None:
            return True
        self.broke = not can_trade(account, self.coin, self.side * steps, tick)
        return not self.broke


def after_fill(state: State, order: Order) -> None:
    """Reduce-only orders beyond the position shrink with it; a filled parent wakes its children."""
    account, coin = order.account, order.coin
    if order.left == 0:
        for child in order.children:
            if child.live and child.waiting:
                child.waiting = False
                state.triggers.append(child)
    held = account.steps(coin)
    for other in account.open_on(coin):
        bound = (other.reduce_only and other.trigger is None) or other.position_tpsl
        if bound and held * other.side >= 0:
            state.take_off(other, "reduceOnlyCanceled")


def take(state: State, order: Order) -> tuple[int, bool]:
    """An account's order takes what its limit allows: the steps it took, and whether margin ran out."""
    sweep = Sweep(state, order.coin, order.side, order.tick, order.left, Party(order.account, order))
    taken = sweep.run()
    if taken:
        order.coin.market.feel(order.side, taken)
    return taken, sweep.broke


def meet_background(state: State, coin: Coin, orders: list[Aggressor]) -> None:
    """The background's block: its aggressors meet account orders, and account queues see what changed."""
    resting = coin.resting
    if resting.empty():
        for order in orders:
            _print(state, coin, order)
        return
    concerned = any(_reaches(coin, order) for order in orders)
    if concerned:
        for order in orders:
            for tick, steps in order.prints:
                coin.market.give_back(-order.side, tick, steps)
    levels, where = resting.watched()
    for level, now in zip(levels, coin.market.sizes(where), strict=True):
        if now != level.seen:
            level.look(now)
    for order in orders:
        if concerned:
            _rerun(state, coin, order)
        else:
            _print(state, coin, order)
    uncross(state, coin)


def _reaches(coin: Coin, order: Aggressor) -> bool:
    best = coin.resting.of(-order.side).best()
    return best is not None and (best - order.prints[-1][0]) * order.side <= 0


def _print(state: State, coin: Coin, order: Aggressor) -> None:
    number = state.transaction()
    for tick, steps in order.prints:
        clear(state, coin, order.side, tick, steps, NOBODY, NOBODY, number)


def _rerun(state: State, coin: Coin, order: Aggressor) -> None:
    """Match a background order again, now against the whole book."""
    wanted = sum(steps for _, steps in order.prints)
    limit = order.prints[-1][0] if order.to_limit else order.side * ANY
    Sweep(state, coin, order.side, limit, ANY if order.to_limit else wanted, NOBODY).run()


def uncross(state: State, coin: Coin) -> None:
    """Background quotes through an account's order are orders that take it."""
    for side in (1, -1):
        mine = coin.resting.of(-side)
        while True:
            best, through = mine.best(), coin.market.best(side)
            if best is None or through is None or (through - best) * side < 0:
                break
            size = coin.market.size(side, through)
            taken = Sweep(state, coin, side, through, size, NOBODY).run(background=False)
            if taken:
                coin.market.take(side, through, taken)
            elif size == 0:
                break
