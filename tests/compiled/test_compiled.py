"""The project's decorator: what Numba would compute, optimised once, kept on disk, shared by processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numba as nb
import numpy as np
import pytest

from undertow.compiled import KNOWN, compiled
from undertow.records import Rec, new_record

pytestmark = pytest.mark.skipif(
    nb.version_info.short not in KNOWN or bool(nb.config.DISABLE_JIT),
    reason="with other versions of Numba, or none, the decorator is Numba's own",
)

STATE = np.dtype([("n", "i8"), ("level", "f8"), ("past", "f8", (4,))], align=True)


class Pair(NamedTuple):
    """A state and something beside it."""

    state: Rec
    weights: np.ndarray  # type: ignore[type-arg]


@compiled
def _weigh(pair: Pair, x: float, unused: float) -> float:
    total = 0.0
    for i in range(pair.weights.shape[0]):
        total += pair.weights[i] * x
    return total + pair.state.level


@compiled
def _checked(x: float) -> float:
    if x < 0.0:
        raise ValueError("negative")
    return np.sqrt(x)


@compiled(inline="always")
def _twice(x: float) -> float:
    return 2.0 * x


@compiled
def _learn(pair: Pair, x: float, scale: float = 3.0) -> float:
    state = pair.state
    state.n += 1
    state.past[state.n % 4] = _checked(x) * scale
    state.level += _weigh(pair, _twice(x), 7.0)
    return state.level


@nb.njit
def _foreign(x: float) -> float:
    return x + 0.5


@compiled
def _calls_foreign(x: float) -> float:
    return _checked(_foreign(x))


@nb.njit
def _foreign_caller(pair: Pair, x: float) -> float:
    return _learn(pair, x) + _foreign(x)


def _pair() -> Pair:
    return Pair(new_record(STATE), np.array([0.1, 0.2, 0.7]))


def _in_python(pair: Pair, x: float, scale: float = 3.0) -> float:
    """`_learn` by hand, its callees too."""
    state = pair.state
    state["n"] += 1
    state["past"][state["n"] % 4] = np.sqrt(x) * scale
    total = 0.0
    for weight in pair.weights:
        total += weight * (2.0 * x)
    state["level"] += total + state["level"]
    return float(state["level"])


def test_a_tree_computes_what_python_does_bit_for_bit() -> None:
    ours, by_hand = _pair(), _pair()
    for x in np.random.default_rng(1).exponential(1.0, 200):
        assert _learn(ours, x) == _in_python(by_hand, x)
        assert _learn(ours, x, 5.0) == _in_python(by_hand, x, 5.0)
        ours.state.level = by_hand.state["level"] = ours.state.level % 10.0
    assert ours.state.tobytes() == by_hand.state.tobytes()


def test_what_was_linked_into_a_caller_can_be_called_by_itself_afterwards() -> None:
    """The caller's own copy may have lost an argument: it must not be taken for the function."""
    pair = _pair()
    pair.state.level = 1.5
    _learn(pair, 1.0)
    pair.state.level = 1.5
    assert _weigh(pair, 10.0, 0.0) == pytest.approx(11.5)


def test_errors_pass_through_every_level() -> None:
    with pytest.raises(ValueError, match="negative"):
        _learn(_pair(), -1.0)
    with pytest.raises(ValueError, match="negative"):
        _checked(-1.0)


def test_functions_of_numba_call_and_are_called() -> None:
    assert _calls_foreign(8.5) == 3.0
    assert _foreign_caller(_pair(), 1.0) == _in_python(_pair(), 1.0) + 1.5


MODULE = """
import json, sys
import numpy as np
from undertow.compiled import compiled
from undertow.compiled.kept import watchers

@compiled
def leaf(x):
    return np.exp(x) + 1.0

@compiled(trunk=True)
def trunk(x):
    return leaf(x) * 2.0

@compiled
def first(x):
    return trunk(x) + 1.0

@compiled
def second(x):
    return trunk(x) - 1.0

def main(names):
    counted = []
    watchers.append(counted.append)
    values = {name: globals()[name](1.0) for name in names}
    hits = {name: sum(globals()[name].stats.cache_hits.values()) for name in names}
    print(json.dumps({"values": values, "hits": hits, "functions": sum(counted)}))
"""


def _start(folder: Path, *names: str, **environment: str) -> subprocess.Popen[str]:
    (folder / "tree.py").write_text(MODULE)
    paths = os.pathsep.join([str(folder), *sys.path])
    given = dict(os.environ, UNDERTOW_CACHE_DIR=str(folder / "cache"), PYTHONPATH=paths, **environment)
    code = f"import undertow, tree; tree.main({list(names)})"
    return subprocess.Popen([sys.executable, "-c", code], env=given, stdout=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str]) -> dict[str, dict[str, float]]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    told: dict[str, dict[str, float]] = json.loads(out)
    return told


def test_processes_share_what_they_compile(tmp_path: Path) -> None:
    side_by_side = [_start(tmp_path, "first"), _start(tmp_path, "first")]
    one, other = (_told(process) for process in side_by_side)
    value = {"first": (np.exp(1.0) + 1.0) * 2.0 + 1.0}
    assert one["values"] == other["values"] == value
    assert sorted([one["hits"]["first"], other["hits"]["first"]]) == [0, 1]
    later = _told(_start(tmp_path, "first", "second"))
    assert later["hits"] == {"first": 1, "second": 0}
    assert later["values"]["second"] == pytest.approx(value["first"] - 2.0)
    kept = [path.name.split(".")[1].split("-")[0] for path in (tmp_path / "cache").rglob("lowered-*.nbi")]
    assert kept == ["trunk"]


@pytest.mark.parametrize("switch", [{"UNDERTOW_COMPILER": "numba"}, {"NUMBA_DISABLE_JIT": "1"}])
def test_it_can_be_done_without(tmp_path: Path, switch: dict[str, str]) -> None:
    (tmp_path / "plain.py").write_text(
        "import numpy as np\nfrom undertow.compiled import compiled\n"
        "@compiled(trunk=True)\ndef f(x):\n    return np.exp(x)\n"
    )
    code = "import undertow, plain; print(type(plain.f).__name__, plain.f(1.0))"
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    given = dict(os.environ, UNDERTOW_CACHE_DIR=str(tmp_path / "cache"), PYTHONPATH=paths, **switch)
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    kind, value = done.stdout.split()
    assert kind == ("CPUDispatcher" if "UNDERTOW_COMPILER" in switch else "function")
    assert float(value) == np.exp(1.0)
