"""The Maker protocol: what a strategy is, whoever runs it.

A maker is a state record, a parameter record and seven compiled functions. The record has a field
``desk`` (`undertow.kernel.desk.DESK`); everything else in it is the maker's own. The functions:

``on_book, on_trade, on_fill, on_ack, on_funding, on_timer``
    ``(state, params, inst, book, row, actions) -> n``: see one event row, write up to
    ``len(actions)`` actions with the `put_*` functions of `undertow.kernel.desk`, return how many,
    or `undertow.kernel.dispatch.DECIDE` (nothing written) to have ``on_timer`` called at once.
``observe``
    ``(state, params, inst, book, out) -> None``: fill an `OBSERVATION` for charts and screens.

They must be ``numba.njit(cache=True)`` functions of a module (not closures), free of I/O, clocks
and randomness: the same rows must give the same state, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel import dispatch as _dispatch
from undertow.records import Rec, copy_record

OBSERVATION: Final = np.dtype(
    [
        ("time_ns", "<i8"),
        ("mid", "<f8"),
        ("position", "<f8"),
        ("reservation_px", "<f8"),
        ("drift_bps_per_s", "<f8"),
        ("drift_sd_bps_per_s", "<f8"),
        ("sigma_bps_per_sqrt_s", "<f8"),
        ("kappa_bid_per_bp", "<f8"),
        ("kappa_ask_per_bp", "<f8"),
        ("best_bid_px", "<f8"),  # own best working bid
        ("best_ask_px", "<f8"),
        ("equity", "<f8"),
    ],
    align=True,
)
"""What a chart shows of a maker at one moment; NaN where the maker has no such thing."""

ENTRANCES: Final = ("on_book", "on_trade", "on_fill", "on_ack", "on_funding", "on_timer")

Compiled = Callable[..., Any]


@dataclass(frozen=True)
class Maker:
    """A strategy ready to run: its name, its records and its entrances.

    `state` and `params` are records (``np.void``); `fresh_state` gives a copy to run on. `name`
    keys the compiled code, so two makers with different entrances need different names.
    """

    name: str
    state: Rec
    params: Rec
    on_book: Compiled
    on_trade: Compiled
    on_fill: Compiled
    on_ack: Compiled
    on_funding: Compiled
    on_timer: Compiled
    observe: Compiled

    def __post_init__(self) -> None:
        if self.state.dtype.names is None or "desk" not in self.state.dtype.names:
            raise ValueError(f"maker {self.name}: its state record has no field 'desk'")

    def fresh_state(self) -> Rec:
        """A copy of the initial state record."""
        return copy_record(self.state)

    def dispatch(self) -> Compiled:
        """The compiled `undertow.kernel.dispatch.dispatch` of this maker."""
        return bind(
            _dispatch.dispatch, f"dispatch_{self.name}", **{name: getattr(self, name) for name in ENTRANCES}
        )


_bound: dict[tuple[object, ...], Compiled] = {}


def _fingerprint(functions: dict[str, Compiled]) -> str:
    """Hash of the files `functions` stand in, so that an edited maker is compiled anew."""
    digest = hashlib.blake2b(digest_size=6)
    for role, function in sorted(functions.items()):
        plain = getattr(function, "py_func", function)
        digest.update(f"{role}={plain.__module__}.{plain.__qualname__};".encode())
        digest.update(Path(plain.__code__.co_filename).read_bytes())
    return digest.hexdigest()


def bind(template: Compiled, name: str, **functions: Compiled) -> Compiled:
    """Compile `template` with the global names in `functions` replaced.

    Numba cannot cache a function that takes functions as arguments, so the loop of a maker is a
    copy of a template whose globals are the maker's own functions: inlined, and cached on disk
    under `name` and a fingerprint of the files the functions stand in. It runs without the
    interpreter's lock, so several replays can share a process and its chunks of recording.
    """
    assert isinstance(template, FunctionType)
    key = (template, name, *sorted((role, id(f)) for role, f in functions.items()))
    if key not in _bound:
        copy = FunctionType(template.__code__, {**template.__globals__, **functions}, name)
        copy.__qualname__ = f"{name}_{_fingerprint(functions)}"
        copy.__module__ = template.__module__
        copy.__doc__ = template.__doc__
        _bound[key] = compiled(nogil=True, trunk=True)(copy)
    return _bound[key]
