"""A local exchange that trades by Hyperliquid's rules: its core, and the server that speaks its protocol."""
