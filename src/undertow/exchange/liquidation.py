"""Liquidation: what falls below its maintenance margin is sold on the book, then taken over.

Positions above $100k go by fifths, the whole of them within 30 s of the last. Below two thirds of the
maintenance margin the liquidator takes positions and collateral at the mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from undertow.exchange.accounts import Leverage
from undertow.exchange.clearing import Party, clear
from undertow.exchange.happenings import Liquidated
from undertow.exchange.margin import cross_summary, maintenance
from undertow.exchange.matching import Sweep
from undertow.exchange.numbers import MICRO, divide_up

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account, Position, Purse
    from undertow.exchange.state import State

_LARGE: Final = 100_000 * MICRO
_PARTS: Final = 5
_COOLDOWN_NS: Final = 30_000_000_000
_SLIPPAGE: Final = 0.1
"""How far from the mark a liquidation's market order reaches."""


def run_liquidations(state: State) -> None:
    """Liquidate whoever is below maintenance at the present marks."""
    for account in list(state.accounts.values()):
        for purse in list(account.purses.values()):
            if not purse.positions:
                continue
            for position in [p for p in purse.positions.values() if not p.cross]:
                if position.raw + position.value < maintenance(position.coin, abs(position.value)):
                    _liquidate(state, account, purse, [position])
            cross = cross_summary(purse)
            if cross.notional and cross.value < cross.maintenance:
                _liquidate(state, account, purse, [p for p in purse.positions.values() if p.cross])


def _health(purse: Purse, isolated: Position | None) -> tuple[int, int, int]:
    """Value, maintenance margin and notional of what is being liquidated."""
    if isolated is None:
        cross = cross_summary(purse)
        return cross.value, cross.maintenance, cross.notional
    worth = isolated.value
    return isolated.raw + worth, maintenance(isolated.coin, abs(worth)), abs(worth)


def _liquidate(state: State, account: Account, purse: Purse, positions: list[Position]) -> None:
    """Cancel the orders, sell on the book while below maintenance, hand over what is too far gone."""
    isolated = None if positions[0].cross else positions[0]
    value, _, notional = _health(purse, isolated)
    dex, before = positions[0].coin.dex.name, purse.raw
    lid = state.next_lid()
    names = {p.coin.name for p in positions}
    for order in list(account.live.values()):
        if order.live and order.coin.name in names:
            state.take_off(order, "liquidatedCanceled")
    for position in sorted(positions, key=lambda p: -abs(p.value)):
        now, need, _ = _health(purse, isolated)
        if now < need and position.steps:
            _sell(state, account, position)
    now, need, left = _health(purse, isolated)
    gone = left > 0 and 3 * now < 2 * need
    if gone:
        _hand_over(state, account, purse, [p for p in positions if p.steps])
    floor = before if isolated else 0
    if not cross_summary(purse).notional or isolated:
        _forgive(state, purse, dex, floor)
    event = Liquidated(lid, account.address, state.backstop.address, notional, value, gone, state.now_ms)
    state.events.append(event)


def _sell(state: State, account: Account, position: Position) -> None:
    """One market order against a position: the whole, or a fifth of a large one."""
    coin = position.coin
    side = -1 if position.steps > 0 else 1
    steps = abs(position.steps)
    cooling = state.now_ns - account.liquidated_ns < _COOLDOWN_NS
    if abs(position.value) > _LARGE and not cooling:
        steps = divide_up(steps, _PARTS)
        account.liquidated_ns = state.now_ns
    limit = round(coin.mark * (1.0 + side * _SLIPPAGE))
    party = Party(account, None, (account.address, coin.mark, "market"))
    taken = Sweep(state, coin, side, limit, steps, party).run()
    if taken:
        coin.market.feel(side, taken)


def _hand_over(state: State, account: Account, purse: Purse, positions: list[Position]) -> None:
    """Positions and the money behind them go to the liquidator, at the mark."""
    backstop = state.backstop
    for position in positions:
        coin = position.coin
        equity = 0 if position.cross else position.raw + position.value
        backstop.leverages[coin.name] = Leverage(True, 1)
        side = -1 if position.steps > 0 else 1
        party = Party(account, None, (account.address, coin.mark, "backstop"))
        clear(
            state,
            coin,
            side,
            coin.mark,
            abs(position.steps),
            party,
            Party(backstop, None),
            state.transaction(),
            off_book=True,
        )
        purse.raw -= equity
        backstop.purse(coin.dex.name).raw += equity
    if positions[0].cross:
        backstop.purse(positions[0].coin.dex.name).raw += purse.raw
        purse.raw = 0


def _forgive(state: State, purse: Purse, dex: str, floor: int) -> None:
    """A debt that is left after everything was sold is the liquidator's."""
    if purse.raw < floor:
        state.backstop.purse(dex).raw += purse.raw - floor
        purse.raw = floor
