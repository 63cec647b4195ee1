"""Ctrl-C leaves no order, prints the account, is no failure. (``bars/interrupted.py``: at every moment.)"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.exchange.serve import Threaded, served
from tests.live.interrupting import TRADER, interrupt

from undertow.exchange.local import LocalSpec, MarketSpec


@pytest.fixture(scope="module")
def running() -> Threaded:
    with served(LocalSpec((MarketSpec("hl-btc", "BTC"),), port=0, funds={TRADER: 10_000.0})) as exchange:
        yield exchange


def test_it_ends_in_order(running: Threaded, tmp_path: Path) -> None:
    """Interrupted twice, the second time while it stops already."""
    ended = interrupt(running, tmp_path, "stopping")
    assert ended.code == 0, ended.errors
    assert ended.orders == 0
    assert "account: " in ended.out
    assert "Traceback" not in ended.errors
    assert ended.quoted
    assert "orders left: 0" in ended.out
