"""The trend over .5, 30 and 300 s: signed drift rate, agreement of the windows, continuation.

With m_w the log move of the mid over window w (bps) and ℓ_w the seconds it really spans (less at the
start: partial windows; more where looks are rare):

    trend      = Σ_w ℓ_w·(m_w/ℓ_w)/Σ_w ℓ_w = Σm_w/Σℓ_w               bps/s: rates weighted by length
    z_w        = m_w/(σ√ℓ_w);   moved_w = clip(|z_w| − band, 0, 1)      noise has not moved
    agreement  = Σ_w sign(m_w)·moved_w/max(1, Σ_w moved_w)            ±1 when all that moved agree
    direction  = clip(trend/(its own deviation in a driftless market), −1, 1)
    deviation  = σ·√(Σ_wv min(ℓ_w, ℓ_v))/Σℓ_w                          (the windows end together)

so a falling market is negative in all three, and noise leaves agreement and direction near 0
without a step. p_continuation is the posterior mean of Beta(c + S, c + F): S of the trials, each the
sign of the trend while |direction| is 1, went the trend's way over the next `horizon_s`. Trials do
not overlap and halve in `half_life_s`; a move of exactly 0 is half a success.

docs/model.md §4, §5 and §8 (moves of windows added as rates, magnitudes without sign: built
differently). `moves_bps` are the older readings, windows of .5/30/300 s as moves.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import clip, decay
from undertow.kernel.lagged import LAGGED, lag_clear, lag_push, lagged
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record
from undertow.units import s_to_ns, seconds_between

N_WINDOWS: Final = 3

TREND: Final = np.dtype(
    [
        ("log_mid", LAGGED, (N_WINDOWS,)),  # 10⁴·ln mid, a ring per window
        ("moves_bps", "<f8", (N_WINDOWS,)),  # NaN before the first two looks
        ("length_s", "<f8", (N_WINDOWS,)),
        ("rate", "<f8"),  # bps/s
        ("agreement", "<f8"),
        ("direction", "<f8"),
        ("successes", "<f8"),
        ("failures", "<f8"),
        ("trial_sign", "<f8"),  # of the trial under way, 0 without one
        ("trial_log_mid", "<f8"),
        ("trial_ns", "<i8"),
        ("counted_ns", "<i8"),  # time of the counts
        ("now_ns", "<i8"),
        ("started", "u1"),
    ],
    align=True,
)

TREND_PARAMS: Final = np.dtype(
    [
        ("window_ns", "<i8", (N_WINDOWS,)),
        ("band", "<f8"),
        ("horizon_ns", "<i8"),
        ("prior", "<f8"),
        ("half_life_s", "<f8"),
        ("gap_s", "<f8"),
    ],
    align=True,
)


def trend_params(
    *,
    windows_s: tuple[float, float, float] = (0.5, 30.0, 300.0),
    band: float = 1.5,
    horizon_s: float = 10.0,
    prior_trials: float = 20.0,
    half_life_s: float = 3600.0,
    gap_s: float = 60.0,
) -> Rec:
    """Windows (s, increasing); dead band (deviations σ√ℓ); horizon, prior and memory of p_continuation."""
    require("trend", **{f"windows_s[{k}]": w for k, w in enumerate(windows_s)}, band=band)
    if not windows_s[0] < windows_s[1] < windows_s[2]:
        raise ValueError(f"trend: windows_s = {windows_s} must increase")
    require("trend", horizon_s=horizon_s, prior_trials=prior_trials, half_life_s=half_life_s, gap_s=gap_s)
    rec = new_record(TREND_PARAMS)
    rec["window_ns"] = [s_to_ns(w) for w in windows_s]
    rec["band"], rec["horizon_ns"], rec["prior"] = band, s_to_ns(horizon_s), 0.5 * prior_trials
    rec["half_life_s"], rec["gap_s"] = half_life_s, gap_s
    return rec


def init_trend(state: Rec, params: Rec) -> None:
    """Silent until the mid has been seen over the shortest window."""
    state["moves_bps"] = state["rate"] = state["agreement"] = state["direction"] = np.nan


@compiled
def trend_gap(state: Rec) -> None:
    """The feed reports a gap: windows start anew, the trial under way is void; counts stay."""
    for w in range(N_WINDOWS):
        lag_clear(state.log_mid[w])
    state.moves_bps[:] = np.nan
    state.length_s[:] = 0.0
    state.rate = state.agreement = state.direction = np.nan
    state.trial_sign = 0.0


@compiled
def trend_see(state: Rec, params: Rec, now_ns: int, mid: float) -> bool:
    """Note the mid, at every message or cycle; whether it counts (positive, finite, not backward)."""
    if not 0.0 < mid < np.inf or (state.started and now_ns < state.now_ns):
        return False
    if state.started and seconds_between(state.now_ns, now_ns) > params.gap_s:
        trend_gap(state)
    state.started = 1
    state.now_ns = now_ns
    log_mid = 1e4 * math.log(mid)
    for w in range(N_WINDOWS):
        lag_push(state.log_mid[w], params.window_ns[w], now_ns, log_mid)
    return True


@compiled
def _settle_trial(state: Rec, params: Rec, now_ns: int, log_mid: float) -> None:
    """Count the trial under way once its horizon has passed; void if the look came far too late."""
    if state.trial_sign == 0.0:
        return
    late_ns = now_ns - state.trial_ns - params.horizon_ns
    if late_ns < 0:
        return
    if 2 * late_ns <= params.horizon_ns:
        kept = decay(seconds_between(state.counted_ns, now_ns), params.half_life_s)
        gone = state.trial_sign * (log_mid - state.trial_log_mid)
        success = 0.5 if gone == 0.0 else (1.0 if gone > 0.0 else 0.0)
        state.successes = kept * state.successes + success
        state.failures = kept * state.failures + 1.0 - success
        state.counted_ns = now_ns
    state.trial_sign = 0.0


@compiled
def _combine(state: Rec, params: Rec, sigma: float) -> None:
    """Rate, agreement and direction from the moves; needs every window's length."""
    moves, lengths = 0.0, 0.0
    votes, moved, overlap = 0.0, 0.0, 0.0
    for w in range(N_WINDOWS):
        move, length = state.moves_bps[w], state.length_s[w]
        moves += move
        lengths += length
        share = clip(abs(move) / (sigma * math.sqrt(length)) - params.band, 0.0, 1.0)
        votes += share if move > 0.0 else -share
        moved += share
        for v in range(N_WINDOWS):
            overlap += min(length, state.length_s[v])
    state.rate = moves / lengths
    state.agreement = votes / max(1.0, moved)
    state.direction = clip(moves / (sigma * math.sqrt(overlap)), -1.0, 1.0)


@compiled
def trend_look(state: Rec, params: Rec, now_ns: int, mid: float, sigma: float) -> None:
    """Read the trend at `now_ns`; once per cycle. `sigma` is σ_total in bps/√s.

    A mid that is not positive and finite and time that runs backwards change nothing; without a σ
    (not positive and finite) the moves are read and the rest stays.
    """
    if not trend_see(state, params, now_ns, mid):
        return
    log_mid = 1e4 * math.log(mid)
    _settle_trial(state, params, now_ns, log_mid)
    for w in range(N_WINDOWS):
        then, length_s = lagged(state.log_mid[w], params.window_ns[w], now_ns)
        if length_s * 1e9 < params.window_ns[0]:
            return
        state.moves_bps[w] = log_mid - then
        state.length_s[w] = length_s
    if not 0.0 < sigma < np.inf:
        return
    _combine(state, params, sigma)
    if state.trial_sign == 0.0 and abs(state.direction) == 1.0:
        state.trial_sign = state.direction
        state.trial_log_mid = log_mid
        state.trial_ns = now_ns


@compiled
def p_continuation(state: Rec, params: Rec) -> float:
    """Probability that the next move over the horizon has the sign of a trend; .5 while untried."""
    tried = state.successes + state.failures
    return (params.prior + state.successes) / (2.0 * params.prior + tried)


@compiled
def p_continuation_deviation(state: Rec, params: Rec) -> float:
    """Posterior standard deviation of `p_continuation`."""
    p = p_continuation(state, params)
    return math.sqrt(p * (1.0 - p) / (2.0 * params.prior + state.successes + state.failures + 1.0))


@compiled
def trend_continuation(state: Rec, params: Rec) -> float:
    """(p_continuation − ½)·direction: positive where what is expected next is a rise; NaN while silent."""
    return (p_continuation(state, params) - 0.5) * state.direction
