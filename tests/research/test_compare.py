"""Comparisons: the same numbers as separate replays, paired with the right sign, fair by refusal."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from undertow import makers
from undertow.account.measures import measure
from undertow.config import Config, ConfigError
from undertow.replay import replay
from undertow.replay.from_config import settings_of
from undertow.research.compare import compare, compare_on, pooled_sd_usd, table
from undertow.research.page import write_page
from undertow.research.running import Cell, run_seeds
from undertow.research.show import changed, lines, table_dict
from undertow.research.variants import Variant, check_fair, parsed, patched, variant_of
from undertow.synthetic.generate import generate

NARROW = patched(Config(), {"symmetric.half_spread_bps": 0.3, "symmetric.spacing_bps": 0.3})
VARIANTS = [
    Variant("symmetric", "symmetric", NARROW),
    Variant("hb", "avellaneda"),
    Variant("wide", "symmetric"),
]
CELLS = [Cell(duration_s=240.0), Cell(duration_s=120.0, toxicity=0.0, liquidity=2.0)]
SEEDS = [3, 4]


def test_a_comparison_is_the_separate_replays_whatever_the_workers() -> None:
    found = run_seeds(CELLS, SEEDS, VARIANTS, workers=2)
    assert found == run_seeds(CELLS, SEEDS, VARIANTS, workers=1)
    for c, (duration, more) in enumerate(((240.0, {}), (120.0, {"toxicity": 0.0, "liquidity": 2.0}))):
        market = generate("hl-btc", seed=4, duration_s=duration, **more)
        for k, v in enumerate(VARIANTS):
            alone = replay(market, makers.make(v.maker, v.config, market.instrument), settings_of(v.config))
            assert found[c][1][k] == measure(alone)
    assert found[0][1][0].fills > 10


def test_differences_are_paired_and_signed() -> None:
    sessions = run_seeds(CELLS[:1], SEEDS, VARIANTS)[0]
    sessions = [*sessions] * 5  # enough pairs for an error
    one = table("m", list(range(10)), 10.0, VARIANTS, "wide", sessions)
    other = table("m", list(range(10)), 10.0, VARIANTS, "symmetric", sessions)
    assert set(one.differences) == {"symmetric", "hb"}
    a, b = one.differences["symmetric"]["pnl"], other.differences["wide"]["pnl"]
    assert (a.value, a.error, a.t) == pytest.approx((-b.value, b.error, -b.t))
    each = [s[0].pnl_usd - s[2].pnl_usd for s in sessions]
    assert a.value == pytest.approx(np.mean(each))
    assert a.error == pytest.approx(np.std(each, ddof=1) / math.sqrt(10))
    row = one.row("symmetric")
    parts = [row.values[k] for k in ("spread", "markout_loss", "fees", "funding", "inventory")]
    assert row.values["pnl"] == pytest.approx(parts[0] - parts[1] - parts[2] + parts[3] + parts[4])
    pooled = math.sqrt(np.average([s[0].inventory_sd_usd ** 2 for s in sessions]))
    assert (
        row.inventory_sd_usd
        == pytest.approx(pooled, rel=1e-3)
        == pytest.approx(pooled_sd_usd([s[0] for s in sessions]), rel=1e-3)
    )


def test_tables_text_and_page(tmp_path: Path) -> None:
    tables = compare(CELLS, SEEDS, VARIANTS, reference="hb")
    assert [t.market for t in tables] == ["hl-btc", "hl-btc, toxicity 0, liquidity 2"]
    text = "\n".join(lines(tables[0]))
    assert "less hb on the same ticks" in text
    assert "2 seeds: too few for an error" in text
    plain = table_dict(tables[0])
    assert plain["differences"]["wide"]["pnl"]["error"] is None
    page = write_page(tables, VARIANTS, tmp_path / "c.html", {"seeds": "3, 4"}).read_text()
    for k in (0, 1):
        for figure in ("parts", "pnl", "markouts"):
            assert f'id="{figure}{k}"' in page
            assert f'"{figure}{k}":' in page
    assert "symmetric.half_spread_bps" in page


def test_one_recording_is_paired_over_blocks_of_time() -> None:
    market = generate("hl-btc", seed=5, duration_s=1_300.0)
    found = compare_on(market, VARIANTS[::2])
    d = found.differences["wide"]["pnl"]
    assert (d.over, d.pairs) == ("blocks", 2)
    assert d.value == pytest.approx(found.row("wide").values["pnl"] - found.row("symmetric").values["pnl"])
    with pytest.raises(ValueError, match="at least 600"):
        compare_on(market, VARIANTS, block_s=60.0)


def test_unfair_or_unclear_comparisons_are_refused() -> None:
    cheap = patched(Config(), {"fees.maker_bps": 0.0})
    fast = patched(Config(), {"replay.order_latency_ms": 1.0})
    for config, section in ((cheap, "fees"), (fast, "replay")):
        with pytest.raises(ValueError, match=rf"\[{section}\]"):
            check_fair([VARIANTS[2], replace(VARIANTS[1], config=config)])
    with pytest.raises(ValueError, match="called 'hb'"):
        check_fair([VARIANTS[1], VARIANTS[1]])
    with pytest.raises(ValueError, match="'nobody' is not among"):
        compare(CELLS, SEEDS, VARIANTS, reference="nobody")


def test_patches_name_what_is_wrong() -> None:
    assert changed(patched(Config(), dict([parsed("risk.q_max_lots=6")]))) == {"risk.q_max_lots": 6.0}
    assert parsed("quoting.mode=event") == ("quoting.mode", "event")
    with pytest.raises(ConfigError, match=r"risk\.q_min is not a known"):
        patched(Config(), {"risk.q_min": 1})
    with pytest.raises(ConfigError, match=r"drift\.sigma_mu = 9 is not accepted; accepted: 0.0005 to 0.1"):
        patched(Config(), {"drift.sigma_mu": 9})
    with pytest.raises(ValueError, match="must read"):
        parsed("lot=5")


def test_variants_are_named_by_their_file(tmp_path: Path) -> None:
    file = tmp_path / "no-drift.toml"
    file.write_text("[drift]\nsigma_mu = 0.001\n")
    base = patched(Config(), {"risk.q_max_lots": 6})
    assert variant_of("glft", base) == Variant("glft", "glft", base)
    named = variant_of(f"undertow@{file}", base)
    assert (named.label, named.maker, named.config.drift.sigma_mu) == ("undertow@no-drift", "undertow", 0.001)
    assert variant_of(f"calm=undertow@{file}", base).label == "calm"
    with pytest.raises(ValueError, match="no maker 'nobody'"):
        variant_of("nobody", base)
