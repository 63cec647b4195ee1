"""``undertow config``: write a commented file, check one, print what may be configured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

app = App(name="config", help="Write, check and explain configuration files.")


def _structs() -> dict[str, type[Any]]:
    """Sections of a configuration file, by name."""
    import msgspec

    from undertow.config import Config

    return {field.name: field.type for field in msgspec.structs.fields(Config)}


@app.command
def init(path: Path = Path("undertow.toml"), *, force: bool = False) -> int:
    """Write a configuration file with every key, its default, unit and range.

    Parameters
    ----------
    path
        File to write; "-" prints it.
    force
        Overwrite an existing file.
    """
    from undertow.config import Config, dumps

    text = dumps(Config())
    if str(path) == "-":
        sys.stdout.write(text)
        return 0
    if path.exists() and not force:
        sys.stderr.write(f"{path} exists; --force overwrites it\n")
        return 1
    from undertow.live.private import write_private

    write_private(path, text.encode())
    sys.stdout.write(f"wrote {path}\n")
    return 0


@app.command
def check(path: Path, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Check a configuration file; every fault on one line with file, key, value and range.

    Parameters
    ----------
    path
        File to check.
    json
        Print {"faults": [...], "cautions": [...]} instead.
    """
    import msgspec

    from undertow.config import Config, ConfigError, cautions, load

    faults: list[str] = []
    warned: list[str] = []
    try:
        warned = [f"{path}: {caution}" for caution in cautions(load(path, Config))]
    except ConfigError as error:
        faults = error.faults
    if json:
        sys.stdout.write(msgspec.json.encode({"faults": faults, "cautions": warned}).decode() + "\n")
    else:
        for line in faults:
            sys.stderr.write(f"fault: {line}\n")
        for line in warned:
            sys.stderr.write(f"caution: {line}\n")
        if not faults:
            sys.stdout.write(f"{path}: ok\n")
    return 1 if faults else 0


@app.command
def schema(*, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Print every section and key with unit, range and default.

    Parameters
    ----------
    json
        Print a JSON Schema instead.
    """
    import msgspec

    from undertow.config import Config, accepted, describe

    if json:
        text = msgspec.json.encode(msgspec.json.schema(Config)).decode()
        sys.stdout.write(text + "\n")
        return 0
    for name, struct in _structs().items():
        sys.stdout.write(f"[{name}]  {(struct.__doc__ or '').splitlines()[0]}\n")
        for field in msgspec.structs.fields(struct):
            default = "unset" if field.default is None else field.default
            sys.stdout.write(
                f"  {field.name} = {default}  ({accepted(field.type)})  {describe(field.type)}\n"
            )
        sys.stdout.write("\n")
    return 0
