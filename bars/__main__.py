"""Measure every bar and write ``docs/bars.json``: ``python -m bars [module ...]``."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import pkgutil
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bars

OUTPUT = bars.ROOT / "docs" / "bars.json"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=bars.ROOT, capture_output=True, text=True).stdout.strip()


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _stamp() -> dict[str, Any]:
    return {
        "commit": _git("rev-parse", "--short", "HEAD")
        + ("+changes" if _git("status", "--porcelain", "--", ".", ":!docs/bars.json") else ""),
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
    }


def _measure(name: str) -> dict[str, Any]:
    module = importlib.import_module(f"bars.{name}")
    started = time.monotonic()
    result: dict[str, Any] = {"title": module.TITLE, **_stamp()}
    try:
        figures = module.measure()
    except bars.Unavailable as reason:
        return {**result, "unavailable": str(reason)}
    result["seconds"] = round(time.monotonic() - started, 1)
    result["figures"] = [dataclasses.asdict(figure) for figure in figures]
    return result


def main(wanted: list[str]) -> int:
    """Measure the named modules (default: all), merge into the file; 1 if any failed.

    Each module has a process of its own: one's memory must not show in another's peak.
    """
    names = sorted(m.name for m in pkgutil.iter_modules(bars.__path__) if not m.name.startswith("_"))
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        print(f"unknown bar(s) {', '.join(unknown)}; known: {', '.join(names)}", file=sys.stderr)
        return 2
    if len(wanted or names) > 1:
        codes = [subprocess.call([sys.executable, "-m", "bars", name]) for name in wanted or names]
        return max(codes)
    (name,) = wanted or names
    book: dict[str, Any] = json.loads(OUTPUT.read_text()) if OUTPUT.is_file() else {}
    failed = 0
    print(f"== {name}", flush=True)
    book[name] = _measure(name)
    for figure in book[name].get("figures", []):
        failed += not figure["passed"]
        mark = "ok  " if figure["passed"] else "FAIL"
        print(f"  {mark} {figure['name']}: {figure['value']}  (bar {figure['bar']})", flush=True)
    if "unavailable" in book[name]:
        print(f"  not measured: {book[name]['unavailable']}")
    OUTPUT.write_text(json.dumps(dict(sorted(book.items())), indent=1, default=float) + "\n")
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
