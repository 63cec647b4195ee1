"""What other prices say: basis to the spot, a leading reference, open interest.

    basis  = 10⁴·ln(mid/spot)  bps,  change over `basis_window_s`
    lead   = β·r_ref(5 s) − r(5 s)  bps:  positive when the reference rose and the mid has not followed
    gap    = ∫ e^(−(t − s)/τ)·(β·dr_ref − dr)  bps:  the same without a window's edge, τ = `gap_memory_s`
    β      = Σ r₃₀·r₃₀,ref / Σ r₃₀,ref²   over rolling 30 s returns, Σ halving in `half_life_s`
    R²     = 1 − (1 − ρ²)·n/(n − 1),  ρ² = (Σ r r_ref)²/(Σr²·Σr_ref²),  n independent returns behind Σ
    oi     = ΔOI/OI·clip(r/(σ√h), −1, 1)  over `interest_window_s` (a smooth sign of the return)

The lead is silent while R² < `min_confidence`, while the reference is older than `max_age_s` and
until both prices have been seen over the whole window. R² is the confidence, corrected so that few
returns do not look like a relation.

Where the basis comes from is chosen once: `SPOT`, prices shown by `cross_spot` (a spot feed, or the
oracle, which on Hyperliquid is the median of spot venues); `FUNDING`, the premium that the expected
funding rate is an average of (`premium_of_funding`); `REFERENCE`, the mid over the reference coin,
r − β·r_ref: its level means nothing, its change does. Source: docs/model.md §5.
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

SPOT: Final = 0
FUNDING: Final = 1
REFERENCE: Final = 2
MID: Final = 0
REF: Final = 1
SAMPLES_PER_RETURN: Final = 6
"""The regression samples its overlapping returns this often within their length."""

CROSS: Final = np.dtype(
    [
        ("fast", LAGGED, (2,)),  # 10⁴·ln price of mid and reference, over the lead window
        ("slow", LAGGED, (2,)),  # over the regression window
        ("basis_ring", LAGGED),
        ("basis_mid", LAGGED),  # mid and reference over the basis window (`REFERENCE`)
        ("basis_ref", LAGGED),
        ("interest_ring", LAGGED),  # ln open interest
        ("interest_mid", LAGGED),
        ("log_px", "<f8", (2,)),  # 10⁴·ln of the latest, NaN before
        ("seen_ns", "<i8", (2,)),
        ("gap_bps", "<f8"),
        ("gap_ns", "<i8"),
        ("log_spot", "<f8"),
        ("spot_ns", "<i8"),
        ("basis_bps", "<f8"),
        ("basis_ns", "<i8"),
        ("log_interest", "<f8"),
        ("interest_ns", "<i8"),
        ("products", "<f8", (3,)),  # Σ r_ref², Σ r·r_ref, Σ r²
        ("count", "<f8"),  # Σ of independent returns
        ("sampled_ns", "<i8"),
    ],
    align=True,
)

CROSS_PARAMS: Final = np.dtype(
    [
        ("basis_source", "<i8"),
        ("basis_window_ns", "<i8"),
        ("lead_ns", "<i8"),
        ("return_ns", "<i8"),
        ("interest_ns", "<i8"),
        ("half_life_s", "<f8"),
        ("min_confidence", "<f8"),
        ("max_age_s", "<f8"),
        ("gap_s", "<f8"),
        ("gap_memory_s", "<f8"),
    ],
    align=True,
)


def cross_params(
    *,
    basis_source: int = SPOT,
    basis_window_s: float = 30.0,
    lead_s: float = 5.0,
    return_s: float = 30.0,
    interest_window_s: float = 300.0,
    half_life_s: float = 1800.0,
    min_confidence: float = 0.3,
    max_age_s: float = 10.0,
    gap_s: float = 60.0,
    gap_memory_s: float = 60.0,
) -> Rec:
    """Windows and ages in s; `basis_source` one of SPOT, FUNDING, REFERENCE; R² below which to be silent."""
    if basis_source not in (SPOT, FUNDING, REFERENCE):
        raise ValueError(f"cross: basis_source = {basis_source} must be {SPOT}, {FUNDING} or {REFERENCE}")
    require("cross", basis_window_s=basis_window_s, lead_s=lead_s, return_s=return_s)
    require("cross", interest_window_s=interest_window_s, half_life_s=half_life_s, max_age_s=max_age_s)
    require("cross", gap_s=gap_s, gap_memory_s=gap_memory_s)
    require("cross", high=1.0, min_confidence=min_confidence)
    rec = new_record(CROSS_PARAMS)
    rec["basis_source"], rec["basis_window_ns"] = basis_source, s_to_ns(basis_window_s)
    rec["lead_ns"], rec["return_ns"] = s_to_ns(lead_s), s_to_ns(return_s)
    rec["interest_ns"], rec["half_life_s"] = s_to_ns(interest_window_s), half_life_s
    rec["min_confidence"], rec["max_age_s"], rec["gap_s"] = min_confidence, max_age_s, gap_s
    rec["gap_memory_s"] = gap_memory_s
    return rec


def init_cross(state: Rec, params: Rec) -> None:
    """Nothing has been seen."""
    state["log_px"] = state["log_spot"] = state["basis_bps"] = state["log_interest"] = np.nan


@compiled
def cross_gap(state: Rec) -> None:
    """The feed reports a gap: windows start anew; what the regression has learned stays."""
    for k in range(2):
        lag_clear(state.fast[k])
        lag_clear(state.slow[k])
    lag_clear(state.basis_ring)
    lag_clear(state.basis_mid)
    lag_clear(state.basis_ref)
    lag_clear(state.interest_ring)
    lag_clear(state.interest_mid)
    state.gap_bps = 0.0


@compiled
def _move_gap(state: Rec, params: Rec, now_ns: int, change_bps: float) -> None:
    """Let what the mid has not followed fade to `now_ns`, then add a change of it."""
    if state.gap_ns > 0:
        state.gap_bps *= math.exp(-max(seconds_between(state.gap_ns, now_ns), 0.0) / params.gap_memory_s)
    state.gap_ns = max(state.gap_ns, now_ns)
    if abs(change_bps) < np.inf:
        state.gap_bps += change_bps


@compiled
def reference_beta(state: Rec) -> float:
    """β of own on reference 30 s returns; 0 before any."""
    return state.products[1] / state.products[0] if state.products[0] > 0.0 else 0.0


@compiled
def _note_price(state: Rec, params: Rec, which: int, now_ns: int, px: float) -> bool:
    if not 0.0 < px < np.inf or now_ns < state.seen_ns[which]:
        return False
    silent = state.seen_ns[which] > 0 and seconds_between(state.seen_ns[which], now_ns) > params.gap_s
    if silent:
        lag_clear(state.fast[which])
        lag_clear(state.slow[which])
        if which == MID:
            lag_clear(state.basis_mid)
            lag_clear(state.interest_mid)
        else:
            lag_clear(state.basis_ref)
    state.seen_ns[which] = now_ns
    log_px = 1e4 * math.log(px)
    if not silent:
        share = reference_beta(state) if which == REF else -1.0
        _move_gap(state, params, now_ns, share * (log_px - state.log_px[which]))
    state.log_px[which] = log_px
    lag_push(state.fast[which], params.lead_ns, now_ns, log_px)
    lag_push(state.slow[which], params.return_ns, now_ns, log_px)
    return True


@compiled
def cross_reference(state: Rec, params: Rec, now_ns: int, px: float) -> None:
    """A REFERENCE row of the asset that may lead. Not positive and finite, or backward: no update."""
    if _note_price(state, params, REF, now_ns, px):
        lag_push(state.basis_ref, params.basis_window_ns, now_ns, state.log_px[REF])


@compiled
def _push_basis(state: Rec, params: Rec, now_ns: int, basis_bps: float) -> None:
    if now_ns < state.basis_ns:
        return
    if state.basis_ns > 0 and seconds_between(state.basis_ns, now_ns) > params.gap_s:
        lag_clear(state.basis_ring)
    state.basis_bps = basis_bps
    state.basis_ns = now_ns
    lag_push(state.basis_ring, params.basis_window_ns, now_ns, basis_bps)


@compiled
def cross_spot(state: Rec, params: Rec, now_ns: int, px: float) -> None:
    """A price of the spot (a REFERENCE row of its asset, or an ORACLE row); source `SPOT` only."""
    if params.basis_source != SPOT or not 0.0 < px < np.inf or now_ns < state.spot_ns:
        return
    state.log_spot = 1e4 * math.log(px)
    state.spot_ns = now_ns


@compiled
def premium_of_funding(rate: float, interval_s: float) -> float:
    """The premium in bps that an expected `rate` (fraction per interval) speaks of: the rate per 8 h.

    Hyperliquid averages premium + clamp(1 bp − premium, ±5 bps): flat at 1 bp while the premium lies
    within 5 bps of it, and moving with the premium, bp by bp, beyond. A change of this is thus a
    change of the average premium, or none; it is never inverted, which would tear at the flat part.
    """
    return 1e4 * rate * 28_800.0 / interval_s


@compiled
def cross_funding_rate(state: Rec, params: Rec, now_ns: int, rate: float, interval_s: float) -> None:
    """A FUNDING_RATE row; source `FUNDING` only. A rate that is not finite changes nothing."""
    if params.basis_source == FUNDING and abs(rate) < np.inf:
        _push_basis(state, params, now_ns, premium_of_funding(rate, interval_s))


@compiled
def _regress(state: Rec, params: Rec, now_ns: int) -> None:
    """Take a pair of 30 s returns, a sixth of their length after the last."""
    if state.sampled_ns > 0 and (now_ns - state.sampled_ns) * SAMPLES_PER_RETURN < params.return_ns:
        return
    if seconds_between(state.seen_ns[REF], now_ns) > params.max_age_s:
        return
    then, long_s = lagged(state.slow[MID], params.return_ns, now_ns)
    then_ref, ref_s = lagged(state.slow[REF], params.return_ns, now_ns)
    if min(long_s, ref_s) * 1e9 < params.return_ns:
        return
    kept = decay(seconds_between(state.sampled_ns, now_ns), params.half_life_s) if state.count > 0.0 else 1.0
    r, r_ref = state.log_px[MID] - then, state.log_px[REF] - then_ref
    state.products[0] = kept * state.products[0] + r_ref * r_ref
    state.products[1] = kept * state.products[1] + r * r_ref
    state.products[2] = kept * state.products[2] + r * r
    state.count = kept * state.count + 1.0 / SAMPLES_PER_RETURN
    state.sampled_ns = now_ns


@compiled
def cross_look(state: Rec, params: Rec, now_ns: int, mid: float) -> None:
    """Look at the own mid, at every message or cycle. Not positive and finite, or backward: no update."""
    if not _note_price(state, params, MID, now_ns, mid):
        return
    lag_push(state.basis_mid, params.basis_window_ns, now_ns, state.log_px[MID])
    lag_push(state.interest_mid, params.interest_ns, now_ns, state.log_px[MID])
    fresh = state.spot_ns > 0 and seconds_between(state.spot_ns, now_ns) <= params.max_age_s
    if params.basis_source == SPOT and fresh:
        _push_basis(state, params, now_ns, state.log_px[MID] - state.log_spot)
    if state.seen_ns[REF] > 0:
        _regress(state, params, now_ns)


@compiled
def cross_open_interest(state: Rec, params: Rec, now_ns: int, interest: float) -> None:
    """An OPEN_INTEREST row. Not positive and finite, or backward: no update."""
    if not 0.0 < interest < np.inf or now_ns < state.interest_ns:
        return
    if state.interest_ns > 0 and seconds_between(state.interest_ns, now_ns) > params.interest_ns * 1e-9:
        lag_clear(state.interest_ring)
    state.interest_ns = now_ns
    state.log_interest = math.log(interest)
    lag_push(state.interest_ring, params.interest_ns, now_ns, state.log_interest)


@compiled
def reference_confidence(state: Rec) -> float:
    """R² of that regression, corrected for the number of independent returns; between 0 and 1."""
    spread = state.products[0] * state.products[2]
    if state.count <= 1.0 or not spread > 0.0:
        return 0.0
    raw = min(state.products[1] * state.products[1] / spread, 1.0)
    return max(1.0 - (1.0 - raw) * state.count / (state.count - 1.0), 0.0)


@compiled
def _stale(state: Rec, params: Rec, now_ns: int, which: int) -> bool:
    return state.seen_ns[which] == 0 or seconds_between(state.seen_ns[which], now_ns) > params.max_age_s


@compiled
def lead_bps(state: Rec, params: Rec, now_ns: int) -> float:
    """β·r_ref(5 s) − r(5 s) as of `now_ns`, bps; NaN while silent."""
    if reference_confidence(state) < params.min_confidence:
        return np.nan
    if _stale(state, params, now_ns, MID) or _stale(state, params, now_ns, REF):
        return np.nan
    then, own_s = lagged(state.fast[MID], params.lead_ns, now_ns)
    then_ref, ref_s = lagged(state.fast[REF], params.lead_ns, now_ns)
    if min(own_s, ref_s) * 1e9 < params.lead_ns:
        return np.nan
    return reference_beta(state) * (state.log_px[REF] - then_ref) - (state.log_px[MID] - then)


@compiled
def reference_gap_bps(state: Rec, params: Rec, now_ns: int) -> float:
    """What the reference has moved that the mid has not followed, bps; positive: the mid is behind.

    NaN while the relation is not known (R² below `min_confidence`) or a price is too old.
    """
    if reference_confidence(state) < params.min_confidence:
        return np.nan
    if _stale(state, params, now_ns, MID) or _stale(state, params, now_ns, REF):
        return np.nan
    return state.gap_bps


@compiled
def basis_change_bps(state: Rec, params: Rec, now_ns: int) -> float:
    """Change of the basis over its window, bps; positive while the perpetual gains on the spot.

    NaN until the whole window has been seen, or while a price it needs is too old.
    """
    window_ns = params.basis_window_ns
    if params.basis_source == REFERENCE:
        if _stale(state, params, now_ns, MID) or _stale(state, params, now_ns, REF):
            return np.nan
        then, own_s = lagged(state.basis_mid, window_ns, now_ns)
        then_ref, ref_s = lagged(state.basis_ref, window_ns, now_ns)
        if min(own_s, ref_s) * 1e9 < window_ns or reference_confidence(state) < params.min_confidence:
            return np.nan
        return (state.log_px[MID] - then) - reference_beta(state) * (state.log_px[REF] - then_ref)
    then, long_s = lagged(state.basis_ring, window_ns, now_ns)
    limit_s = params.gap_s if params.basis_source == FUNDING else params.max_age_s
    if long_s * 1e9 < window_ns or seconds_between(state.basis_ns, now_ns) > limit_s:
        return np.nan
    return state.basis_bps - then


@compiled
def open_interest_signal(state: Rec, params: Rec, now_ns: int, sigma: float) -> float:
    """ΔOI/OI × the smooth sign of the return over the same window; `sigma` in bps/√s.

    NaN until the whole window has been seen or while σ is not positive and finite.
    """
    if not 0.0 < sigma < np.inf or _stale(state, params, now_ns, MID):
        return np.nan
    interest, interest_s = lagged(state.interest_ring, params.interest_ns, now_ns)
    then, own_s = lagged(state.interest_mid, params.interest_ns, now_ns)
    if min(interest_s, own_s) * 1e9 < params.interest_ns:
        return np.nan
    rise = clip((state.log_px[MID] - then) / (sigma * math.sqrt(own_s)), -1.0, 1.0)
    return math.expm1(state.log_interest - interest) * rise
