"""This machine: versions, disk, the modes of files that hold secrets or money."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Final

import undertow
from undertow.config import Config
from undertow.live.doctor.finding import Finding, fail, ok, warn
from undertow.live.keys import VARIABLE
from undertow.live.private import others_may_reach
from undertow.live.watching import URL_VARIABLE

LEAST_FREE_GB: Final = 1.0
GOOD_FREE_GB: Final = 10.0
SLOW_SYNC_MS: Final = 50.0
_LIBRARIES: Final = ("numpy", "numba", "msgspec", "httpx", "coincurve", "picows", "pyarrow")


def versions() -> Finding:
    """What runs here."""
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} missing")
    text = f"undertow {undertow.__version__}, Python {platform.python_version()}, {', '.join(found)}"
    if "picows missing" in text and sys.platform != "win32":
        return warn("versions", text, "pip install picows: without it frames are read more slowly")
    return ok("versions", text)


def disk(folder: Path) -> Iterator[Finding]:
    """Room for the record, and how long the disk takes to be sure of a write."""
    place = folder
    while not place.exists():
        place = place.parent
    free_gb = shutil.disk_usage(place).free / 1e9
    text = f"{free_gb:,.1f} GB free at {place.resolve()}"
    if free_gb < LEAST_FREE_GB:
        yield fail("disk space", text, "make room, or choose another [live] folder")
    elif free_gb < GOOD_FREE_GB:
        yield warn("disk space", text, "a coin's record takes 1 to 3 GB a day: make room")
    else:
        yield ok("disk space", text)
    try:
        worst_ms = _sync_ms(place)
    except OSError as error:
        yield fail("disk writes", f"{place}: {error.strerror}", "choose a [live] folder you may write to")
        return
    text = f"a write is on disk after {worst_ms:.1f} ms (slowest of 20)"
    slow = worst_ms > SLOW_SYNC_MS
    yield warn("disk writes", text, "use a local SSD for the folder") if slow else ok("disk writes", text)


def _sync_ms(place: Path) -> float:
    path = place / f".undertow-doctor-{os.getpid()}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        worst = 0.0
        for _ in range(20):
            begun = time.perf_counter()
            os.write(fd, bytes(4096))
            os.fsync(fd)
            worst = max(worst, time.perf_counter() - begun)
        return worst * 1e3
    finally:
        os.close(fd)
        path.unlink()


def modes(config: Config, config_path: Path | None, folder: Path) -> Iterator[Finding]:
    """Who else may read the configuration and the sessions. (The key file's mode is checked with the key.)"""
    if config_path is not None and others_may_reach(config_path):
        secret = bool(config.alerts.url)
        state = fail if secret else warn
        why = " and holds the webhook's address" if secret else ""
        yield state(
            "configuration file", f"{config_path} can be read by others{why}", f"chmod 600 {config_path}"
        )
    elif config_path is not None:
        yield ok("configuration file", f"{config_path} is its owner's alone")
    if folder.is_dir() and others_may_reach(folder):
        yield warn("sessions folder", f"{folder} can be reached by others", f"chmod 700 {folder}")
    elif folder.is_dir():
        yield ok("sessions folder", f"{folder} is its owner's alone")


def alerting(config: Config, environ: MutableMapping[str, str]) -> Finding:
    """Whether anybody hears of a kill."""
    if environ.get(URL_VARIABLE) or config.alerts.url:
        where = URL_VARIABLE if environ.get(URL_VARIABLE) else "[alerts] url"
        return ok("alerts", f"by webhook ({config.alerts.body}), from {where}")
    return warn("alerts", "nobody is told when the kill switch fires", f"set {URL_VARIABLE} or [alerts] url")


def no_key(network: str) -> Finding:
    """No agent key anywhere."""
    where = f"{VARIABLE}, [live] key_file or [live] keyring_name"
    return warn("key", f"none: {network} is traded on paper", f"put an agent key into {where} to trade")
