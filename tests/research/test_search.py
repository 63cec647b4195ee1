"""Tuning, matching and ablation: deterministic, on the given seeds, and what they say they are."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from undertow.config import Config, ConfigError, load
from undertow.research.ablation import PHASES, Phase, ablate, load_phases, rungs, step_rows
from undertow.research.matching import Knob, inventory_sd_usd, match_all, match_inventory, size_knob
from undertow.research.running import Cell
from undertow.research.show import ablation_lines
from undertow.research.tuning import SPACES, Span, tune
from undertow.research.variants import Variant, patched, value_at

CELL = [Cell(duration_s=180.0)]
SEEDS = [11, 12]
NARROW = patched(Config(), {"symmetric.half_spread_bps": 0.3, "symmetric.spacing_bps": 0.3})
SPACE = {"symmetric.half_spread_bps": Span(0.1, 2.0, log=True), "symmetric.requote_bps": Span(0.0, 2.0)}


def test_tuning_is_deterministic_and_keeps_the_best(tmp_path: Path) -> None:
    found = tune("symmetric", CELL, SEEDS, budget=6, base=NARROW, space=SPACE, workers=2)
    again = tune("symmetric", CELL, SEEDS, budget=6, base=NARROW, space=SPACE, workers=1)
    assert (found.trials, found.config) == (again.trials, again.config)
    assert len(found.trials) == 6
    assert found.trials[0].patch == {}
    assert found.best.score == max(t.score for t in found.trials) >= found.trials[0].score
    assert load(found.write(tmp_path / "best.toml"), Config) == found.config
    other = tune("symmetric", CELL, SEEDS, budget=6, base=NARROW, space=SPACE, seed=2)
    assert [t.patch for t in other.trials[1:]] != [t.patch for t in found.trials[1:]]


def test_a_maker_that_does_not_trade_does_not_win() -> None:
    far = patched(Config(), {"symmetric.half_spread_bps": 500.0})
    found = tune(
        "symmetric", CELL, SEEDS, budget=2, base=far, space={"symmetric.half_spread_bps": Span(0.2, 0.3)}
    )
    assert found.trials[0].score == -math.inf
    assert found.best is found.trials[1]


@pytest.mark.parametrize("maker", sorted(SPACES))
def test_search_spaces_lie_within_the_configuration(maker: str) -> None:
    for path, span in SPACES[maker].items():
        for end in (span.low, span.high):
            assert value_at(patched(Config(), {path: end}), path) == end


def test_matching_brings_the_deviation_to_the_target() -> None:
    plain = Variant("symmetric", "symmetric", NARROW)
    (sd,) = inventory_sd_usd([plain], CELL, SEEDS)
    found = match_inventory(plain, 3.0 * sd, size_knob(plain, 20.0), CELL, SEEDS, tolerance=0.05)
    assert found.within
    assert found.sd_usd == pytest.approx(3.0 * sd, rel=0.05)
    assert inventory_sd_usd([found.variant], CELL, SEEDS) == pytest.approx([found.sd_usd])
    assert found.setting == found.variant.config.risk.lot_usd > 100.0
    with pytest.raises(ValueError, match="must be positive"):
        match_inventory(plain, 0.0, size_knob(plain, 20.0), CELL, SEEDS)


def test_matching_says_when_the_knob_does_not_reach() -> None:
    plain = Variant("symmetric", "symmetric", NARROW)
    found = match_inventory(plain, 1e5, Knob("risk.q_max_lots", 1.0, 4.0), CELL, SEEDS, passes=2)
    assert not found.within
    assert found.sd_usd == max(sd for _, sd in found.tried)


def test_matching_all_keeps_the_reference_as_it_is() -> None:
    wide = patched(NARROW, {"symmetric.half_spread_bps": 0.6})
    pair = [Variant("near", "symmetric", NARROW), Variant("wide", "symmetric", wide)]
    ours, other = match_all(pair, "wide", CELL[0], SEEDS, tolerance=0.1)
    assert ours.variant == pair[1]
    assert other.variant.label == "near"
    assert other.within
    assert other.sd_usd == pytest.approx(ours.sd_usd, rel=0.1)


def test_rungs_climb_from_everything_off_to_the_configuration() -> None:
    config = patched(Config(), {"risk.inventory_beta": 2.0, "flow.max_imbalance": 0.5})
    ladder = rungs("undertow", config, PHASES)
    assert ladder[-1].config == config
    for k, phase in enumerate(PHASES):
        for path, off in phase.off.items():
            if isinstance(off, tuple):  # features of later phases are off beside these
                assert set(off) <= set(value_at(ladder[k].config, path))
                assert not set(off) & set(value_at(ladder[k + 1].config, path))
                continue
            assert value_at(ladder[k].config, path) == off
            assert value_at(ladder[k + 1].config, path) == value_at(config, path)
    with pytest.raises(ValueError, match="names of their own"):
        rungs("undertow", config, [PHASES[0], PHASES[0]])
    with pytest.raises(ConfigError, match="not a known"):
        rungs("undertow", config, [Phase(name="x", off={"risk.nothing": 0})])


def test_ablation_compares_each_rung_with_the_one_below(tmp_path: Path) -> None:
    file = tmp_path / "phases.toml"
    file.write_text(
        '[[phase]]\nname = "near"\nabout = "quotes near"\noff = {"symmetric.half_spread_bps" = 4.0}\n'
        '[[phase]]\nname = "still"\noff = {"symmetric.requote_bps" = 0.0}\n'
    )
    phases = load_phases(file)
    (found,) = ablate(CELL, phases, maker="symmetric", config=NARROW, seeds=SEEDS)
    pnl = [row.values["pnl"] for row in found.whole.rows]
    steps = [d["pnl"].value for _, d in step_rows(found)]
    assert steps == pytest.approx([pnl[1] - pnl[0], pnl[2] - pnl[1]])
    assert found.whole.rows[1].values["fills"] > found.whole.rows[0].values["fills"]
    text = "\n".join(ablation_lines(found))
    assert "+ near" in text
    assert "near: quotes near" in text
    file.write_text("[[phase]]\nname = 1\n")
    with pytest.raises(ConfigError, match=r"phases\.toml"):
        load_phases(file)
