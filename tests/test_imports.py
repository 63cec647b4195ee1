"""Dependencies point downward: no module imports a room above its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "undertow"

# Rooms from the ground up, with the rooms of the project each may know. A room always knows itself.
SPEECH = {"compiled", "units", "records", "events", "instrument", "recording", "_compile_cache", "clock"}
ALLOWED: dict[str, set[str]] = {
    "_compile_cache": set(),
    "compiled": set(),
    "clock": set(),
    "units": {"compiled"},
    "records": set(),
    "events": set(),
    "instrument": {"compiled", "records"},
    "recording": {"events", "instrument"},
    "config": SPEECH,
    "kernel": {"compiled", "units", "records", "events", "instrument"},
    "market_params": {"records", "instrument", "kernel"},
    "maker": {"compiled", "units", "records", "events", "instrument", "kernel"},
    "baselines": SPEECH | {"kernel", "maker", "config"},
    "calibration": SPEECH | {"kernel"},
    "makers": SPEECH | {"kernel", "maker", "config", "baselines", "calibration"},
    "data": SPEECH,
    "synthetic": SPEECH | {"data", "kernel"},
    "solver": SPEECH | {"kernel", "config"},
    "scenarios": SPEECH | {"data", "synthetic", "config"},
    "replay": SPEECH | {"kernel", "maker", "config"},
    "account": SPEECH | {"kernel", "maker", "config", "replay"},
    "research": SPEECH
    | {"kernel", "config", "maker", "makers", "baselines", "data", "synthetic", "replay", "account"}
    | {"calibration"},
    "venue": SPEECH | {"config"},
    "exchange": SPEECH | {"config", "venue", "data", "synthetic", "kernel"},
    "journal": SPEECH,
    "trading": SPEECH | {"config", "venue", "kernel", "maker", "replay", "data", "journal"},
    "monitor": SPEECH | {"config", "kernel", "maker", "trading"},
    "risk": SPEECH | {"config", "kernel", "trading"},
    "live": SPEECH
    | {"config", "kernel", "maker", "makers", "replay", "account", "venue", "exchange", "trading", "monitor"}
    | {"synthetic", "data", "risk", "journal"},
    "api": SPEECH
    | {
        "market_params",
        "kernel",
        "maker",
        "makers",
        "config",
        "baselines",
        "data",
        "synthetic",
        "replay",
        "account",
    },
    "cli": {"*"},
}
KERNEL_LIBRARIES = {"numpy", "numba", "math", "functools", "typing", "collections", "__future__"}


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            if node.module == "undertow":
                found |= {f"undertow.{alias.name}" for alias in node.names}
    return found


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downward(path: Path) -> None:
    room = _room(path)
    assert room in ALLOWED, (
        f"room {room!r} has no place in the house: add it to ALLOWED and docs/architecture.md"
    )
    known = {name.split(".")[1] for name in _imports(path) if name.startswith("undertow.")}
    forbidden = known - ALLOWED[room] - {room}
    assert "*" in ALLOWED[room] or not forbidden, f"{path.name} of room {room} imports {sorted(forbidden)}"


@pytest.mark.parametrize("path", [p for p in FILES if _room(p) == "kernel"], ids=lambda p: p.name)
def test_kernel_is_pure(path: Path) -> None:
    libraries = {name.split(".")[0] for name in _imports(path)} - {"undertow"}
    assert libraries <= KERNEL_LIBRARIES, f"the kernel may not know {sorted(libraries - KERNEL_LIBRARIES)}"
