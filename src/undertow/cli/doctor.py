"""``undertow doctor``: is everything fit to trade?

Exit codes: 0 nothing failed, 1 something did, 2 a wrong call.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from undertow.cli.errors import preparing

if TYPE_CHECKING:
    from undertow.live.doctor import Finding, Patient

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def doctor(
    *,
    venue: Literal["local", "testnet", "mainnet"] = "local",
    url: str = "",
    coin: list[str] | None = None,
    config: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Examine machine, network, key, account and coins; a line each, with what to do.

    Nothing is sent that changes anything. Exits with 1 where something failed.

    Parameters
    ----------
    venue
        Where it is to be traded.
    url
        A local exchange that runs (`undertow exchange`). Default: http://localhost:3001.
    coin
        Coin to look at; several times for several. Default: those of [live], else BTC.
    config
        TOML file the session would be started with.
    json
        Print {"findings": [...]} and nothing else.
    """
    with preparing():
        from undertow.config import Config, load
        from undertow.live.doctor import Patient

        used = load(config, Config) if config is not None else Config()
        patient = Patient(venue, used, config, url, tuple(coin or ()))
    findings = asyncio.run(_examined(patient, quiet=json))
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode({"findings": findings}).decode() + "\n")
    else:
        failed = sum(finding.state == "fail" for finding in findings)
        warned = sum(finding.state == "warn" for finding in findings)
        sys.stdout.write(f"\n{len(findings)} checks: {failed} failed, {warned} warnings\n")
    return 1 if any(finding.state == "fail" for finding in findings) else 0


async def _examined(patient: Patient, *, quiet: bool) -> list[Finding]:
    from undertow.live.doctor import examine

    found = []
    async for finding in examine(patient):
        found.append(finding)
        if not quiet:
            fix = f"\n{'':24}-> {finding.fix}" if finding.fix else ""
            sys.stdout.write(f"{_MARKS[finding.state]}  {finding.name:<17} {finding.text}{fix}\n")
            sys.stdout.flush()
    return found
