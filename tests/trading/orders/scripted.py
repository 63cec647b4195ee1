"""One coin, one desk, a model venue without chance: scenarios written step by step."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
from tests.trading.orders.sessions import START_NS, Trader
from tests.trading.orders.venue_model import Faults, Model

from undertow.clock import LoopClock, run_virtually
from undertow.events import ACK, BBO, EVENT, FILL, LOCAL
from undertow.instrument import hyperliquid_perp
from undertow.kernel.desk import ACTION, POST_ONLY, find_working, put_cancel, put_modify, put_new
from undertow.trading.orders.coins import Coin, Coins
from undertow.trading.orders.limits import Limits
from undertow.trading.orders.manager import OrderOptions, VenueExecution
from undertow.trading.orders.notices import Notice
from undertow.trading.orders.port import Refused, Reply, Unanswered, Why
from undertow.trading.seams import Received

MID = 100_000
SESSION = 7
DELAY_S = 0.05


class Scene:
    """A session at mid `MID`, lots of 0.001, on `Model`. Rows told so far in `told`: (what, id)."""

    def __init__(self, **faults: object) -> None:
        self.clock = LoopClock(START_NS)
        self.coins = Coins([Coin("BTC", 0, hyperliquid_perp("BTC", 3))])
        self.model = Model(self.coins, self.clock, random.Random(1), Faults(**faults))
        self.model.mids = {"BTC": MID}
        self.model._delay = lambda: DELAY_S
        self.notices: list[Notice] = []
        self.execution = self.execute(SESSION)

    def execute(self, session: int, **options: object) -> VenueExecution:
        """A new order manager on the same venue, with a new desk."""
        self.trader = Trader(self.coins.by_name["BTC"], random.Random(2))
        self.execution = VenueExecution(
            self.model,
            self.coins,
            {"BTC": Limits(max_position_qty=0.1)},
            self.clock,
            session=session,
            options=OrderOptions(**options),
            listener=self.notices.append,
        )
        self.model.listener = self.execution
        return self.execution

    async def start(self) -> None:
        await self.execution.start(self.trader.see)
        self.show(MID)

    def show(self, mid: int) -> None:
        rows = np.zeros(2, dtype=EVENT)
        rows["kind"], rows["flags"], rows["side"], rows["qty"] = BBO, LOCAL, (1, -1), 1.0
        coin = self.coins.by_name["BTC"]
        rows["px"] = [coin.px_of(mid - 1), coin.px_of(mid + 1)]
        rows["exch_ns"] = rows["recv_ns"] = self.clock.now_ns()
        self.execution.on_market(Received("BTC", rows, np.empty((0, 4, 1))))

    def act(self, put: Callable[[np.void, np.ndarray], int]) -> int:
        """Send what `put` writes; the id of the order made, or canceled."""
        actions = np.zeros(4, dtype=ACTION).view(np.recarray)
        self.trader.desk.now_ns = self.clock.now_ns()
        n = put(self.trader.desk, actions)
        assert n == 1
        self.execution.send("BTC", self.clock.now_ns(), actions[:n].copy())
        return int(actions[0].id)

    def new(self, side: int, away: int, lots: int, tif: int = POST_ONLY, reduce_only: bool = False) -> int:
        """An order `away` ticks from the mid on its side."""
        args = (side, MID - side * away, lots / 1000, tif, reduce_only, 0, 1.0, 1.0)
        return self.act(lambda desk, actions: put_new(desk, actions, 0, *args))

    def cancel(self, order_id: int) -> None:
        slot = find_working(self.trader.desk, order_id)
        self.act(lambda desk, actions: put_cancel(desk, actions, 0, slot))

    def modify(self, order_id: int, tick: int, lots: int) -> int:
        slot = find_working(self.trader.desk, order_id)
        return self.act(lambda d, actions: put_modify(d, actions, 0, slot, tick, lots / 1000, 0, 1.0, 1.0))

    @property
    def told(self) -> list[tuple[str, int]]:
        """Rows of the desk: what was told of which order."""
        names = {
            (ACK, 1): "open",
            (ACK, 2): "filled",
            (ACK, 3): "canceled",
            (ACK, 4): "rejected",
            (ACK, 5): "expired",
            (ACK, 6): "cancel_rejected",
            (FILL, 1): "made",
            (FILL, 2): "took",
        }
        return [(names[int(r["kind"]), int(r["code"])], int(r["ref"])) for r in self.trader.rows]

    @property
    def working(self) -> list[int]:
        desk = self.trader.desk
        return [int(desk.working[i].id) for i in range(desk.n_working)]

    def kinds(self) -> list[str]:
        return [str(notice.kind) for notice in self.notices]


def play(script: Callable[[Scene], Awaitable[None]], **faults: object) -> None:
    """Run `script` on a fresh `Scene` that has started, then stop it: no order may be left."""

    async def run() -> None:
        scene = Scene(**faults)
        await scene.start()
        await script(scene)
        await scene.execution.stop()
        assert not [order for order in scene.model.open() if order.cloid.startswith("0x756e6477")]

    run_virtually(run())


async def rest(seconds: float = 1.0) -> None:
    """Let time pass."""
    await asyncio.sleep(seconds)


def refuse(scene: Scene, why: Why) -> None:
    """Every request is refused as a whole from now on."""
    scene.model._execute = lambda *_: Reply(Refused(why, f"refused: {why}"), [])


def lose_reply(scene: Scene, send):
    """`send` with the next request carried out and its reply lost."""
    calm = scene.model.faults
    scene.model.faults = replace(calm, lost_reply=1.0)
    out = send()
    asyncio.get_running_loop().call_later(0.45, setattr, scene.model, "faults", calm)
    return out


def lose_request(scene: Scene, send):
    """`send` with the next request stuck on its way; ``scene.held()`` lets it arrive."""
    calm = scene.model.faults
    stuck: list = []
    real = scene.model._execute
    scene.model._execute = lambda *args: stuck.append(lambda: real(*args)) or Reply(None, [])
    real_request = scene.model._request

    async def request(execute):
        scene.model._request = real_request
        execute()
        scene.model._execute = real
        await asyncio.sleep(1.0)
        raise Unanswered("stuck")

    scene.model._request = request
    scene.model.faults = replace(calm)
    out = send()

    def held() -> int:
        for execute in stuck:
            assert execute().refused is not None
        return len(stuck)

    scene.held = held
    return out
