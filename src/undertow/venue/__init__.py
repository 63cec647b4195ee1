"""Hyperliquid: wire types, signing, transports, the client. Knows no strategy."""
