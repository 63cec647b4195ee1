"""What may be traded and in which steps: ticks, sizes, fees, contracts, funding interval.

`Instrument` is what a person configures; `Instrument.record()` is the flat form compiled code
reads. Prices inside the engine are integers: multiples of the venue's *finest* price increment
(`tick_num`/`tick_den` of a quote unit). Where the venue's step is coarser at some prices
(Hyperliquid: five significant figures), the rounding functions here land on valid prices only.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final, Literal

import msgspec
import numpy as np

from undertow.compiled import compiled
from undertow.records import Rec, new_record

INSTRUMENT: Final = np.dtype(
    [
        ("tick_num", "<f8"),
        ("tick_den", "<f8"),
        ("size_step", "<f8"),
        ("min_notional", "<f8"),
        ("contract_value", "<f8"),
        ("maker_fee_bps", "<f8"),
        ("taker_fee_bps", "<f8"),
        ("funding_interval_ns", "<i8"),
        ("significant_figures", "<i4"),
        ("inverse", "u1"),
    ],
    align=True,
)


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trading rules of one instrument.

    `tick_size` is the finest price increment at any price; `significant_figures` (0: no such rule)
    coarsens it, except that whole-number prices are always valid (Hyperliquid's rule).
    `contract_value` is coins per unit of quantity for a linear contract and quote currency per
    contract for an inverse one. Fees are in bps of notional, negative for a rebate.
    """

    name: str
    tick_size: float
    size_step: float
    min_notional: float = 10.0
    significant_figures: int = 0
    contract: Literal["linear", "inverse"] = "linear"
    contract_value: float = 1.0
    maker_fee_bps: float = 1.5
    taker_fee_bps: float = 4.5
    funding_interval_s: float = 3600.0

    def __post_init__(self) -> None:
        for field in ("tick_size", "size_step", "contract_value", "funding_interval_s"):
            value = getattr(self, field)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"instrument {self.name}: {field} = {value} must be positive")
        for field in ("min_notional", "maker_fee_bps", "taker_fee_bps"):
            value = getattr(self, field)
            if not math.isfinite(value):
                raise ValueError(f"instrument {self.name}: {field} = {value} must be finite")
        if self.significant_figures < 0:
            raise ValueError(f"instrument {self.name}: significant_figures must be >= 0")

    def record(self) -> Rec:
        """The instrument as an `INSTRUMENT` record for compiled code."""
        tick = Fraction(str(self.tick_size))
        rec = new_record(INSTRUMENT)
        rec["tick_num"] = tick.numerator
        rec["tick_den"] = tick.denominator
        rec["size_step"] = self.size_step
        rec["min_notional"] = self.min_notional
        rec["contract_value"] = self.contract_value
        rec["maker_fee_bps"] = self.maker_fee_bps
        rec["taker_fee_bps"] = self.taker_fee_bps
        rec["funding_interval_ns"] = round(self.funding_interval_s * 1e9)
        rec["significant_figures"] = self.significant_figures
        rec["inverse"] = self.contract == "inverse"
        return rec


def hyperliquid_perp(
    name: str, size_decimals: int, *, maker_fee_bps: float = 1.5, taker_fee_bps: float = 4.5
) -> Instrument:
    """A Hyperliquid perpetual: at most 6 - `size_decimals` decimals and 5 significant figures."""
    if not 0 <= size_decimals <= 6:
        raise ValueError(f"size_decimals = {size_decimals} must lie in 0..6")
    return Instrument(
        name=name,
        tick_size=float(Fraction(1, 10 ** (6 - size_decimals))),
        size_step=float(Fraction(1, 10**size_decimals)),
        min_notional=10.0,
        significant_figures=5,
        maker_fee_bps=maker_fee_bps,
        taker_fee_bps=taker_fee_bps,
    )


# Hyperliquid's perpetual fee schedule: (14-day volume above, taker bps, maker bps), then the
# maker-share rebates (share above, maker bps added).
_VOLUME_TIERS: Final = (
    (0.0, 4.5, 1.5),
    (5e6, 4.0, 1.2),
    (25e6, 3.5, 0.8),
    (100e6, 3.0, 0.4),
    (500e6, 2.8, 0.0),
    (2e9, 2.6, 0.0),
    (7e9, 2.4, 0.0),
)
_MAKER_SHARE_TIERS: Final = ((0.005, -0.1), (0.015, -0.2), (0.03, -0.3))


def hyperliquid_fees_bps(
    volume_14d_usd: float = 0.0,
    maker_share: float = 0.0,
    *,
    staking_discount: float = 0.0,
    hip3_deployer_scale: float | None = None,
    growth_mode: bool = False,
    referral_discount: float = 0.0,
) -> tuple[float, float]:
    """Maker and taker fee in bps for an account on Hyperliquid.

    `hip3_deployer_scale` is the builder dex's ``deployerFeeScale`` (None on the main dex): a
    positive fee is multiplied by ``1 + s`` for ``s < 1`` and by ``2s`` otherwise; a rebate only by
    the growth factor. `growth_mode` charges a tenth. Discounts are fractions in [0, 1).
    """
    for name, value in (("staking_discount", staking_discount), ("referral_discount", referral_discount)):
        if not 0.0 <= value < 1.0:
            raise ValueError(f"{name} = {value} must lie in [0, 1)")
    _, taker, maker = max(t for t in _VOLUME_TIERS if volume_14d_usd > t[0] or t[0] == 0.0)
    maker += min((bps for share, bps in _MAKER_SHARE_TIERS if maker_share > share), default=0.0)
    growth = 0.1 if growth_mode else 1.0
    scale = 1.0
    if hip3_deployer_scale is not None:
        s = hip3_deployer_scale
        if s < 0:
            raise ValueError(f"hip3_deployer_scale = {s} must be >= 0")
        scale = 1.0 + s if s < 1.0 else 2.0 * s
    positive = scale * growth * (1.0 - referral_discount) * (1.0 - staking_discount)

    def charged(fee: float) -> float:
        return fee * positive if fee > 0 else fee * growth

    return charged(maker), charged(taker)


# ---- compiled rounding --------------------------------------------------------------------------


@compiled
def price_of(inst: Rec, tick: int) -> float:
    """Price of an integer `tick`."""
    return tick * inst.tick_num / inst.tick_den


@compiled
def tick_near(inst: Rec, px: float) -> int:
    """Nearest tick to `px` on the finest grid (book prices are already on it)."""
    return int(np.floor(px * inst.tick_den / inst.tick_num + 0.5))


@compiled
def step_ticks(inst: Rec, tick: int) -> int:
    """Spacing of valid order prices around `tick`, in ticks (>= 1).

    With s significant figures allowed, a price of d digits before the point may move in steps of
    10^(d-s), never finer than a tick and never coarser than 1 (whole prices are always valid).
    """
    if inst.significant_figures == 0:
        return 1
    px = tick * inst.tick_num / inst.tick_den
    if px <= 0.0:
        return 1
    exponent = int(np.floor(np.log10(px * (1.0 + 1e-12)))) + 1 - inst.significant_figures
    if exponent >= 0:
        step = 1.0
    else:
        step = 10.0**exponent
    return max(1, int(np.floor(step * inst.tick_den / inst.tick_num + 0.5)))


@compiled
def round_price(inst: Rec, px: float, side: int) -> int:
    """Tick of the nearest *valid* price that is no more aggressive than `px`.

    Bids (`side` +1) round down, asks (-1) up, so rounding never gives edge away (model §3).
    """
    exact = px * inst.tick_den / inst.tick_num
    if side > 0:
        tick = int(np.floor(exact + 1e-7))
        step = step_ticks(inst, tick)
        return tick // step * step
    tick = int(np.ceil(exact - 1e-7))
    step = step_ticks(inst, tick)
    return -(-tick // step) * step


@compiled
def round_size(inst: Rec, qty: float) -> float:
    """Largest multiple of `size_step` that is not above `qty` (a millionth of a step forgiven)."""
    steps = np.floor(qty / inst.size_step + 1e-6)
    # Divide by the inverse where that is a whole number: 3 / 10 is 0.3, 3 * 0.1 is not.
    inverse_step = np.floor(1.0 / inst.size_step + 0.5)
    if abs(inverse_step * inst.size_step - 1.0) < 1e-9:
        return steps / inverse_step
    return steps * inst.size_step


@compiled
def notional(inst: Rec, px: float, qty: float) -> float:
    """Value of `qty` at `px` in quote currency (always USD on the venues served)."""
    if inst.inverse:
        return qty * inst.contract_value
    return qty * px * inst.contract_value


@compiled
def qty_of_notional(inst: Rec, px: float, value: float) -> float:
    """Quantity worth `value` quote currency at `px`; inverse of `notional`, unrounded."""
    if inst.inverse:
        return value / inst.contract_value
    return value / (px * inst.contract_value)


@compiled
def cash_change(inst: Rec, side: int, px: float, qty: float) -> float:
    """Change of cash when `qty` trades at `px` on our `side`, before fees.

    Linear: quote currency, -side·px·qty. Inverse: *settlement coin*, +side·value/px, the
    cash flow whose sum with `position_value` is the coin PnL qty·value·(1/entry - 1/exit).
    """
    if inst.inverse:
        return side * qty * inst.contract_value / px
    return -side * px * qty * inst.contract_value


@compiled
def position_value(inst: Rec, px: float, position: float) -> float:
    """What a signed `position` adds to equity at `px`, in the currency of `cash_change`."""
    if inst.inverse:
        return -position * inst.contract_value / px
    return position * px * inst.contract_value


@compiled
def fee_amount(inst: Rec, px: float, qty: float, fee_bps: float) -> float:
    """Fee of a fill in the currency of `cash_change`; negative for a rebate."""
    if inst.inverse:
        return qty * inst.contract_value / px * fee_bps * 1e-4
    return px * qty * inst.contract_value * fee_bps * 1e-4


@compiled
def funding_received(inst: Rec, px: float, position: float, rate: float) -> float:
    """What a signed `position` receives at a settlement of `rate` (paid by a long) at oracle `px`.

    In the currency of `cash_change`; negative for a long when `rate` > 0, linear or inverse.
    """
    if inst.inverse:
        return -position * inst.contract_value / px * rate
    return -position * px * inst.contract_value * rate
