"""Templates bound to makers: the right functions are called, and edits are noticed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numba
import numpy as np
import pytest

from undertow import _compile_cache
from undertow.kernel.desk import DESK
from undertow.maker import Maker, bind
from undertow.records import copy_record, new_record

SOURCE = """
import numba as nb

@nb.njit(cache=True)
def step(x):
    return x + {amount}
"""


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine code of throw-away modules must not outlive them."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "numba"))


def _module(path: Path, amount: int) -> ModuleType:
    path.write_text(SOURCE.format(amount=amount))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def step(x: float) -> float:
    """Placeholder that `bind` replaces."""
    raise AssertionError


def twice(x: float) -> float:
    """Template: apply `step` two times."""
    return step(step(x))


def test_bound_template_calls_the_functions_given(tmp_path: Path) -> None:
    one, ten = _module(tmp_path / "one.py", 1), _module(tmp_path / "ten.py", 10)
    first, second = bind(twice, "twice_one", step=one.step), bind(twice, "twice_ten", step=ten.step)
    assert (first(0), second(0)) == (2, 20)
    assert bind(twice, "twice_one", step=one.step) is first


def test_edited_maker_gets_a_name_of_its_own(tmp_path: Path) -> None:
    before = bind(twice, "twice", step=_module(tmp_path / "maker.py", 1).step)
    after = bind(twice, "twice", step=_module(tmp_path / "maker.py", 500).step)
    # 500, not 5: Python tells an edited file by size and whole second.
    assert (before(0), after(0)) == (2, 1000)
    assert before.__qualname__ != after.__qualname__


def test_maker_without_a_desk_is_refused() -> None:
    state = new_record(np.dtype([("x", "f8")]))
    with pytest.raises(ValueError, match="desk"):
        Maker("m", state, state, *([step] * 7))


def test_fresh_states_share_nothing() -> None:
    state = new_record(np.dtype([("desk", DESK)], align=True))
    maker = Maker("m", state, state, *([step] * 7))
    a, b = maker.fresh_state(), maker.fresh_state()
    a.desk.position = 5.0
    assert (b.desk.position, state.desk.position) == (0.0, 0.0)
    assert copy_record(a).tobytes() == a.tobytes()


def test_cache_directory_follows_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _compile_cache.source_hash()
    assert _compile_cache.source_hash() == before
    for name in ("units.py", "kernel"):
        origin = _compile_cache._PACKAGE / name
        target = tmp_path / name
        if origin.is_dir():
            target.mkdir()
            for file in origin.glob("*.py"):
                (target / file.name).write_bytes(file.read_bytes())
        else:
            target.write_bytes(origin.read_bytes())
    monkeypatch.setattr(_compile_cache, "_PACKAGE", tmp_path)
    monkeypatch.setattr(_compile_cache, "_COMPILED", ("units.py", "kernel"))
    copied = _compile_cache.source_hash()
    with (tmp_path / "kernel" / "desk.py").open("a") as file:
        file.write("\n# edited\n")
    assert _compile_cache.source_hash() != copied


def test_importing_the_package_does_not_import_numba() -> None:
    code = "import sys, undertow; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ)).returncode == 0


def test_a_cache_directory_given_by_the_user_is_keyed_too(tmp_path: Path) -> None:
    """Also where its path happens to hold the project's name: stale machine code otherwise."""
    code = "import os, undertow; print(os.environ['NUMBA_CACHE_DIR'])"
    given = dict(os.environ, NUMBA_CACHE_DIR=str(tmp_path / "undertow"))
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(_compile_cache.source_hash())
