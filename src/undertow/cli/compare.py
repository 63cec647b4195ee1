"""``undertow compare``: makers side by side on the same ticks, with paired differences."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from undertow.cli.errors import UsageError, preparing
from undertow.cli.progress import Progress
from undertow.cli.replay import FILES, Generated, Stored, known_horizon, recording_of

if TYPE_CHECKING:
    from undertow.config import Config
    from undertow.recording import Recording
    from undertow.research.compare import Table
    from undertow.research.running import Cell
    from undertow.research.variants import Variant

NO_STORE = Stored()
SEEDED = Group("Generated markets (the default)", sort_key=1)
OUTPUT = Group("Output", sort_key=5)
Flag = Parameter(negative=())


@Parameter(name="*", group=SEEDED)
@dataclass(frozen=True)
class Seeded:
    """Options of generated markets."""

    market: str = "hl-btc"
    """Preset: hl-btc, binance-btc-volatile, hip3-hype, or a preset file (.json)."""
    seeds: int = 20
    """Number of seeds, each a session of its own; the makers meet the same ones."""
    first_seed: int = 1
    """The first seed."""
    duration: float = 1_800.0
    """Seconds of each session."""
    toxicity: Annotated[list[float] | None, Parameter(negative=())] = None
    """Toxicity instead of the preset's; several give a table each."""
    liquidity: Annotated[list[float] | None, Parameter(negative=())] = None
    """Liquidity instead of the preset's; several give a table each."""
    workers: int = 0
    """Threads; 0: one a core."""
    match: Annotated[bool, Flag] = False
    """First bring every maker to the reference's inventory deviation by its order size (docs/compare.md)."""
    train_seeds: int = 10
    """Seeds of the matching, from --first-train-seed on."""
    first_train_seed: int = 1_000_001
    """First seed of the matching; not one of those compared."""

    def cells(self) -> list[Cell]:
        """Every combination of toxicity and liquidity."""
        from undertow.research.running import Cell

        if self.seeds < 1:
            raise UsageError(f"--seeds {self.seeds} must be at least 1")
        toxicities: list[float | None] = [*self.toxicity] if self.toxicity else [None]
        liquidities: list[float | None] = [*self.liquidity] if self.liquidity else [None]
        return [
            Cell(market=self.market, duration_s=self.duration, toxicity=t, liquidity=q)
            for t in toxicities
            for q in liquidities
        ]

    def numbers(self) -> list[int]:
        """The seeds."""
        return list(range(self.first_seed, self.first_seed + self.seeds))


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class Output:
    """What is written where."""

    report: Annotated[Path | None, Parameter(name=["--report", "--plot"])] = None
    """HTML file to write, with tables and figures."""
    json: Annotated[bool, Flag] = False
    """Print the tables as JSON on standard output, and nothing else there."""
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False
    """No progress and no tables; errors only."""


MARKETS, SHOWN = Seeded(), Output()


def compare(
    *variants: str,
    config: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    reference: str | None = None,
    horizon: float = 10.0,
    block: float = 600.0,
    seeded: Seeded = MARKETS,
    stored: Stored = NO_STORE,
    files: Annotated[list[Path] | None, Parameter(group=FILES, negative=(), consume_multiple=True)] = None,
    kind: Annotated[str | None, Parameter(group=FILES)] = None,
    repair: Annotated[bool, Parameter(group=FILES, negative=())] = False,
    output: Output = SHOWN,
) -> int:
    """Run makers on the same markets and table what each earned, and by how much they differ.

    Without options: every maker on 20 seeds of half an hour of the generated market hl-btc. With
    --store or --files: on one recording, differences paired over blocks of time.

    Parameters
    ----------
    variants
        Makers: NAME, NAME@FILE.toml or LABEL=NAME@FILE.toml; all there are without any.
    config
        Configuration of all variants without a file.
    set_
        SECTION.KEY=VALUE for all of them, or LABEL:SECTION.KEY=VALUE for one; repeatable.
    reference
        Label of the one the others are compared with. Default: the first.
    horizon
        Seconds after a fill at which markout loss ends and inventory begins.
    block
        Seconds of a block of time on one recording, at least 600.
    """
    with Progress(quiet=output.quiet) as progress:
        from undertow.research.compare import compare as run
        from undertow.research.compare import compare_on

        with preparing():
            known_horizon(horizon)
            chosen = variants_of(variants, config, set_ or [])
            recording = recorded(stored, files or [], kind, repair)
        if recording is None:
            with preparing():
                cells, seeds = seeded.cells(), seeded.numbers()
            progress.begin(f"comparing {len(chosen)} makers on {len(cells) * len(seeds)} sessions")
            tables = []
            for group in [[cell] for cell in cells] if seeded.match else [cells]:
                used = chosen
                if seeded.match:
                    used = _matched(chosen, reference, group[0], seeded, progress)
                    progress.begin(f"comparing {len(chosen)} makers on {group[0].name}")
                tables += run(
                    group,
                    seeds,
                    used,
                    reference=reference,
                    horizon_s=horizon,
                    workers=seeded.workers,
                    progress=lambda done, of: progress.advance(done / of, f"{done} of {of} sessions"),
                )
        else:
            progress.begin(f"comparing {len(chosen)} makers on {recording.name}")
            rows = [0]

            def watch(chunk: object) -> None:
                rows[0] += len(chunk.rows)  # type: ignore[attr-defined]
                progress.advance(None, f"{rows[0]:,} rows")

            table = compare_on(
                recording, chosen, reference=reference, horizon_s=horizon, block_s=block, watch=watch
            )
            tables = [table]
        told = made_of(recording, seeded)
        if output.report is not None:
            from undertow.research.page import write_page

            progress.begin("writing the report")
            write_page(tables, chosen, output.report, told)
    tell(tables, chosen, output, told)
    return 0


def variants_of(texts: tuple[str, ...], config: Path | None, sets: list[str]) -> list[Variant]:
    """The variants asked for, with the overrides of ``--set``."""
    from dataclasses import replace

    from undertow import makers
    from undertow.config import Config, load
    from undertow.research.variants import parsed, patched, variant_of

    base: Config = load(config, Config) if config is not None else Config()
    plain = [s for s in sets if ":" not in s.partition("=")[0]]
    base = patched(base, dict(parsed(s) for s in plain))
    found = [variant_of(text, base) for text in texts or tuple(makers.MAKERS)]
    for text in (s for s in sets if s not in plain):
        label, _, rest = text.partition(":")
        if label not in [v.label for v in found]:
            raise UsageError(f"--set {text}: no variant is called {label!r}")
        found = [
            replace(v, config=patched(v.config, dict([parsed(rest)]))) if v.label == label else v
            for v in found
        ]
    return found


def _matched(
    variants: list[Variant], reference: str | None, cell: Cell, seeded: Seeded, progress: Progress
) -> list[Variant]:
    """The variants with their order sizes matched, in their order; says what was done to each."""
    from undertow.research.matching import match_all

    label = reference or variants[0].label
    if label not in [v.label for v in variants]:
        raise UsageError(f"the reference {label!r} is not among {', '.join(v.label for v in variants)}")
    seeds = range(seeded.first_train_seed, seeded.first_train_seed + max(seeded.train_seeds, 1))
    progress.begin(f"matching inventory on {cell.name}")
    found = match_all(
        variants,
        label,
        cell,
        seeds,
        workers=seeded.workers,
        progress=lambda done, of: progress.advance(done / of, f"{done} of {of} makers"),
    )
    for m in found[1:]:
        short = "" if m.within else ", which is as near as its order size brings it"
        progress.say(
            f"{cell.name}: {m.variant.label} at {m.setting:,.4g} USD an order holds {m.sd_usd:,.1f} "
            f"(target {m.target_usd:,.1f}){short}"
        )
    by_label = {m.variant.label: m.variant for m in found}
    return [by_label[v.label] for v in variants]


def recorded(stored: Stored, files: list[Path], kind: str | None, repair: bool) -> Recording | None:
    """The recording asked for, None for generated markets."""
    if stored.store is None and not files and kind is None:
        if stored.venue or stored.coin:
            raise UsageError("--venue and --coin need --store or --files")
        return None
    return recording_of(files, kind, repair, Generated(), stored)


def made_of(recording: Recording | None, seeded: Seeded) -> dict[str, object]:
    """What a table is of, and by which code."""
    from undertow.account.provenance import provenance

    if recording is not None:
        market: dict[str, object] = {"recording": recording.name}
    else:
        market = {"market": seeded.market, "duration_s": seeded.duration}
        market |= {"seeds": f"{seeded.first_seed} to {seeded.first_seed + seeded.seeds - 1}"}
    return {**market, **provenance()}


def tell(tables: list[Table], variants: list[Variant], output: Output, told: dict[str, object]) -> None:
    """The tables on standard output, as JSON alone or as text."""
    from undertow.research.show import lines, table_dict, variant_dict

    if output.json:
        import msgspec

        plain = {
            "tables": [table_dict(t) for t in tables],
            "variants": [variant_dict(v) for v in variants],
            "made_of": told,
            "report": str(output.report) if output.report is not None else None,
        }
        sys.stdout.write(msgspec.json.encode(plain).decode() + "\n")
    elif not output.quiet:
        text = "\n\n".join("\n".join(lines(t)) for t in tables)
        sys.stdout.write(f"{text}\n")
        if output.report is not None:
            sys.stdout.write(f"\nreport: {output.report}\n")
