"""``undertow solve``: the exact optimum of a market beside what the maker would compute for it.

Exit codes: 0 done, 1 the solver failed, 2 a wrong call.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from undertow.cli.errors import UsageError
from undertow.cli.progress import Progress

if TYPE_CHECKING:
    from undertow.solver.closed import Signals
    from undertow.solver.compare import Comparison
    from undertow.solver.problem import Problem

MARKET = Group("The market", sort_key=1)
SIGNALS = Group("Signals that pass", sort_key=2)
MAKER = Group("The maker", sort_key=3)
OUTPUT = Group("Output", sort_key=4)


@Parameter(name="*", group=MARKET)
@dataclass(frozen=True)
class Market:
    """What aggressors do. The defaults are a middling perpetual."""

    rate_bid: float = 0.1
    """A_b: aggressor sells per second, extrapolated to the mid."""
    rate_ask: float = 0.1
    """A_a: aggressor buys per second."""
    kappa_bid: float = 0.4
    """κ_b: decay of the rate with depth, 1/bp."""
    kappa_ask: float = 0.4
    """κ_a, 1/bp."""
    sigma: float = 1.5
    """σ, bps/√s."""
    aggressor_lots: str = "3"
    """L: mean volume of an aggressor, lots; inf: endless; one: every fill is one lot."""
    as_bid: float = 0.5
    """Adverse selection of a bid fill, bps."""
    as_ask: float = 0.5
    """Adverse selection of an ask fill, bps."""
    drift_reversion: float = 0.02
    """θ of the drift, 1/s."""
    sigma_mu: float = 0.005
    """σ_μ of the drift, (bps/s)/√s; counts with --aggressor-lots one only."""


@Parameter(name="*", group=SIGNALS)
@dataclass(frozen=True)
class Passing:
    """What the market does just now."""

    drift: float = 0.0
    """μ̂, bps/s."""
    phi: float = 0.0
    """φ = (A_b − A_a)/(A_b + A_a) now, in −0.95…0.95; needs --rate-bid = --rate-ask."""
    flow_reversion: float = 1 / 120
    """θ_φ, 1/s."""


@Parameter(name="*", group=MAKER)
@dataclass(frozen=True)
class MakerSide:
    """The maker's terms."""

    gamma: float | None = None
    """γ, 1/(bp·lot), instead of --kappa-eta."""
    kappa_eta: float | None = None
    """κη of a flat maker, from which γ is solved. Default: 0.2."""
    fee: float = 1.5
    """Maker fee, bps."""
    q_max: float = 12.0
    """Position limit under which ladders are valued, lots."""
    floored: Annotated[bool, Parameter(negative=())] = False
    """Forbid orders beyond the mid."""


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class Output:
    """What is written where."""

    json: Annotated[bool, Parameter(negative=())] = False
    """Print everything as JSON."""
    plot: Path | None = None
    """Draw exact against closed form into this HTML file."""
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False
    """No progress."""


def solve(
    *,
    market: Market = Market(),
    passing: Passing = Passing(),
    maker: MakerSide = MakerSide(),
    output: Output = Output(),
) -> int:
    """Solve a market exactly and set the maker's closed forms beside it.

    Rows marked ! are those where the closed form is not to be trusted: more than 10 % of max(η, |r|)
    off, or outside the box κη ≤ 0.6, |φ| ≤ 0.5 the closed forms were measured over.
    """
    from undertow.solver.compare import compare

    problem, signals = _asked(market, passing, maker)
    if output.plot is not None and not output.plot.resolve().parent.is_dir():
        raise UsageError(f"--plot {output.plot}: its folder does not exist")
    with Progress(quiet=output.quiet) as progress:
        progress.begin("solving")
        progress.advance(None, "policy iteration")
        seen = compare(problem, signals, limit_lots=maker.q_max)
    if output.plot is not None:
        from undertow.solver.plot import page

        output.plot.write_text(page(seen), encoding="utf-8")
        if not output.json:
            sys.stderr.write(f"wrote {output.plot}\n")
    sys.stdout.write(_json(seen) if output.json else _table(seen))
    return 0


def _positive(option: str, value: float) -> float:
    if not 0.0 < value < math.inf:
        raise UsageError(f"{option} {value:g} must be positive and finite")
    return value


def _within(option: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise UsageError(f"{option} {value:g} must lie in {low:g}..{high:g}")
    return value


def _lots(text: str) -> float:
    if text == "one":
        return 0.0
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0.1:
        raise UsageError(f"--aggressor-lots {text} must be a number from 0.1 up, inf, or one")
    return value


def _asked(market: Market, passing: Passing, maker: MakerSide) -> tuple[Problem, Signals]:
    """The problem and its signals; UsageError names the option at fault."""
    from dataclasses import replace

    from undertow.solver.closed import Signals
    from undertow.solver.compare import gamma_of
    from undertow.solver.problem import Problem

    if maker.gamma is not None and maker.kappa_eta is not None:
        raise UsageError("--gamma and --kappa-eta both set the risk aversion: drop one")
    _within("--phi", passing.phi, -0.95, 0.95)
    if passing.phi and market.rate_bid != market.rate_ask:
        raise UsageError("--phi is the imbalance of equal rates: give --rate-bid = --rate-ask, or drop --phi")
    cost_bid, cost_ask = (
        _within(f"--as-{side} + --fee", cost + maker.fee, -20.0, 1000.0)
        for side, cost in (("bid", market.as_bid), ("ask", market.as_ask))
    )
    problem = Problem(
        _positive("--rate-bid", market.rate_bid),
        _positive("--rate-ask", market.rate_ask),
        _within("--kappa-bid", market.kappa_bid, 1e-3, 1e3),
        _within("--kappa-ask", market.kappa_ask, 1e-3, 1e3),
        _positive("--sigma", market.sigma),
        _positive("--gamma", 1.0 if maker.gamma is None else maker.gamma),
        cost_bid,
        cost_ask,
        _lots(market.aggressor_lots),
        floor_bps=0.0 if maker.floored else -math.inf,
        drift_reversion=_positive("--drift-reversion", market.drift_reversion),
        sigma_mu=_within("--sigma-mu", market.sigma_mu, 0.0, 10.0),
    )
    _within("--q-max", maker.q_max, 1.0, 200.0)
    if maker.gamma is None:
        wanted = 0.2 if maker.kappa_eta is None else _within("--kappa-eta", maker.kappa_eta, 1e-3, 3.0)
        problem = replace(problem, gamma=gamma_of(problem, wanted))
    if problem.one_lot:
        problem = replace(problem, xi=problem.gamma)
    _within("--drift", passing.drift, -10.0, 10.0)
    reversion = _positive("--flow-reversion", passing.flow_reversion)
    return problem, Signals(passing.drift, passing.phi, reversion)


def _table(seen: Comparison) -> str:
    problem = seen.problem
    kind = "one lot per fill" if problem.one_lot else f"aggressors of {problem.aggressor_lots:g} lots"
    lines = [
        f"{kind}, γ {problem.gamma:.4g} per bp·lot, κη {seen.kappa_eta:.3g}, φ {seen.imbalance:+.2g}",
        "                      exact    closed",
        f"  η, bps/lot      {seen.eta[0]:9.4f} {seen.eta[1]:9.4f}",
        f"  τ of drift, s   {seen.tau_drift_s[0]:9.3f} {seen.tau_drift_s[1]:9.3f}",
        "",
        "     q   r exact  r closed   error   bid exact  closed   ask exact  closed",
    ]
    for row in seen.rows:
        lines.append(
            f"{'  ' if row.trusted else '! '}{row.lots:+4.0f} {row.exact:9.3f} {row.closed:9.3f} "
            f"{row.error:6.1%} {row.exact_bid:11.3f} {row.closed_bid:7.3f} "
            f"{row.exact_ask:11.3f} {row.closed_ask:7.3f}"
        )
    if seen.sizes:
        lines += ["", "  bids of a flat maker: level at   its lots | exact lots at   in all"]
        for size in seen.sizes:
            exact = f"{size.at_depth:9.3f} {size.exact_lots:8.2f}" if math.isfinite(size.at_depth) else ""
            lines.append(f"  {size.depth:29.3f} {size.closed_lots:10.2f} |   {exact}")
    if seen.utility:
        best, ours = seen.utility
        earned = f"{ours:.5g} of the optimum's {best:.5g} bps·lots/s: {ours / best:.1%}"
        lines += ["", f"  the maker's ladder earns {earned}"]
    lines += [f"! {doubt}" for doubt in seen.doubts]
    if not all(row.trusted for row in seen.rows):
        lines.append("! marks rows where the closed form is not to be trusted")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _json(seen: Comparison) -> str:
    from dataclasses import asdict

    import msgspec

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return value

    whole = plain(asdict(seen))
    whole["signals"] = dict(zip(("drift", "imbalance", "flow_reversion"), seen.signals, strict=True))
    return msgspec.json.encode(whole).decode() + "\n"
