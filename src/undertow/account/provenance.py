"""Which code and which machine made a report."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import undertow


def commit() -> str:
    """Commit of the source tree this package runs from, ``+changes`` if edited; "" if not one."""
    root = Path(undertow.__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        head = _git(root, "rev-parse", "--short=10", "HEAD")
        return head + ("+changes" if head and _git(root, "status", "--porcelain", "--", "src") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10.0, check=False
    )
    return result.stdout.strip() if result.returncode == 0 else ""


def provenance() -> dict[str, str]:
    """Version, commit, time and the libraries that could change a result."""
    return {
        "undertow": undertow.__version__,
        "commit": commit() or "unknown (not run from a source tree)",
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
