"""``undertow plan``: what a capital can carry on a market, before any of it is at stake."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from undertow.cli.errors import UsageError, preparing
from undertow.cli.progress import Progress

if TYPE_CHECKING:
    from undertow.recording import Recording
    from undertow.risk.plan import Market, Plan, Terms

Flag = Parameter(negative=())
MARKET = Group("The market: measured on a preset or recording, or given", sort_key=1)
ACCOUNT = Group("The account", sort_key=2)
DEFAULT_PRESET = "hip3-hype"


@Parameter(name="*", group=MARKET)
@dataclass(frozen=True)
class Measured:
    """Where price, volatility and volume come from."""

    market: str | None = None
    """Preset of a generated market to measure. Default: hip3-hype."""
    seed: int = 1
    """Seed of the generated market."""
    duration: float = 3_600.0
    """Seconds of it to measure."""
    store: Path | None = None
    """Folder of a store whose recording is measured instead, with --venue and --coin."""
    venue: str | None = None
    """Venue in the store."""
    coin: str | None = None
    """Coin in the store."""
    price: float | None = None
    """Price, instead of the measured one; with --sigma-bps and --volume-usd nothing is measured."""
    sigma_bps: float | None = None
    """Volatility of the mid, bps per √s."""
    volume_usd: float | None = None
    """Volume of a day, USD."""
    size_step: float | None = None
    """Smallest size step, the coin's unit."""
    max_leverage: int = 20
    """Greatest leverage of the coin's lowest margin tier."""


@Parameter(name="*", group=ACCOUNT)
@dataclass(frozen=True)
class Owned:
    """Fees and request budget."""

    volume_14d: float = 0.0
    """Volume of the last 14 days, USD: sets the fee tier."""
    maker_share: float = 0.0
    """Share of the venue's maker volume: sets the maker's rebate."""
    staking_discount: float = 0.0
    """Discount for staking, a fraction."""
    hip3_scale: float | None = None
    """deployerFeeScale of a builder's dex; default: the main dex (hip3-hype: 1)."""
    growth: Annotated[bool, Flag] = False
    """The coin is in growth mode: a tenth of the fees."""
    requests_left: float = 10_000.0
    """Requests left of the address's budget (a new one has 10 000)."""
    credit: float = 1.0
    """Requests a USD traded brings (growth-mode volume may bring less)."""


def plan(
    capital: float,
    *,
    loss_share: float = 0.05,
    q_max: float = 12.0,
    levels: int = 6,
    turns: float = 24.0,
    participation: float = 0.01,
    measured: Measured = Measured(),
    owned: Owned = Owned(),
    toml: Path | None = None,
    limits: Path | None = None,
    force: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Turn a capital into lots, levels and limits, and say what they imply.

    Parameters
    ----------
    capital
        What the account holds, USD.
    loss_share
        Part of it that a worst day may cost.
    q_max
        Lots of the position limit.
    levels
        Levels per side, as far as requests allow.
    turns
        How often a day the limit is expected to be traded.
    participation
        Largest part of the market's volume that can be traded.
    toml
        Write the maker's configuration to this file.
    limits
        Write the limit file (`undertow run --limits`) to this file.
    force
        Overwrite existing files.
    json
        Print the plan as JSON.
    """
    from undertow.config import dumps
    from undertow.risk.plan import Wishes, config_of, limits_of
    from undertow.risk.plan import plan as make

    for path in (toml, limits):
        if path is not None and path.exists() and not force:
            raise UsageError(f"{path} exists; --force overwrites it")
    with Progress(quiet=json) as progress, preparing():
        market = _market(measured, progress)
        terms = _terms(owned, measured)
        wishes = Wishes(
            loss_share=loss_share, q_max_lots=q_max, levels=levels, turns=turns, participation=participation
        )
        made = make(capital, market, terms, wishes)
    if toml is not None:
        toml.write_text(dumps(config_of(made, terms)))
    if limits is not None:
        limits.write_text(dumps(limits_of(made)))
    _tell(made, market, terms, as_json=json)
    return 0


def _terms(owned: Owned, measured: Measured) -> Terms:
    from undertow.instrument import hyperliquid_fees_bps
    from undertow.risk.plan import Terms

    scale, growth = owned.hip3_scale, owned.growth
    if scale is None and measured.store is None and (measured.market or DEFAULT_PRESET).startswith("hip3"):
        scale, growth = 1.0, True
    maker, taker = hyperliquid_fees_bps(
        owned.volume_14d,
        owned.maker_share,
        staking_discount=owned.staking_discount,
        hip3_deployer_scale=scale,
        growth_mode=growth,
    )
    return Terms(maker_bps=maker, taker_bps=taker, requests_left=owned.requests_left, credit=owned.credit)


def _market(measured: Measured, progress: Progress) -> Market:
    """The market as given, and as measured where it is not."""
    from undertow.risk.plan import Market

    given = {"px": measured.price, "sigma_bps": measured.sigma_bps, "volume_usd": measured.volume_usd}
    given |= {"size_step": measured.size_step}
    found: dict[str, Any] = {}
    if any(value is None for value in given.values()):
        recording, name = _recording(measured)
        progress.say(f"measuring {name}")
        found = measure(recording)
    found |= {name: value for name, value in given.items() if value is not None}
    return Market(tiers=((0.0, measured.max_leverage),), **found)


def _recording(measured: Measured) -> tuple[Recording, str]:
    if measured.store is not None:
        from undertow.data.store import open_recording

        if not (measured.venue and measured.coin):
            raise UsageError("--store needs --venue and --coin: say what to measure in it")
        name = f"{measured.venue}/{measured.coin}"
        return open_recording(measured.store, measured.venue, measured.coin), name
    from undertow.synthetic.generate import generate

    preset = measured.market or DEFAULT_PRESET
    return generate(preset, measured.seed, measured.duration), preset


def measure(recording: Recording) -> dict[str, Any]:
    """Price, σ (bps/√s, from moves of the mid over 10 s), volume of a day and steps of a recording.

    Raises ValueError for one of less than ten minutes or without prints.
    """
    import numpy as np

    from undertow.events import TRADE
    from undertow.kernel.l2book import new_book
    from undertow.trading import step
    from undertow.trading.runner import cell, plain
    from undertow.trading.step import MID

    instrument = recording.instrument
    insts, mids, traded = cell(instrument.record()), [], 0.0
    books = cell(new_book(window_ticks=65_536, erode=recording.snapshot_fed))
    for chunk in recording.chunks():
        rows = plain(chunk.rows)
        out = np.zeros(len(rows), dtype=MID)
        mids.append(out[: step.follow_mids(books, insts, rows, chunk.snapshots, out)].copy())
        prints = rows[rows["kind"] == TRADE]
        traded += float((prints["px"] * prints["qty"]).sum()) * instrument.contract_value
    path = np.concatenate(mids) if mids else np.zeros(0, dtype=MID)
    seconds = (int(path["exch_ns"][-1]) - int(path["exch_ns"][0])) * 1e-9 if len(path) else 0.0
    if seconds < 600.0 or not traded > 0.0:
        raise ValueError(
            f"{seconds:,.0f} s of market with {traded:,.0f} USD traded are too little to measure"
        )
    grid = np.arange(int(path["exch_ns"][0]), int(path["exch_ns"][-1]), 10_000_000_000)
    at = np.searchsorted(path["exch_ns"], grid, side="right") - 1
    moves = np.diff(np.log(path["px"][at])) * 1e4
    return {
        "px": float(path["px"][-1]),
        "sigma_bps": float(np.sqrt(np.mean(moves**2) / 10.0)),
        "volume_usd": traded * 86_400.0 / seconds,
        "size_step": instrument.size_step,
        "min_notional": instrument.min_notional,
    }


def lines(made: Plan, market: Market, terms: Terms) -> Iterator[tuple[str, str, str]]:
    """The plan as rows: what, how much, why."""
    yield (
        "market",
        f"{market.px:,.6g}",
        f"σ {market.sigma_bps:.3f} bps/√s, {market.volume_usd:,.0f} USD a day",
    )
    yield "fees", f"{terms.maker_bps:+.3f} / {terms.taker_bps:+.3f} bps", "maker / taker"
    yield "worst day", f"{made.worst_move_bps:,.0f} bps", "three σ of a day, 500 bps at least"
    yield "position limit", f"{made.limit_usd:,.2f} USD", f"set by: {made.binding}"
    yield "lot", f"{made.lot_usd:,.2f} USD", f"{made.q_max_lots:g} to the limit"
    yield "levels", f"{made.levels}", "per side"
    yield "limit at sending", f"{made.hard_limit_usd:,.2f} USD", "position and all on its side"
    yield "leverage", f"{made.leverage}", f"{made.margin_used_usd:,.2f} USD of margin at that limit"
    switch = f"at the position limit; the kill switch acts at {made.loss_limit_usd:,.2f}"
    yield "worst day's loss", f"{made.worst_day_usd:,.2f} USD", switch
    away = "never" if made.liquidation_bps is None else f"{made.liquidation_bps:,.0f} bps"
    yield "liquidation", away, "from the price, at the limit of sending, with the loss already made"
    yield "turnover", f"{made.turnover_usd:,.0f} USD a day", f"fees {made.fees_usd:,.2f} USD"
    bring = f"the turnover brings {made.requests_earned:,.0f}, the budget {made.requests_spare:,.0f} a day"
    yield "requests", f"{made.requests_needed:,.0f} a day", bring
    yield "", f"{made.requests_per_usd:.3f} per USD", "traded"


def _tell(made: Plan, market: Market, terms: Terms, *, as_json: bool) -> None:
    if as_json:
        import msgspec

        told = {"plan": made, "market": market, "terms": terms}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    rows = list(lines(made, market, terms))
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    for what, value, why in rows:
        sys.stdout.write(f"{what:<{widths[0]}}  {value:>{widths[1]}}  {why}\n")
    for sentence in made.says:
        sys.stdout.write(f"! {sentence}\n")
