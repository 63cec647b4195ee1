"""What a converter is: files of one kind opened into feeds and an instrument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from undertow.data.batch import Feed
from undertow.instrument import Instrument


class SourceError(ValueError):
    """The files given cannot be converted as asked; the text says what to give instead."""


@dataclass(frozen=True)
class Options:
    """What a user may choose when converting. `coin` None: the only one in the files."""

    coin: str | None = None
    reference: str | None = None
    """A coin of the same recording whose mid becomes REFERENCE rows of asset 1."""
    depth: int | None = None
    """Levels kept of each snapshot (None: all)."""


@dataclass(frozen=True)
class Source:
    """An opened recording: its feeds, all on one receive clock, and what they are of."""

    venue: str
    coin: str
    instrument: Instrument
    snapshot_fed: bool
    feeds: Sequence[Feed]
    ordered: bool = False
    """The rows are already ordered for both clocks (hftbacktest's files)."""
    gap_s: float = 5.0
    """Silence that counts as a gap."""
    notes: dict[str, float | int | str] = field(default_factory=dict)


Opener = Callable[[Sequence[Path], Options], Source]


def expand(paths: Sequence[Path], pattern: str) -> list[Path]:
    """Files of `paths`, folders replaced by what in them matches `pattern`, sorted by name."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(path.glob(pattern))
        elif path.is_file():
            found.append(path)
        else:
            raise SourceError(f"{path} does not exist")
    if not found:
        raise SourceError(f"no file like {pattern} in {', '.join(str(p) for p in paths)}")
    return found
