"""Helpers of the generated market's tests: rows of a market, and a plain book fed by its diffs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from undertow.synthetic.generate import GeneratedMarket


@pytest.fixture(scope="session")
def all_rows() -> Callable[[GeneratedMarket], np.ndarray]:
    def rows(market: GeneratedMarket) -> np.ndarray:
        return np.concatenate([chunk.rows for chunk in market.chunks()])

    return rows
