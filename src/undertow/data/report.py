"""What a conversion found and did: findings by file, and books that balance.

Two ledgers are kept, and `Report.check_balance` proves them:

- *items*, the source's own records (a CSV line, a JSON line, a Parquet or ``.npz`` row):
  read = used + dropped, by reason;
- *rows* of the event format: made + added, by reason = written + dropped, by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.events import KIND_NAMES

Mode = Literal["strict", "repair"]
_LINES_KEPT: Final = 5


class Rule(NamedTuple):
    """One kind of finding: whether it stops a strict conversion, what it is, how it is repaired."""

    serious: bool
    what: str
    repair: str


RULES: Final[dict[str, Rule]] = {
    "truncated_file": Rule(
        True, "the file ends in the middle of a record", "what lies before the cut is kept"
    ),
    "malformed": Rule(True, "the record cannot be read", "dropped"),
    "bad_price": Rule(True, "a price is missing, not finite or not positive", "the row or level is dropped"),
    "bad_size": Rule(True, "a size is missing, not finite or negative", "the row or level is dropped"),
    "unknown_side": Rule(
        True, "the side is neither bid nor ask", "a trade keeps side 0 (unknown); a quote is dropped"
    ),
    "crossed_book": Rule(
        True, "the best bid lies above the best ask", "dropped: which side is stale cannot be known"
    ),
    "unsorted_book": Rule(True, "the levels are not in order of price", "the book is dropped"),
    "duplicate_trade": Rule(True, "the trade id was seen before at the same exchange time", "dropped"),
    "clock_behind": Rule(
        True,
        "received before it happened: the receive clock is behind the exchange's",
        "the receive clock is corrected by the lower envelope of the delays; what still lies before "
        "its exchange time takes the receive time as its exchange time",
    ),
    "time_backwards": Rule(
        True, "received earlier than the row before it", "receive time raised to the latest so far"
    ),
    "late": Rule(
        True,
        "reported so long after it happened that later rows are already written",
        "exchange time raised to that of the last row written",
    ),
    "lost_messages": Rule(False, "the feed's sequence numbers skip", "a GAP row is inserted"),
    "gap": Rule(False, "the feed was silent", "a GAP row is inserted"),
    "locked_book": Rule(False, "the best bid equals the best ask", "kept"),
    "exchange_order": Rule(
        False, "happened before the row received before it", "kept; ordered for both clocks"
    ),
    "no_receive_time": Rule(False, "no receive time recorded", "taken as the exchange time: no delay"),
    "unknown_settlement": Rule(False, "a settlement's rate was not recorded", "no FUNDING row"),
    "aggregated_book": Rule(True, "a book of rounded prices (nSigFigs)", "dropped"),
    "not_expressible": Rule(True, "an event that the row format cannot express", "dropped"),
    "duplicate_order": Rule(
        True, "an order id was added while that order still stood", "taken as a modification of it"
    ),
    "unknown_order": Rule(
        False, "an order changed that the recording never showed", "kept; if modified, taken as oldest"
    ),
    "lost_field": Rule(False, "a field that the row format cannot express is not zero", "the field is lost"),
}


@dataclass
class Finding:
    """All occurrences of one kind in one file. `lines` are the first few, counted from 1."""

    code: str
    file: str
    count: int = 0
    lines: list[int] = field(default_factory=list)
    detail: str = ""

    @property
    def rule(self) -> Rule:
        """What the finding means."""
        return RULES[self.code]

    def __str__(self) -> str:
        lines = ", ".join(str(line) for line in self.lines)
        more = ", ..." if self.count > len(self.lines) else ""
        where = f" (row {lines}{more})" if lines else ""
        detail = f"; {self.detail}" if self.detail else ""
        return f"{self.file}: {self.code} ×{self.count}{where}: {self.rule.what}{detail}"


class BadInput(ValueError):
    """A strict conversion met a serious finding."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(
            f"{finding}. Correct the file, or convert with mode 'repair' (--repair), which does this: "
            f"{finding.rule.repair}"
        )


@dataclass
class Report:
    """Findings, counts and measurements of one conversion."""

    mode: Mode = "repair"
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    items_read: int = 0
    items_used: int = 0
    items_dropped: Counter[str] = field(default_factory=Counter)
    rows_made: int = 0
    rows_added: Counter[str] = field(default_factory=Counter)
    rows_dropped: Counter[str] = field(default_factory=Counter)
    rows_written: Counter[str] = field(default_factory=Counter)
    measured: dict[str, float | int | str] = field(default_factory=dict)

    def find(
        self, code: str, file: str, lines: Iterable[int] = (), *, count: int | None = None, detail: str = ""
    ) -> None:
        """Note a finding; raise `BadInput` if it is serious and the mode strict."""
        at = [int(line) for line in lines]
        finding = self.findings.setdefault((code, file), Finding(code, file))
        finding.count += len(at) if count is None else count
        finding.lines += at[: _LINES_KEPT - len(finding.lines)]
        finding.detail = detail or finding.detail
        if self.mode == "strict" and finding.rule.serious and finding.count:
            raise BadInput(finding)

    def drop_items(self, reason: str, count: int) -> None:
        """Note source records that give no row."""
        if count:
            self.items_dropped[reason] += count

    def drop_rows(self, reason: str, count: int) -> None:
        """Note rows that were made and then dropped."""
        if count:
            self.rows_dropped[reason] += count

    def write(self, rows: NDArray[np.void]) -> None:
        """Note rows handed out."""
        for kind, count in enumerate(np.bincount(rows["kind"]).tolist()):
            if count:
                self.rows_written[KIND_NAMES.get(kind, str(kind))] += count

    def check_balance(self) -> None:
        """Raise AssertionError if records or rows went missing (a defect of the converter)."""
        items = self.items_used + self.items_dropped.total()
        if items != self.items_read:
            raise AssertionError(f"{self.items_read} records read, but {items} used or dropped: {self}")
        rows_in = self.rows_made + self.rows_added.total()
        rows_out = self.rows_written.total() + self.rows_dropped.total()
        if rows_in != rows_out:
            raise AssertionError(f"{rows_in} rows made or added, {rows_out} written or dropped: {self}")

    @property
    def serious(self) -> list[Finding]:
        """Findings that would have stopped a strict conversion."""
        return [f for f in self.findings.values() if f.rule.serious]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        plain = asdict(self)
        plain["findings"] = [
            {**asdict(f), "serious": f.rule.serious, "what": f.rule.what, "repair": f.rule.repair}
            for f in self.findings.values()
        ]
        for name in ("items_dropped", "rows_added", "rows_dropped", "rows_written"):
            plain[name] = dict(sorted(getattr(self, name).items()))
        return plain
