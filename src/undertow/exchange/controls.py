"""What a test or an operator may do to the exchange from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undertow.exchange.clearing import NOBODY, Party, clear
from undertow.exchange.happenings import AccountChanged, ContextChanged
from undertow.exchange.numbers import MICRO

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account
    from undertow.exchange.coin import Coin
    from undertow.exchange.core import Exchange
    from undertow.exchange.state import State


class Controls:
    """Halts, upgrades, tiers, budgets: `Exchange.controls`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def _state(self) -> State:
        return self._exchange.state

    def _coin(self, name: str) -> Coin:
        try:
            return self._state.by_name[name]
        except KeyError:
            known = ", ".join(self._state.by_name)
            raise KeyError(f"no coin {name!r}; listed: {known}") from None

    def _account(self, user: str) -> Account:
        account = self._exchange.account(user)
        if account is None:
            raise KeyError(f"no account {user}: deposit first")
        return account

    def halt(self, coin: str) -> None:
        """Stop a coin as its deployer may: all orders are canceled, positions settled at the mark."""
        self._close(self._coin(coin), "canceled")

    def resume(self, coin: str) -> None:
        """Trade a halted coin again."""
        self._coin(coin).halted = False

    def delist(self, coin: str) -> None:
        """Take a coin off: as a halt, for good."""
        found = self._coin(coin)
        self._close(found, "delistedCanceled")
        found.delisted = True

    def _close(self, coin: Coin, status: str) -> None:
        state = self._state
        coin.halted = True
        everyone = [*state.accounts.values(), state.backstop]
        for account in everyone:
            for order in account.open_on(coin):
                if order.live:
                    state.take_off(order, status)
        number = state.transaction()
        for account in everyone:
            steps = account.steps(coin)
            if steps:
                side = -1 if steps > 0 else 1
                party = Party(account, None)
                clear(state, coin, side, coin.mark, abs(steps), party, NOBODY, number, off_book=True)
        state.events.append(ContextChanged(coin, state.now_ms))

    def upgrade(self, seconds: float) -> None:
        """Take post-only orders only for `seconds` of exchange time, as after a network upgrade."""
        self._state.post_only_until_ns = self._state.now_ns + round(seconds * 1e9)

    def set_fee_tier(
        self,
        user: str,
        *,
        volume_14d_usd: float | None = None,
        maker_share: float | None = None,
        staking_discount: float = 0.0,
        referral_discount: float = 0.0,
    ) -> None:
        """Fix what sets a user's fees; None: what they traded."""
        tier = self._account(user).fee_tier
        tier.volume_14d_usd, tier.maker_share = volume_14d_usd, maker_share
        tier.staking_discount, tier.referral_discount = staking_discount, referral_discount
        self._state.fees.forget()

    def set_requests(self, user: str, *, used: int | None = None, traded_usd: float | None = None) -> None:
        """Set a user's request count, or the volume ever traded."""
        account = self._account(user)
        if used is not None:
            account.requests.used = used
        if traded_usd is not None:
            account.requests.traded_micro = account.requests.counted_micro = round(traded_usd * MICRO)
        self._state.events.append(AccountChanged(account.address, self._state.now_ms))

    def set_open_interest_cap(self, coin: str, usd: float | None) -> None:
        """Cap a coin's open interest, or lift the cap."""
        self._coin(coin).open_interest_cap_usd = usd
