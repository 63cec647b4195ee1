"""The tick engine: two clocks, latency, queue position, partial fills, funding, fill log."""
