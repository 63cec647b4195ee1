"""Laws every generated market obeys, whatever its preset, feed and seed."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.synthetic.generate import generate


def _rows(chunk_rows: int, seed: int = 3) -> np.ndarray:
    market = generate("hl-btc", seed, 120.0, chunk_rows=chunk_rows)
    return np.concatenate([chunk.rows for chunk in market.chunks()])


def test_same_seed_same_bytes() -> None:
    assert _rows(131_072).tobytes() == _rows(131_072).tobytes()
    assert _rows(131_072).tobytes() != _rows(131_072, seed=4).tobytes()


@pytest.mark.parametrize("chunk_rows", [1, 3_000])
def test_chunk_size_changes_nothing(chunk_rows: int) -> None:
    whole, cut = _rows(1_000_000), _rows(chunk_rows)
    for field in ("exch_ns", "recv_ns", "kind", "side", "flags", "px", "qty"):
        np.testing.assert_array_equal(whole[field], cut[field])
