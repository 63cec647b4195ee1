"""Laws common to streaming estimators, as helpers: each test file calls them with its own driver."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from undertow.records import Rec, copy_record, new_record

S = 1_000_000_000

ORDER = np.dtype([("index", "<i8"), ("qty", "<f8"), ("levels", "<i8"), ("now_ns", "<i8")], align=True)
"""An aggressor order as estimators see it."""


def orders(
    seed: int,
    *,
    n: int = 400,
    rate_per_s: float = 1.0,
    ask_share: float = 0.5,
    start_ns: int = 1_000 * S,
) -> NDArray[np.void]:
    """Poisson orders of log-normal sizes crossing a geometric number of levels."""
    rng = np.random.default_rng(seed)
    out = np.zeros(n, dtype=ORDER)
    out["index"] = rng.random(n) < ask_share
    out["qty"] = np.exp(rng.normal(0.0, 1.2, n))
    out["levels"] = rng.geometric(0.6, n)
    out["now_ns"] = start_ns + np.cumsum(rng.exponential(1e9 / rate_per_s, n)).astype(np.int64)
    return out


def mirrored(events: NDArray[np.void]) -> NDArray[np.void]:
    """The same orders with buyers and sellers exchanged."""
    out = events.copy()
    out["index"] = 1 - out["index"]
    return out


def assert_continues_from_checkpoint(
    fresh: Callable[[], Rec], run: Callable[[Rec, NDArray[np.void]], None], events: NDArray[np.void]
) -> None:
    """A state copied half-way and continued ends in the bytes of one that was never copied."""
    whole, half = fresh(), fresh()
    run(whole, events)
    run(half, events[: len(events) // 2])
    again = copy_record(half)
    run(again, events[len(events) // 2 :])
    assert again.tobytes() == whole.tobytes()
    assert whole.tobytes() != fresh().tobytes()


def assert_unchanged(state: Rec, act: Callable[[Rec], object]) -> None:
    """`act` leaves every byte of `state` as it was."""
    before = state.tobytes()
    act(state)
    assert state.tobytes() == before


def assert_flat(dtype: np.dtype[np.void], limit: int) -> None:
    """The state is one flat record of at most `limit` bytes."""
    assert not dtype.hasobject
    assert dtype.itemsize <= limit
    assert new_record(dtype).nbytes == dtype.itemsize
