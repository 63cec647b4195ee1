"""A file of records that may be cut off at any moment and is readable up to there.

The file begins with one line of JSON that says what it holds; blocks follow, each a header and a
zstd-compressed body of columns (integers as differences) and, for event rows, the snapshot table they
refer to. A block counts only if it is whole and its checksum fits, so after a crash of the process all
that was written is there, and a tail cut off by a crash of the machine is noticed and left out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undertow.events import empty_snapshots

_HEADER: Final = struct.Struct("<4s5I")  # mark, rows, snapshots, depth, size of the body, its checksum
_MARK: Final = b"UTWB"
_FORMAT: Final = 1
_CODEC: Final = pa.Codec("zstd", compression_level=3)


class _Says(msgspec.Struct, frozen=True):
    """First line of the file."""

    format: int
    fields: list[tuple[str, str]]


class BlockError(ValueError):
    """A file of blocks is not one, or holds other records than those asked for."""


class BlockWriter:
    """Appends blocks of records of `dtype` to a new file at `path`; every block is one write."""

    def __init__(self, path: Path, dtype: np.dtype[np.void]) -> None:
        self._dtype = dtype
        self._file = path.open("xb", buffering=0)
        says = msgspec.json.encode(_Says(_FORMAT, _fields(dtype)))
        self._file.write(says + b"\n")
        self.bytes_written = len(says) + 1

    def write(self, rows: NDArray[np.void], snapshots: NDArray[np.float64] | None = None) -> None:
        """Append one block: records, and the table (m, 4, depth) that SNAPSHOT rows count in."""
        table = empty_snapshots() if snapshots is None else snapshots
        body = _CODEC.compress(b"".join((*_columns(rows), table.tobytes())), asbytes=True)
        depth = table.shape[2] if len(table) else 0
        header = _HEADER.pack(_MARK, len(rows), len(table), depth, len(body), zlib.crc32(body))
        self._file.write(header + body)
        self.bytes_written += len(header) + len(body)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_blocks(
    path: Path, dtype: np.dtype[np.void]
) -> Iterator[tuple[NDArray[np.void], NDArray[np.float64]]]:
    """The blocks of a file, whole ones only: records and snapshot table of each.

    Raises `BlockError` for a file of something else.
    """
    with path.open("rb") as file:
        _check(path, file.readline(), dtype)
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            mark, n, books, depth, size, checksum = _HEADER.unpack(header)
            body = file.read(size)
            if mark != _MARK or len(body) < size or zlib.crc32(body) != checksum:
                return
            yield _unpacked(body, dtype, n, books, depth)


def _check(path: Path, line: bytes, dtype: np.dtype[np.void]) -> None:
    try:
        says = msgspec.json.decode(line, type=_Says)
    except msgspec.MsgspecError as fault:
        raise BlockError(f"{path} is not a file of blocks ({fault})") from fault
    if says.format != _FORMAT or says.fields != _fields(dtype):
        raise BlockError(
            f"{path} holds records of another version (format {says.format}, fields "
            f"{[name for name, _ in says.fields]}): read it with the version that wrote it"
        )


def _fields(dtype: np.dtype[Any]) -> list[tuple[str, str]]:
    """Name and kind of every field; only scalars."""
    return [(name, dtype[name].str) for name in dtype.names or ()]


def _columns(rows: NDArray[np.void]) -> Iterator[bytes]:
    for name in rows.dtype.names or ():
        column = rows[name]
        if column.dtype == np.int64:
            column = np.diff(column, prepend=np.int64(0))
        yield column.tobytes()


def _unpacked(
    body: bytes, dtype: np.dtype[np.void], n: int, books: int, depth: int
) -> tuple[NDArray[np.void], NDArray[np.float64]]:
    sizes = [n * dtype[name].itemsize for name in dtype.names or ()]
    raw = _CODEC.decompress(body, decompressed_size=sum(sizes) + books * 4 * depth * 8, asbytes=True)
    rows = np.zeros(n, dtype=dtype)
    at = 0
    for name, size in zip(dtype.names or (), sizes, strict=True):
        column = np.frombuffer(raw, dtype=dtype[name], count=n, offset=at)
        rows[name] = np.cumsum(column) if column.dtype == np.int64 else column
        at += size
    table = np.frombuffer(raw, dtype=np.float64, offset=at).reshape(books, 4, max(depth, 1))
    return rows, table.copy()
