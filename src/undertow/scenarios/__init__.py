"""Recorded losses rebuilt as markets: what the record shows, random between."""
