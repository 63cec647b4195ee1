"""Between makers and execution: which requests go out.

Three things hold a *growing* order back (one that could make the position larger): the coin's feed is
stale, the account could not carry it, the session is ending. A reducing order and a cancel always go.
What is held back is answered like a venue's refusal, an ACK row flagged ``INFERRED`` (this machine made
it) `REFUSE_AFTER_NS` later, so that a maker tries again about once a second; a held order that its
maker cancels or replaces meanwhile never leaves. Makers see rows alone, so a captured session replays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undertow.events import (
    ACK,
    CANCEL,
    CANCEL_REJECTED,
    CANCELED,
    EVENT,
    INFERRED,
    LOCAL,
    MODIFY,
    NEW,
    REJECTED,
)
from undertow.kernel.desk import ACTION, PENDING_CANCEL
from undertow.trading.margin import MarginBook
from undertow.trading.runner import CoinRunner

REFUSE_AFTER_NS: Final = 1_000_000_000

STALE: Final = 1
MARGIN: Final = 2
ENDING: Final = 3
REASONS: Final = {STALE: "the feed is stale", MARGIN: "no margin left", ENDING: "the session is ending"}
"""Why an order was held back; the number is ``val`` of its ACK row."""


class _Held(NamedTuple):
    due_ns: int
    coin: str
    order_id: int
    side: int
    qty: float
    reason: int


class Gate:
    """Decides order by order. `counts` are refusals by coin and reason (a key of `REASONS`)."""

    def __init__(self, margin: MarginBook | None = None) -> None:
        self.margin = margin
        self.ending = False
        self.counts: dict[tuple[str, int], int] = {}
        self._stale: dict[str, frozenset[int]] = {}
        self._waiting: deque[_Held] = deque()
        self._held: dict[str, set[int]] = {}
        self._pulled: dict[str, set[int]] = {}

    def set_stale(self, coin: str, stale: bool, side: int = 0) -> None:
        """The feed says that `side` of `coin` (0: both) is stale, or fresh again."""
        sides = frozenset((1, -1) if side == 0 else (side,))
        held = self._stale.get(coin, frozenset())
        self._stale[coin] = held | sides if stale else held - sides
        if not self._stale[coin]:
            self._pulled.pop(coin, None)

    def stale_sides(self, coin: str) -> frozenset[int]:
        """Sides (+1, -1) of `coin` that are stale."""
        return self._stale.get(coin, frozenset())

    def held_back(self, coin: str) -> frozenset[int]:
        """Ids of the orders on the desk that have not left."""
        return frozenset(self._held.get(coin, ()))

    @property
    def next_ns(self) -> int:
        """When the next refusal is due."""
        return self._waiting[0].due_ns if self._waiting else 2**62

    def look(self, runner: CoinRunner) -> None:
        """Bring the margin account up to date with the coin's price, position and orders."""
        if self.margin is not None:
            gained, unit_usd, bids, asks = runner.burden()
            if held := self._held.get(runner.coin):
                bids, asks = _without(runner, held, 2**62)
            self.margin.see(runner.coin, gained, _worst(runner, bids, asks) * unit_usd)

    def let_pass(
        self, runner: CoinRunner, now_ns: int, actions: NDArray[np.void]
    ) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """The part of a batch that may go out, and ACK rows to give the maker at once."""
        coin = runner.coin
        free = not self.ending and not self._held.get(coin) and not self._stale.get(coin)
        if free and self.margin is not None:
            self.look(runner)
            free = self.margin.free >= 0.0
        if free:
            return actions, actions[:0]
        out, answers = [], []
        for action in actions:
            passed, rows = self._one(runner, now_ns, action)
            out += passed
            answers += rows
        self.look(runner)
        return _stack(out, ACTION), _stack(answers, EVENT)

    def refusals(self, until_ns: int) -> Iterator[tuple[str, NDArray[np.void]]]:
        """Refusals due by `until_ns`, in order: coin and ACK row."""
        while self._waiting and self._waiting[0].due_ns <= until_ns:
            due_ns, coin, order_id, side, qty, reason = self._waiting.popleft()
            if order_id in self._held[coin]:
                self._held[coin].discard(order_id)
                yield coin, _ack(due_ns, REJECTED, order_id, side, qty, reason)

    def to_pull(self, runner: CoinRunner) -> NDArray[np.void]:
        """Cancels of the working orders on stale sides that could grow the position, each once."""
        sides = self._stale.get(runner.coin)
        if not sides:
            return np.zeros(0, dtype=ACTION)
        working = _working(runner)
        pulled = self._pulled.setdefault(runner.coin, set())
        pulled &= set(working["id"].tolist())
        passed = pulled | self._held.get(runner.coin, set())
        out = []
        for order in working:
            side, order_id = int(order["side"]), int(order["id"])
            if side in sides and order_id not in passed and order["status"] < PENDING_CANCEL:  # noqa: SIM102
                if _grows(runner, side, passed, order_id):
                    pulled.add(order_id)
                    out.append(_cancel_of(order))
        return _stack(out, ACTION)

    def _one(
        self, runner: CoinRunner, now_ns: int, action: np.void
    ) -> tuple[list[NDArray[np.void]], list[NDArray[np.void]]]:
        """One action: what of it goes out, and what its maker is answered at once."""
        kind, side, order_id = int(action["kind"]), int(action["side"]), int(action["id"])
        coin, target, qty = runner.coin, int(action["target"]), float(action["qty"])
        held = self._held.setdefault(coin, set())
        sent = np.array([action], dtype=ACTION)
        answers = []
        if kind != NEW and target in held:  # what it names has never left
            held.discard(target)
            answers.append(_ack(now_ns, CANCELED, target, side, qty, 0))
            sent["kind"], sent["target"] = NEW, -1
            if kind == CANCEL:
                return [], answers
            kind = NEW
        reason = 0 if kind == CANCEL else self._why_not(runner, order_id, side)
        if not reason:
            return [sent], answers
        if kind == MODIFY:  # the old order stays as it is
            answers.append(_ack(now_ns, CANCEL_REJECTED, target, side, 0.0, reason))
        self.counts[coin, reason] = self.counts.get((coin, reason), 0) + 1
        held.add(order_id)
        self._waiting.append(_Held(now_ns + REFUSE_AFTER_NS, coin, order_id, side, qty, reason))
        return [], answers

    def _why_not(self, runner: CoinRunner, order_id: int, side: int) -> int:
        """The reason to hold the order back (it stands on the desk already); 0: none."""
        held = self._held[runner.coin]
        if not _grows(runner, side, held, order_id):
            return ENDING if self.ending else 0
        if self.ending:
            return ENDING
        if side in self._stale.get(runner.coin, ()):
            return STALE
        if self.margin is None:
            return 0
        gained, unit_usd, _, _ = runner.burden()
        worst_usd = _worst(runner, *_without(runner, held, order_id)) * unit_usd
        if self.margin.carries(runner.coin, worst_usd):
            self.margin.see(runner.coin, gained, worst_usd)
            return 0
        return MARGIN


def _working(runner: CoinRunner) -> NDArray[np.void]:
    desk = runner.states["desk"][0]
    working: NDArray[np.void] = desk["working"][: int(desk["n_working"])]
    return working


def _without(runner: CoinRunner, left_out: Collection[int], up_to: int) -> tuple[float, float]:
    """Quantity of the bids and asks on the desk with ids up to `up_to`, those `left_out` not counted."""
    working = _working(runner)
    alive = (working["status"] < PENDING_CANCEL) & (working["id"] <= up_to)
    if left_out:
        alive &= ~np.isin(working["id"], list(left_out))
    leaves, bid = working["leaves"], working["side"] > 0
    return float(leaves[alive & bid].sum()), float(leaves[alive & ~bid].sum())


def _grows(runner: CoinRunner, side: int, left_out: Collection[int], order_id: int) -> bool:
    """Whether the order, after those of its side sent before it, could grow or turn the position."""
    bids, asks = _without(runner, left_out, order_id)
    reducible = max(0.0, -side * float(runner.states["desk"][0]["position"]))
    return (bids if side > 0 else asks) > reducible + 0.5 * runner.instrument.size_step


def _worst(runner: CoinRunner, bids: float, asks: float) -> float:
    """The largest position, unsigned, that these orders could lead to."""
    position = float(runner.states["desk"][0]["position"])
    return max(abs(position + bids), abs(position - asks))


def _cancel_of(order: np.void) -> NDArray[np.void]:
    action = np.zeros(1, dtype=ACTION)
    action["id"] = action["target"] = order["id"]
    action["tick"], action["qty"] = order["tick"], order["leaves"]
    action["side"], action["level"], action["kind"] = order["side"], order["level"], CANCEL
    return action


def _ack(now_ns: int, code: int, order_id: int, side: int, qty: float, reason: int) -> NDArray[np.void]:
    row = np.zeros(1, dtype=EVENT)
    row["exch_ns"] = row["recv_ns"] = now_ns
    row["kind"], row["code"], row["ref"], row["side"] = ACK, code, order_id, side
    row["qty"], row["val"], row["flags"] = qty, reason, LOCAL | INFERRED
    return row


def _stack(pieces: list[NDArray[np.void]], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=dtype)
