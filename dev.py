"""Set the project up and run it, with nothing but Python 3.11 or later.

    python3 dev.py demo     set up, quote a market with paper money for three minutes, write its account
    python3 dev.py test     set up, check types and style, run the tests
    python3 dev.py setup    set up only: a virtual environment in .venv with locked packages

What follows ``demo`` is passed on to ``undertow run``, what follows ``test`` to pytest.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("UNDERTOW_VENV", ROOT / ".venv"))
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")


def run(*command: str | Path) -> None:
    """Run a command in the project's folder; stop with its exit code if it fails."""
    code = subprocess.call([str(part) for part in command], cwd=ROOT)
    if code:
        raise SystemExit(code)


def setup(lock: str) -> None:
    """Create the virtual environment and install the locked packages and the project into it."""
    wanted = hashlib.blake2b(
        b"".join((ROOT / name).read_bytes() for name in (lock, "pyproject.toml")), digest_size=8
    ).hexdigest()
    stamp = VENV / f"{lock}.stamp"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"setting up {VENV.name}/ from {lock} (once) ...", flush=True)
    if not BIN.is_dir():
        venv.create(VENV, with_pip=True)
    python = BIN / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", lock)
    run(*pip, "--no-deps", "-e", ".")
    stamp.write_text(wanted)


def main(arguments: list[str]) -> None:
    """Entry point: see the module's docstring."""
    command, *rest = arguments or ["help"]
    if command == "demo":
        setup("requirements.lock")
        run(BIN / "undertow", "run", *rest)
    elif command == "test":
        setup("requirements-dev.lock")
        run(BIN / "ruff", "check", ".")
        run(BIN / "ruff", "format", "--check", ".")
        run(BIN / "mypy")
        run(BIN / "python", "-m", "pytest", *rest)
    elif command == "setup":
        setup("requirements-dev.lock")
    else:
        print(__doc__)
        raise SystemExit(0 if command in ("help", "-h", "--help") else 2)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - may be started by an older Python
        raise SystemExit(f"undertow needs Python 3.11 or later; this is {sys.version.split()[0]}")
    main(sys.argv[1:])
