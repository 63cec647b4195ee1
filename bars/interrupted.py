"""Ctrl-C at any moment of ``undertow run``: no order is left, the account is printed, the exit code is 0.

Real processes on a local exchange that goes on, interrupted at moments spread over start, connecting, quoting
and stopping (there twice). Before the command itself has begun (Python still importing it) the exit code is
that of any command, 130; nothing was sent then.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from bars import Figure

TITLE = "Ctrl-C"
LATER_S = (0.0, 0.1, 0.3, 0.7, 1.5)


def measure() -> list[Figure]:
    """Every moment of `tests.live.interrupting.MOMENTS`, and several times after each."""
    from tests.exchange.serve import served
    from tests.live.interrupting import MOMENTS, TRADER, interrupt

    from undertow.exchange.local import LocalSpec, MarketSpec

    left, codes, silent, faults, quoted = 0, Counter[int](), [], [], 0
    spec = LocalSpec((MarketSpec("hl-btc", "BTC"),), port=0, funds={TRADER: 10_000.0}, limits=False)
    with served(spec) as running, tempfile.TemporaryDirectory() as folder:
        for moment in MOMENTS:
            for k, later_s in enumerate(LATER_S):
                ended = interrupt(running, Path(folder) / f"{moment}{k}", moment, later_s)
                left += ended.orders
                codes[ended.code] += 1
                quoted += ended.quoted
                if "account: " not in ended.out:
                    silent.append(f"{moment} + {later_s:g} s")
                if ended.code or "Traceback" in ended.errors:
                    faults.append(f"{moment} + {later_s:g} s: {ended.code}: {ended.errors[-300:]}")
    n = len(MOMENTS) * len(LATER_S)
    detail = {"codes": dict(codes), "quoted": quoted, "faults": faults}
    return [
        Figure("interruptions", n, ">= 25", n >= 25, detail=detail),
        Figure("orders left at the exchange", left, "0", left == 0),
        Figure("exit codes other than 0, or a traceback", len(faults), "0", not faults),
        Figure("without the account printed", len(silent), "0", not silent, detail={"where": silent}),
    ]
