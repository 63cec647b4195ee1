"""The feature gate: what may quote must have foretold returns it was not fitted to.

Walk-forward, expanding: the sample is cut into equal stretches of time; each but the first is
forecast by a regression on everything before it, *purged* of returns that reach into it and
*embargoed* by the memory of features (López de Prado 2018, ch. 7). A feature passes if

    R² = 1 − Σ(r − f)²/Σr² > .01 alone,   R² − R² of those already in > .003,
    and the gain in squared error is positive by 1.645 HAC standard errors, alone and on top,
    and it raises E[PnL] in replay after costs (a callable; not judged where none is given)

docs/model.md §6. Features are tried in order of their own R². Who fails is excluded, not down-weighted.
Beside it stands the taker's test, reported and never a condition: what a taker that trades whenever
|f| exceeds fee + half-spread would have kept of the return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from undertow.research.hac import cross, mean_and_error
from undertow.research.regression import hac_lag, step_of
from undertow.research.series import forward_returns

Floats = NDArray[np.float64]
PnlTest = Callable[[tuple[str, ...], str], tuple[float, float]]
"""(features in, candidate) → (E[PnL] gained by adding it, its standard error), any one unit."""


@dataclass(frozen=True)
class GateSettings:
    """Thresholds of docs/model.md §6 and the folds; costs (bps) are for the taker's report."""

    horizon_s: float = 10.0
    r2: float = 0.01
    incremental_r2: float = 0.003
    t: float = 1.645
    folds: int = 6
    embargo_s: float = 60.0
    taker_fee_bps: float = 4.5
    half_spread_bps: float = 0.5
    gap_s: float = 10.0


@dataclass(frozen=True)
class TakerEdge:
    """What taking on the forecast would have kept: share of time it would, bps per trade net, error."""

    share: float
    edge_bps: float
    error: float


@dataclass(frozen=True)
class Verdict:
    """One feature's numbers; `reason` says why it is out, or is empty."""

    name: str
    spoken: float  # share of rows in which it speaks
    r2: float
    r2_error: float
    incremental_r2: float
    incremental_t: float
    taker: TakerEdge
    pnl: tuple[float, float] | None
    reason: str

    @property
    def passed(self) -> bool:
        """Whether it may quote."""
        return not self.reason


@dataclass(frozen=True)
class GateReport:
    """Verdicts in the order tried, and the features that are in."""

    verdicts: list[Verdict]
    features: tuple[str, ...]
    r2: float  # out of sample, of all that are in
    settings: GateSettings = field(default_factory=GateSettings)


def walk_forward(
    time_s: Floats, folds: int, purge_s: float, embargo_s: float
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """(train, test) masks of every stretch but the first; train ends `purge_s` + `embargo_s` before test."""
    if folds < 2:
        raise ValueError(f"{folds} folds leave nothing to test on")
    edges = np.linspace(time_s[0], time_s[-1], folds + 1)
    edges[-1] += 1.0
    for k in range(1, folds):
        test = (time_s >= edges[k]) & (time_s < edges[k + 1])
        yield time_s < edges[k] - purge_s - embargo_s, test


def forecasts(time_s: Floats, r: Floats, x: Floats, settings: GateSettings) -> Floats:
    """(n,) walk-forward forecasts of `r` (n,) by `x` (n, k); NaN where nothing is forecast."""
    out = np.full(len(r), np.nan)
    ok = np.isfinite(r) & np.isfinite(x).all(axis=1)
    for train, test in walk_forward(time_s, settings.folds, settings.horizon_s, settings.embargo_s):
        past, now = train & ok, test & ok
        if past.sum() < 10 * (x.shape[1] + 1):
            continue
        center = x[past].mean(axis=0)
        z, target = x[past] - center, r[past] - r[past].mean()
        beta = np.linalg.pinv(cross(z, z), rcond=1e-12, hermitian=True) @ cross(z, target[:, None])[:, 0]
        out[now] = (x[now] - center) @ beta
    return out


def _gain(r: Floats, better: Floats, worse: Floats, lag: int) -> tuple[float, float]:
    """(R² gained, its HAC error) by forecasting `better` instead of `worse`, over common rows."""
    ok = np.isfinite(better) & np.isfinite(worse)
    if ok.sum() < 50:
        return np.nan, np.nan
    won = (r[ok] - worse[ok]) ** 2 - (r[ok] - better[ok]) ** 2
    gain, error = mean_and_error(won, lag)
    total = float(np.mean(r[ok] ** 2))
    return gain / total, error / total


def taker_edge(r: Floats, f: Floats, cost_bps: float, lag: int) -> TakerEdge:
    """The taker's test of forecasts `f` of returns `r` (n,) at `cost_bps` = fee + half-spread."""
    ok = np.isfinite(f) & np.isfinite(r)
    takes = ok & (np.abs(np.where(ok, f, 0.0)) > cost_bps)
    share = float(takes.sum() / max(ok.sum(), 1))
    if takes.sum() < 10:
        return TakerEdge(share, np.nan, np.nan)
    net = np.sign(f[takes]) * r[takes] - cost_bps
    return TakerEdge(share, *mean_and_error(net, lag))


def run_gate(
    time_s: Floats,
    mid: Floats,
    x: Floats,
    names: tuple[str, ...],
    *,
    settings: GateSettings | None = None,
    pnl_test: PnlTest | None = None,
) -> GateReport:
    """Try every column of `x` (n, k) named `names` against the return of the mid (n,).

    A feature that speaks in under half of the rows, or never moves, fails. ValueError for shapes that
    do not fit.
    """
    s = settings or GateSettings()
    if x.shape != (len(time_s), len(names)) or mid.shape != time_s.shape:
        raise ValueError(f"features {x.shape}, mid {mid.shape}, times {time_s.shape}, {len(names)} names")
    r = forward_returns(time_s, mid, 0.0, s.horizon_s, gap_s=s.gap_s)
    lag = hac_lag(s.horizon_s, step_of(time_s), len(r))
    zero = np.zeros(len(r))
    alone = {name: forecasts(time_s, r, x[:, [j]], s) for j, name in enumerate(names)}
    own = {name: _gain(r, f, zero, lag) for name, f in alone.items()}
    column = {name: j for j, name in enumerate(names)}
    chosen: list[str] = []
    verdicts = []
    for name in sorted(names, key=lambda name: -np.nan_to_num(own[name][0], nan=-np.inf)):
        j = column[name]
        spoken = float(np.isfinite(x[:, j]).mean())
        taker = taker_edge(r, alone[name], s.taker_fee_bps + s.half_spread_bps, lag)
        added, t = own[name][0], own[name][0] / own[name][1] if own[name][1] > 0.0 else np.nan
        if chosen:
            both = forecasts(time_s, r, x[:, [*(column[c] for c in chosen), j]], s)
            without = forecasts(time_s, r, x[:, [column[c] for c in chosen]], s)
            added, error = _gain(r, both, without, lag)
            t = added / error if error > 0.0 else np.nan
        reason = _reason(own[name], added, t, spoken, float(np.nanstd(x[:, j])) if spoken > 0.0 else 0.0, s)
        pnl = None
        if not reason and pnl_test is not None:
            pnl = pnl_test(tuple(chosen), name)
            if not pnl[0] > 0.0:
                reason = f"does not raise E[PnL] in replay ({pnl[0]:.3g} ± {pnl[1]:.2g})"
        if not reason:
            chosen.append(name)
        verdicts.append(Verdict(name, spoken, *own[name], added, t, taker, pnl, reason))
    joint = np.nan
    if chosen:
        joint = _gain(r, forecasts(time_s, r, x[:, [column[c] for c in chosen]], s), zero, lag)[0]
    return GateReport(verdicts, tuple(chosen), float(joint), s)


def _reason(
    own: tuple[float, float], added: float, t: float, spoken: float, moves: float, s: GateSettings
) -> str:
    """Why a feature is out before it is replayed; empty if it is not."""
    r2, error = own
    if spoken < 0.5:
        return f"speaks in {spoken:.0%} of the rows"
    if not moves > 0.0:
        return "never moves"
    if not r2 > s.r2:
        return f"R² {r2:.4f} is not above {s.r2:g}"
    if not r2 > s.t * error:
        return f"R² {r2:.4f} ± {error:.4f} is not above 0 by {s.t:g} errors"
    if not added > s.incremental_r2:
        return f"adds R² {added:.4f}, not above {s.incremental_r2:g}"
    if not t > s.t:
        return f"adds by {t:.2f} errors, not {s.t:g}"
    return ""
