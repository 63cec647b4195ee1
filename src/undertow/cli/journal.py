"""``undertow journal``: what a session's journal holds, and whether it is whole and true."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from undertow.cli.errors import preparing

if TYPE_CHECKING:
    from undertow.journal.reading import Reader
    from undertow.journal.verify import Verdict

Flag = Parameter(negative=())


def journal(
    session: Path,
    /,
    *,
    tail: int = 20,
    verify: Annotated[bool, Flag] = False,
    url: str = "",
    json: Annotated[bool, Flag] = False,
) -> int:
    """Show a session's journal: counts, starts, open orders, the last events.

    Exits with 1 where the file is damaged or, with --verify, differs from the exchange. Works while the
    session runs.

    Parameters
    ----------
    session
        Folder of a session, or its journal.db.
    tail
        How many of the last events to show.
    verify
        Ask the exchange for the account and compare fills, orders, positions, cash, fees and funding.
    url
        Where a local exchange listens, if not where the session found it.
    json
        Print one JSON object on standard output, and nothing else there.
    """
    from undertow.journal.reading import Reader
    from undertow.journal.tail import events

    with preparing(), Reader(session) as reader:
        faults, last = reader.faults(), events(reader, max(tail, 0))
        told = _told(reader)
    verdict = None
    if verify:
        from undertow.live.verifying import verify_session

        verdict = asyncio.run(verify_session(session, url))
    if json:
        import msgspec

        found = {**told, "faults": faults, "tail": last}
        if verdict is not None:
            found["differences"] = verdict.differences
        sys.stdout.write(msgspec.json.encode(found, enc_hook=str).decode() + "\n")
    else:
        _say(told, faults, last, verdict)
    return 1 if faults or (verdict is not None and not verdict.same) else 0


def _told(reader: Reader) -> dict[str, object]:
    about = reader.about()
    return {
        "path": str(reader.path),
        "version": reader.version,
        "account": about.account,
        "network": about.network,
        "execution": about.execution,
        "session": f"{about.number:08x}",
        "counts": reader.counts(),
        "processes": reader.processes(),
        "open_orders": len(reader.open_orders()),
        "complete_ms": reader.complete_ms(),
    }


def _say(told: dict[str, object], faults: list[str], last: list[str], verdict: Verdict | None) -> None:
    from undertow.journal.export import utc

    counts, processes = told["counts"], told["processes"]
    assert isinstance(counts, dict)
    assert isinstance(processes, list)
    out = [
        f"{told['path']}: session {told['session']} of {told['account'] or 'no account'} on "
        f"{told['network']} ({told['execution']}), version {told['version']}",
        ", ".join(f"{n} {name}" for name, n in counts.items()) + f"; {told['open_orders']} orders open",
    ]
    for started, resumed, ended, how in processes:
        end = f"{utc(ended // 1_000_000)}, {how}" if ended is not None else "running, or cut off"
        out.append(f"{'resumed' if resumed else 'began'} {utc(started // 1_000_000)}, ended: {end}")
    out += ["", *last, ""] if last else [""]
    out.append("file: whole" if not faults else "file: DAMAGED: " + "; ".join(faults[:5]))
    if verdict is not None:
        out.append("exchange: the same to the last unit" if verdict.same else "exchange: DIFFERENT")
        out += [f"  {line}" for line in verdict.differences[:20]]
    sys.stdout.write("\n".join(out) + "\n")
