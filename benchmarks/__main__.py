"""Claims about speed, each beside its peer in one run: ``python -m benchmarks [--rounds N]``.

Prints a plain table; ``--json FILE`` writes the figures as well. Every figure is a ratio of
medians over interleaved rounds on the same rows, everything warm.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import bars

from benchmarks.throughput import compare


def main() -> int:
    """Run the benchmarks and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds per engine (>= 5)")
    parser.add_argument("--json", type=Path, default=None, help="also write the figures here")
    arguments = parser.parse_args()
    try:
        results = compare(max(5, arguments.rounds))
    except bars.Unavailable as reason:
        print(f"not measured: {reason}", file=sys.stderr)
        return 1
    print(f"{'market':<26}{'runner':<22}{'rows/s':>14}{'x hftbacktest':>16}")
    for result in results:
        print(f"{result.market:<26}{'hftbacktest, GLFT grid':<22}{result.peer_rows_per_s:>14,.0f}{1:>16.2f}")
        for runner, rows_per_s in result.rows_per_s.items():
            ratio = rows_per_s / result.peer_rows_per_s
            print(f"{'':<26}{runner:<22}{rows_per_s:>14,.0f}{ratio:>16.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps([result.as_dict() for result in results], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
