"""What a request costs: the venue's allowance as it runs down, and how long orders live.

The venue grants a stock of requests and one more per USD traded (Hyperliquid: 10 000; docs/model.md
§7). With B the stock and u the share of it that is gone,

    remaining = B + volume − requests,   u = clip(1 − remaining/B, 0, 1)
    shadow price = request price · f(u),   f(u) = 1 + u²/(1 − u)

f is 1 with a full allowance, smooth, 1.5 at half of it, 9 at a tenth and infinite at its end. Without a
limit (B = 0) it stays 1. The life of an order, sent until filled, canceled or modified, is averaged
over the orders that ended, an EWMA by count with a prior worth `prior_orders` of them:

    life = (n₀·prior + Σ wᵢ·lifeᵢ)/(n₀ + Σ wᵢ)

Rejected orders and takers do not count. Source: Hyperliquid's address-based limits; docs/model.md §7.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from undertow.compiled import compiled
from undertow.kernel.ewma import clip
from undertow.kernel.ranges import require
from undertow.records import Rec, new_record

ALLOWANCE: Final = np.dtype(
    [
        ("remaining", "<f8"),  # requests left; infinite without a limit
        ("gone", "<f8"),  # u, share of the stock
        ("scarcity", "<f8"),  # f(u), infinite when nothing is left
        ("price", "<f8"),  # shadow price of a request, bps·lots
        ("life_s", "<f8"),  # expected life of a resting order
        ("ended", "<i8"),  # orders of the desk already counted, and the seconds they lived
        ("lived_s", "<f8"),
        ("weight", "<f8"),  # Σ wᵢ
        ("total_s", "<f8"),  # Σ wᵢ·lifeᵢ
    ],
    align=True,
)

ALLOWANCE_PARAMS: Final = np.dtype(
    [
        ("stock", "<f8"),  # B; 0: no limit
        ("request_price", "<f8"),  # bps·lots, with a full allowance
        ("prior_life_s", "<f8"),
        ("prior_orders", "<f8"),
        ("half_life_orders", "<f8"),
    ],
    align=True,
)

REDUCING_SCARCITY: Final = 10.0
"""Most that scarcity raises the price for the side that reduces the position: it always may move."""


def allowance_params(
    *,
    stock: float = 10_000.0,
    request_price: float = 0.01,
    prior_life_s: float = 30.0,
    prior_orders: float = 20.0,
    half_life_orders: float = 200.0,
) -> Rec:
    """Requests granted (0: no limit), price of one, prior of the life and its worth, memory in orders."""
    if not (0.0 <= stock < np.inf and 0.0 <= request_price < np.inf):
        raise ValueError(f"allowance: stock = {stock:g} and request_price = {request_price:g} must be >= 0")
    require(
        "allowance", prior_life_s=prior_life_s, prior_orders=prior_orders, half_life_orders=half_life_orders
    )
    rec = new_record(ALLOWANCE_PARAMS)
    rec["stock"], rec["request_price"], rec["prior_life_s"] = stock, request_price, prior_life_s
    rec["prior_orders"], rec["half_life_orders"] = prior_orders, half_life_orders
    return rec


@compiled
def scarcity_of(gone: float) -> float:
    """f(u) = 1 + u²/(1 − u); infinite from u = 1 on."""
    u = clip(gone, 0.0, 1.0)
    return 1.0 + u * u / (1.0 - u) if u < 1.0 else np.inf


@compiled
def _count_lives(state: Rec, params: Rec, ended: int, lived_s: float) -> None:
    """Let the orders that ended since the last look into the average, all at their mean."""
    n = ended - state.ended
    if n <= 0:
        return
    kept = 0.5 ** (n / params.half_life_orders)
    added = (1.0 - kept) / (1.0 - 0.5 ** (1.0 / params.half_life_orders))
    state.weight = kept * state.weight + added
    state.total_s = kept * state.total_s + added * max(lived_s - state.lived_s, 0.0) / n
    state.ended, state.lived_s = ended, lived_s


@compiled
def look_at_allowance(state: Rec, params: Rec, desk: Rec) -> None:
    """Once per decision: what is left, what a request costs, how long orders live."""
    state.remaining, state.gone = np.inf, 0.0
    if params.stock > 0.0:
        state.remaining = params.stock + desk.volume - desk.requests
        state.gone = clip(1.0 - state.remaining / params.stock, 0.0, 1.0)
    state.scarcity = scarcity_of(state.gone)
    state.price = request_worth(params.request_price, state.scarcity)
    _count_lives(state, params, desk.ended, desk.lived_s)
    prior = params.prior_orders
    state.life_s = (prior * params.prior_life_s + state.total_s) / (prior + state.weight)


@compiled
def request_worth(request_price: float, scarcity: float) -> float:
    """Shadow price of a request, bps·lots; a scarcity below 1 (not looked at) is 1."""
    if scarcity == np.inf:
        return np.inf
    return request_price * max(scarcity, 1.0)
