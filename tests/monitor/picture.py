"""Draw ``docs/images/run.svg``, the screen in the middle of a session.

python -m tests.monitor.picture                    # makers replayed on generated markets
python -m tests.monitor.picture views.jsonl        # a session's own views: undertow run --json > views.jsonl
python -m tests.monitor.picture views.jsonl 95     # ... as it stood after 95 s
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from undertow.monitor.screen import History, frame
from undertow.monitor.view import SessionView, from_json

from .replayed import replayed

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "images" / "run.svg"
SIZE = (120, 34)
COINS = {"HYPE": ("hip3-hype", 7, "undertow"), "BTC": ("hl-btc", 3, "undertow")}
AT_S = 330.0


def chosen(views: Iterable[SessionView], at_s: float | None) -> tuple[SessionView, History]:
    """The view at `at_s`; without a time the latest in which the first coin quotes on both sides."""
    history, past, found = History(), History(), None
    for view in views:
        past.add(view, view.coins[0] if view.coins else None)
        if at_s is not None and view.elapsed_s > at_s and found is not None:
            break
        quoting = bool(view.coins) and view.coins[0].why_code == "quoting"
        if at_s is not None or found is None or quoting:
            found, history = view, past
    if found is None:
        raise SystemExit("no views to draw")
    return found, history


def draw(view: SessionView, history: History, title: str) -> str:
    """The screen as SVG, without fonts from elsewhere."""
    console = Console(
        record=True, width=SIZE[0], file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for line in frame(view, SIZE, None, history):
        console.print(line, no_wrap=True, crop=True)
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id="run")
    return re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "DejaVu Sans Mono")


def main(arguments: list[str]) -> None:
    """Entry point."""
    if arguments:
        lines = Path(arguments[0]).read_bytes().splitlines()
        at = float(arguments[1]) if len(arguments) > 1 else None
        view, history = chosen((from_json(line) for line in lines), at)
    else:
        view, history = chosen(replayed(COINS, AT_S), None)
    OUTPUT.write_text(draw(view, history, "undertow run"))


if __name__ == "__main__":
    main(sys.argv[1:])
