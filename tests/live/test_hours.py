"""Minutes of what `bars.hours_together` measures over hours: all accounts of a session are one."""

from __future__ import annotations

from pathlib import Path

from tests.live.hours import lived, with_everything_on
from tests.trading.driving import config

from undertow.exchange.spec import MarketSpec


def test_journal_exchange_report_and_metrics_are_one(tmp_path: Path) -> None:
    course = lived(MarketSpec("hl-btc", "BTC"), "symmetric", 0.04, 7, tmp_path, with_everything_on(config()))
    assert course.differences == []
    assert course.fills > 20
    assert course.payments == 1
    assert course.log_lines > 20
    assert course.views_drawn > 60
    assert course.scrapes >= 2
    assert max(course.exactly.values()) < 1e-5
