"""What a local exchange is made of, as plain data: light to import, sent to a child as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

LOCAL_PORT: Final = 3001
"""The port of the official SDK's ``LOCAL_API_URL``."""


class MarketSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A market to list as `coin`: a preset of the generator, or a recording of a store.

    A recording is `source` in the store at `store`: ``VENUE/COIN``. ``growth_mode``: fees of a tenth.
    ``history_s``: seconds a generated market has lived before the exchange opens. ``reference``: also
    list the asset that a generated market follows, under this name.
    """

    source: str
    coin: str
    store: str = ""
    max_leverage: int = 40
    growth_mode: bool = False
    reference: str = ""
    history_s: float = 0.0

    @classmethod
    def preset(cls, text: str) -> MarketSpec:
        """``PRESET`` or ``PRESET=COIN`` (``hl-btc=ETH``). Raises `ValueError` with the names there are."""
        from undertow.synthetic.presets import load_preset

        preset, _, coin = text.partition("=")
        return cls(preset, coin or load_preset(preset).market.instrument.name)

    @classmethod
    def recording(cls, store: Path | str, text: str) -> MarketSpec:
        """``VENUE/COIN`` or ``VENUE/COIN=NAME`` of a store. Raises `ValueError` with what it holds."""
        from undertow.data.store import open_recording

        source, _, coin = text.partition("=")
        venue, slash, stored = source.partition("/")
        if not slash:
            raise ValueError(f"recording {text!r} must be VENUE/COIN or VENUE/COIN=NAME")
        found = open_recording(store, venue, stored)
        return cls(source, coin or found.instrument.name, str(store))


class LocalSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a local exchange is made of.

    ``speed``: seconds of its time per second; ``funds``: USD per address (lower case), on every dex
    listed; ``limits``: whether IP limits hold; ``latency_s``: added each way to what this machine takes
    (the venue: 0.1 to 0.3), ``jitter_s`` the most that chance adds; ``start_ns`` None: now.
    """

    markets: tuple[MarketSpec, ...]
    seed: int = 1
    speed: float = 1.0
    host: str = "127.0.0.1"
    port: int = LOCAL_PORT
    funds: dict[str, float] = {}
    limits: bool = True
    latency_s: float = 0.0
    jitter_s: float = 0.0
    start_ns: int | None = None

    def __post_init__(self) -> None:
        if not self.markets:
            raise ValueError("markets must name one market at least")
        names = [market.coin for market in self.markets]
        names += [market.reference for market in self.markets if market.reference]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"coin {twice[0]} is listed twice: name the second one PRESET=COIN")
        if not self.speed > 0.0:
            raise ValueError(f"speed = {self.speed} must be positive")
        if not 0 <= self.port < 65_536:
            raise ValueError(f"port = {self.port} must lie in 0..65535")
        for name in ("latency_s", "jitter_s"):
            if not 0.0 <= getattr(self, name) <= 60.0:
                raise ValueError(f"{name} = {getattr(self, name)} must lie in 0..60")
        for address, usd in self.funds.items():
            if not usd > 0.0:
                raise ValueError(f"funds of {address} = {usd} must be positive")
