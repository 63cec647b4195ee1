"""What a session leaves is its owner's alone: files 0600, folders 0700, whatever the umask was.

No memory image of a crash either: it would hold the key.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o077


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """While it lasts, whatever this process creates can be reached by its owner alone."""
    before = os.umask(PRIVATE)
    try:
        yield
    finally:
        os.umask(before)


def no_core_dump() -> None:
    """A crash of this process writes no image of its memory, where the system can be told so."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def make_private(folder: Path) -> None:
    """Make `folder`, and shut it to others also where it was there with more."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, 0o600)
        file.write(data)
    temporary.replace(path)


def others_may_reach(path: Path) -> bool:
    """Whether group or world have any right to `path`."""
    return bool(stat.S_IMODE(path.stat().st_mode) & PRIVATE)
