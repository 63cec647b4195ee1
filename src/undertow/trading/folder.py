"""How a recorded session lies on disk, and reading it.

SESSION/session.json
        market/                        a store: what the feed brought, for ``undertow replay --store``
        coins/BTC/leg-0001/            one per start of a process or change of parameters, complete in itself
            start.json                 coin, instrument, maker, config, versions
            state.start  params        the records the maker began with, raw
            book.start                 the book it began with, raw, where that was not empty
            rows.blocks                every row the maker saw and sent, in order
            told.blocks                what its desk said of each order as it was told of a fill
            observations.blocks        what it showed of itself
            state.last                 its state after so many rows: a checkpoint, at last the end
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertow.events import EVENT, ORDER, TIMER
from undertow.instrument import Instrument
from undertow.maker import OBSERVATION
from undertow.trading.blocks import read_blocks
from undertow.trading.step import TOLD

FORMAT: Final = 1


class SessionError(ValueError):
    """A folder holds no session, or one that this version cannot read; the text says what to do."""


class SessionStart(msgspec.Struct, frozen=True):
    """``session.json``."""

    created: str
    format: int = FORMAT


class LegStart(msgspec.Struct, frozen=True, kw_only=True):
    """``start.json``. ``about`` is free: configuration, settings, versions, as plain data."""

    coin: str
    venue: str
    instrument: Instrument
    maker: str
    snapshot_fed: bool
    window_ticks: int
    interval_ns: int
    sample_ns: int
    execution: str
    state_layout: str
    params_layout: str
    about: dict[str, Any]


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """First line of ``state.last``; the state follows, raw. ``final``: the session ended in order."""

    rows: int
    time_ns: int
    final: bool


def layout_of(dtype: np.dtype[Any]) -> str:
    """A short name of a record's layout: equal names, equal bytes."""
    described = repr(_described(dtype)).encode()
    return hashlib.blake2b(described, digest_size=8).hexdigest()


def _described(dtype: np.dtype[Any]) -> object:
    if dtype.subdtype is not None:
        return [_described(dtype.subdtype[0]), dtype.subdtype[1]]
    if dtype.names is None:
        return dtype.str
    fields: Any = dtype.fields
    return [dtype.itemsize, [(name, fields[name][1], _described(fields[name][0])) for name in dtype.names]]


def is_market(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which captured rows came from the feed."""
    kinds = rows["kind"]
    market: NDArray[np.bool_] = (kinds < ORDER) | (kinds > TIMER)
    return market


@dataclass(frozen=True)
class Leg:
    """One start of one coin's maker."""

    path: Path
    start: LegStart

    def chunks(self) -> Iterator[tuple[NDArray[np.void], NDArray[np.float64]]]:
        """Every row the maker saw and sent, block by block, each with its snapshot table."""
        return read_blocks(self.path / "rows.blocks", EVENT)

    def told(self) -> NDArray[np.void]:
        """What the desk said of each fill (TOLD)."""
        return self._joined("told.blocks", TOLD)

    def observations(self) -> NDArray[np.void]:
        """The maker over time (OBSERVATION)."""
        return self._joined("observations.blocks", OBSERVATION)

    def state_start(self) -> bytes:
        """The maker's state record as it began."""
        return (self.path / "state.start").read_bytes()

    def book_start(self) -> bytes | None:
        """The maker's book as it began, raw; None: empty."""
        path = self.path / "book.start"
        return path.read_bytes() if path.is_file() else None

    def params(self) -> bytes:
        """The maker's parameters."""
        return (self.path / "params").read_bytes()

    def checkpoint(self) -> tuple[Checkpoint, bytes] | None:
        """The last state noted, and after how many rows; None: the process died before the first."""
        path = self.path / "state.last"
        if not path.is_file():
            return None
        line, _, state = path.read_bytes().partition(b"\n")
        return msgspec.json.decode(line, type=Checkpoint), state

    def _joined(self, name: str, dtype: np.dtype[np.void]) -> NDArray[np.void]:
        blocks = [rows for rows, _ in read_blocks(self.path / name, dtype)]
        return np.concatenate(blocks) if blocks else np.zeros(0, dtype=dtype)


def coins_of(folder: Path) -> list[str]:
    """Coins of a session, sorted. Raises `SessionError` where there is no session."""
    if not (folder / "session.json").is_file():
        raise SessionError(f"{folder} holds no session (no session.json); give the folder a session wrote")
    start = msgspec.json.decode((folder / "session.json").read_bytes(), type=SessionStart)
    if start.format != FORMAT:
        raise SessionError(f"{folder} is of format {start.format}, this version reads {FORMAT}")
    return sorted(unquote(path.name) for path in (folder / "coins").glob("*") if path.is_dir())


def coin_path(folder: Path, coin: str) -> Path:
    """Folder of a coin's legs."""
    return folder / "coins" / quote(coin, safe="")


def legs_of(folder: Path, coin: str) -> list[Leg]:
    """The legs of a coin, oldest first."""
    found = []
    for path in sorted(coin_path(folder, coin).glob("leg-*")):
        if (path / "start.json").is_file() and (path / "rows.blocks").is_file():
            found.append(Leg(path, msgspec.json.decode((path / "start.json").read_bytes(), type=LegStart)))
    return found
