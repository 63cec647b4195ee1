"""Numbers as people read them: short, signed where the sign speaks, a dash where nothing is known."""

from __future__ import annotations

import math
from typing import Final

DASH: Final = "–"


def price(px: float | None) -> str:
    """A price with the digits it has, at most ten significant."""
    return DASH if px is None else f"{px:.10g}"


def quantity(qty: float | None) -> str:
    """A size, at most six significant digits."""
    return DASH if qty is None else f"{qty:.6g}"


def size(qty: float | None) -> str:
    """A size in seven columns: five digits, thousands and millions by letter."""
    if qty is None:
        return ""
    if qty < 1e5:
        return f"{qty:.5g}"
    return f"{qty / 1e3:.4g}k" if qty < 1e7 else f"{qty / 1e6:.4g}M"


def number(value: float | None, digits: int = 2) -> str:
    """Fixed digits."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 2) -> str:
    """Fixed digits with a sign; a zero has none."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0.0 else text


def usd(value: float | None) -> str:
    """Signed USD: cents, grouped from ten thousand on."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:+,.2f}" if abs(value) < 1e6 else f"{value:+,.0f}"
    return text[1:] if abs(value) < 0.005 else text


def significant(value: float | None, digits: int = 3) -> str:
    """Significant digits."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def seconds(value: float | None) -> str:
    """An age or a wait: 0.3 s, 12 s, 3 min."""
    if value is None or not math.isfinite(value):
        return DASH
    if value < 9.95:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 120.0 else f"{value / 60.0:.0f} min"


def clock(value: float | None) -> str:
    """Elapsed time as m:ss or h:mm:ss."""
    if value is None or not math.isfinite(value):
        return DASH
    whole = int(max(value, 0.0))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"


def count(value: float | None) -> str:
    """A whole number, grouped; infinity is a word."""
    if value is None:
        return DASH
    return "no limit" if math.isinf(value) else f"{value:,.0f}"


def latency(value: float | None) -> str:
    """A delay in µs, ms or s."""
    if value is None:
        return DASH
    if math.isinf(value):
        return "> 10 s"
    if value < 1e-3:
        return f"{value * 1e6:.0f} µs"
    return f"{value * 1e3:.3g} ms" if value < 1.0 else f"{value:.3g} s"
