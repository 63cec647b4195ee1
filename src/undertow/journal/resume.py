"""A maker's state taken up again after a time away: what it had learned, less what time has made of it.

Edits a state record by the names of its fields, from outside: the estimators themselves know nothing of it.
Three things happen to a part of the record, by what it is:

*kept*: counts and money; they do not age (the desk is set from the journal, not here).
*faded*: sums that forget by ticks or by what they saw, not by the clock: they move towards a fresh start,
half the way in each half-life, x → x₀ + (x − x₀)·2^(−t/H), so averages stay and their weight shrinks.
*own*: sums that let the time away pass themselves, at the first event after it. They are left alone.

Whatever is older than its limit starts fresh: eight half-lives, or, for what holds only for a moment (mids,
prices pending, the last decision), half a minute. Nothing that is a number becomes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HALF_LIVES: Final = 8.0
MOMENT_S: Final = 30.0
"""How long what holds only for a moment is still believed."""
LONGEST_S: Final = 86_400.0
"""Nothing learned is used that is older than a day."""


@dataclass(frozen=True)
class Rule:
    """What becomes of a part of the record. ``limit_s`` and ``half_life_s``: seconds, or the name of a
    parameter (times `scale`; of several values the longest). ``fades``: fields that move to a fresh start."""

    half_life_s: float | str = 0.0
    scale: float = 1.0
    limit_s: float | str = 0.0
    fades: tuple[str, ...] = ()


KEEP: Final = Rule(limit_s=float("inf"))
MOMENT: Final = Rule(limit_s=MOMENT_S)
_LN2: Final = 0.6931471805599453
_SIGNALS: Final = "estimators.signals"
_VARIANCE: Final = "risk.variance_half_life_s"

RULES: Final[dict[str, Rule]] = {
    "desk": KEEP,
    "allowance": KEEP,
    "score": KEEP,
    "tally": KEEP,
    "session": Rule(limit_s=900.0),
    "risk": Rule(_VARIANCE, fades=("gamma_seen_s",)),
    "estimators.reaction": KEEP,
    "estimators.clock": Rule(limit_s="estimators.clock.window_s", scale=0.25),
    "estimators.volatility": Rule(
        _VARIANCE,
        fades=(
            *("square", "duration", "weight", "bipower", "pair_duration"),
            *("window_square", "window_duration", "fourth", "weight_squared"),
        ),
    ),
    "estimators.intensity": Rule(
        "estimators.intensity.memory_s", scale=_LN2, fades=("hour", "hour_s", "loss")
    ),
    "estimators.flow": Rule(limit_s=3_600.0),
    "estimators.markout": Rule("estimators.markout.half_life_s"),
    "estimators.funding": Rule("estimators.funding.usual_half_life_s"),
    f"{_SIGNALS}.soft_jump": Rule(
        _VARIANCE,
        fades=(
            *("weight", "weight_squared", "jumps", "jump_square", "calm_square", "information"),
            *("median", "pi", "calm_variance", "jump_variance"),
        ),
    ),
    f"{_SIGNALS}.hawkes": Rule(f"{_SIGNALS}.hawkes.base_s", scale=_LN2),
    f"{_SIGNALS}.sweeps": Rule(f"{_SIGNALS}.sweeps.tau_s", scale=_LN2),
    f"{_SIGNALS}.size_shift": Rule(_VARIANCE, fades=("weight", "weight_squared", "square")),
    f"{_SIGNALS}.vpin": Rule(limit_s=f"{_SIGNALS}.vpin.bucket_s", scale=50.0),
    f"{_SIGNALS}.flows": Rule(f"{_SIGNALS}.flows.horizon_s", scale=_LN2),
    f"{_SIGNALS}.stochastic": Rule(f"{_SIGNALS}.stochastic.half_life_s"),
    f"{_SIGNALS}.covariance": Rule(f"{_SIGNALS}.covariance.half_life_s"),
    f"{_SIGNALS}.book_shape": Rule(f"{_SIGNALS}.book_shape.reference_half_life_s"),
    f"{_SIGNALS}.queue": Rule(f"{_SIGNALS}.queue.half_life_s"),
    f"{_SIGNALS}.microprice": Rule(f"{_SIGNALS}.microprice.half_life_s"),
    f"{_SIGNALS}.trend": Rule(f"{_SIGNALS}.trend.half_life_s"),
    f"{_SIGNALS}.cross": Rule(f"{_SIGNALS}.cross.half_life_s"),
    "estimators.belief.drift": Rule("estimators.belief.drift.memory_half_life_s"),
    "estimators.belief.adaptation": Rule(
        "estimators.belief.adaptation.memory_s", fades=("score", "theta", "sigma_mu")
    ),
    "estimators.belief.live": Rule(
        "estimators.belief.adaptation.memory_s",
        fades=("theta", "stationary_variance", "initial_variance", "floor_variance"),
    ),
}
"""By the part's name; what is not named holds for a moment only."""

Cells = NDArray[np.void]


def discounted(state: Cells, fresh: Cells, params: Cells, away_s: float) -> Cells:
    """`state` after `away_s` seconds away, a new array of one record.

    `fresh` is the maker's initial state, `params` its parameters; all are arrays of one record, `state`
    and `fresh` of one layout (else ValueError). 0 s changes nothing; after more than a day all but the kept
    counts is fresh. A negative time counts as 0.
    """
    if state.dtype != fresh.dtype:
        raise ValueError("the state to resume has another layout than the maker's: start it fresh")
    out = np.frombuffer(bytearray(state.tobytes()), dtype=state.dtype)  # its padding too
    if away_s > 0.0:
        _part("", out, fresh, params, away_s)
    return out


def _part(path: str, out: Cells, fresh: Cells, params: Cells, away_s: float) -> None:
    """Treat the fields of a part that has no rule of its own."""
    for name in out.dtype.names or ():
        inner = f"{path}.{name}".lstrip(".")
        if inner in RULES:
            _apply(RULES[inner], out[name], fresh[name], params, away_s)
        elif any(other.startswith(f"{inner}.") for other in RULES) and out[name].dtype.names:
            _part(inner, out[name], fresh[name], params, away_s)
        else:
            _apply(MOMENT, out[name], fresh[name], params, away_s)


def _apply(rule: Rule, out: NDArray[Any], fresh: NDArray[Any], params: Cells, away_s: float) -> None:
    half_life_s = _seconds(rule.half_life_s, params) * rule.scale
    limit_s = _seconds(rule.limit_s, params) * rule.scale if rule.limit_s else HALF_LIVES * half_life_s
    if rule is not KEEP and away_s > min(limit_s, LONGEST_S):
        out[...] = fresh
        return
    kept = 2.0 ** (-away_s / half_life_s) if rule.fades else 1.0
    for name in rule.fades:
        then, now = fresh[name], out[name]
        out[name] = np.where(np.isfinite(now) & np.isfinite(then), then + kept * (now - then), now)


def _seconds(what: float | str, params: Cells) -> float:
    """Seconds, or the parameter of that name; `MOMENT_S` where this maker has none such."""
    if not isinstance(what, str):
        return what
    found: Any = params
    for name in what.split("."):
        if name not in (found.dtype.names or ()):
            return MOMENT_S
        found = found[name]
    return float(np.max(found))
