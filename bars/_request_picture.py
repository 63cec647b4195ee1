"""Measure the request economy and draw it: ``python -m bars._request_picture`` prints the table of
``docs/requests.md`` and writes ``docs/images/request-economy.svg``.

PnL against requests per USD traded, a panel per lot; every point is a price of a request, the last one
(orange) the default price with an allowance that runs down.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from bars import ROOT
from bars._request_runs import Row, tables

OUTPUT = ROOT / "docs" / "images" / "request-economy.svg"
WIDTH, HEIGHT, LEFT, TOP, GAP = 230, 210, 36, 46, 36
LEAST_SHARE, MOST_PER_USD = 0.9, 0.5
LINE, SCARCE, BAR = "#22577a", "#d98c5f", "#c0392b"


def _height_of(rows: list[Row]) -> Callable[[float], float]:
    """USD an hour to the panel's height: every point with its error, and 0, in it."""
    ends = [row.less_usd + sign * row.less_error_usd for row in rows for sign in (-1.0, 1.0)]
    low, high = min(*ends, 0.0), max(*ends, 0.0)
    low, high = low - 0.08 * (high - low), high + 0.12 * (high - low)
    return lambda usd: HEIGHT * (high - usd) / (high - low)


def _point(row: Row, x: float, y_of: Callable[[float], float], ink: str) -> str:
    """A dot with its error either way, and its price."""
    low, high = y_of(row.less_usd - row.less_error_usd), y_of(row.less_usd + row.less_error_usd)
    parts = [f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{ink}"/>']
    parts.append(f'<circle cx="{x:.1f}" cy="{y_of(row.less_usd):.1f}" r="3.2" fill="{ink}"/>')
    label = "free" if row.label == "0" else row.label.split()[0]
    parts.append(f'<text x="{x + 4:.1f}" y="{y_of(row.less_usd) - 4:.1f}" font-size="9">{label}</text>')
    return "".join(parts)


def _panel(number: int, lot_usd: float, rows: list[Row]) -> str:
    spent = [row.per_usd for row in rows]
    low, high = min(spent) / 1.3, max(*spent, MOST_PER_USD) * 1.5
    y_of = _height_of(rows)

    def x_of(per_usd: float) -> float:
        return WIDTH * math.log(per_usd / low) / math.log(high / low)

    parts = [f'<g transform="translate({LEFT + number * (WIDTH + GAP)} {TOP})">']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>')
    name = f"lots of {lot_usd:g} USD; free: {rows[0].pnl_usd:.2f} ± {rows[0].error_usd:.2f}"
    parts.append(f'<text x="{WIDTH / 2}" y="-8" text-anchor="middle">{name}</text>')
    ends = [row.less_usd + sign * row.less_error_usd for row in rows for sign in (-1.0, 1.0)]
    rough = (max(ends) - min(ends)) / 4.0
    step = 10.0 ** math.floor(math.log10(rough))
    step *= max(m for m in (1.0, 2.0, 5.0) if m * step <= rough)
    for n in range(-10, 11):
        if 0.0 < y_of(n * step) < HEIGHT:
            parts.append(f'<path d="M0 {y_of(n * step):.1f}h{WIDTH}" stroke="#e3e3e3"/>')
            parts.append(f'<text x="-5" y="{y_of(n * step) + 4:.1f}" text-anchor="end">{n * step:g}</text>')
    if low < MOST_PER_USD < high and rows[0].pnl_usd > 0.0:
        least = y_of((LEAST_SHARE - 1.0) * rows[0].pnl_usd)
        box = f"M0 {least:.1f}H{x_of(MOST_PER_USD):.1f}V0"
        parts.append(f'<path d="{box}" fill="none" stroke="{BAR}" stroke-dasharray="4 3"/>')
    for tick in (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
        if low < tick < high:
            x = x_of(tick)
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT + 15}" text-anchor="middle">{tick:g}</text>')
    line = " ".join(f"{x_of(row.per_usd):.1f},{y_of(row.less_usd):.1f}" for row in rows[:-1])
    parts.append(f'<polyline points="{line}" fill="none" stroke="{LINE}" opacity=".4"/>')
    parts += [_point(row, x_of(row.per_usd), y_of, LINE) for row in rows[:-1]]
    parts.append(_point(rows[-1], x_of(rows[-1].per_usd), y_of, SCARCE))
    parts.append("</g>")
    return "".join(parts)


def draw(found: dict[float, list[Row]]) -> str:
    """The picture as SVG text."""
    width = LEFT + len(found) * (WIDTH + GAP)
    height = TOP + HEIGHT + 42
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    parts = [head + 'font-family="sans-serif" font-size="11" fill="#222">']
    parts.append(f'<rect width="{width}" height="{height}" fill="#fff"/>')
    title = "PnL less that of requoting without limit, USD an hour, by the price of a request (bps·lots)"
    parts.append(f'<text x="{LEFT}" y="18" font-size="13">{title}</text>')
    parts += [_panel(n, lot, rows) for n, (lot, rows) in enumerate(found.items())]
    label = "requests per USD traded; bars: one standard error; dashed: 1 request per 2 USD, 90 % of the PnL"
    parts.append(f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">{label}</text></svg>')
    return "".join(parts) + "\n"


def table(found: dict[float, list[Row]]) -> str:
    """The table as Markdown."""
    lines = [
        "| lot, USD | price, bps·lots | requests per USD | requests an hour | volume, USD an hour "
        "| PnL, USD an hour | less than free, USD | share |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for lot, rows in found.items():
        for row in rows:
            label = "0 (free)" if row.label == "0" else row.label
            lines.append(
                f"| {lot:g} | {label} | {row.per_usd:.3f} | {row.requests:.0f} | {row.volume_usd:.0f} "
                f"| {row.pnl_usd:.2f} ± {row.error_usd:.2f} | {row.less_usd:+.2f} ± {row.less_error_usd:.2f} "
                f"| {row.share:.2f} ± {row.share_error:.2f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    measured = tables()
    OUTPUT.write_text(draw(measured), encoding="utf-8")
    print(table(measured))
    print(f"wrote {OUTPUT}")
