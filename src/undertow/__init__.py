"""undertow: a market maker for Hyperliquid perpetuals that prices adverse selection."""

from undertow import _compile_cache

__version__ = "0.1.0"

_compile_cache.install()
