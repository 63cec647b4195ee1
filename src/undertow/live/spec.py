"""What a live session is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from undertow.config import Stage
from undertow.venue.endpoints import Network

Orders = Literal["venue", "paper"]
"""Where orders go: to the exchange, or to the paper matcher beside its feed."""


class CannotRun(ValueError):
    """A session that cannot be started as asked; the text says what to change."""


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A session.

    ``markets``: what the local exchange lists (``PRESET`` or ``PRESET=COIN``), for network ``local``
    without a ``url``. ``coins``: what is traded (empty: every market listed). ``references``: coins or
    spot pairs a coin's maker also watches; the first is asset 1. ``duration_s`` None: until stopped.
    ``account_usd``: money of the local or paper account. ``leverage``: asked for on every coin.
    ``history_s``: how long a local market has lived, and its maker watched, before the session.
    ``account``: whose money is traded (empty: the key's own). ``live``: real money may be.
    ``expire_after_s`` None: orders never expire.
    ``limits``: the limit file; ``dead_man``: orders at a venue that outlives the process are cancelled when
    it ends in disorder (docs/risk.md).
    ``stage``: of the rollout; ``skip_stages``: even where the one before it is not done, and said so.
    ``resume``: folder of a session to take up again, or ``last``; empty: a new one.
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
    live: bool = False
    expire_after_s: float | None = 10.0
    limits: Path | None = None
    dead_man: bool = True
    stage: Stage = "full"
    skip_stages: bool = False
    resume: str = ""

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
        if self.network == "mainnet" and self.orders == "venue" and not (self.live and self.account):
            raise CannotRun("orders on mainnet need --live and [live] account in the configuration")
