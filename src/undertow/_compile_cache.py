"""Where compiled code is kept between runs.

Numba's own cache keys a function by the file it stands in and does not notice an edit in a function
it calls. So the cache directory itself is keyed by a hash of every source file that can be compiled
into the kernel or the replay loop: after an edit, everything is compiled anew, once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

_PACKAGE = Path(__file__).parent
_COMPILED = (
    "compiled",
    "units.py",
    "instrument.py",
    "events.py",
    "maker.py",
    "kernel",
    "baselines",
    "replay",
    "synthetic",
)
_KEEP = 4


def source_hash() -> str:
    """Hash of every source file whose code may be compiled."""
    digest = hashlib.blake2b(digest_size=8)
    for entry in _COMPILED:
        path = _PACKAGE / entry
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(_PACKAGE)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def directory() -> Path:
    """The cache directory of this source tree, inside ``UNDERTOW_CACHE_DIR`` or the user's cache."""
    root = os.environ.get("UNDERTOW_CACHE_DIR")
    if root is None:
        root = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "undertow")
    plain = "-numba" if os.environ.get("UNDERTOW_COMPILER") == "numba" else ""
    return Path(root) / "numba" / f"{source_hash()}{plain}"


def install() -> None:
    """Point Numba at `directory`. Must run before the first compiled function is defined."""
    path = directory()
    os.environ["NUMBA_CACHE_DIR"] = str(path)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(path)


def prune() -> None:
    """Delete the caches of older sources, keeping the few most recent."""
    root = directory().parent
    if not root.is_dir():
        return
    by_age = sorted((p for p in root.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
    for path in by_age[:-_KEEP]:
        shutil.rmtree(path, ignore_errors=True)
