"""Recordings to events and back: converters, checks, the Parquet store."""
