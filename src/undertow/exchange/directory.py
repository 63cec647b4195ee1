"""What is listed and who is here, by name: the reading side of an exchange's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undertow.exchange.accounts import Account
    from undertow.exchange.coin import Coin
    from undertow.exchange.core import Exchange
    from undertow.exchange.listing import Dex


class Directory:
    """Look-ups in an exchange's state; reads only."""

    def __init__(self, exchange: Exchange) -> None:
        self.state = exchange.state
        self.dexes: list[Dex] = exchange.dexes
        """The main one first."""
        self._universes: dict[str, list[Coin]] = {dex.name: [] for dex in exchange.dexes}
        for coin in self.state.coins:
            self._universes[coin.dex.name].append(coin)

    @property
    def now_ms(self) -> int:
        """Time of the last block."""
        return self.state.now_ms

    def has_coin(self, coin: str) -> bool:
        """Whether exactly this name is listed."""
        return coin in self.state.by_name

    def has_dex(self, dex: str) -> bool:
        """Whether there is a dex of this name; the main one's is empty."""
        return dex in self._universes

    def coin(self, name: str) -> Coin:
        """A listed coin. Raises `KeyError`."""
        return self.state.by_name[name]

    def find(self, name: object) -> Coin | None:
        """A coin, or None where it is not listed."""
        return self.state.by_name.get(name) if isinstance(name, str) else None

    def dex_names(self) -> list[str]:
        """The dexes in their order, the main one (empty) first."""
        return list(self._universes)

    def universe(self, dex: str) -> list[Coin]:
        """The coins of a dex, in the order of their asset ids. Raises `KeyError`."""
        return self._universes[dex]

    def account(self, user: str) -> Account | None:
        """The account at an address (lower case), or None where nothing was ever there.

        An agent's address is no account: it reads empty, as on the venue.
        """
        return self.state.accounts.get(user)
