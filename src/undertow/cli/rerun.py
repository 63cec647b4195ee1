"""``undertow rerun``: is a recorded session, shown to its makers again, the same to the last byte?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from undertow.cli.errors import preparing
from undertow.cli.progress import Progress

if TYPE_CHECKING:
    from undertow.api import Session
    from undertow.config import Config
    from undertow.maker import Maker
    from undertow.trading.folder import LegStart
    from undertow.trading.rerun import Verdict


def rerun(
    folder: Path,
    /,
    *,
    coin: str | None = None,
    report: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Show a recorded session to its makers again and compare every request and the final states.

    Exits with 1 where anything comes out otherwise, naming the first row, field and both values.

    Parameters
    ----------
    folder
        Folder the session wrote.
    coin
        One coin of it. Default: all.
    report
        Folder for the report of each coin's session, as `undertow replay` writes it.
    json
        Print the verdict as JSON on standard output, and nothing else there.
    quiet
        No progress; the verdict only.
    """
    with Progress(quiet=quiet or json) as progress:
        progress.begin("reading the session")
        from undertow.trading import rerun as parity
        from undertow.trading.folder import coins_of

        with preparing():
            coins_of(folder)
        progress.begin("showing it to the makers again")
        verdict = parity.rerun(folder, maker_of, coin)
        written = []
        if report is not None:
            progress.begin("writing reports")
            for name in coins_of(folder) if coin is None else [coin]:
                path = report / f"session-{name.replace(':', '-')}.html"
                written.append(str(account_of_session(folder, name).report(path)))
    _tell(verdict, written, as_json=json)
    return 0 if verdict.same else 1


def config_of(start: LegStart) -> Config:
    """The configuration a leg was run with, where it was noted; else the defaults."""
    import msgspec

    from undertow.config import Config

    noted = start.about.get("config")
    return Config() if noted is None else msgspec.convert(noted, Config)


def maker_of(start: LegStart) -> Maker:
    """The maker of a leg."""
    from undertow import makers

    return makers.make_recorded(start.maker, config_of(start), start.instrument)


def account_of_session(folder: Path, coin: str) -> Session:
    """The account of a recorded session of one coin, its report included."""
    import msgspec

    from undertow import api
    from undertow.replay.settings import ReplaySettings
    from undertow.trading.capture import MARKET, complete_store
    from undertow.trading.folder import legs_of
    from undertow.trading.results import result_of

    complete_store(folder)
    start = legs_of(folder, coin)[-1].start
    maker = maker_of(start)
    noted = start.about.get("settings")
    settings = ReplaySettings() if noted is None else msgspec.convert(noted, ReplaySettings)
    market = api.open_recording(folder / MARKET, start.venue, coin)
    result = result_of(folder, coin, maker, settings)
    return api.session_of(result, maker, market, config=config_of(start), notes=_notes(start))


def _notes(start: LegStart) -> list[str]:
    if start.execution == "paper":
        return ["Paper: orders were matched against the feed, nobody else saw them."]
    return []


def _tell(verdict: Verdict, written: list[str], *, as_json: bool) -> None:
    if as_json:
        import msgspec

        told = {
            "same": verdict.same,
            "coins": verdict.coins,
            "legs": verdict.legs,
            "legs_ended": verdict.ended,
            "rows": verdict.rows,
            "requests": verdict.requests,
            "states": verdict.states,
            "differences": [vars(found) for found in verdict.differences],
            "reports": written,
        }
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    shown = (
        f"{verdict.rows:,} rows, {verdict.requests:,} requests and {verdict.states} states of "
        f"{verdict.coins} coin(s) in {verdict.legs} leg(s)"
    )
    if verdict.same:
        lines = [f"the same: {shown}"]
        if verdict.ended < verdict.legs:
            lines.append(
                f"{verdict.legs - verdict.ended} leg(s) did not end in order; compared as far as noted"
            )
    else:
        lines = [f"DIFFERENT: {shown}", *(str(found) for found in verdict.differences)]
    sys.stdout.write("\n".join([*lines, *(f"report: {path}" for path in written)]) + "\n")
