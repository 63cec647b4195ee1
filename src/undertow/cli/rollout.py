"""``undertow rollout``: where each coin stands on the way to full size, and what is missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from undertow.cli.errors import UsageError, preparing

if TYPE_CHECKING:
    from undertow.config import Config
    from undertow.live.rollout import Check, Shown


def rollout(
    *,
    venue: Literal["local", "testnet", "mainnet"] = "mainnet",
    coin: list[str] | None = None,
    config: Path | None = None,
    account: str = "",
    folder: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Print what each stage has shown and what the next one still asks for.

    Parameters
    ----------
    venue
        Network of the sessions.
    coin
        Coin; several times for several. Default: those of [live].
    config
        TOML file with [live] and [rollout].
    account
        Account of the sessions. Default: that of [live]; without one: the shadow sessions.
    folder
        Folder sessions are recorded in. Default: that of [live].
    json
        Print it as JSON.
    """
    with preparing():
        from undertow.config import Config, load
        from undertow.live import rollout as record

        used = load(config, Config) if config is not None else Config()
        coins = tuple(coin or used.live.coins)
        if not coins:
            raise UsageError("--coin is needed, or a --config whose [live] names coins")
        sessions = folder or Path(used.live.folder)
        whose = account or used.live.account
        records = {name: record.read(sessions, venue, whose, name) for name in coins}
    if json:
        _print_json(records, used)
        return 0
    for name, shown in records.items():
        sys.stdout.write(f"{name} on {venue}, {whose or 'no account'}\n")
        _print(shown, used)
    return 0


def _next(shown: list[Shown], used: Config) -> dict[str, list[Check]]:
    from undertow.live.rollout import checks

    return {stage: checks(shown, stage, used.rollout) for stage in ("minimum", "full")}


def _print(shown: list[Shown], used: Config) -> None:
    from undertow.live.rollout import counted

    for stage in ("shadow", "minimum", "full"):
        sessions = counted(shown, stage)
        hours, fills = sum(one.hours for one in sessions), sum(one.fills for one in sessions)
        sys.stdout.write(f"  {stage:<8} {len(sessions)} sessions, {hours:.1f} hours, {fills} fills\n")
    for stage, checks in _next(shown, used).items():
        missing = sum(not check.passed for check in checks)
        sys.stdout.write(f"  for {stage}: {'everything is there' if not missing else f'{missing} missing'}\n")
        for check in checks:
            mark = "ok     " if check.passed else "missing"
            sys.stdout.write(f"    {mark} {check.name}: {check.have} (needs {check.need})\n")


def _print_json(records: dict[str, list[Shown]], used: Config) -> None:
    import msgspec

    told = {name: {"sessions": shown, "checks": _next(shown, used)} for name, shown in records.items()}
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
