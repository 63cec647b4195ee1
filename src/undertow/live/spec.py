"""What a live session is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from undertow.venue.endpoints import Network

Orders = Literal["venue", "paper"]
"""Where orders go: to the exchange, or to the paper matcher beside its feed."""


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A session.

    ``markets``: what the local exchange lists (``PRESET`` or ``PRESET=COIN``), for network ``local``
    without a ``url``. ``coins``: what is traded (empty: every market listed). ``references``: coins or
    spot pairs a coin's maker also watches; the first is asset 1. ``duration_s`` None: until stopped.
    ``account_usd``: money of the local or paper account. ``leverage``: asked for on every coin.
    ``history_s``: how long a local market has lived, and its maker watched, before the session.
    """

    network: Network = "local"
    url: str = ""
    markets: tuple[str, ...] = ("hip3-hype",)
    coins: tuple[str, ...] = ()
    references: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    orders: Orders = "venue"
    maker: str = "undertow"
    duration_s: float | None = 180.0
    seed: int = 1
    account_usd: float = 10_000.0
    leverage: int = 5
    latency_ms: float = 200.0
    history_s: float = 1_800.0
    folder: Path = Path("sessions")
    account: str = ""

    def __post_init__(self) -> None:
        if self.duration_s is not None and not self.duration_s > 0.0:
            raise ValueError(f"duration = {self.duration_s} must be positive")
        if not self.account_usd > 0.0:
            raise ValueError(f"account_usd = {self.account_usd} must be positive")
        if self.leverage < 1:
            raise ValueError(f"leverage = {self.leverage} must be at least 1")
        if not 0.0 <= self.history_s <= 86_400.0:
            raise ValueError(f"history_s = {self.history_s} must lie in 0..86400")
        if not 0.0 <= self.latency_ms <= 10_000.0:
            raise ValueError(f"latency_ms = {self.latency_ms} must lie in 0..10000")
        if self.network != "local" and not self.coins:
            raise ValueError(f"--coin is needed on {self.network}: say what to trade")
