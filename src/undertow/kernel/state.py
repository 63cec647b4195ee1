"""The one state record of the maker and the one record of its parameters.

State is one flat NumPy record, nested by estimator and rule: it is what is checkpointed, compared
bit for bit and shown on a screen. Each part's dtype stands in the file that owns it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.kernel.allowance import ALLOWANCE, ALLOWANCE_PARAMS
from undertow.kernel.desk import DESK
from undertow.kernel.estimators import ESTIMATOR_PARAMS, ESTIMATORS, init_estimators
from undertow.kernel.eta import RISK, RISK_PARAMS
from undertow.kernel.fill_track import DEPTH_NODES_BPS
from undertow.kernel.inputs import INPUTS
from undertow.kernel.ladder import LADDER, LADDER_PARAMS, NOBOOK
from undertow.kernel.reconcile import RECONCILE, RECONCILE_PARAMS
from undertow.kernel.reservation import RESERVATION
from undertow.kernel.scorecard import SCORECARD, SCORECARD_PARAMS, init_scorecard
from undertow.kernel.tally import TALLY
from undertow.records import Rec, new_record

SESSION: Final = np.dtype(
    [
        ("first_book_ns", "<i8"),  # 0 until both sides of the book have been seen
        ("decided_ns", "<i8"),
        ("decided_mid", "<f8"),
        ("decided_position", "<f8"),
        ("cycles", "<i8"),  # decisions taken
        ("fresh", "u1"),  # a book message has come since the last gap
    ],
    align=True,
)

LEAN_PARAMS: Final = np.dtype(
    [
        ("use_drift", "u1"),  # μ̂ in the reservation price
        ("use_carry", "u1"),  # coming settlements in it
        ("flow_sensitivity", "<f8"),
        ("informed_weight", "<f8"),
    ],
    align=True,
)
"""Switches of what leans on the quotes beside inventory."""

QUOTING_PARAMS: Final = np.dtype(
    [
        ("event_driven", "u1"),
        ("min_interval_ns", "<i8"),  # between decisions, event-driven
        ("move_bps", "<f8"),  # move of the mid that triggers a decision, event-driven
        ("warmup_ns", "<i8"),
        ("max_book_age_ns", "<i8"),  # an older book counts as none
    ],
    align=True,
)

STATE: Final = np.dtype(
    [
        ("desk", DESK),
        ("session", SESSION),
        ("estimators", ESTIMATORS),
        ("inputs", INPUTS),
        ("risk", RISK),
        ("reservation", RESERVATION),
        ("ladder", LADDER),
        ("requests", RECONCILE),
        ("allowance", ALLOWANCE),
        ("score", SCORECARD),
        ("tally", TALLY),
    ],
    align=True,
)

PARAMS: Final = np.dtype(
    [
        ("estimators", ESTIMATOR_PARAMS),
        ("risk", RISK_PARAMS),
        ("lean", LEAN_PARAMS),
        ("ladder", LADDER_PARAMS),
        ("quoting", QUOTING_PARAMS),
        ("reconcile", RECONCILE_PARAMS),
        ("allowance", ALLOWANCE_PARAMS),
        ("score", SCORECARD_PARAMS),
    ],
    align=True,
)


def new_state(params: Rec) -> Rec:
    """A `STATE` record before its first row, for a `PARAMS` record."""
    state = new_record(STATE)
    init_estimators(state.estimators, params.estimators)
    init_scorecard(state.score, params.score)
    state.inputs.as_nodes = len(DEPTH_NODES_BPS)
    state.inputs.as_depth_bps[: len(DEPTH_NODES_BPS)] = DEPTH_NODES_BPS
    for rungs, sign in ((state.ladder.bid, 1), (state.ladder.ask, -1)):
        rungs.sign = sign
        rungs.levels = params.ladder.levels
        rungs.reason[:] = NOBOOK
    return state
