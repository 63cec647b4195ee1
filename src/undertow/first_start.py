"""The first start: everything a command needs is compiled beforehand, by processes side by side.

Which functions those are `undertow.compile_tasks` knows. Its processes fill the cache on disk, and the
command then loads from there; a function two of them (or two commands started at once) need is compiled
by one while the other waits (`undertow.compiled.kept`). Where anything goes wrong nothing is lost: the
command compiles what it lacks when it gets there.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from undertow import _compile_cache

WORK: Final = {"live": 600, "exchange": 400, "loop": 650, "market": 300, "decision": 140, "matching": 150}
"""Dots a task writes, about: only for the share that is shown."""

POLL_S: Final = 0.1


class Teller(Protocol):
    """Who tells the user how far it is (`undertow.cli.progress.Progress`)."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def begin(self, label: str) -> None:
        """Start a stage."""

    def advance(self, share: float | None, detail: str = "") -> None:
        """The stage is done to `share`."""


def for_replay(*makers: str, market: bool) -> list[list[str]]:
    """Tasks before a replay of `makers`, on a generated `market` or not: a list for each process."""
    first, *others = makers
    beside = (["decision"] if first == "undertow" else []) + (["market"] if market else [])
    return [[f"loop:{first}"], [*beside, "matching", *(f"loop:{name}" for name in others)]]


def for_live(maker: str, *, exchange: bool) -> list[list[str]]:
    """Tasks before `maker` quotes live, on a local `exchange` of this command's own or on another."""
    beside = (["decision"] if maker == "undertow" else []) + (["exchange", "market"] if exchange else [])
    return [[f"live:{maker}"], *([beside] if beside else [])]


def prepare(plan: Sequence[Sequence[str]], teller: Teller) -> float:
    """Compile what `plan` names, a process for each of its lists; returns the seconds it took.

    0.0 at once where it has been done for these sources, this Numba and this processor. Tells before
    and after, and how far it is meanwhile.
    """
    stamp = _compile_cache.directory() / "done" / _named(plan)
    machine = _machine()
    if machine is None or (stamp.is_file() and stamp.read_text() == machine):
        return 0.0
    started = time.monotonic()
    teller.say(
        "first start of this version: compiling the engine and the maker, about a minute, once "
        f"(kept in {_compile_cache.directory().parent})"
    )
    teller.begin("compiling")
    fault = _side_by_side(plan, teller)
    seconds = time.monotonic() - started
    if fault is not None:
        teller.say(f"compiling beforehand failed ({fault}); what is missing is compiled when it is needed")
        return seconds
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(machine)
    teller.say(f"compiled in {seconds:.0f} s")
    _compile_cache.prune()
    return seconds


def _named(plan: Sequence[Sequence[str]]) -> str:
    return "+".join(sorted(task.replace(":", "-") for tasks in plan for task in tasks))


def _machine() -> str | None:
    """What compiled code depends on beside the sources; None where nothing is compiled."""
    import llvmlite.binding as llvm
    import numba

    if getattr(numba.config, "DISABLE_JIT", False):
        return None
    return f"{numba.__version__} {llvm.get_host_cpu_name()} {sys.version_info[:2]}"


def _side_by_side(plan: Sequence[Sequence[str]], teller: Teller) -> str | None:
    """Run the processes of `plan`; None, or what one of them that failed said last."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        running = [_start(tasks, Path(folder) / str(number), stack) for number, tasks in enumerate(plan)]
        while any(process.poll() is None for process in running):
            shares = [
                1.0 if process.poll() is not None else _share(tasks, Path(folder) / str(number))
                for number, (process, tasks) in enumerate(zip(running, plan, strict=True))
            ]
            _show(min(shares), time.monotonic() - started, teller)
            time.sleep(POLL_S)
        for number, process in enumerate(running):
            if process.returncode != 0:
                lines = (Path(folder) / f"{number}.err").read_text(errors="replace").split("\n")
                said = [line.strip() for line in lines if line.strip()]
                return said[-1] if said else f"exit code {process.returncode}"
    return None


def _start(tasks: Sequence[str], path: Path, stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """A process that does `tasks`, its dots in `path`; `stack` ends it."""
    with path.open("wb") as dots, path.with_name(f"{path.name}.err").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "undertow.compile_tasks", *tasks],
            stdin=subprocess.DEVNULL,
            stdout=dots,
            stderr=errors,
        )
    stack.callback(_end, process)
    return process


def _share(tasks: Sequence[str], path: Path) -> float:
    return min(path.stat().st_size / sum(WORK.get(task.partition(":")[0], 100) for task in tasks), 0.99)


def _show(share: float, elapsed_s: float, teller: Teller) -> None:
    left = f"about {elapsed_s * (1.0 - share) / share:.0f} s left" if share > 0.05 else "a minute left"
    teller.advance(share, left)


def _end(process: subprocess.Popen[bytes]) -> None:
    """No process is left behind, whatever happened here."""
    if process.poll() is None:
        process.terminate()
    process.wait()
