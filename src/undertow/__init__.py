"""undertow: a market maker for Hyperliquid perpetuals that prices adverse selection."""

__version__ = "0.1.0"
