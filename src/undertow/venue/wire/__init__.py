"""Hyperliquid's messages as types: one file per kind of message, nothing that sends or decides."""
