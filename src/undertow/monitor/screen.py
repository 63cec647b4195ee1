"""The live terminal view: a frame of lines from a `SessionView`, drawn on the alternate screen.

`frame` is a pure function of the view and the terminal's size; `Screen` draws what changed. Rendering
costs a few milliseconds, so a trading process leaves it to another one (`undertow.monitor.screen_process`).
"""

from __future__ import annotations

import os
from collections import deque
from typing import IO, Final

from rich.color import ColorSystem
from rich.console import Console
from rich.text import Text

from undertow.monitor.ladder_panel import MARKS_EXPLAINED, ladder_panel
from undertow.monitor.numbers import usd
from undertow.monitor.panels import (
    coin_row,
    coins_head,
    feeds_line,
    fills_panel,
    headline,
    kill_lines,
    latency_lines,
    numbers_panel,
    why_line,
)
from undertow.monitor.view import CoinView, SessionView

WIDE: Final = 150
"""From so many columns on, fills and feeds stand in a third column."""
ROOMY: Final = 52
"""From so many columns on, the numbers have theirs three to a line and with intervals."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_SYSTEMS: Final = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}
Size = tuple[int, int]


class History:
    """PnL and mid of the focused coin over time, a point per `every_s`, for the sparklines."""

    def __init__(self, every_s: float = 2.0, most: int = 240) -> None:
        self._every_ns, self._next_ns = round(every_s * 1e9), 0
        self.pnl: deque[float] = deque(maxlen=most)
        self.mid: deque[float] = deque(maxlen=most)

    def add(self, view: SessionView, coin: CoinView | None) -> None:
        """Note a view, if it is time."""
        if view.now_ns < self._next_ns:
            return
        self._next_ns = view.now_ns + self._every_ns
        if view.pnl_usd is not None:
            self.pnl.append(view.pnl_usd)
        if coin is not None and coin.price.mid is not None:
            self.mid.append(coin.price.mid)


def sparkline(values: deque[float], width: int) -> str:
    """The last `width` values as bars between their least and greatest."""
    shown = list(values)[-width:]
    if not shown:
        return ""
    low, span = min(shown), max(shown) - min(shown)
    return "".join(_BARS[round((v - low) / span * 7)] if span > 0.0 else _BARS[0] for v in shown)


def _beside(columns: list[tuple[int, list[Text]]], rows: int) -> list[Text]:
    """Columns (width, lines) side by side, two spaces between."""
    lines = []
    for i in range(rows):
        line = Text(no_wrap=True, end="")
        for j, (width, texts) in enumerate(columns):
            cell = texts[i].copy() if i < len(texts) else Text("")
            cell.truncate(width, overflow="ellipsis", pad=j + 1 < len(columns))
            line.append_text(cell)
            if j + 1 < len(columns):
                line.append("  ")
        lines.append(line)
    return lines


def _folded(line: Text, width: int, rows: int) -> list[Text]:
    """A long line on up to `rows` lines, broken between words."""
    line.rstrip()
    if line.cell_len <= width or rows < 2:
        return [line]
    cut = line.plain.rfind(" ", 1, width)
    if cut <= 0:
        return [line]
    head, _, tail = line.divide([cut, cut + 1])
    return [head, *_folded(Text("  ", no_wrap=True, end="").append_text(tail), width, rows - 1)]


def focus_of(view: SessionView, focus: str | None) -> CoinView | None:
    """The coin named, else the first."""
    return next((c for c in view.coins if c.coin == focus), view.coins[0] if view.coins else None)


def frame(
    view: SessionView, size: Size, focus: str | None = None, history: History | None = None
) -> list[Text]:
    """The screen as `height` lines of at most `width` columns; `size` is (width, height)."""
    width, height = max(size[0], 20), max(size[1], 4)
    coin = focus_of(view, focus)
    top = [headline(view), *kill_lines(view.kills)]
    if coin is None:
        top.append(Text("no coin yet", "dim"))
        return _fitted(top, width, height)
    top += _folded(why_line(coin), width, 2)
    top += kill_lines(coin.kills)
    top += [Text("─" * width, "dim")]
    bottom = _bottom(view, coin, width, height - len(top))
    body = max(height - len(top) - len(bottom), 0)
    middle = _body(view, coin, width, body, history)
    return _fitted([*top, *middle, *bottom], width, height)


def _bottom(view: SessionView, coin: CoinView, width: int, room: int) -> list[Text]:
    """Feeds (where there is no third column), coins and the foot."""
    lines = [] if width >= WIDE else [feeds_line(coin)]
    if len(view.coins) > 1:
        shown = min(len(view.coins), max(room // 5, 2))
        rows = [coin_row(c, c is coin, width) for c in view.coins[:shown]]
        hidden = len(view.coins) - shown
        lines += [coins_head(), *rows]
        if hidden > 0:
            quiet = sum(c.why_code != "quoting" for c in view.coins[shown:])
            lines.append(Text(f"  and {hidden} more, {quiet} of them not quoting on both sides", "dim"))
    note = (
        view.notes[-1] if view.notes else view.stopping or "Ctrl-C cancels every order and ends the session"
    )
    lines.append(Text(note, "dim", no_wrap=True))
    return lines


def _body(view: SessionView, coin: CoinView, width: int, rows: int, history: History | None) -> list[Text]:
    """Ladder and numbers side by side; fills, feeds and sparklines beneath them or in a third column."""
    three = width >= WIDE
    left = 52 if three else max(width * 11 // 20, width - 60)
    middle = min(54, width - left - 4) if three else width - left - 2
    numbers = numbers_panel(view, coin, middle >= ROOMY)
    ladder = ladder_panel(coin, left, rows)
    if three:
        right = width - left - middle - 4
        third = [*_folded(feeds_line(coin), right, 3), *_more(view, coin, right, rows - 3, history)]
        return _beside([(left, ladder), (middle, numbers), (right, third)], rows)
    numbers += _more(view, coin, middle, rows - len(numbers), history)
    return _beside([(left, ladder), (middle, numbers)], rows)


def _more(view: SessionView, coin: CoinView, width: int, rows: int, history: History | None) -> list[Text]:
    """Delays, sparklines and fills, as far as there is room."""
    lines = latency_lines(view) if rows >= 8 else []
    if history is not None and rows >= 10 and len(history.pnl) > 1:
        mids, pnl = sparkline(history.mid, width - 6), sparkline(history.pnl, width - 6)
        lines += [Text.assemble(("mid   ", "dim"), mids), Text.assemble(("PnL   ", "dim"), pnl)]
        low, high = min(history.pnl), max(history.pnl)
        lines.append(Text(f"      {usd(low)} to {usd(high)} USD", "dim"))
    left = rows - len(lines)
    if left < 5:
        return [*lines, *fills_panel(coin, left)]
    fills = fills_panel(coin, left - 2)
    return [*lines, Text("fills", "dim"), *fills, Text(MARKS_EXPLAINED, "dim")]


def _fitted(lines: list[Text], width: int, height: int) -> list[Text]:
    out = []
    for line in lines[:height]:
        line.truncate(width, overflow="ellipsis")
        line.end = ""
        out.append(line)
    return [*out, *[Text("", end="") for _ in range(height - len(out))]]


class Screen:
    """Draws frames on a terminal's alternate screen; only lines that changed are written.

    A context manager: the terminal is put back on exit, also after an exception.
    """

    def __init__(self, file: IO[str], focus: str | None = None, size: Size | None = None) -> None:
        self._file, self._focus, self._size = file, focus, size
        self._console = Console(file=file, force_terminal=True, legacy_windows=False)
        self._last: list[Text] = []
        self._last_size: Size = (0, 0)
        self._history = History()

    def __enter__(self) -> Screen:
        self._file.write("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J")
        self._file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.write("\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l")
        self._file.flush()

    def size(self) -> Size:
        """The terminal's size now, (columns, lines)."""
        if self._size is not None:
            return self._size
        try:
            columns, lines = os.get_terminal_size(self._file.fileno())
        except (OSError, ValueError):
            return 80, 24
        return (columns or 80), (lines or 24)

    def draw(self, view: SessionView) -> None:
        """Show `view`."""
        size = self.size()
        self._history.add(view, focus_of(view, self._focus))
        if size != self._last_size:
            self._last, self._last_size = [], size
            self._file.write("\x1b[2J")
        lines = frame(view, size, self._focus, self._history)
        changed = [
            f"\x1b[{i + 1};1H{self._rendered(line)}\x1b[0m\x1b[K"
            for i, line in enumerate(lines)
            if i >= len(self._last) or line != self._last[i]
        ]
        self._last = lines
        self._file.write("".join(changed))
        self._file.flush()

    def _rendered(self, line: Text) -> str:
        """One line with its colours, as far as the terminal has any."""
        system = None if self._console.no_color else _SYSTEMS.get(self._console.color_system or "")
        return "".join(
            segment.style.render(segment.text, color_system=system)
            if segment.style is not None and system is not None
            else segment.text
            for segment in line.render(self._console, end="")
        )
