"""Files read in blocks of whole lines, compressed or not, to the very byte where they are cut off."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

from undertow.data.report import Report

BLOCK_BYTES: Final = 4 << 20


class Block(NamedTuple):
    """Whole lines of a file. `first_line` is the number of the first, counted from 1."""

    data: bytes
    first_line: int


def open_binary(path: Path) -> BinaryIO:
    """Open a plain, ``.gz`` or ``.zst`` file for reading bytes."""
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if path.suffix in (".zst", ".zstd"):
        import pyarrow as pa

        return cast(BinaryIO, pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


def line_blocks(path: Path, report: Report, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Blocks of whole lines of about `block_bytes`.

    A file that is cut off (a broken compressed stream, or a last line without its end) is a
    ``truncated_file`` finding; the incomplete line is counted as an item read and dropped.
    """
    rest, line = b"", 1
    with open_binary(path) as stream:
        while True:
            piece, broken = _read(stream, block_bytes)
            cut = piece.rfind(b"\n") + 1
            data, rest = (rest + piece[:cut], piece[cut:]) if cut else (b"", rest + piece)
            if data:
                yield Block(data, line)
                line += data.count(b"\n")
            if broken or not piece:
                break
    if rest and not broken and _is_whole(rest):
        yield Block(rest + b"\n", line)
    elif rest or broken:
        if rest:
            report.items_read += 1
            report.drop_items("truncated_file", 1)
        report.find("truncated_file", path.name, [line], detail="the recorder or the copy was interrupted")


def _is_whole(rest: bytes) -> bool:
    """Whether a last line without a newline is complete: JSON that closes. Of CSV one cannot know."""
    return rest.rstrip().endswith(b"}")


def _read(stream: BinaryIO, size: int) -> tuple[bytes, bool]:
    """Up to `size` bytes, and whether the stream broke while reading them."""
    pieces: list[bytes] = []
    got = 0
    while got < size:
        try:
            piece = stream.read(min(1 << 16, size - got))
        except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            return b"".join(pieces), True
        if not piece:
            break
        pieces.append(piece)
        got += len(piece)
    return b"".join(pieces), False


def csv_blocks(path: Path, report: Report) -> Iterator[tuple[bytes, Block]]:
    """Pairs of header line and block; lines that share their first field stay in one block."""
    header = b""
    held = Block(b"", 1)
    for block in line_blocks(path, report):
        data, first = held.data + block.data, held.first_line
        if not header:
            end = data.index(b"\n") + 1
            header, data, first = data[:end], data[end:], 2
        cut = _start_of_last_group(data)
        if cut:
            yield header, Block(data[:cut], first)
        held = Block(data[cut:], first + data.count(b"\n", 0, cut))
    if held.data:
        yield header, held


def _start_of_last_group(data: bytes) -> int:
    """Where the last run of lines with the same first field begins."""
    at = len(data)
    key: bytes | None = None
    while at > 0:
        start = data.rfind(b"\n", 0, at - 1) + 1
        first = data[start : data.find(b",", start, at)]
        if key is not None and first != key:
            return at
        key, at = first, start
    return 0
