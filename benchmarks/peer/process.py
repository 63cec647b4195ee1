"""hftbacktest in an environment of its own, kept in the user's cache and spoken to over a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Self

import bars

from undertow.baselines import glft_math

VERSION = "2.4.4"


def environment() -> Path:
    """Interpreter of the environment with hftbacktest; made on first use (about 900 MB)."""
    given = os.environ.get("UNDERTOW_PEER_PYTHON")
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    home = Path(cache) / "undertow" / f"hftbacktest-{VERSION}"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = home / "installed"
    if not stamp.is_file():
        print(f"installing hftbacktest {VERSION} into {home} (once) ...", file=sys.stderr, flush=True)
        venv.create(home, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", f"hftbacktest=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise bars.Unavailable(f"hftbacktest {VERSION} could not be installed: {done.stderr[-300:]}")
        stamp.touch()
    return python


class Peer:
    """A running hftbacktest that serves `script` of this folder; `run` a job and get its answer."""

    def __init__(self, script: str = "hft_grid.py") -> None:
        self._script = Path(__file__).with_name(script)

    def __enter__(self) -> Self:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "PYTHONPATH"))}
        self._process = subprocess.Popen(
            [environment(), self._script, str(glft_math.__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Send one job and wait for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"hftbacktest ended (exit code {self._process.wait()})")
        result: dict[str, Any] = json.loads(answer)
        return result
