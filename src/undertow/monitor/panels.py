"""The parts of the screen as lines of text; `undertow.monitor.screen` puts them side by side.

Colour only helps: every sign, state and warning is also a character or a word.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.text import Text

from undertow.monitor.numbers import (
    clock,
    count,
    latency,
    number,
    price,
    quantity,
    seconds,
    signed,
    significant,
    size,
    usd,
)
from undertow.monitor.view import CoinView, FeedView, FillView, KillView, SessionView
from undertow.monitor.why import QUOTING


def tone(value: float | None) -> str:
    """Green above zero, red below."""
    if value is None or abs(value) < 0.005:
        return ""
    return "green" if value > 0.0 else "red"


def _line(*parts: tuple[str, str] | str) -> Text:
    return Text.assemble(*parts, no_wrap=True, end="")


def headline(view: SessionView) -> Text:
    """Who, where, how long, how the link is, what it has made."""
    link = view.link
    state = (
        ("up", "green") if link.state == "up" else (f"{link.state.upper()} {seconds(link.for_s)}", "bold red")
    )
    ends = "" if view.remaining_s is None else f" of {clock(view.elapsed_s + view.remaining_s)}"
    money = ("bold red", "LIVE") if view.mode == "live" else ("bold", view.mode)
    market = f" · {view.market:.24}" if view.market else ""
    parts: list[tuple[str, str] | str] = [
        (" undertow ", "reverse"),
        (f" {money[1]}", money[0]),
        f" on {view.venue}{market}",
        f"  {clock(view.elapsed_s)}{ends}  link ",
        state,
        "  PnL ",
        (f"{usd(view.pnl_usd)} USD", f"bold {tone(view.pnl_usd)}"),
    ]
    if view.equity_usd is not None:
        parts.append(f"  equity {view.equity_usd:,.2f}")
    if link.reconnects:
        parts.append((f"  {link.reconnects} reconnects", "dim"))
    return _line(*parts)


def why_line(coin: CoinView) -> Text:
    """The answer to "why am I not quoting?"."""
    quoting = coin.why_code == QUOTING
    mark = ("● ", "green") if quoting else ("○ ", "bold yellow")
    return _line(mark, (f"{coin.coin} ", "bold"), (coin.why, "" if quoting else "bold yellow"))


def kill_lines(kills: Iterable[KillView]) -> list[Text]:
    """The latched reasons of the kill switch."""
    return [
        _line(("KILL ", "bold red"), f"{k.reason}: {k.text} ({k.grade}, {seconds(k.since_s)} ago)")
        for k in kills
    ]


def numbers_panel(view: SessionView, coin: CoinView, wide: bool) -> list[Text]:
    """What is held, what it has earned, what it cost in requests; what is believed."""
    return [
        *_position(view, coin, wide),
        *_pnl(coin, wide),
        *_requests(view, coin),
        *_reservation(coin, wide),
        *_belief(coin, wide),
    ]


def _pairs(*pairs: tuple[str, str]) -> Text:
    """Names, dim, before their values."""
    parts: list[tuple[str, str] | str] = []
    for name, value in pairs:
        parts += [(f" {name} ", "dim"), value]
    return _line(*parts)


def _reservation(coin: CoinView, wide: bool) -> list[Text]:
    r = coin.reservation
    if r.px is None:
        return [_line(("reservation ", "dim"), "none yet")]
    first = _line(("reservation ", "dim"), (f"{r.px:.7g}", "cyan"), f"  {signed(r.offset_bps)} bps")
    if r.inventory_bps is None:
        return [first]
    parts = [
        *(
            ("inventory", signed(r.inventory_bps)),
            ("drift", signed(r.drift_bps)),
            ("alpha", signed(r.alpha_bps)),
        ),
        *(("funding", signed(r.funding_bps)), ("flow", signed(r.flow_bps)), ("costs", signed(r.costs_bps))),
    ]
    step = 3 if wide else 2
    return [first, *[_pairs(*parts[i : i + step]) for i in range(0, len(parts), step)]]


def _interval(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f" [{pair[0]:.3f}, {pair[1]:.3f}]"


def _belief(coin: CoinView, wide: bool) -> list[Text]:
    b = coin.belief
    toxic = "" if b.toxicity is None else f"  jumps {b.toxicity:.0%}"
    kappas = [
        (number(b.kappa_bid_per_bp, 3), b.kappa_bid_95),
        (number(b.kappa_ask_per_bp, 3), b.kappa_ask_95),
    ]
    lines = [
        _line(("drift ", "dim"), signed(b.drift_bps_per_s, 3), f" ± {number(b.drift_sd_bps_per_s, 3)} bps/s"),
        _line(("σ ", "dim"), number(b.sigma_bps_per_sqrt_s), " bps/√s", (toxic, "dim")),
    ]
    if wide:
        lines += [
            _line((f"κ {side} ", "dim"), kappa, (_interval(pair), "dim"), " /bp")
            for side, (kappa, pair) in zip(("bid", "ask"), kappas, strict=True)
        ]
    else:
        lines.append(_line(("κ ", "dim"), f"{kappas[0][0]} bid  {kappas[1][0]} ask /bp"))
    if b.as_bid_bps is not None:
        lines.append(_line(("AS ", "dim"), f"{number(b.as_bid_bps)} bid  {number(b.as_ask_bps)} ask bps"))
        lines.append(_line(("η ", "dim"), f"{significant(b.eta_bps_per_lot)} bps/lot"))
    expected = [s.expected_usd_per_h for s in (coin.bid, coin.ask)]
    if None not in expected:
        lines[-1].append_text(
            _line(("  expects ", "dim"), f"{significant(sum(e or 0.0 for e in expected))} USD/h")
        )
    return lines


def _position(view: SessionView, coin: CoinView, wide: bool) -> list[Text]:
    p = coin.position
    limit = "" if p.limit_lots is None else f" of {quantity(p.limit_lots)}"
    lots = "" if p.lots is None else f"  {signed(p.lots, 1)}{limit} lots"
    held = f"{p.qty:+.6g}" if p.qty else "flat"
    lines = [_line(("position ", "dim"), (held, "bold"), "" if not p.qty else f"  {usd(p.usd)} USD")]
    if lots and p.qty:
        lines[0] = lines[0].append(lots) if wide else lines[0]
        lines += [] if wide else [_line(lots)]
    if view.free_margin_usd is not None:
        used = "" if view.used_margin_usd is None else f", used {view.used_margin_usd:,.0f}"
        lines.append(_line(("margin ", "dim"), f"free {view.free_margin_usd:,.0f}{used} USD"))
    if p.liquidation_px is not None:
        lines.append(_line(("liquidation ", "dim"), price(p.liquidation_px)))
    return lines


def _pnl(coin: CoinView, wide: bool) -> list[Text]:
    p = coin.pnl
    traded = f", {count(p.volume_usd)} USD traded" if wide else ""
    fills = "1 fill" if p.fills == 1 else f"{count(p.fills)} fills"
    total = (usd(p.total), f"bold {tone(p.total)}")
    head = _line(("PnL ", "dim"), total, f" USD  {fills}{traded}")
    parts = [
        *(("spread", usd(p.spread)), ("markout", usd(-p.markout_loss)), ("fees", usd(-p.fees))),
        *(("funding", usd(p.funding)), ("inventory", usd(p.inventory))),
    ]
    step = 3 if wide else 2
    return [head, *[_pairs(*parts[i : i + step]) for i in range(0, len(parts), step)]]


def _requests(view: SessionView, coin: CoinView) -> list[Text]:
    left = view.requests_left if view.requests_left is not None else coin.requests_left
    style = "bold yellow" if left is not None and left < 500 else ""
    tail = "no limit known" if left is None else f"{count(left)} left"
    lines = [_line(("requests ", "dim"), f"{count(view.requests)} used, ", (tail, style))]
    if view.weight_cap is not None:
        lines.append(
            _line(("IP weight ", "dim"), f"{count(view.weight_used)} of {count(view.weight_cap)} /min")
        )
    return lines


def feed_text(feeds: Iterable[FeedView]) -> list[tuple[str, str] | str]:
    """Ages of the sources; a stale one is marked with an exclamation mark."""
    parts: list[tuple[str, str] | str] = []
    for f in feeds:
        age = "none" if f.age_s is None else number(f.age_s, 1) if f.age_s < 100 else f"{f.age_s:.0f}"
        parts += [
            (f"{f.source} ", "dim"),
            (f"{age}{'!' if f.stale else ''}  ", "bold red" if f.stale else ""),
        ]
    return parts


def feeds_line(coin: CoinView) -> Text:
    """Feed ages, seconds."""
    if not coin.feeds:
        age = coin.price.age_s
        return _line(("book ", "dim"), "none yet" if age is None else f"{seconds(age)} old")
    return _line(("feeds, s  ", "dim"), *feed_text(coin.feeds))


def latency_lines(view: SessionView) -> list[Text]:
    """Delays by kind."""
    return [
        _line(
            (f"{name.replace('_', ' ')} ", "dim"),
            f"p50 ≤ {latency(v.p50_s)}  p99 ≤ {latency(v.p99_s)}  n {v.n}",
        )
        for name, v in view.latencies.items()
        if v.n
    ]


def fill_line(fill: FillView) -> Text:
    """One fill."""
    when = datetime.fromtimestamp(fill.time_ns * 1e-9, UTC).strftime("%H:%M:%S")
    edge = "" if fill.edge_bps is None else f" {signed(fill.edge_bps, 1)} bps"
    word, color = ("bought", "green") if fill.side > 0 else ("sold  ", "red")
    taker = "" if fill.maker else " taker"
    return _line(
        *((f"{when} ", "dim"), (word, color), f" {size(fill.qty):>6} at {price(fill.px):<7}"),
        *((f"{edge:<9}", tone(fill.edge_bps)), (f" fee {number(fill.fee, 3)}{taker}", "dim")),
    )


def fills_panel(coin: CoinView, rows: int) -> list[Text]:
    """The latest fills, newest first."""
    if rows <= 0:
        return []
    if not coin.fills:
        return [_line(("no fills yet", "dim"))]
    return [fill_line(fill) for fill in coin.fills[:rows]]


def coin_row(coin: CoinView, focused: bool, width: int) -> Text:
    """One coin in one line: price, quotes, position, PnL, and its why where there is room."""
    mark = "▸" if focused else " "
    state = ("●", "green") if coin.why_code == QUOTING else ("○", "bold yellow")
    line = _line(
        *(f"{mark}", state, (f" {coin.coin:<12.12}", "bold"), f" {price(coin.price.mid):>11}"),
        f" {coin.bid.live:>3}/{coin.ask.live:<3}",
        f" {usd(coin.position.usd):>11}",
        (f" {usd(coin.pnl.total):>10}", tone(coin.pnl.total)),
        f"  {coin.why}",
    )
    line.truncate(width, overflow="ellipsis")
    return line


def coins_head() -> Text:
    """Heading of the coins' rows."""
    return Text(
        f"  {'coin':<12}  {'mid':>11} bid/ask {'pos. USD':>11} {'PnL USD':>10}  state", "dim", no_wrap=True
    )
