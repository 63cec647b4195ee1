"""What a session believes beside what is true of its exchange; and its record shown to its makers again.

Requests and reports under way (`SLACK_S`) are not held against anybody: an order or a fill younger than
that may be known to one side only.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.live.full_session import FullSession, World
from tests.venue.exchange_session import _eroded

from undertow import makers
from undertow.config import Config
from undertow.exchange.happenings import Fill
from undertow.instrument import tick_near
from undertow.kernel.desk import PENDING_CANCEL
from undertow.kernel.l2book import level_qty
from undertow.maker import Maker
from undertow.trading.folder import LegStart
from undertow.trading.orders.ledger import Fill as LedgerFill
from undertow.trading.orders.order import State
from undertow.trading.rerun import Verdict, rerun

SLACK_S = 0.6
OLDEST_BOOK_S = 1.5


class Judge:
    """Judges one session, again and again; ``fills_before``: of lives before it, once known."""

    def __init__(self, session: FullSession) -> None:
        self.session, self.world = session, session.world
        self.fills_before: dict[str, int] = {}
        self.desk_before: dict[str, dict[str, float]] = {}
        self._stale_ns: dict[tuple[str, int], int] = {}

    def start_from_here(self) -> None:
        """What the exchange had booked before this life, and what the desk began with, seen from now."""
        if self.session.spec.orders != "venue":
            return
        ledger = self.session.orders.ledger
        for coin, account in ledger.accounts.items():
            made = [fill for fill in self.world.account().fills if fill.coin.name == coin]
            unheard = sum(not ledger.knows(_booked(fill)) for fill in made)  # under way
            self.fills_before[coin] = len(made) - unheard - account.fills
            desk = self.session.parts.session.lanes[coin].runner.states["desk"][0]
            self.desk_before[coin] = {
                name: float(desk[name]) - float(getattr(account, name)) for name in ("cash", "fees", "fills")
            }

    def wrong(self) -> list[str]:
        """What is wrong now; empty where nothing is."""
        broke = self.session.broke
        wrong = [f"trading ended: {broke!r}"] if broke is not None else []
        for coin in self.session.spec.coins:
            wrong += self._book(coin)
            if self.session.spec.orders == "venue":
                wrong += self._orders(coin) + self._money(coin)
        if self.session.spec.orders == "venue" and self.session.orders.admission.closed:
            wrong.append("orders: still closed")
        return wrong

    def _book(self, coin: str) -> list[str]:
        """Every level of the newest source as it was at that block, and the maker's book as the fused."""
        parts, truth = self.session.parts, self.world.truth[coin]
        fusion = parts.feed.coin(coin).fusion
        runner = parts.session.lanes[coin].runner
        if fusion.is_blank:
            return [f"{coin} book: none"]
        wrong = []
        age_s = (self.world.clock.now_ns() - fusion.exch_ms * 10**6) / 1e9
        if age_s > OLDEST_BOOK_S:
            wrong.append(f"{coin} book: {age_s:.2f} s old")
        steps = 10 ** self.world.coins[coin].sz_decimals
        for index, side in ((0, 1), (1, -1)):
            for level in fusion.levels(side):
                tick = tick_near(runner.insts[0], level.px)
                true = truth.get(level.exch_ms)
                if true is None:
                    wrong.append(f"{coin} book: a level of {level.source} is from no block we remember")
                elif not _eroded(fusion, index, level) and true[index].get(tick, 0) != round(
                    level.qty * steps
                ):
                    wrong.append(f"{coin} book: {level} was {true[index].get(tick, 0) / steps}")
                if level_qty(runner.book, side, tick) != level.qty:
                    wrong.append(f"{coin} maker's book: {level} is {level_qty(runner.book, side, tick)}")
        return wrong + self._stale(coin)

    def _stale(self, coin: str) -> list[str]:
        """Sides that stay stale (a sweep may empty what is known of one for a moment)."""
        now_ns, sides = self.world.clock.now_ns(), self.session.parts.session.gate.stale_sides(coin)
        for side in (1, -1):
            if side not in sides:
                self._stale_ns.pop((coin, side), None)
        since = [now_ns - self._stale_ns.setdefault((coin, side), now_ns) for side in sides]
        return [f"{coin}: sides {set(sides)} still stale"] if max(since, default=0) > 0.7e9 else []

    def _orders(self, coin: str) -> list[str]:
        """Desk, table and exchange have the same orders."""
        now_ns, table = self.world.clock.now_ns(), self.session.orders.table
        settled_ns = now_ns - round(SLACK_S * 1e9)
        account, wrong = self.world.account(), []
        live = {oid: o for oid, o in account.live.items() if o.coin.name == coin}
        standing = {order.id: order for order in table.standing(coin)}
        for oid, true in live.items():
            known = table.find(oid, true.cloid)
            if (known is None or known.over) and true.time_ns < settled_ns:
                wrong.append(f"{coin} orders: {oid} stands at the exchange, for us {known}")
        for order in standing.values():
            true = account.known.get(order.oid) if order.oid else None
            if order.state == State.DOUBT:
                wrong.append(f"{coin} orders: {order.id} is in doubt")
            elif order.state == State.RESTING and not order.flying:
                if true is None or (not true.live and true.status_ns < settled_ns):
                    wrong.append(f"{coin} orders: {order.id} rests for us, not at the exchange")
                elif true.live and true.left != order.leaves and not account.fills:
                    wrong.append(f"{coin} orders: {order.id} has {true.left} left, for us {order.leaves}")
            elif order.sent_ns < now_ns - 30 * 10**9 and order.state == State.SENT:
                wrong.append(f"{coin} orders: {order.id} was sent long ago")
        gate, runner = self.session.parts.session.gate, self.session.parts.session.lanes[coin].runner
        desk = runner.states["desk"][0]
        working = desk["working"][: int(desk["n_working"])]
        ids = set(working["id"].tolist()) - gate.held_back(coin)
        if ids != set(standing):
            wrong.append(f"{coin} desk: {sorted(ids ^ set(standing))} are on desk or table alone")
        for order in working:
            known = standing.get(int(order["id"]))
            if known is not None and order["status"] < PENDING_CANCEL and not known.over:
                lots = round(float(order["leaves"]) * 10 ** self.world.coins[coin].sz_decimals)
                if lots != known.leaves:
                    wrong.append(f"{coin} desk: {known.id} has {lots} left, the table {known.leaves}")
        return wrong

    def _money(self, coin: str) -> list[str]:
        """Fills, position, cash, fees: the exchange's, but for fills under way; the desk's those booked."""
        world, ledger = self.world, self.session.orders.ledger.accounts[coin]
        settled_ms = world.exchange.state.now_ms - round(SLACK_S * 1e3)
        fills = [fill for fill in world.account().fills if fill.coin.name == coin]
        before = self.fills_before.get(coin, 0)
        known = fills[before : before + ledger.fills]
        late = fills[before + ledger.fills :]
        wrong = []
        if len(known) < ledger.fills:
            wrong.append(f"{coin} fills: {ledger.fills} booked, the exchange made {len(fills) - before}")
        if late and late[0].time_ms < settled_ms:
            wrong.append(
                f"{coin} fills: {len(late)} not booked, the first {settled_ms - late[0].time_ms} ms late"
            )
        position = world.account().steps(world.coins[coin]) - sum(fill.side * fill.steps for fill in late)
        if ledger.lots != position:
            wrong.append(f"{coin} position: {ledger.lots} lots are not {position}")
        fees = sum(fill.fee_micro for fill in known) / 1e6
        cash = -sum(fill.side * fill.steps * fill.tick for fill in known) / 1e6
        desk = self.session.parts.session.lanes[coin].runner.states["desk"][0]
        size = 10 ** world.coins[coin].sz_decimals
        began = self.desk_before.get(coin, {"cash": 0.0, "fees": 0.0, "fills": 0.0})
        for what, ours, true in (
            ("fees", float(ledger.fees), fees),
            ("cash", float(ledger.cash), cash),
            ("fees on the desk", float(desk["fees"]) - began["fees"], fees),
            ("cash on the desk", float(desk["cash"]) - began["cash"], cash),
            ("position on the desk", float(desk["position"]) * size, position),
            ("fills on the desk", float(desk["fills"]) - began["fills"], len(known)),
        ):
            if abs(ours - true) > 1e-6 * max(1.0, abs(true)):
                wrong.append(f"{coin} {what}: {ours} is not {true}")
        return wrong

    def pulled(self) -> list[str]:
        """Growing orders that rest untouched on a side that has been stale; for use while it is."""
        found = []
        session = self.session.parts.session
        for coin in self.session.spec.coins:
            sides = session.gate.stale_sides(coin)
            if not sides or self.session.spec.orders != "venue":
                continue
            position = self.session.orders.ledger.accounts[coin].lots
            for side in sides:
                room = max(0, -side * position)
                for order in self.session.orders.table.standing(coin):
                    if order.side != side or order.over:
                        continue
                    going = order.state in (State.CANCELING, State.DOUBT) or order.cancel_wanted
                    room -= 0 if going else order.leaves
                    if room < 0 and not going and order.state == State.RESTING:
                        found.append(f"{coin}: order {order.id} rests on a stale side")
        return found


def _booked(fill: Fill) -> LedgerFill:
    """What the ledger knows a fill by."""
    nothing = Decimal(0)
    return LedgerFill(
        fill.coin.name, fill.oid, fill.tid, fill.cloid, fill.side, nothing, 0, nothing, False, fill.time_ms
    )


def parity(folder: Path, config: Config) -> Verdict:
    """The recorded session shown to its makers again."""

    def maker_of(start: LegStart) -> Maker:
        return makers.make_recorded(start.maker, makers.with_calibration(config, None), start.instrument)

    return rerun(folder, maker_of)


def quote_sides(session: FullSession, world: World, coin: str) -> dict[int, int]:
    """Orders of ours that stand at the exchange, by side."""
    live = [o for o in world.account().live.values() if o.coin.name == coin]
    return {side: sum(o.side == side for o in live) for side in (1, -1)}
