"""Configuration files: what is refused, in which words, and that writing and reading agree."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from undertow import makers
from undertow.api import settings_of
from undertow.config import SESSION_SECTIONS, Config, ConfigError, cautions, dumps, load, loads
from undertow.instrument import hyperliquid_perp

CALIBRATION = Path(__file__).parent / "calibration.json"
"""A small calibration: one view of the drift, one alpha."""


def _fault(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loads(text, Config, name="maker.toml")
    assert len(caught.value.faults) == 1
    return caught.value.faults[0]


def test_written_defaults_read_back_equal() -> None:
    assert loads(dumps(Config()), Config) == Config()


def test_empty_file_is_the_defaults() -> None:
    assert loads("", Config) == Config()


def test_values_arrive() -> None:
    config = loads("[risk]\nq_max_lots = 8.57\nhalf_life_s = 40\n[quoting]\nmode = 'event'\n", Config)
    assert (config.risk.q_max_lots, config.risk.half_life_s, config.quoting.mode) == (8.57, 40.0, "event")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[risk]\nlot_usd = 50\nqmax_lots = 3", ("maker.toml:3", "[risk] qmax_lots", "q_max_lots")),
        ("[rsik]\nlot_usd = 50", ("maker.toml", "rsik", "risk")),
        ("[risk]\nkappa_eta_base = 0.9", ("maker.toml:2", "kappa_eta_base", "0.9", "0.02 to 0.6")),
        ("[risk]\nhalf_life_s = 0", ("half_life_s", "above 0")),
        ("[ladder]\nlevels = 2.5", ("levels", "2.5", "whole number, 1 to 20")),
        ("[drift]\nsigma_mu = nan", ("sigma_mu", "finite", "0.0005 to 0.1")),
        ("[drift]\nsigma_mu = 'much'", ("sigma_mu", "'much'", "0.0005 to 0.1")),
        ("[quoting]\nmode = 'fast'", ("mode", "'fast'", "timed or event")),
        ("[volatility]\nhalf_lives_ticks = [1, 2]", ("half_lives_ticks", "3 numbers")),
        ("risk = 3", ("risk", "section")),
        ("[risk\n", ("maker.toml", "TOML")),
    ],
)
def test_fault_names_file_key_value_and_range(text: str, parts: tuple[str, ...]) -> None:
    fault = _fault(text)
    for part in parts:
        assert part in fault


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        loads("[risk]\nlot_usd = 0\n[flow]\nmax_imbalance = 1\nspeed = 3\n", Config)
    assert len(caught.value.faults) == 3


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml", Config)


def test_every_bounded_field_refuses_what_lies_outside() -> None:
    for section in msgspec.structs.fields(Config):
        for field in msgspec.structs.fields(section.type):
            meta = next((m for m in getattr(field.type, "__metadata__", ()) if m.ge is not None), None)
            if meta is None:
                continue
            for bad in (meta.ge - 1, meta.le + 1):
                with pytest.raises(ConfigError, match=field.name):
                    loads(f"[{section.name}]\n{field.name} = {bad}", Config)


def test_caution_where_the_closed_form_is_left() -> None:
    assert cautions(Config()) == []
    (caution,) = cautions(loads("[risk]\ninventory_beta = 7", Config))
    assert "inventory_beta = 7" in caution
    assert "0.84" in caution  # x² = .6·x + .2 with κη₀ = .2, L = 3, β = 7


def test_every_setting_reaches_what_it_configures() -> None:
    """No key without effect: each value, changed within its range, changes a maker or the replay."""
    instrument = hyperliquid_perp("BTC", 5)

    def effect(config: Config) -> bytes:
        built = [makers.make(name, config, instrument).params.tobytes() for name in makers.MAKERS]
        return b"".join([*built, settings_of(config).record().tobytes(), repr(config.fees).encode()])

    base = effect(Config())
    for section in msgspec.structs.fields(Config):
        if section.name in SESSION_SECTIONS:  # tests/live holds those to what they do
            continue
        default = getattr(Config(), section.name)
        for field in msgspec.structs.fields(section.type):
            changed = msgspec.structs.replace(default, **{field.name: _another(default, field.name)})
            config = msgspec.structs.replace(Config(), **{section.name: changed})
            assert effect(config) != base, f"[{section.name}] {field.name} changes nothing"


def _another(section: msgspec.Struct, name: str) -> object:
    """A value of the field that differs from the one it has and stays in range."""
    value = getattr(section, name)
    others = {
        "mode": "event",
        "queue_model": "log",
        "half_life_s": 90.0,
        "calibration": str(CALIBRATION),
        "without": ("all",),
        "pace_cycles": (1, 3, 9),
    }
    if name in others:
        return others[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return tuple(1.1 * v for v in value)
    if isinstance(value, int):
        return value - 1 if value > 1 else value + 1
    return 0.95 * value if value else 0.5


def test_an_account_is_an_address_or_nothing() -> None:
    assert loads(f'[live]\naccount = "0x{"aB" * 20}"', Config).live.account == "0x" + "aB" * 20
    with pytest.raises(ConfigError, match="0x and 40 hexadecimal digits"):
        loads('[live]\naccount = "0x12"', Config)
