"""The cyclic garbage collector kept out of the way of orders.

A collection is a pause in the middle of whatever runs. By default the young objects are looked through after
every 700 made, and now and then all there are, compiled code and libraries included (tens of milliseconds).
What a session makes is nearly free of cycles: looking rarely, and never at what was there before, costs
little memory and takes the pauses away (docs/live.md).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (50_000, 20, 50)
"""Objects made between looks at the young ones; looks until the next older ones are looked at."""


@contextmanager
def rarely_collected() -> Iterator[None]:
    """What exists now is not looked at any more, what comes rarely; all as before afterwards."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
