"""Raw frames to a file: one line per message, its receive time (ns) before it.

`undertow.data.sources.hyperliquid_ws` reads the files (``undertow data convert hyperliquid-ws``).
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, Final, cast

_FLUSH_NS: Final = 1_000_000_000
_BUFFER_BYTES: Final = 1 << 18


class FrameWriter:
    """Writes messages to `path`: plain, ``.gz`` or ``.zst`` by its ending; a `Connection`'s tap.

    A new file is made: raises `FileExistsError` rather than write over one. What was written is on
    disk at most about a second later, so a file cut off loses no more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages = 0
        self.bytes = 0
        self._out: Any = _open(path)
        self._lines: list[bytes] = []
        self._held = 0
        self._flushed_ns = 0

    def __call__(self, data: bytes, recv_ns: int) -> None:
        """Write one message. Line ends inside it become blanks (JSON has none that matter)."""
        line = b"%d %s\n" % (recv_ns, data.replace(b"\n", b" "))
        self._lines.append(line)
        self.messages += 1
        self._held += len(line)
        if self._held > _BUFFER_BYTES or recv_ns - self._flushed_ns > _FLUSH_NS:
            self._flushed_ns = recv_ns
            self.flush()

    def flush(self) -> None:
        """Hand what is held to the file."""
        if self._lines:
            self._out.write(b"".join(self._lines))
            self._out.flush()
            self.bytes += self._held
            self._lines, self._held = [], 0

    def close(self) -> None:
        """Write the rest and close the file."""
        if not self._out.closed:
            self.flush()
            self._out.close()

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(path: Path) -> Any:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        return cast(Any, gzip.open(path, "xb", compresslevel=6))
    if path.suffix in (".zst", ".zstd"):
        return _ZstdFrames(path)
    return path.open("xb")


class _ZstdFrames:
    """A file of zstd frames, each complete: one per write."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        self._codec: Any = pa.Codec("zstd")
        self._out = path.open("xb")

    @property
    def closed(self) -> bool:
        return self._out.closed

    def write(self, data: bytes) -> None:
        self._out.write(self._codec.compress(data, asbytes=True))

    def flush(self) -> None:
        self._out.flush()

    def close(self) -> None:
        self._out.close()
