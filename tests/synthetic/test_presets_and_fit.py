"""Presets match what they were fitted to; the fit finds parameters again; faults are named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from undertow.synthetic.fit import HEADLINES, Knob, MomentFit, misfit, targets_of
from undertow.synthetic.generate import generate
from undertow.synthetic.params import MarketParams, Target
from undertow.synthetic.params_record import table_mean
from undertow.synthetic.presets import load_preset, preset_names, write_preset
from undertow.synthetic.stats import measure

SPAN_S = {"hl-btc": 10_800.0, "binance-btc-volatile": 5400.0, "hip3-hype": 43_200.0}
TOLERANCE = 0.2
"""For the headline moments of one market of `SPAN_S`, whose own sampling error is up to 8 %.
`bars/generated_market.py` measures them over eight long markets."""


def test_the_presets_that_must_exist() -> None:
    assert set(preset_names()) >= {"hl-btc", "binance-btc-volatile", "hip3-hype"}


@pytest.mark.parametrize("name", preset_names())
def test_presets_match_their_targets(name: str) -> None:
    preset = load_preset(name)
    market = preset.market
    if market.feed.style == "diffs":
        feed = msgspec.structs.replace(market.feed, style="snapshots", snapshot_s=60.0)
        market = msgspec.structs.replace(market, feed=feed)
    seen = measure(generate(market, 77, SPAN_S[name]), errors=False)
    for moment in HEADLINES:
        if moment in preset.targets:
            error = misfit(moment, preset.targets[moment].value, seen.moments[moment])
            allowed = max(TOLERANCE, 2.5 * preset.targets[moment].tolerance)
            assert abs(error) < allowed, f"{moment}: {error:+.3f}"


@pytest.mark.parametrize("name", preset_names())
def test_presets_say_where_they_come_from(name: str) -> None:
    preset = load_preset(name)
    assert len(preset.provenance.source) > 20
    assert preset.provenance.published_figures == (not preset.recorded)
    assert set(preset.targets) == set(preset.fitted) == set(preset.errors)
    for moment, target in preset.targets.items():
        assert preset.errors[moment] == pytest.approx(
            misfit(moment, target.value, preset.fitted[moment]), abs=2e-5 / target.tolerance
        )


def test_the_depth_profile_is_that_of_the_parameters() -> None:
    """Median level size and occupancy by distance come back out of the book.

    From five steps on; nearer ones also hold what slow makers left behind.
    """
    market = generate("hl-btc", 5, 7200.0)
    seen, given = measure(market, errors=False).depth, market.params.depth
    for b in range(4, 8):
        assert seen.from_steps[b] == given.from_steps[b]
        assert seen.occupancy[b] == pytest.approx(given.occupancy[b], abs=0.06)
        assert abs(np.log(seen.size_quantiles[b][4] / given.size_quantiles[b][4])) < 0.5


def test_the_fit_finds_known_parameters_again() -> None:
    base = load_preset("hl-btc").market
    truth = measure(generate(base, 55, 3600.0), errors=False).moments
    targets = {k: Target(value=truth[k], tolerance=0.03) for k in ("sigma_30s", "orders_per_s", "sigma_5s")}
    knobs = (Knob("price", "jump_rate_per_s", 1e-4, 1.0), Knob("flow", "order_rate_per_s", 0.01, 100.0))
    wrong = base
    for knob, factor in zip(knobs, (3.0, 0.4), strict=True):
        part = getattr(wrong, knob.part)
        part = msgspec.structs.replace(part, **{knob.field: factor * knob.value(base)})
        wrong = msgspec.structs.replace(wrong, **{knob.part: part})
    fit = MomentFit(targets, knobs, seeds=(55,), duration_s=3600.0).run(wrong, iterations=6, screen=1)
    assert fit.losses[-1] < 0.02 * fit.losses[0]
    for knob in knobs:
        assert knob.value(fit.market) == pytest.approx(knob.value(base), rel=0.15)


def test_knobs_cover_their_range() -> None:
    knob, base = Knob("price", "sigma_bps", 0.02, 10.0), load_preset("hl-btc").market
    assert knob.value(knob.put(base, knob.get(base))) == pytest.approx(knob.value(base), rel=1e-9)
    assert knob.value(knob.put(base, 40.0)) == pytest.approx(10.0)
    assert knob.value(knob.put(base, -40.0)) == pytest.approx(0.02)


def test_targets_are_no_tighter_than_the_recording() -> None:
    targets = targets_of({"sigma_1s": 0.5, "markout_5s_bps": 0.2}, {"sigma_1s": 0.4, "markout_5s_bps": 0.1})
    assert targets["sigma_1s"].tolerance == HEADLINES["sigma_1s"]
    assert targets["markout_5s_bps"].tolerance == pytest.approx(0.5)


def test_mean_of_a_size_table() -> None:
    assert table_mean((2.0, 2.0), (0.0, 1.0)) == pytest.approx(2.0)
    assert table_mean((1.0, np.e), (0.0, 1.0)) == pytest.approx(np.e - 1.0)


def test_liquidity_scales_displayed_sizes() -> None:
    thin, thick = (
        measure(generate("hl-btc", 5, 1800.0, liquidity=x), errors=False).depth.size_quantiles
        for x in (0.5, 2.0)
    )
    for b in range(4, 8):
        assert 2.0 < thick[b][4] / thin[b][4] < 8.0


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no preset 'nope'.*hl-btc"):
        generate("nope")
    with pytest.raises(ValueError, match="toxicity"):
        generate("hl-btc", toxicity=-1.0)
    with pytest.raises(ValueError, match="duration_s"):
        generate("hl-btc", duration_s=0.0)
    preset = load_preset("hl-btc")
    write_preset(preset, tmp_path / "mine.json")
    assert generate(str(tmp_path / "mine.json")).params == preset.market
    text = (tmp_path / "mine.json").read_text().replace('"sigma_bps"', '"sigma"')
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(ValueError, match=r"mine\.json.*sigma"):
        load_preset(tmp_path / "mine.json")
    plain = msgspec.to_builtins(preset.market)
    plain["depth"]["from_steps"] = [0, 2, 2]
    with pytest.raises(ValueError, match="from_steps"):
        msgspec.convert(plain, MarketParams)
