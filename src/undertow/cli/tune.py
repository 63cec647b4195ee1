"""``undertow tune``: random search over a maker's parameters on training seeds, the best as TOML."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from undertow.cli.compare import MARKETS, Seeded, variants_of
from undertow.cli.errors import preparing
from undertow.cli.progress import Progress


def tune(
    maker: str,
    out: Path,
    *,
    budget: int = 64,
    objective: Literal["pnl", "pnl_per_deviation"] = "pnl",
    search_seed: int = 1,
    config: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    seeded: Seeded = MARKETS,
    json: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Search a maker's parameters at random and write the best configuration found.

    Compare it on other seeds than it was tuned on (--first-seed).

    Parameters
    ----------
    maker
        The maker to tune.
    out
        TOML file to write.
    budget
        Settings tried, the untuned one among them.
    objective
        Mean PnL, or that over the inventory deviation.
    search_seed
        Seed of the search.
    config
        Configuration to start from.
    set_
        SECTION.KEY=VALUE on top of it; repeatable.
    json
        Print every trial as JSON.
    quiet
        No progress and no summary; errors only.
    """
    with Progress(quiet=quiet) as progress:
        from undertow.research.tuning import SPACES
        from undertow.research.tuning import tune as run

        with preparing():
            base = variants_of((maker,), config, set_ or [])[0].config
            if maker not in SPACES:
                raise ValueError(f"no search space is known for {maker!r}; there are: {', '.join(SPACES)}")
            cells, seeds = seeded.cells(), seeded.numbers()
        progress.begin(f"tuning {maker}: {budget} settings on {len(cells) * len(seeds)} sessions")
        found = run(
            maker,
            cells,
            seeds,
            budget=budget,
            base=base,
            objective=objective,
            seed=search_seed,
            workers=seeded.workers,
            progress=lambda done, of: progress.advance(done / of, f"{done} of {of} settings"),
        )
        found.write(out)
    if json:
        import msgspec

        plain = {"best": asdict(found.best), "trials": [asdict(t) for t in found.trials], "config": str(out)}
        sys.stdout.write(msgspec.json.encode(plain).decode() + "\n")
    elif not quiet:
        first, best = found.trials[0], found.best
        chosen = ", ".join(f"{k} = {v:g}" for k, v in best.patch.items()) or "the untuned configuration"
        sys.stdout.write(
            f"untuned {first.pnl_usd:+.4f} USD a session, inventory deviation {first.sd_usd:.1f} USD\n"
            f"best    {best.pnl_usd:+.4f} USD a session, inventory deviation {best.sd_usd:.1f} USD\n"
            f"        {chosen}\n"
            f"wrote {out}\n"
        )
    return 0
