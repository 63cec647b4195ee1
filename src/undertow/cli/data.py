"""``undertow data``: recordings into the store, checks, contents, and out again as hftbacktest arrays.

Exit codes: 0 done, 1 stopped by (or, for ``check``, found) bad input or a full place in the store,
2 a wrong call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from undertow.data.convert import Conversion
    from undertow.data.report import Report

app = App(name="data", help="Import, check, list and export recordings of markets.")

Kind = Literal["hyperliquid-csv", "hyperliquid-ws", "binance-raw", "binance-books", "standx", "hftbacktest"]
Flag = Parameter(negative=())
Mode = Parameter(name="--repair", negative="--strict")


def _open(
    kind: Kind,
    paths: tuple[Path, ...],
    *,
    repair: bool,
    coin: str | None,
    reference: str | None,
    depth: int | None,
    gap_s: float | None,
    rules: dict[str, Any],
) -> Conversion:
    from undertow.data.convert import convert
    from undertow.data.source import Options, SourceError

    if not paths:
        raise SourceError("give at least one file or folder")
    return convert(
        kind,
        paths,
        mode="repair" if repair else "strict",
        options=Options(coin=coin, reference=reference, depth=depth),
        instrument=rules,
        gap_s=gap_s,
    )


@Parameter(name="*")
@dataclass(frozen=True)
class Rules:
    """Trading rules to use instead of the venue's."""

    tick_size: float | None = None
    """Finest price increment, instead of the venue's."""
    size_step: float | None = None
    """Smallest quantity increment, instead of the venue's."""
    min_notional: float | None = None
    """Minimum order value in quote currency, instead of the venue's."""
    maker_fee_bps: float | None = None
    """Maker fee, instead of the venue's lowest tier."""
    taker_fee_bps: float | None = None
    """Taker fee, instead of the venue's lowest tier."""


_VENUES_OWN = Rules()


@app.command(name="import")
def import_(
    kind: Kind,
    *paths: Path,
    store: Path,
    venue: str | None = None,
    coin: str | None = None,
    reference: str | None = None,
    depth: int | None = None,
    gap_s: float | None = None,
    repair: Annotated[bool, Mode] = False,
    replace: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    rules: Rules = _VENUES_OWN,
) -> int:
    """Convert files of one recording and put it into the store.

    Parameters
    ----------
    kind
        Source of the files; docs/data.md says what each expects.
    paths
        Files, or folders of them.
    store
        Folder of the store; made if missing.
    venue
        Name of the venue in the store (default: the source's).
    coin
        Coin or symbol to take, where the files hold several.
    reference
        Another coin of the same recording, whose mid becomes the reference price.
    depth
        Levels kept of each snapshot (default: all).
    gap_s
        Silence that counts as a gap, seconds (default 5).
    repair
        Repair what has a sound repair and report it; --strict (default) stops at the first.
    replace
        Take the place of older parts that this import covers wholly.
    json
        Print the report as JSON.
    """

    def run() -> int:
        conversion = _open(
            kind,
            paths,
            repair=repair,
            coin=coin,
            reference=reference,
            depth=depth,
            gap_s=gap_s,
            rules=asdict(rules),
        )
        with _Progress("importing") as progress:
            parts = conversion.store(store, venue=venue, replace=replace, on_chunk=progress.advance)
        _print_report(conversion.report, json)
        if not json:
            days = f"{len(parts)} part{'s' * (len(parts) > 1)}"
            stored = f"{venue or conversion.source.venue} {conversion.source.coin}"
            sys.stdout.write(f"stored {stored} in {store} ({days})\n")
        return 0

    return _guarded(run)


@app.command
def check(
    kind: Kind,
    *paths: Path,
    coin: str | None = None,
    reference: str | None = None,
    gap_s: float | None = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Convert files of one recording, keep nothing, and report what is wrong with them.

    Parameters
    ----------
    kind
        Source of the files; docs/data.md says what each expects.
    paths
        Files, or folders of them.
    coin
        Coin or symbol to take, where the files hold several.
    reference
        Another coin of the same recording, whose mid becomes the reference price.
    gap_s
        Silence that counts as a gap, seconds (default 5).
    json
        Print the report as JSON.
    """

    def run() -> int:
        conversion = _open(
            kind, paths, repair=True, coin=coin, reference=reference, depth=None, gap_s=gap_s, rules={}
        )
        with _Progress("checking") as progress:
            for chunk in conversion.chunks():
                progress.advance(chunk)
        _print_report(conversion.report, json)
        return 1 if conversion.report.serious else 0

    return _guarded(run)


@app.command
def info(*, store: Path, json: Annotated[bool, Flag] = False) -> int:
    """List what the store holds.

    Parameters
    ----------
    store
        Folder of the store.
    json
        Print a list of objects instead.
    """

    def run() -> int:
        import msgspec

        from undertow.data.store import describe

        if not store.is_dir():
            sys.stderr.write(f"error: no store at {store}; `undertow data import` makes one\n")
            return 1
        found = describe(store)
        if json:
            sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
            return 0
        if not found:
            sys.stdout.write(f"{store} holds no recordings\n")
        for entry in found:
            sys.stdout.write(
                f"{entry['venue']} {entry['coin']}: {entry['first'][:19]} to {entry['last'][:19]} UTC, "
                f"{entry['rows']:,} rows in {entry['parts']} parts, {entry['bytes'] / 1e6:.1f} MB\n"
            )
        return 0

    return _guarded(run)


@app.command(name="export-hftbacktest")
def export_hftbacktest(
    venue: str,
    coin: str,
    out: Path,
    *,
    store: Path,
    start: datetime | None = None,
    end: datetime | None = None,
) -> int:
    """Write a recording of the store as an hftbacktest event array.

    Parameters
    ----------
    venue
        Venue as ``undertow data info`` names it.
    coin
        Coin as ``undertow data info`` names it.
    out
        The .npz file to write.
    store
        Folder of the store.
    start
        First receive time, UTC (default: the beginning).
    end
        Receive time to stop before, UTC (default: the end).
    """

    def run() -> int:
        from undertow.data.hftbacktest_export import export_hftbacktest as export
        from undertow.data.store import open_recording

        left_out = export(open_recording(store, venue, coin, start, end), out)
        sys.stdout.write(f"wrote {out}\n")
        for kind, count in sorted(left_out.items()):
            sys.stdout.write(f"left out: {count} {kind} rows (the format has no such event)\n")
        return 0

    return _guarded(run)


def _guarded(run: Callable[[], int]) -> int:
    """Run a command; errors a user can act on become one line and an exit code."""
    from undertow.data.layout import StoreError
    from undertow.data.report import BadInput
    from undertow.data.source import SourceError

    try:
        return run()
    except (BadInput, StoreError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except (SourceError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


def _print_report(report: Report, json: bool) -> None:
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(report.as_dict()).decode() + "\n")
        return
    out = sys.stdout.write
    for finding in report.findings.values():
        out(f"{'problem' if finding.rule.serious else 'note'}: {finding}\n")
        out(f"    {finding.rule.repair}\n")
    dropped = "".join(f", {n} {why}" for why, n in sorted(report.items_dropped.items()))
    out(f"records: {report.items_read} read, {report.items_used} used{dropped}\n")
    changed = "".join(f", {n} added ({why})" for why, n in sorted(report.rows_added.items()))
    changed += "".join(f", {n} dropped ({why})" for why, n in sorted(report.rows_dropped.items()))
    out(f"rows: {report.rows_made} made{changed}, {report.rows_written.total()} written\n")
    for name, value in report.measured.items():
        out(f"{name}: {value}\n")


class _Progress:
    """Rows so far, on a terminal as a line that is rewritten, else as a line every ten seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._rows = 0

    def __enter__(self) -> _Progress:
        from time import monotonic

        from rich.console import Console

        self._clock = monotonic
        self._console = Console(stderr=True)
        self._status: Any = None
        self._next = monotonic() + (1.0 if self._console.is_terminal else 10.0)
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()

    def advance(self, chunk: Any) -> None:
        """Note a chunk's rows."""
        import numpy as np

        self._rows += len(chunk.rows)
        if self._clock() < self._next:
            return
        at = str(np.datetime64(int(chunk.rows["recv_ns"][-1]), "ns"))[:19]
        text = f"{self._what}: {self._rows:,} rows, at {at}"
        if not self._console.is_terminal:
            self._console.print(text, highlight=False)
            self._next = self._clock() + 10.0
        elif self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)
