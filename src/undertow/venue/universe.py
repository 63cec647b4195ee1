"""What can be traded at the venue: every perpetual of every dex, and spot pairs as references."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final, NamedTuple

from undertow.instrument import Instrument, hyperliquid_perp
from undertow.venue.client import VenueClient
from undertow.venue.fees import AccountFees
from undertow.venue.wire.info import MetaRequest, PerpDexsRequest, SpotMetaRequest
from undertow.venue.wire.info_replies import MarginTier, Meta, PerpDex, SpotMeta

DEX_BASE: Final = 100_000
DEX_SPAN: Final = 10_000
SPOT_BASE: Final = 10_000
_ONE_TIER_BELOW: Final = 50


class UnknownCoin(ValueError):
    """A coin the venue does not have; the text names the nearest it has."""


class Coin(NamedTuple):
    """A perpetual. ``dex`` "" is the main one; ``asset`` the id that orders name.

    ``tiers``: (notional in USD from which it holds, highest leverage), lowest first.
    ``deployer_scale``: fees of a builder's dex are scaled by it, None on the main one.
    """

    name: str
    dex: str
    asset: int
    size_decimals: int
    max_leverage: int
    tiers: tuple[tuple[float, int], ...]
    growth_mode: bool
    deployer_scale: float | None
    only_isolated: bool
    delisted: bool
    collateral_token: int

    def instrument(self, fees: AccountFees | None = None) -> Instrument:
        """Its trading rules, with the fees of an account (None: one without volume or discounts)."""
        maker, taker = (fees or AccountFees()).of(self.deployer_scale, self.growth_mode)
        return hyperliquid_perp(self.name, self.size_decimals, maker_fee_bps=maker, taker_fee_bps=taker)


class Spot(NamedTuple):
    """A spot pair. ``name`` is what subscriptions call it (``PURR/USDC`` or ``@107``)."""

    name: str
    base: str
    quote: str
    asset: int
    size_decimals: int


class Universe:
    """Every coin by name. Ids differ between networks: read it from the network traded on."""

    def __init__(self, coins: Iterable[Coin], spots: Iterable[Spot] = ()) -> None:
        self._coins = {coin.name: coin for coin in coins}
        self._spots = {spot.name: spot for spot in spots}

    @property
    def coins(self) -> tuple[Coin, ...]:
        """All perpetuals, delisted ones too."""
        return tuple(self._coins.values())

    @property
    def spots(self) -> tuple[Spot, ...]:
        """All spot pairs."""
        return tuple(self._spots.values())

    def perp(self, name: str) -> Coin:
        """The perpetual called `name`, exactly. Raises `UnknownCoin` where it is none, or delisted."""
        coin = self._coins.get(name)
        if coin is None:
            raise UnknownCoin(self._complaint(name, self._coins))
        if coin.delisted:
            raise UnknownCoin(f"coin {name!r} is delisted: it cannot be traded any more")
        return coin

    def reference(self, name: str) -> Coin | Spot:
        """A perpetual or spot pair to listen to. A pair may also be named by its tokens (``UBTC/USDC``).

        Raises `UnknownCoin`.
        """
        found = self._coins.get(name) or self._spots.get(name) or self._pair(name)
        if found is None:
            raise UnknownCoin(self._complaint(name, [*self._coins, *self._spots]))
        return found

    def by_asset(self, asset: int) -> Coin | Spot | None:
        """What the asset id of an order or error text means."""
        coin = next((coin for coin in self.coins if coin.asset == asset), None)
        return coin or next((spot for spot in self.spots if spot.asset == asset), None)

    def _pair(self, name: str) -> Spot | None:
        base, _, quote = name.partition("/")
        return next((s for s in self._spots.values() if (s.base, s.quote) == (base, quote)), None)

    def _complaint(self, name: str, known: Iterable[str]) -> str:
        """Why `name` is not there and what may have been meant."""
        listed = [coin for coin in known if coin not in self._coins or not self._coins[coin].delisted]
        folded: dict[str, list[str]] = {}
        for coin in listed:
            folded.setdefault(coin.lower(), []).append(coin)
            if ":" in coin:
                folded.setdefault(coin.partition(":")[2].lower(), []).append(coin)
        exact = folded.get(name.lower(), [])
        near = exact or [
            coin for match in difflib.get_close_matches(name.lower(), folded, n=3) for coin in folded[match]
        ]
        hint = f"; did you mean {', '.join(dict.fromkeys(near[:5]))}?" if near else ""
        if not near and ":" in name:
            dexes = sorted({coin.dex for coin in self._coins.values() if coin.dex})
            hint = f"; the builders' dexes are {', '.join(dexes) or '(none)'}"
        return f"coin {name!r} is not one of the {len(listed)} listed (names are case-sensitive){hint}"


async def discover(client: VenueClient, *, dexes: Iterable[str] | None = None, spot: bool = True) -> Universe:
    """Read the universe: the main dex and `dexes` (None: every builder's, one question each).

    Raises `UnknownCoin` for a dex that does not exist.
    """
    listed = await client.info(PerpDexsRequest())
    index = {dex.name: k for k, dex in enumerate(listed) if dex is not None}
    wanted = list(index) if dexes is None else [dex for dex in dexes if dex]
    for dex in wanted:
        if dex not in index:
            near = difflib.get_close_matches(dex, index, n=3) or list(index)
            raise UnknownCoin(f"dex {dex!r} does not exist; there are {', '.join(near) or '(none)'}")
    coins = coins_of(await client.info(MetaRequest()), None, 0)
    for dex in wanted:
        coins += coins_of(await client.info(MetaRequest(dex=dex)), listed[index[dex]], index[dex])
    spots = spots_of(await client.info(SpotMetaRequest())) if spot else []
    return Universe(coins, spots)


def coins_of(meta: Meta, dex: PerpDex | None, dex_index: int) -> list[Coin]:
    """The perpetuals of one dex (None, 0: the main one)."""
    base = 0 if dex is None else DEX_BASE + DEX_SPAN * dex_index
    tables = {number: table.margin_tiers for number, table in meta.margin_tables}
    coins = []
    for k, asset in enumerate(meta.universe):
        tiers = tables.get(asset.margin_table_id if asset.margin_table_id is not None else -1)
        if tiers is None:
            table = asset.margin_table_id
            one_tier = table is not None and 0 < table < _ONE_TIER_BELOW
            tiers = [MarginTier(0.0, table if one_tier and table is not None else asset.max_leverage)]
        coins.append(
            Coin(
                name=asset.name,
                dex="" if dex is None else dex.name,
                asset=base + k,
                size_decimals=asset.sz_decimals,
                max_leverage=asset.max_leverage,
                tiers=tuple((tier.lower_bound, tier.max_leverage) for tier in tiers),
                growth_mode=asset.growth_mode == "enabled",
                deployer_scale=None if dex is None else dex.deployer_fee_scale,
                only_isolated=asset.only_isolated or asset.margin_mode in ("strictIsolated", "noCross"),
                delisted=asset.is_delisted,
                collateral_token=meta.collateral_token,
            )
        )
    return coins


def spots_of(meta: SpotMeta) -> list[Spot]:
    """The spot pairs."""
    tokens = {token.index: token for token in meta.tokens}
    spots = []
    for pair in meta.universe:
        base, quote = tokens.get(pair.tokens[0]), tokens.get(pair.tokens[1])
        if base is not None and quote is not None:
            spots.append(Spot(pair.name, base.name, quote.name, SPOT_BASE + pair.index, base.sz_decimals))
    return spots
