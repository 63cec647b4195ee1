"""The document: sections, figures, style and script bound into one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import msgspec

from undertow.account.build import Account
from undertow.account.report import figures, sections
from undertow.account.report.course import course
from undertow.account.report.figures import Figure
from undertow.account.report.text import duration, escape


@dataclass(frozen=True)
class Context:
    """What the report says about the session besides its numbers.

    `settings` maps block titles (maker, replay, recording, code ...) to their entries; `notes` are
    further sentences for "Read first".
    """

    maker: str
    market: str
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def write_report(account: Account, context: Context, path: Path) -> Path:
    """Write the report to `path`, replacing what is there; returns it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(account, context), encoding="utf-8")
    return path


def render(account: Account, context: Context) -> str:
    """The whole report as one HTML document."""
    title = f"{context.maker} on {context.market}"
    drawn = msgspec.json.encode(_figures(account)).decode()
    body = "".join(
        (
            _header(account, context),
            sections.headline(account),
            sections.tiles(account),
            sections.caveats(account, list(context.notes)),
            sections.pnl(account),
            sections.assumptions(account),
            sections.course(),
            sections.markouts(account) if len(account.fills) else "",
            sections.calibration(account),
            sections.silence(account),
            sections.requests(account),
            sections.made_of(context.settings),
        )
    )
    return document(title, body, drawn)


def document(title: str, body: str, drawn: str) -> str:
    """One HTML file: `body` with its figures, `drawn` a JSON object of them by their element's id."""
    drawn = drawn.replace("</", "<\\/")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_asset('page.css')}</style></head>"
        f"<body><main>{body}</main>"
        f'<script type="application/json" id="figures">{drawn}</script>'
        f"<script>{_plotly()}</script><script>{_asset('page.js')}</script></body></html>\n"
    )


def _figures(account: Account) -> dict[str, Figure]:
    fee = account.everything.fee_bps
    drawn = {"waterfall": figures.waterfall(account), "course": course(account)}
    if account.outcomes:
        drawn["outcomes"] = figures.outcomes(account.outcomes)
    if len(account.fills):
        drawn["by_side"] = figures.markouts(
            [account.everything, *account.by_side], ("@ink2", *_side_colors(account)), fee
        )
    if account.by_depth:
        drawn["by_depth"] = figures.markouts(account.by_depth, figures.DEPTH_COLORS, fee)
    if account.fill_rates:
        drawn["fill_rates"] = figures.fill_rates(account.fill_rates)
    if account.edge:
        drawn["edge"] = figures.edge(account.edge)
    return drawn


def _side_colors(account: Account) -> list[str]:
    return ["@buy" if c.label == "buys" else "@sell" for c in account.by_side]


def _header(account: Account, context: Context) -> str:
    def when(ns: int) -> str:
        return datetime.fromtimestamp(ns * 1e-9, UTC).strftime("%Y-%m-%d %H:%M:%S")

    first, last = int(account.ledger["first_ns"]), int(account.ledger["last_ns"])
    return (
        f"<header><p class='kind'>Session account</p><h1>{escape(context.maker)} <span>on</span> "
        f"{escape(context.market)}</h1><p class='when'>{when(first)} to {when(last)} UTC, "
        f"{duration(account.duration_s)}; {int(account.ledger['rows']):,} rows, "
        f"{int(account.ledger['cycles']):,} quote cycles</p></header>"
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    """plotly.js as the plotly package carries it (MIT licence, kept in its first lines)."""
    return resources.files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
