"""``undertow fills``: every fill of a session with fee, realised PnL and position, as a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from undertow.cli.errors import UsageError, preparing

Flag = Parameter(negative=())


def fills(
    session: Path,
    /,
    *,
    csv: Path | None = None,
    parquet: Path | None = None,
    json: Annotated[bool, Flag] = False,
    no_funding: Annotated[bool, Flag] = False,
) -> int:
    """Export all fills and funding payments of a session, from its journal.

    Without options: a summary by coin. Works while the session runs.

    Parameters
    ----------
    session
        Folder of a session, or its journal.db.
    csv
        File to write as CSV: exact decimals, times in UTC.
    parquet
        File to write as Parquet.
    json
        Print the rows as JSON on standard output, and nothing else there.
    no_funding
        Fills alone.
    """
    from undertow.journal.export import as_json, fill_rows, write_csv, write_parquet
    from undertow.journal.reading import Reader

    for path in (csv, parquet):
        if path is not None and path.is_dir():
            raise UsageError(f"{path} is a folder: name the file to write")
    with preparing(), Reader(session) as reader:
        rows = fill_rows(reader, funding=not no_funding)
    if csv is not None:
        write_csv(rows, csv)
    if parquet is not None:
        write_parquet(rows, parquet)
    if json:
        sys.stdout.write(as_json(rows) + "\n")
        return 0
    _tell(rows, [path for path in (csv, parquet) if path is not None])
    return 0


def _tell(rows: list[dict[str, object]], written: list[Path]) -> None:
    from decimal import Decimal

    def total(coin: str, name: str) -> Decimal:
        found = [row[name] for row in rows if row["coin"] == coin]
        return sum((value for value in found if isinstance(value, Decimal)), Decimal(0))

    heads = ("volume USD", "fees USD", "PnL USD", "net USD", "position")
    out = [f"{'coin':<14}{'fills':>8}{heads[0]:>16}" + "".join(f"{head:>14}" for head in heads[1:])]
    for coin in sorted({str(row["coin"]) for row in rows}):
        own = [row for row in rows if row["coin"] == coin and row["kind"] == "fill"]
        position = own[-1]["position_after"] if own else 0
        out.append(
            f"{coin:<14}{len(own):>8}{total(coin, 'value_usd'):>16,.2f}{total(coin, 'fee_usd'):>14,.4f}"
            f"{total(coin, 'pnl_usd'):>14,.4f}{total(coin, 'net_pnl_usd'):>14,.4f}{position:>14f}"
        )
    if not rows:
        out = ["no fills"]
    sys.stdout.write("\n".join([*out, *(f"written: {path}" for path in written)]) + "\n")
