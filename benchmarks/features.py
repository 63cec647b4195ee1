"""What the estimators behind features cost per event, compiled, warm: ``python -m benchmarks.features``.

Events are generated (Poisson orders, a random-walk mid, ticks of a log-normal variance), shown in one
compiled loop; the processor time of an empty loop over the same rows is subtracted. Best of several
runs. Read-outs are timed on the state that the events have left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from benchmarks.estimators import _best
from undertow.kernel import covariance as cov
from undertow.kernel import flow_horizons as fh
from undertow.kernel import hawkes as hk
from undertow.kernel import momentum as mo
from undertow.kernel import own_intensity as own
from undertow.kernel import size_shift as ss
from undertow.kernel import soft_jump as sj
from undertow.kernel import stochastic_volatility as sv
from undertow.kernel import sweeps as sw
from undertow.kernel import vpin as vp
from undertow.records import Rec, new_record

ROW = np.dtype(
    [
        ("now_ns", "<i8"),
        ("index", "<i8"),
        ("levels", "<i8"),
        ("qty", "<f8"),
        ("depth", "<f8"),
        ("mid", "<f8"),
        ("bps", "<f8"),
        ("seconds", "<f8"),
    ],
    align=True,
)


@nb.njit(cache=True)
def _nothing(rows: NDArray[np.void]) -> float:
    total = 0.0
    for i in range(rows.shape[0]):
        total += rows[i].qty + rows[i].now_ns
    return total


@nb.njit(cache=True)
def _soft_jump(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        sj.soft_jump_tick(s, p, rows[i].bps, rows[i].seconds)


@nb.njit(cache=True)
def _hawkes(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        hk.hawkes_order(s, p, rows[i].index, rows[i].now_ns)


@nb.njit(cache=True)
def _hawkes_read(s: Rec, p: Rec, rows: NDArray[np.void]) -> float:
    total, now = 0.0, s.last_ns
    for i in range(rows.shape[0]):
        hk.hawkes_advance(s, p, now + i * 100_000_000)
        total += hk.hawkes_excess(s, p)
    return total


@nb.njit(cache=True)
def _momentum(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        mo.momentum_look(s, p, rows[i].now_ns, rows[i].mid)


@nb.njit(cache=True)
def _momentum_read(s: Rec, p: Rec, rows: NDArray[np.void]) -> float:
    total, now = 0.0, s.look_ns
    for i in range(rows.shape[0]):
        at = now + (i & 1023) * 1_000_000
        for window in range(3):
            total += mo.momentum_bps(s, p, window, at)
        total += mo.knife(s, p, at)
    return total


@nb.njit(cache=True)
def _sweeps(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        sw.sweeps_order(s, p, rows[i].index, rows[i].qty, rows[i].levels, rows[i].now_ns)


@nb.njit(cache=True)
def _size_shift(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        ss.size_shift_order(s, p, rows[i].index, rows[i].qty, rows[i].now_ns)


@nb.njit(cache=True)
def _vpin(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        vp.vpin_order(s, p, rows[i].index, rows[i].qty, rows[i].mid, rows[i].now_ns)


@nb.njit(cache=True)
def _flow_horizons(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        fh.flow_horizons_order(s, p, rows[i].index, rows[i].qty, rows[i].now_ns)


@nb.njit(cache=True)
def _stochastic_volatility(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        sv.stochastic_volatility_tick(s, p, rows[i].bps, rows[i].seconds)


@nb.njit(cache=True)
def _forecast(s: Rec, p: Rec, rows: NDArray[np.void]) -> float:
    total = 0.0
    for i in range(rows.shape[0]):
        total += sv.sv_forecast(s, p, 30.0 + (i & 7))[0]
    return total


@nb.njit(cache=True)
def _covariance(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        cov.covariance_look(s, p, i * 10_000_000_000, rows[i].depth, rows[i].seconds)


@nb.njit(cache=True)
def _resting(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        own.own_resting(s, p, rows[i].index, rows[i].depth, 0.1, 0.01)


@nb.njit(cache=True)
def _refresh(s: Rec, p: Rec, rows: NDArray[np.void]) -> None:
    for i in range(rows.shape[0]):
        own.own_refresh(s, p, i & 1, 0.3, 0.05)


def _rows(n: int) -> NDArray[np.void]:
    rng = np.random.default_rng(1)
    rows = np.zeros(n, dtype=ROW)
    rows["now_ns"] = 10**18 + np.cumsum(rng.exponential(2.5e8, n)).astype(np.int64)
    rows["index"] = rng.integers(0, 2, n)
    rows["levels"] = rng.geometric(0.6, n)
    rows["qty"] = np.exp(rng.normal(0.0, 1.2, n))
    rows["depth"] = rng.exponential(4.0, n)
    rows["mid"] = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-5, n)))
    rows["seconds"] = rng.exponential(3.0, n)
    rows["bps"] = rng.normal(0.0, 1.0, n) * np.sqrt(rows["seconds"]) * np.exp(rng.normal(0.0, 0.3, n))
    return rows


def measure(n: int = 200_000) -> dict[str, float]:
    """Nanoseconds per event or read-out."""
    rows, few = _rows(n), _rows(n // 20)
    found: dict[str, float] = {}

    def fresh(dtype: np.dtype[np.void], params: Rec, init: Any = None) -> Rec:
        state = new_record(dtype)
        if init is not None:
            init(state, params)
        return state

    def time_of(name: str, of: NDArray[np.void], call: Any, make: Callable[[], Rec], params: Rec) -> None:
        spent = _best(lambda: call(make(), params, of)) - _best(_nothing, of)
        found[name] = spent / len(of) * 1e9

    p = sj.soft_jump_params()
    time_of("soft jump, tick", rows, _soft_jump, lambda: fresh(sj.SOFT_JUMP, p, sj.init_soft_jump), p)
    q = hk.hawkes_params()
    time_of("Hawkes, order", rows, _hawkes, lambda: fresh(hk.HAWKES, q), q)
    h = fresh(hk.HAWKES, q)
    _hawkes(h, q, rows)
    time_of("Hawkes, advance and read", rows, _hawkes_read, h.copy, q)
    m = mo.momentum_params()
    time_of("momentum, book message", rows, _momentum, lambda: fresh(mo.MOMENTUM, m), m)
    full = fresh(mo.MOMENTUM, m)
    _momentum(full, m, rows)
    time_of("momentum, three windows and knife", rows, _momentum_read, lambda: full, m)
    w = sw.sweeps_params()
    time_of("sweeps, order", rows, _sweeps, lambda: fresh(sw.SWEEPS, w), w)
    z = ss.size_shift_params()
    time_of("size shift, order", rows, _size_shift, lambda: fresh(ss.SIZE_SHIFT, z), z)
    v = vp.vpin_params()
    time_of("VPIN, order", rows, _vpin, lambda: fresh(vp.VPIN, v, vp.init_vpin), v)
    f = fh.flow_horizons_params()
    time_of("flow at four horizons, order", rows, _flow_horizons, lambda: fresh(fh.FLOW_HORIZONS, f), f)
    c = cov.covariance_params()
    time_of("(κ, σ) covariance, look", rows, _covariance, lambda: fresh(cov.COVARIANCE, c), c)
    t = sv.stochastic_volatility_params()
    dtype, init = sv.STOCHASTIC_VOLATILITY, sv.init_stochastic_volatility
    time_of("stochastic volatility, tick", few, _stochastic_volatility, lambda: fresh(dtype, t, init), t)
    known = fresh(dtype, t, init)
    _stochastic_volatility(known, t, few)
    time_of("stochastic volatility, forecast", rows, _forecast, lambda: known, t)
    o = own.own_intensity_params()
    make = lambda: fresh(own.OWN_INTENSITY, o, own.init_own_intensity)  # noqa: E731
    time_of("own intensity, one resting order", rows, _resting, make, o)
    filled = make()
    _resting(filled, o, rows)
    time_of("own intensity, posterior of a side", few, _refresh, lambda: filled, o)
    return found


def main() -> None:
    """Print the table."""
    for name, ns in measure().items():
        print(f"{name:36s} {ns:9.1f} ns")


if __name__ == "__main__":
    main()
