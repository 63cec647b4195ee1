"""Between makers and execution: which requests go out.

Five things hold a *growing* order back (one that could make the position larger): the coin's feed is
stale, the account could not carry it, the session is ending, the kill switch, or the account's stream is
down, when no order goes at all. Else a reducing order goes but where the switch has shut the coin, a cancel
always. What is held back is answered like a venue's refusal, an ACK row flagged ``INFERRED`` (this machine
made it) `REFUSE_AFTER_NS` later, so that a maker tries again about once a second; a held order that its
maker cancels or replaces meanwhile never leaves. Makers see rows alone, so a captured session replays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
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
from undertow.trading.restraint import Restraint, Sweep, alive_qty, cancel_of, grows, leaves, working_of
from undertow.trading.runner import CoinRunner

REFUSE_AFTER_NS: Final = 1_000_000_000
PULL_AGAIN_NS: Final = 1_000_000_000
"""An order that still stands so long after the session canceled it is canceled again."""

STALE: Final = 1
MARGIN: Final = 2
ENDING: Final = 3
KILLED: Final = 4
BLIND: Final = 5
REASONS: Final = {
    STALE: "the feed is stale",
    MARGIN: "no margin left",
    ENDING: "the session is ending",
    KILLED: "the kill switch",
    BLIND: "the account's stream is down",
}
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
        self.blind = False
        """The account's stream is down or being recovered: what an order does would not be seen."""
        self.counts: dict[tuple[str, int], int] = {}
        self._stale: dict[str, frozenset[int]] = {}
        self._waiting: deque[_Held] = deque()
        self._held: dict[str, set[int]] = {}
        self._pulled: dict[str, dict[int, int]] = {}  # when each order was last canceled from here
        self._restraints: dict[str, Restraint] = {}
        self._sweeps: dict[str, list[Sweep]] = {}
        self._changed: dict[str, None] = {}

    def set_stale(self, coin: str, stale: bool, side: int = 0) -> None:
        """The feed says that `side` of `coin` (0: both) is stale, or fresh again."""
        sides = frozenset((1, -1) if side == 0 else (side,))
        held = self._stale.get(coin, frozenset())
        self._stale[coin] = held | sides if stale else held - sides

    def restrain(self, coin: str, restraint: Restraint | None) -> None:
        """The kill switch leaves no more of `coin` than `restraint` (None: everything)."""
        if restraint == self._restraints.get(coin):
            return
        if restraint is None:
            del self._restraints[coin]
        else:
            self._restraints[coin] = restraint
            self._changed[coin] = None

    def restraint(self, coin: str) -> Restraint | None:
        """What the kill switch leaves of `coin`; None: everything."""
        return self._restraints.get(coin)

    def sweep(self, coin: str, side: int, px: float) -> None:
        """Pull the orders of `side` at `px` or better, once."""
        self._sweeps.setdefault(coin, []).append(Sweep(side, px))
        self._changed[coin] = None

    def take_changed(self) -> list[str]:
        """Coins of which less may stand than before the last call."""
        changed, self._changed = list(self._changed), {}
        return changed

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
                bids, asks = alive_qty(runner, held, 2**62)
            self.margin.see(runner.coin, gained, _worst(runner, bids, asks) * unit_usd)

    def let_pass(
        self, runner: CoinRunner, now_ns: int, actions: NDArray[np.void]
    ) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """The part of a batch that may go out, and ACK rows to give the maker at once."""
        coin = runner.coin
        shut = self._held.get(coin) or self._stale.get(coin) or coin in self._restraints
        free = not (self.ending or self.blind or shut)
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

    def to_pull(self, runner: CoinRunner, now_ns: int) -> NDArray[np.void]:
        """Cancels of the working orders that may not stand: those on stale sides that could grow the
        position, those the kill switch does not leave, those just swept."""
        coin = runner.coin
        sweeps = self._sweeps.pop(coin, [])
        if not (sweeps or self._stale.get(coin) or coin in self._restraints):
            return np.zeros(0, dtype=ACTION)
        working = working_of(runner)
        known = set(working["id"].tolist())
        before = self._pulled.get(coin, {}).items()
        pulled = {i: at for i, at in before if i in known and now_ns - at < PULL_AGAIN_NS}
        self._pulled[coin] = pulled
        out = []
        for order in working:
            order_id = int(order["id"])
            if order["status"] >= PENDING_CANCEL or order_id in self._held.get(coin, ()):
                continue
            if order_id in pulled:
                continue
            if not self._stands(runner, order, sweeps):
                pulled[order_id] = now_ns
                out.append(cancel_of(order))
        return _stack(out, ACTION)

    def _stands(self, runner: CoinRunner, order: np.void, sweeps: list[Sweep]) -> bool:
        """Whether a working order may go on standing."""
        coin, side, order_id = runner.coin, int(order["side"]), int(order["id"])
        px = float(order["tick"]) * runner.instrument.tick_size
        if any(sweep.hits(side, px) for sweep in sweeps):
            return False
        passed = (self._pulled[coin].keys() | self._held.get(coin, set())) - {order_id}
        if side in self._stale.get(coin, ()) and grows(runner, side, passed, order_id):
            return False
        restraint = self._restraints.get(coin)
        return restraint is None or leaves(restraint, runner, side, passed, order_id)

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
            restraint = self._restraints.get(coin)
            if kind != CANCEL and restraint is not None and side in restraint.sides:
                sent["reduce_only"] = 1  # it passed because it reduces
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
        if self.blind:
            return BLIND
        restraint = self._restraints.get(runner.coin)
        if restraint is not None and not leaves(restraint, runner, side, held, order_id):
            return KILLED
        if not grows(runner, side, held, order_id):
            return ENDING if self.ending else 0
        if self.ending:
            return ENDING
        if side in self._stale.get(runner.coin, ()):
            return STALE
        if self.margin is None:
            return 0
        gained, unit_usd, _, _ = runner.burden()
        worst_usd = _worst(runner, *alive_qty(runner, held, order_id)) * unit_usd
        if self.margin.carries(runner.coin, worst_usd):
            self.margin.see(runner.coin, gained, worst_usd)
            return 0
        return MARGIN


def _worst(runner: CoinRunner, bids: float, asks: float) -> float:
    """The largest position, unsigned, that these orders could lead to."""
    position = float(runner.states["desk"][0]["position"])
    return max(abs(position + bids), abs(position - asks))


def _ack(now_ns: int, code: int, order_id: int, side: int, qty: float, reason: int) -> NDArray[np.void]:
    row = np.zeros(1, dtype=EVENT)
    row["exch_ns"] = row["recv_ns"] = now_ns
    row["kind"], row["code"], row["ref"], row["side"] = ACK, code, order_id, side
    row["qty"], row["val"], row["flags"] = qty, reason, LOCAL | INFERRED
    return row


def _stack(pieces: list[NDArray[np.void]], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=dtype)
