"""The report's sections: headings, prose and tables around the figures."""

from __future__ import annotations

from collections.abc import Mapping

from undertow.account.build import FREE_REQUESTS, Account, remarks
from undertow.account.markouts import MarkoutCurve
from undertow.account.report.text import bps, duration, escape, number, percent, setting, table, usd
from undertow.account.session import MIN_ROUND_TRIPS, Sharpe
from undertow.replay.log import MARKOUT_HORIZONS_S


def _figure(name: str) -> str:
    return f'<div class="figure" id="{name}"></div>'


def _section(title: str, lead: str, *parts: str) -> str:
    return f"<section><h2>{title}</h2><p class='lead'>{lead}</p>{''.join(parts)}</section>"


def _horizon_name(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min"


def headline(account: Account) -> str:
    """The one number, what it is worth per volume, its range, and that it ties to cash."""
    t = account.parts
    found = account.outcomes
    spread = ""
    if found:
        low, high = min(o.pnl_usd for o in found), max(o.pnl_usd for o in found)
        spread = (
            f"<p class='range'>{usd(low, sign=True)} to {usd(high, sign=True)} over {len(found)} assumptions "
            "about queue and latency</p>"
        )
    tied = (
        f"The parts add up to {usd(t.total_usd.pnl, 4)}; the exchange's ledger (cash, fees, funding, "
        f"position at the last mid) says {usd(account.pnl_usd, 4)}. Difference {usd(abs(t.residual_usd), 4)}."
    )
    return (
        "<div class='headline'><div>"
        f"<p class='big'>{usd(account.pnl_usd, sign=True)}</p>"
        f"<p class='sub'>PnL, {bps(t.total_bps.pnl)} bps of {usd(account.volume_usd, 0)} traded</p>{spread}"
        f"</div><p class='tied'><b>Reconciled with cash.</b> {tied}</p></div>"
    )


def tiles(account: Account) -> str:
    """The session in ten figures."""
    ledger = account.ledger
    maker = int(ledger["maker_fills"]) / max(len(account.fills), 1)
    cells = (
        ("fills", number(len(account.fills), 0), f"{percent(maker)} as maker"),
        ("volume", usd(account.volume_usd, 0), f"in {duration(account.duration_s)}"),
        ("round trips", number(account.round_trips, 0), "position back to flat or flipped"),
        (
            "largest position",
            usd(account.max_position_usd, 0),
            f"{usd(account.mean_abs_position_usd, 0)} average",
        ),
        ("position half-life", duration(account.half_life_s), "autocorrelation falls to ½"),
        ("drawdown", usd(account.max_drawdown_usd), "largest fall of equity"),
        (
            "requests",
            number(account.requests.total, 0),
            f"{number(account.requests.per_usd, 3)} per USD traded",
        ),
        ("Sharpe", *_sharpe(account.sharpe)),
    )
    return (
        "<div class='tiles'>"
        + "".join(
            f"<div><span class='k'>{k}</span><span class='v'>{v}</span><span class='d'>{d}</span></div>"
            for k, v, d in cells
        )
        + "</div>"
    )


def _sharpe(found: Sharpe | None) -> tuple[str, str]:
    if found is None:
        return number(float("nan")), "too few equity changes"
    sampled = f"± {number(found.error, 1)}, annual, {found.samples:,} changes of {found.sampling_s:g} s"
    if not found.trusted:
        sampled += f"; under {MIN_ROUND_TRIPS} round trips: not evidence"
        return f"<span class='none'>{number(found.value, 1)}</span>", sampled
    return number(found.value, 1), sampled


def caveats(account: Account, notes: list[str]) -> str:
    """What to know before believing it."""
    found = [*remarks(account), *notes]
    if not found:
        return ""
    return (
        "<aside><h3>Read first</h3><ul>" + "".join(f"<li>{escape(r)}</li>" for r in found) + "</ul></aside>"
    )


def pnl(account: Account) -> str:
    """Where the money came from."""
    t, per, h = account.parts.total_usd, account.parts.total_bps, account.parts.horizon_s
    each = 1.0 / max(len(account.fills), 1)
    lines = (
        ("captured spread", t.spread, per.spread),
        (f"− markout loss at {_horizon_name(h)}", -t.markout_loss, -per.markout_loss),
        ("− fees", -t.fees, -per.fees),
        ("± funding", t.funding, per.funding),
        (f"± inventory beyond {_horizon_name(h)}", t.inventory, per.inventory),
        ("PnL", t.pnl, per.pnl),
    )
    rows = [
        [name, usd(value, sign=True), number(rate, 3, sign=True), usd(value * each, 4, sign=True)]
        for name, value, rate in lines
    ]
    parts = table(["part", "USD", "bps of volume", "USD per fill"], rows, foot=True)
    return _section(
        "Where the money came from",
        "Each fill is worth its price against the mid before it (captured spread), less what the mid did to "
        "it in the seconds after (markout loss, positive when it went against us), plus what the position "
        "did from then to the end (inventory).",
        f"<div class='two'>{_figure('waterfall')}<div>{parts}</div></div>",
        "<h3>The same PnL, split at other horizons</h3>",
        _horizons(account),
        "<h3>By side, level and liquidity</h3>",
        _splits(account),
    )


def _horizons(account: Account) -> str:
    head = ["", *(_horizon_name(h) for h in MARKOUT_HORIZONS_S)]
    rows = [
        ["markout loss, USD", *(usd(t.markout_loss) for t in account.by_horizon)],
        ["inventory, USD", *(usd(t.inventory) for t in account.by_horizon)],
        [
            "spread − loss − fees, USD",
            *(usd(t.spread - t.markout_loss - t.fees) for t in account.by_horizon),
        ],
    ]
    return table(head, rows)


def _splits(account: Account) -> str:
    head = ["", "fills", "volume", "spread", "− markout loss", "− fees", "= by horizon", "bps", "inventory"]
    rows = []
    for key, frame in account.splits.items():
        for row in frame.iter_rows(named=True):
            rows.append(
                [
                    f"{key} {escape(row[key])}" if key == "level" else escape(row[key]),
                    number(row["fills"], 0),
                    usd(row["volume_usd"], 0),
                    usd(row["spread_usd"]),
                    usd(-row["markout_loss_usd"]),
                    usd(-row["fee_usd"]),
                    usd(row["pnl_by_horizon_usd"]),
                    number(row["pnl_by_horizon_bps"]),
                    usd(row["inventory_usd"]),
                ]
            )
    return table(head, rows)


def assumptions(account: Account) -> str:
    """The range over queue models and latencies."""
    if not account.outcomes:
        return ""
    rows = [
        [
            f"<b>{escape(o.name)}</b>" if o.base else escape(o.name),
            escape(o.queue),
            escape(o.latency),
            number(o.fills, 0),
            usd(o.volume_usd, 0),
            usd(o.totals.spread),
            usd(-o.totals.markout_loss),
            usd(o.pnl_usd, sign=True),
            number(o.pnl_usd / o.volume_usd * 1e4 if o.volume_usd else float("nan")),
        ]
        for o in account.outcomes
    ]
    head = ["", "queue", "latency", "fills", "volume", "spread", "− loss", "PnL", "bps"]
    return _section(
        "How much of it is assumption",
        "A recording does not say where an order stood in the queue or how long it took to get there. The "
        "whole session is run again, decisions and all, under other assumptions; the truth may lie outside "
        "the range, but a PnL whose sign depends on the choice is no PnL.",
        _figure("outcomes"),
        table(head, rows, words=3),
    )


def course() -> str:
    """Price, quotes and fills; position; drift; equity."""
    return _section(
        "The session",
        "Long sessions are thinned to what a screen can show; highs and lows are kept. Drag to zoom, "
        "double-click to return.",
        _figure("course"),
    )


def markouts(account: Account) -> str:
    """What fills were worth afterwards."""
    curves = [account.everything, *account.by_side, *account.by_depth]
    rows = [_markout_row(c) for c in curves if c.fills]
    head = ["", "fills", "spread", "fee", *(_horizon_name(h) for h in MARKOUT_HORIZONS_S)]
    figures = _figure("by_side")
    if account.by_depth:
        figures = f"<div class='two even'>{figures}{_figure('by_depth')}</div>"
    return _section(
        "Markouts",
        "The mid after a fill against the fill's price, by side and by distance from the mid; it starts at "
        "the captured spread and should stay above the fee. Bars are one standard error, clustered in time "
        "because neighbouring fills share their fate.",
        figures,
        "<h3>Markout loss, bps ± one standard error</h3>",
        table(head, rows),
    )


def _markout_row(c: MarkoutCurve) -> list[str]:
    losses = [bps(loss, error) for loss, error in zip(c.loss_bps, c.error_bps, strict=True)]
    return [escape(c.label), number(c.fills, 0), number(c.spread_bps), number(c.fee_bps), *losses]


def calibration(account: Account) -> str:
    """Forecasts held against what happened."""
    if not account.fill_rates and not account.edge:
        return _section("Were the forecasts right?", "This maker makes no forecasts of its fills.")
    if account.fill_rates:
        covered = sum(r.covered for r in account.fill_rates)
        rates = _figure("fill_rates") + (
            f"<p class='small'>{covered} of {len(account.fill_rates)} forecasts lie in their 95 % Poisson "
            f"interval; {number(sum(r.predicted_fills for r in account.fill_rates), 1)} fills forecast, "
            f"{sum(r.fills for r in account.fill_rates):,} happened.</p>"
        )
    else:
        rates = "<p class='empty'>This maker forecasts no fill rates.</p>"
    if account.edge:
        edge = _figure("edge") + (
            "<p class='small'>Points on the dashed line earned what was forecast; equal numbers of fills per "
            "point, one standard error.</p>"
        )
    else:
        edge = "<p class='empty'>No forecasts of a fill's profit to hold against its outcome.</p>"
    return _section(
        "Were the forecasts right?",
        "Left, the rate at which orders were expected to fill against the rate at which they did, by depth. "
        "Right, the profit forecast when an order was placed against the profit of its fill by the "
        "horizon.",
        f"<div class='two even'><div>{rates}</div><div>{edge}</div></div>",
    )


def silence(account: Account) -> str:
    """Why there was no quote."""
    if not account.reasons:
        return ""
    rows = [
        [
            escape(r.side),
            f"<b>{escape(r.word)}</b>" if r.word != "quoted" else escape(r.word),
            escape(r.meaning),
            number(r.levels, 0),
            percent(r.share, 1),
            number(r.average, 3),
            escape(r.number),
        ]
        for r in account.reasons
    ]
    return _section(
        "Why was there no quote?",
        "Every level of every decision, by the first rule that left it empty, with the average of the number "
        "that decided.",
        table(["side", "reason", "", "levels", "share of side", "average", "which is"], rows, words=3),
    )


def requests(account: Account) -> str:
    """What was asked of the venue."""
    r = account.requests
    rows = [
        ["new orders", number(r.new_orders, 0)],
        ["cancels", number(r.cancels, 0)],
        ["modifies (cancel + new, queue lost)", number(r.modifies, 0)],
        ["rejected", number(r.rejects, 0)],
        ["cancels that came too late", number(r.late_cancels, 0)],
        ["requests per USD traded", number(r.per_usd, 4)],
        [f"share of allowance ({FREE_REQUESTS:,} + 1 per USD traded)", percent(r.share_of_allowance)],
    ]
    return _section(
        "Requests",
        "Hyperliquid grants 10 000 requests plus one per USDC traded, each order of a batch counted.",
        f"<div class='narrow'>{table(['', ''], rows)}</div>",
    )


def made_of(settings: Mapping[str, Mapping[str, object]]) -> str:
    """Settings, recording, seeds, version: enough to make the report again."""
    blocks = [
        f"<div><h3>{escape(title)}</h3><dl>"
        + "".join(f"<dt>{escape(k)}</dt><dd>{escape(setting(v))}</dd>" for k, v in values.items())
        + "</dl></div>"
        for title, values in settings.items()
        if values
    ]
    return _section(
        "Made of",
        "Everything needed to make this session again, fill by fill.",
        f"<div class='blocks'>{''.join(blocks)}</div>",
    )
