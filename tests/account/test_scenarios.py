"""Runs that share one reading are the runs one would get alone; the range is what it says it is."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.account.build import account_of
from undertow.account.decomposition import decompose
from undertow.account.scenarios import Range, latency_name, outcome, queue_name, run_together, scenarios
from undertow.account.screen import lines
from undertow.account.summary import summary
from undertow.baselines.symmetric import SymmetricSettings, make_symmetric
from undertow.events import Chunk
from undertow.replay import ReplaySettings, replay
from undertow.synthetic.generate import GeneratedMarket, generate

SETTINGS = ReplaySettings(seed=5)


@pytest.fixture(scope="module")
def market() -> GeneratedMarket:
    return generate("hl-btc", seed=3, duration_s=240.0, chunk_rows=1500)


def _maker(market: GeneratedMarket) -> object:
    settings = SymmetricSettings(half_spread_bps=0.3, spacing_bps=0.3, levels=3, order_usd=500.0)
    return make_symmetric(market.instrument, settings)


def test_corners_are_worse_and_better_assumptions() -> None:
    base, worse, better = scenarios(SETTINGS, "corners")
    assert base.settings == SETTINGS
    assert base.base
    assert (worse.settings.queue_model, better.settings.queue_model) == ("risk_averse", "log")
    assert worse.settings.order_latency_ms == 2.0 * SETTINGS.order_latency_ms
    assert worse.settings.response_jitter_ms == 2.0 * SETTINGS.response_jitter_ms
    assert better.settings.response_latency_ms == 0.5 * SETTINGS.response_latency_ms
    assert worse.settings.seed == SETTINGS.seed
    assert latency_name(worse.settings) == "400 + 100 ms"


def test_full_is_every_queue_at_every_latency_once() -> None:
    found = scenarios(SETTINGS, "full")
    assert len(found) == 9
    assert len({(s.settings.queue_model, s.settings.order_latency_ms) for s in found}) == 9
    assert sum(s.base for s in found) == 1
    assert len(scenarios(SETTINGS, "off")) == 1


def test_shared_reading_changes_nothing(market: GeneratedMarket) -> None:
    maker = _maker(market)
    wanted = scenarios(SETTINGS, "corners")
    seen: list[int] = []
    together = run_together(market, maker, wanted, lambda chunk: seen.append(len(chunk.rows)))
    assert sum(seen) == int(together[0].ledger["rows"])
    assert len(seen) > 3
    for scenario, result in zip(wanted, together, strict=True):
        alone = replay(market, maker, scenario.settings)
        assert len(alone.fills) > 20
        assert alone.fills.tobytes() == result.fills.tobytes()
        assert alone.ledger.tobytes() == result.ledger.tobytes()


def test_the_account_of_a_real_replay(market: GeneratedMarket) -> None:
    wanted = scenarios(SETTINGS, "corners")
    results = run_together(market, _maker(market), wanted)
    base = results[0]
    found = [outcome(s, r) for s, r in zip(wanted, results, strict=True)]
    account = account_of(base.fills, base.observations, base.ledger, base.instrument, outcomes=found)
    assert abs(account.parts.residual_usd) < 0.005
    assert found[0].pnl_usd == account.pnl_usd
    plain = summary(account)
    assert plain["pnl_usd"] == pytest.approx(plain["usd"]["pnl"], abs=0.005)
    parts = plain["usd"]
    assert parts["pnl"] == pytest.approx(
        parts["spread"] - parts["markout_loss"] - parts["fees"] + parts["funding"] + parts["inventory"]
    )
    text = "\n".join(lines(account))
    assert "reconciled with the ledger's cash" in text
    assert "3 runs" in text


def test_funding_is_part_of_what_reconciles() -> None:
    market = generate("hl-btc", seed=4, duration_s=3700.0)
    result = replay(market, _maker(market), SETTINGS)
    assert int(result.ledger["settlements"]) == 1
    parts = decompose(result.fills, result.ledger, result.instrument)
    assert parts.funding != 0.0
    assert abs(parts.residual_usd) < 0.005
    without = parts.total.spread - parts.total.markout_loss - parts.total.fees + parts.total.inventory
    assert parts.equity - without == pytest.approx(parts.funding)


def test_a_failure_in_one_run_is_raised(market: GeneratedMarket) -> None:
    class Broken:
        name, instrument, snapshot_fed = market.name, market.instrument, market.snapshot_fed
        span_ns, n_rows = (0, 0), 0

        def chunks(self) -> object:
            for k, chunk in enumerate(market.chunks()):
                yield chunk if k < 2 else Chunk(np.zeros(3), chunk.snapshots)

    with pytest.raises((ValueError, IndexError, TypeError)):
        run_together(Broken(), _maker(market), scenarios(SETTINGS, "corners"))


@pytest.mark.parametrize("extent", ["corners", "full"])
def test_a_known_queue_is_not_replaced_by_a_model(extent: Range) -> None:
    found = scenarios(ReplaySettings(queue_model="fifo"), extent)
    assert {s.settings.queue_model for s in found} == {"fifo"}
    assert len({s.settings.order_latency_ms for s in found}) == len(found) == 3
    assert queue_name(found[0].settings) == "first in, first out"
