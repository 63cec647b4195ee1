"""What is compared: a maker under a configuration, with a name; and patches to configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from undertow import makers
from undertow.config import Config, ConfigError, accepted, load


@dataclass(frozen=True)
class Variant:
    """A maker (a key of `undertow.makers.MAKERS`) under a configuration, called `label` in tables."""

    label: str
    maker: str
    config: Config = field(default_factory=Config)


def patched(config: Config, patch: Mapping[str, Any]) -> Config:
    """`config` with every ``section.key`` of `patch` replaced.

    Raises `ConfigError` naming the keys that do not exist or the values out of range.
    """
    plain: dict[str, Any] = msgspec.to_builtins(config)
    faults = []
    for path, value in patch.items():
        section, _, key = path.partition(".")
        if section not in plain or key not in plain[section]:
            faults.append(f"{path} is not a known section.key")
        else:
            plain[section][key] = value
    if faults:
        raise ConfigError(faults)
    for path, value in patch.items():
        section, _, key = path.partition(".")
        kind = type(getattr(config, section))
        field = next(f for f in msgspec.structs.fields(kind) if f.name == key)
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            faults.append(f"{path} = {value!r} is not accepted; accepted: {accepted(field.type)}")
    if faults:
        raise ConfigError(faults)
    return msgspec.convert(plain, Config)


def value_at(config: Config, path: str) -> Any:
    """The value at ``section.key``."""
    section, _, key = path.partition(".")
    return getattr(getattr(config, section), key)


def parsed(assignment: str) -> tuple[str, Any]:
    """``section.key=value`` as a pair; the value as TOML would read it, or as text."""
    import tomllib

    path, sign, text = assignment.partition("=")
    if not sign or "." not in path:
        raise ValueError(f"{assignment!r} must read section.key=value")
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text
    return path.strip(), value


def variant_of(text: str, base: Config) -> Variant:
    """``maker``, ``maker@file.toml`` or ``label=maker@file.toml`` as a `Variant`.

    Without a file the configuration is `base`. A file's label is ``maker@stem`` unless given.
    """
    label, sign, rest = text.partition("=")
    if not sign:
        label, rest = "", text
    maker, at, file = rest.partition("@")
    if maker not in makers.MAKERS:
        raise ValueError(f"no maker {maker!r}; there are: {', '.join(makers.MAKERS)}")
    config = load(Path(file), Config) if at else base
    return Variant(label or (f"{maker}@{Path(file).stem}" if at else maker), maker, config)


def check_fair(variants: Sequence[Variant]) -> None:
    """Raise `ValueError` unless labels differ and fees and the exchange's side are the same for all."""
    labels = [v.label for v in variants]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ValueError(f"two variants are called {twice[0]!r}; name one: LABEL=MAKER@FILE")
    first = variants[0]
    for other in variants[1:]:
        for section in ("fees", "replay"):
            if getattr(other.config, section) != getattr(first.config, section):
                raise ValueError(
                    f"{other.label} and {first.label} differ in [{section}]: a comparison needs the same "
                    "fees, latency and queue for all; set that section in the base configuration alone"
                )


def with_lots_of(base: Config, config: Config) -> list[str]:
    """What in the size of `config` differs from `base`, one phrase each."""
    found = []
    for path in ("risk.lot_usd", "risk.q_max_lots"):
        mine, theirs = value_at(config, path), value_at(base, path)
        if mine != theirs:
            found.append(f"{path} {mine:g} instead of {theirs:g}")
    return found
