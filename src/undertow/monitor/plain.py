"""A session without a terminal: a plain line every few seconds, and at once when something happens.

No control characters, so it reads well in a file, a pager or a journal. `json_line` is the same view
for programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from undertow.monitor.notable import Notable
from undertow.monitor.numbers import clock, count, number, price, signed, usd
from undertow.monitor.view import CoinView, SessionView, to_json

EVERY_S: Final = 5.0
Write = Callable[[str], object]


def coin_line(coin: CoinView) -> str:
    """One coin in one line."""
    p, r, b = coin.price, coin.reservation, coin.belief
    held = "flat" if not coin.position.qty else f"{coin.position.qty:+.6g} ({usd(coin.position.usd)} USD)"
    parts = [f"{coin.coin} mid {price(p.mid)}", f"spread {number(p.spread_bps, 1)} bps"]
    if r.px is not None:
        parts.append(f"r {signed(r.offset_bps, 1)} bps")
    if b.drift_bps_per_s is not None:
        parts.append(f"drift {signed(b.drift_bps_per_s, 3)}±{number(b.drift_sd_bps_per_s, 3)} bps/s")
    parts += [f"position {held}", f"PnL {usd(coin.pnl.total)}", f"{count(coin.pnl.fills)} fills"]
    return ", ".join(parts) + f" | {coin.why}"


def stamp(elapsed_s: float) -> str:
    """Elapsed time in front of a line."""
    return f"[{clock(elapsed_s):>7}]"


class PlainLines:
    """Writes lines. Call `show` with every view, as often as views are made."""

    def __init__(self, write: Write, every_s: float = EVERY_S) -> None:
        self._write, self._every_ns = write, round(every_s * 1e9)
        self._next_ns = 0

    def show(self, view: SessionView, changes: Iterable[Notable]) -> None:
        """Write what has changed since the last view, and the coins where their time has come."""
        begun_ns = view.now_ns - round(view.elapsed_s * 1e9)
        for change in changes:
            coin = f"{change.coin} " if change.coin else ""
            self._write(f"{stamp((change.time_ns - begun_ns) * 1e-9)} {coin}{change.text}\n")
        if view.now_ns >= self._next_ns:
            self._next_ns = view.now_ns + self._every_ns
            self._status(view)

    def _status(self, view: SessionView) -> None:
        for coin in view.coins:
            self._write(f"{stamp(view.elapsed_s)} {coin_line(coin)}\n")
        if len(view.coins) != 1:
            left = "" if view.requests_left is None else f", {count(view.requests_left)} requests left"
            self._write(
                f"{stamp(view.elapsed_s)} all: PnL {usd(view.pnl_usd)} USD, link {view.link.state}{left}\n"
            )


def json_line(view: SessionView) -> str:
    """The whole view as one JSON object on a line of its own (``--json``)."""
    return to_json(view).decode() + "\n"
