"""Numbers and tables as HTML: one way to write a dollar, a basis point, a duration."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"
NOTHING = '<span class="none">–</span>'


def escape(text: object) -> str:
    """Text made safe for HTML."""
    return html.escape(str(text))


def number(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A number with thousands separated and a true minus; a dash for NaN."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{abs(value):,.{digits}f}"
    if not text.strip("0,."):
        return text
    return (MINUS if value < 0 else "+" if sign else "") + text


def usd(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """An amount of USD."""
    if not math.isfinite(value):
        return NOTHING
    text = number(value, digits, sign=sign)
    at = 1 if text[0] in (MINUS, "+") else 0
    return f"{text[:at]}${text[at:]}"


def bps(value: float, error: float = math.nan, digits: int = 2) -> str:
    """Basis points, with a standard error where there is one."""
    shown = number(value, digits)
    if math.isfinite(value) and math.isfinite(error):
        return f'{shown} <span class="error">± {error:.{digits}f}</span>'
    return shown


def percent(share: float, digits: int = 0) -> str:
    """A share as a percentage."""
    return f"{number(100.0 * share, digits)} %" if math.isfinite(share) else NOTHING


def duration(seconds: float) -> str:
    """Seconds in the two largest units that fit."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    minutes, whole = seconds / 60.0, round(seconds)
    if minutes < 60.0:
        return f"{whole // 60} min {whole % 60} s"
    whole = round(minutes)
    if minutes < 48 * 60.0:
        return f"{whole // 60} h {whole % 60} min"
    whole = round(minutes / 60.0)
    return f"{whole // 24} d {whole % 24} h"


def setting(value: object) -> str:
    """A configured value as a person would write it."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple | list):
        return ", ".join(setting(part) for part in value)
    return str(value)


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1, foot: bool = False, note: str = ""
) -> str:
    """An HTML table of ready-made cells; the first `words` columns are text, the rest figures.

    `foot` sets the last row apart as a total.
    """

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}>{cell}</{tag}>" if k < words else f'<{tag} class="n">{cell}</{tag}>'
            for k, cell in enumerate(row)
        )

    body = [f"<tr>{cells(row, 'td')}</tr>" for row in rows]
    if foot and body:
        body[-1] = body[-1].replace("<tr>", '<tr class="total">', 1)
    caption = f"<caption>{note}</caption>" if note else ""
    return (
        f'<div class="scroll"><table>{caption}<thead><tr>{cells(head, "th")}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
