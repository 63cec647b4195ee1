"""Speed of the replay loop against hftbacktest: `benchmarks.throughput` as bars."""

from __future__ import annotations

from benchmarks.throughput import compare

from bars import Figure

TITLE = "Rows per second beside hftbacktest, same rows, same run, warm, median of 7"

_BARS = {"undertow, GLFT grid": 1.5, "undertow, full maker": 0.7}


def measure() -> list[Figure]:
    """The ratio of every runner on every market."""
    figures = []
    for result in compare(7):
        for runner in result.rows_per_s:
            ratio, least = round(result.ratio(runner), 2), _BARS[runner]
            detail = {"rows/s": result.rows_per_s[runner], "hftbacktest rows/s": result.peer_rows_per_s}
            name = f"{result.market}: {runner}, x hftbacktest"
            figures.append(Figure(name, ratio, f">= {least}", ratio >= least, detail=detail))
    return figures
