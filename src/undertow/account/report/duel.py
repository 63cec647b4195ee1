"""Two makers in one market on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from undertow.account.duel import Duel, clock
from undertow.account.report import sections
from undertow.account.report.duel_figure import figure
from undertow.account.report.page import document
from undertow.account.report.text import NOTHING, bps, escape, number, table, usd


def _tiles(duel: Duel) -> str:
    head = ["", *(escape(side.name) for side in duel.sides), *(["the record"] if duel.recorded else [])]
    orders = "bids" if duel.direction < 0 else "asks"
    lines: list[tuple[str, list[str]]] = [
        ("final position, contracts", [_signed(s.result.ledger["position"]) for s in duel.sides]),
        ("largest position", [number(float(s.result.ledger["max_abs_position"]), 2) for s in duel.sides]),
        ("fills", [str(int(s.result.ledger["fills"])) for s in duel.sides]),
        ("5 s markout loss a fill, bps", [bps(s.loss_5s_bps) for s in duel.sides]),
        ("PnL", [usd(s.pnl, sign=True) for s in duel.sides]),
        (f"{orders} withdrawn at", [clock(duel.withdrew_ns(s)) for s in duel.sides]),
        ("trend seen by the drift posterior", [NOTHING, clock(duel.seen_ns())]),
    ]
    rows = [
        [name, *cells, *([duel.recorded.get(name, NOTHING)] if duel.recorded else [])]
        for name, cells in lines
    ]
    return table(head, rows)


def _signed(value: Any) -> str:
    return number(float(value), 2, sign=True)


def write_duel(duel: Duel, path: Path) -> Path:
    """Write the page to `path`, replacing what is there; returns it."""
    notes = "".join(f"<li>{escape(note)}</li>" for note in duel.notes)
    body = (
        f"<header><p class='kind'>Recorded loss, rebuilt</p><h1>{escape(duel.title)}</h1>"
        f"<p class='when'>{escape(duel.lead)}</p></header>"
        "<div class='figure' id='duel' style='margin-top:14px'></div>"
        f"<section><h2>In figures</h2>{_tiles(duel)}</section>"
        f"<section><h2>How to read it</h2><ul class='lead'>{notes}</ul></section>"
        f"{sections.made_of(duel.settings)}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(duel.title, body, {"duel": figure(duel)}), encoding="utf-8")
    return path
