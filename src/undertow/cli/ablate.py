"""``undertow ablate``: a maker's phases turned on one after the other, each with what it adds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from undertow.cli.compare import MARKETS, NO_STORE, SHOWN, Output, Seeded, made_of, recorded, variants_of
from undertow.cli.errors import preparing
from undertow.cli.progress import Progress
from undertow.cli.replay import FILES, Stored, known_horizon

if TYPE_CHECKING:
    from undertow.research.ablation import Ablation


def ablate(
    *,
    maker: str = "undertow",
    config: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    phases: Path | None = None,
    horizon: float = 10.0,
    block: float = 600.0,
    seeded: Seeded = MARKETS,
    stored: Stored = NO_STORE,
    files: Annotated[list[Path] | None, Parameter(group=FILES, negative=(), consume_multiple=True)] = None,
    kind: Annotated[str | None, Parameter(group=FILES)] = None,
    repair: Annotated[bool, Parameter(group=FILES, negative=())] = False,
    output: Output = SHOWN,
) -> int:
    """Turn a maker's phases on one after the other and table what each adds.

    Parameters
    ----------
    maker
        The maker to take apart.
    config
        Its configuration, which the last rung of the ladder is.
    set_
        SECTION.KEY=VALUE on top of it; repeatable.
    phases
        TOML file of [[phase]] tables (name, off, about) instead of the phases there are.
    horizon
        Seconds after a fill at which markout loss ends and inventory begins.
    block
        Seconds of a block of time on one recording, at least 600.
    """
    with Progress(quiet=output.quiet) as progress:
        from undertow.research.ablation import PHASES, load_phases, rungs
        from undertow.research.ablation import ablate as run

        with preparing():
            known_horizon(horizon)
            base = variants_of((maker,), config, set_ or [])[0].config
            chosen = load_phases(phases) if phases is not None else PHASES
            ladder = rungs(maker, base, chosen)
            recording = recorded(stored, files or [], kind, repair)
            cells, seeds = ([], []) if recording is not None else (seeded.cells(), seeded.numbers())
        where = recording.name if recording is not None else f"{len(cells) * len(seeds)} sessions"
        progress.begin(f"{len(ladder)} rungs of {maker} on {where}")
        found = run(
            cells if recording is None else recording,
            chosen,
            maker=maker,
            config=base,
            seeds=seeds,
            horizon_s=horizon,
            block_s=block,
            workers=seeded.workers,
            progress=lambda done, of: progress.advance(done / of, f"{done} of {of} sessions"),
            watch=lambda chunk: progress.advance(None, ""),
        )
        told = made_of(recording, seeded)
        if output.report is not None:
            from undertow.research.page import write_page

            progress.begin("writing the report")
            tables = [t for a in found for t in (a.whole, *a.steps)]
            write_page(tables, ladder, output.report, told, f"Phases of {maker}")
    _tell(found, output, told)
    return 0


def _tell(found: list[Ablation], output: Output, told: dict[str, object]) -> None:
    if output.json:
        import msgspec

        from undertow.research.ablation import step_rows
        from undertow.research.show import difference_dict, table_dict

        plain = [
            {
                **table_dict(a.whole),
                "phases": [msgspec.to_builtins(p) for p in a.phases],
                "steps": [
                    {"label": label, "differences": {k: difference_dict(d) for k, d in row.items()}}
                    for label, row in step_rows(a)
                ],
            }
            for a in found
        ]
        sys.stdout.write(msgspec.json.encode({"ablations": plain, "made_of": told}).decode() + "\n")
    elif not output.quiet:
        from undertow.research.show import ablation_lines

        sys.stdout.write("\n\n".join("\n".join(ablation_lines(a)) for a in found) + "\n")
        if output.report is not None:
            sys.stdout.write(f"\nreport: {output.report}\n")
