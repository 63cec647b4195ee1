"""The ladder as text: own orders beside the market's levels, what is wanted, and why not."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from undertow.monitor.numbers import number, price, significant, size
from undertow.monitor.view import CoinView, LevelView, SideView

_MARKS: Final = {"live": " ", "new": "+", "moving": "~", "canceling": "x", "": " "}
MARKS_EXPLAINED: Final = "+ on its way  ~ being moved  x being canceled"


def _chosen(side: SideView, rows: int) -> list[LevelView]:
    """At most `rows` levels, nearest first: ours before the market's, near before far."""
    ranked = sorted(
        range(len(side.levels)),
        key=lambda i: (side.levels[i].own_qty == 0.0, side.levels[i].level == 0 and i > 0, i),
    )
    return [side.levels[i] for i in sorted(ranked[:rows])]


def _wish(level: LevelView) -> tuple[str, str]:
    """What the maker wants at a level, and a style."""
    if level.level == 0:
        return ("not wanted", "yellow") if level.own_qty > 0.0 and level.own in ("live", "new") else ("", "")
    if level.worth is None:
        value = "" if level.number is None else f" {significant(level.number)}"
        return f"{level.reason}{value}", "dim"
    moved = level.wanted_px is not None and level.wanted_px != level.px
    where = f"→{price(level.wanted_px)} " if moved else ""
    worth = significant(level.worth)
    if level.own_qty > 0.0:
        return f"{where}earns {worth}", ""
    return f"{size(level.wanted_qty)} for {worth}", ""


def _row(level: LevelView, width: int, has_ladder: bool) -> Text:
    own = size(level.own_qty) if level.own_qty > 0.0 else ""
    wish, style = _wish(level) if has_ladder else ("", "")
    color = "green" if level.side > 0 else "red"
    line = Text(no_wrap=True)
    line.append(f"{size(level.market_qty):>7} ", "dim")
    line.append(f"{price(level.px):>9} ", color)
    line.append(f"{own:>7}{_MARKS[level.own]} ", f"bold {color}" if own else "")
    line.append(wish, style)
    line.truncate(width, overflow="ellipsis")
    return line


def _middle(coin: CoinView) -> Text:
    p = coin.price
    line = Text(no_wrap=True)
    line.append(f"{'mid':>7} {price(p.mid):>9} ", "bold")
    return line.append(f"  {number(p.spread_bps, 1)} bps wide", "dim")


def ladder_panel(coin: CoinView, width: int, rows: int) -> list[Text]:
    """`rows` lines: a heading, asks from far to near, the mid, bids from near to far."""
    each = max((rows - 2) // 2, 1)
    head = Text(f"{'market':>7} {'price':>9} {'own':>7}  wanted", "dim")
    asks, bids = _chosen(coin.ask, each), _chosen(coin.bid, each)
    spare = each - len(asks)
    if spare > 0:
        bids = _chosen(coin.bid, each + spare)
    elif len(bids) < each:
        asks = _chosen(coin.ask, 2 * each - len(bids))
    lines = [head]
    lines += [_row(level, width, coin.ask.has_ladder) for level in reversed(asks)]
    lines.append(_middle(coin))
    lines += [_row(level, width, coin.bid.has_ladder) for level in bids]
    return [*lines, *[Text("") for _ in range(rows - len(lines))]][:rows]
