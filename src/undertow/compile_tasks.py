"""What must be compiled before a session, as tasks that processes can share.

A task is text: ``name`` or ``name:maker``, one of `TASKS`. Run by themselves, as
``python -m undertow.compile_tasks TASK...``, they write one ``.`` per function compiled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import numba as nb
import numpy as np

from undertow import makers
from undertow.compiled.kept import watchers
from undertow.config import Config
from undertow.events import BBO, END, EVENT, EXCH, LOCAL, TIMER, Chunk, empty_snapshots
from undertow.instrument import Instrument, hyperliquid_perp
from undertow.kernel import belief, cycle, estimators, signals
from undertow.kernel.desk import ACTION, MAX_ACTIONS
from undertow.kernel.l2book import new_book
from undertow.maker import Maker
from undertow.replay import exchange
from undertow.replay.engine import Engine
from undertow.replay.settings import ReplaySettings
from undertow.synthetic import simulator
from undertow.synthetic.generate import generate


def _instrument() -> Instrument:
    return hyperliquid_perp("COMPILE", 2)


def _maker(name: str) -> Maker:
    return makers.make(name, Config(), _instrument())


def _types(*values: Any) -> tuple[Any, ...]:
    return tuple(nb.typeof(value) for value in values)


def _actions() -> Any:
    return np.zeros(MAX_ACTIONS, dtype=ACTION)


def market(_: str) -> None:
    """The generated market."""
    made = generate("hip3-hype", duration_s=1.0)
    world, out = made.open()
    simulator.advance(world, out, made.start_ns + 1, 0)


def loop(name: str) -> None:
    """The replay loop of a maker and what surrounds it, by replaying two rows."""
    rows = np.zeros(2, dtype=EVENT)
    rows["kind"], rows["flags"], rows["side"] = BBO, EXCH | LOCAL | END, (1, -1)
    rows["px"], rows["qty"] = (100.0, 101.0), 1.0
    rows["exch_ns"], rows["recv_ns"] = 10**18, 10**18
    engine = Engine(_instrument(), _maker(name), ReplaySettings(), snapshot_fed=True)
    engine.feed(Chunk(rows, empty_snapshots()))
    engine.finish()


def live(name: str) -> None:
    """What a maker runs on a live feed, by showing it a timer."""
    from undertow.trading.runner import CoinRunner

    runner = CoinRunner("COMPILE", _instrument(), _maker(name))
    timer = np.zeros(1, dtype=EVENT)
    timer["kind"], timer["flags"] = TIMER, LOCAL
    runner.see(timer, empty_snapshots())
    runner.observe(0)
    runner.burden()


def listed(_: str) -> None:
    """The local exchange over a generated market."""
    from undertow.exchange.local import LocalSpec, MarketSpec, warm_up

    warm_up(LocalSpec(markets=(MarketSpec("hip3-hype", "test:HYPE", reference="HYPE"),)))


def decision(_: str) -> None:
    """Trunks of the undertow maker's decision, last first: who compiles all of it begins at the other end."""
    for function, types in trunks(_maker("undertow")):
        _lower(function, types)


def matching(_: str) -> None:
    """The trunk of the replay's exchange."""
    engine = Engine(_instrument(), _maker("symmetric"), ReplaySettings(), snapshot_fed=True)
    rows = np.zeros(1, dtype=EVENT)
    _lower(exchange.run_exchange, (*_types(engine.venue, rows, empty_snapshots()), nb.int64))


def _lower(function: Any, types: tuple[Any, ...]) -> None:
    if hasattr(function, "lower"):  # Numba's own functions have nothing that is kept half way
        function.lower(types)


def trunks(maker: Maker) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Functions of the undertow maker that are lowered apart, with the types they are called with."""
    state, params = maker.fresh_state(), maker.params
    inst, book = _instrument().record(), new_book()
    whole, number, count = _types(state, params, inst, book), nb.float64, nb.int64
    none = nb.types.literal(0)
    yield cycle.act_on_inputs, (*whole, count, number, *_types(_actions()), none)
    known, rules = state.estimators, params.estimators
    values = nb.typeof(known.signals.features).typeof("value")
    yield belief.belief_cycle, (*_types(known.belief, rules.belief), count, number, number, values)
    yield (
        signals.signals_cycle,
        (*_types(known.signals, rules.signals), count, number, number, number, number, number),
    )
    yield estimators.see_shape, (*_types(known, rules, inst, book), count)


TASKS: Final[dict[str, Callable[[str], None]]] = {
    "market": market,
    "loop": loop,
    "live": live,
    "exchange": listed,
    "decision": decision,
    "matching": matching,
}


def run(task: str) -> None:
    """Do `task`. Raises KeyError for one that is not known."""
    name, _, argument = task.partition(":")
    TASKS[name](argument)


def main(tasks: list[str]) -> None:
    """Do `tasks` one after another, a dot on standard output for each function."""

    def tell(functions: int) -> None:
        sys.stdout.write("." * functions)
        sys.stdout.flush()

    watchers.append(tell)
    for task in tasks:
        run(task)


if __name__ == "__main__":
    main(sys.argv[1:])
