"""Presets: market parameters that `undertow market fit` wrote, shipped with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from undertow.synthetic.params import MarketParams, Target


class Provenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a preset comes from."""

    source: str
    """The recording fitted, or the publications its targets are taken from."""
    published_figures: bool = False
    """True where no recording was at hand and the targets are published figures."""
    fitted: str
    """Date of the fit (UTC)."""
    commit: str
    """Commit of the code that fitted it."""


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preset file: parameters, where they come from, and how well they match."""

    version: int
    provenance: Provenance
    market: MarketParams
    recorded: dict[str, Any]
    """Statistics of the source (`undertow.synthetic.stats.Statistics` as plain data)."""
    targets: dict[str, Target]
    """The moments the fit had to match, with their tolerances."""
    fitted: dict[str, float]
    """The same moments as generated, on seeds the fit has not seen."""
    errors: dict[str, float]
    """Error of each: generated / recorded - 1, for shares and correlations the difference."""


def _folder() -> Path:
    return Path(str(files("undertow.synthetic") / "presets"))


def preset_names() -> list[str]:
    """Names of the presets that ship with the package."""
    return sorted(path.stem for path in _folder().glob("*.json"))


def load_preset(name: str | Path) -> Preset:
    """Read a preset by name, or a preset file by path.

    Raises `ValueError` with the accepted names, or with the file and field at fault.
    """
    path = Path(name) if str(name).endswith(".json") else _folder() / f"{name}.json"
    if not path.is_file():
        raise ValueError(f"no preset {str(name)!r}; there are: {', '.join(preset_names())}, or a .json file")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Preset)
    except (msgspec.ValidationError, msgspec.DecodeError) as fault:
        raise ValueError(f"{path}: {fault}") from fault


def write_preset(preset: Preset, path: Path) -> None:
    """Write a preset file, indented so that differences between fits can be read."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(preset), indent=1) + b"\n")
