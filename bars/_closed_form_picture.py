"""Draw ``docs/images/closed-form-error.svg``: ``python -m bars._closed_form_picture``.

Largest error of r(q) over |q| ≤ 3 in each draw of `bars.closed_form`, against κη; a panel per L.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bars import ROOT, closed_form

OUTPUT = ROOT / "docs" / "images" / "closed-form-error.svg"
WIDTH, HEIGHT, LEFT, TOP, GAP = 190, 210, 46, 62, 14
LOW, HIGH = 0.002, 3.0
INKS = (
    ("straight, r* − ηq", "#b9b2a6"),
    ("bent, signals pass", "#d98c5f"),
    ("bent, nothing passes", "#22577a"),
)


def _x(kappa_eta: float) -> float:
    return WIDTH * kappa_eta / 0.62


def _y(error: float) -> float:
    share = math.log(min(max(error, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return HEIGHT * (1.0 - share)


def _dots(kappa_eta: list[float], errors: NDArray[np.float64], ink: str) -> str:
    """All dots of one colour as a single path."""
    moves = "".join(f"M{_x(k):.0f} {_y(float(e)):.0f}h0" for k, e in zip(kappa_eta, errors, strict=True))
    return f'<path d="{moves}" stroke="{ink}" stroke-width="3.6" stroke-linecap="round"/>'


def _panel(number: int, length: float) -> str:
    cases, errors = closed_form.reservations(length, closed_form.DRAWS)
    worst = errors.max(axis=2)
    passing = np.array([bool(c.signals.drift or c.signals.imbalance) for c in cases])
    every = [c.kappa_eta for c in cases]
    left = LEFT + number * (WIDTH + GAP)
    name = "∞" if math.isinf(length) else f"{length:g}"
    parts = [f'<g transform="translate({left} {TOP})">']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>')
    parts.append(
        f'<text x="{WIDTH / 2}" y="-8" text-anchor="middle" font-weight="bold">L = {name} lots</text>'
    )
    for error in (0.01, 0.1, 1.0):
        ink = "#c0392b" if error == 0.1 else "#e3e3e3"
        parts.append(f'<path d="M0 {_y(error):.1f}h{WIDTH}" stroke="{ink}"/>')
        if number == 0:
            parts.append(f'<text x="-6" y="{_y(error) + 4:.1f}" text-anchor="end">{error:.0%}</text>')
    for tick in (0.0, 0.2, 0.4, 0.6):
        parts.append(f'<text x="{_x(tick):.1f}" y="{HEIGHT + 15}" text-anchor="middle">{tick:g}</text>')
    parts.append(_dots(every, worst[:, 1], INKS[0][1]))
    for ink, pick in ((INKS[1][1], passing), (INKS[2][1], ~passing)):
        parts.append(_dots([k for k, p in zip(every, pick, strict=True) if p], worst[pick, 0], ink))
    parts.append("</g>")
    return "".join(parts)


def draw() -> str:
    """The picture as SVG text."""
    width = LEFT + len(closed_form.LENGTHS) * (WIDTH + GAP)
    height = TOP + HEIGHT + 42
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    head += 'font-family="sans-serif" font-size="11" fill="#222">'
    parts = [head, f'<rect width="{width}" height="{height}" fill="#fff"/>']
    title = "Largest error of r(q) over |q| ≤ 3 lots, in max(η, |r|), closed form against exact"
    parts.append(f'<text x="{LEFT}" y="16" font-size="13">{title}</text>')
    for n, (name, ink) in enumerate(INKS):
        x = LEFT + 6 + 170 * n
        parts.append(f'<circle cx="{x}" cy="31" r="4" fill="{ink}"/><text x="{x + 9}" y="35">{name}</text>')
    parts += [_panel(n, length) for n, length in enumerate(closed_form.LENGTHS)]
    parts.append(f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">κη</text></svg>')
    return "".join(parts) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(draw(), encoding="utf-8")
    print(f"wrote {OUTPUT}")
