"""``undertow replay --scenario``: a recorded loss rebuilt, two makers in it on one page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from undertow.cli.errors import UsageError, preparing

if TYPE_CHECKING:
    from undertow.account.duel import Duel
    from undertow.cli.progress import Progress
    from undertow.config import Config
    from undertow.replay.settings import ReplaySettings

SCENARIOS: Final = ("feb19", "feb19-mirrored", "feb19-twin")
OLD: Final = "six-gate"
TYPICAL_SEED: Final = 425
"""A path near the medians: the old maker's position, fills and PnL, and our position."""

_LEAD: Final = (
    "19 February 2026, hyna:HYPE, 22:06:32 to 22:26:01 UTC. The mid runs through every recorded mid, the "
    "nine recorded aggressor orders come at their times; between them chance (seed {seed})."
)
_NOTES: Final = (
    "Triangles are own fills, faint steps own best quotes: where a step ends the maker has no order.",
    "A maker has withdrawn its bids when none stood within {reach:.1f} bps of the mid (2/κ of the tape; one "
    "aggressor order in seven reaches further) for 30 s. The first such time is named.",
    "The trend is seen when the drift's posterior first stays a deviation √P below zero for 10 s.",
    "Lot {lot} and limit {limit} contracts for both; ours has its parameters from drift-free twins.",
    "One path is an anecdote. What 500 of them say, and what was assumed, stands in docs/recorded-losses.md.",
)


def replay_scenario(
    name: str,
    maker: str | None,
    seed: int | None,
    config: Config,
    settings: ReplaySettings,
    progress: Progress,
) -> Duel:
    """Run `maker` (default: ours) beside the old maker in the market called `name`."""
    from undertow import makers
    from undertow.account.duel import Duel, Side
    from undertow.replay import replay
    from undertow.scenarios import record
    from undertow.scenarios.freeze import frozen, market

    with preparing():
        if name not in SCENARIOS:
            raise UsageError(f"--scenario {name} is not known; there are: {', '.join(SCENARIOS)}")
        used = frozen(config)
        chosen = TYPICAL_SEED if seed is None else seed
        recording = market({"feb19": "fall"}.get(name, name.removeprefix("feb19-")), chosen)
        names = {OLD: "old maker", maker or "undertow": "ours" if maker in (None, "undertow") else maker}
        if len(names) == 1:
            raise UsageError(f"--maker {OLD} is what the scenario compares with; name another")
        ready = [makers.make(m, used, recording.instrument) for m in names]
    sides = []
    for shown, each in zip(names.values(), ready, strict=True):
        progress.begin(f"replaying {recording.name}: {shown}")
        sides.append(Side(shown, replay(recording, each, settings)))
    reach = 2.0 / record.TAPE_KAPPA_PER_BP
    marks = {record.START_NS + int(record.seconds_of(at) * 1e9): text for at, text in _marks(name).items()}
    return Duel(
        title=_title(name),
        sides=(sides[0], sides[1]),
        direction=1 if name == "feb19-mirrored" else -1,
        reach_bps=reach,
        lead=_LEAD.format(seed=chosen) if name == "feb19" else f"{recording.name}: not the record itself.",
        notes=[n.format(reach=reach, lot=record.LOT, limit=record.LIMIT) for n in _NOTES],
        marks=marks,
        recorded=_recorded() if name == "feb19" else {},
        settings=_blocks(used, settings, recording.name, chosen),
    )


def _title(name: str) -> str:
    return {
        "feb19": "Seven contracts into a falling market, and what was priced instead",
        "feb19-mirrored": "19 February, prices and sides mirrored",
        "feb19-twin": "19 February without its drift",
    }[name]


def _marks(name: str) -> dict[str, str]:
    return {"22:08:07": "the record's trend detector agrees"} if name == "feb19" else {}


def _recorded() -> dict[str, str]:
    from undertow.account.report.text import bps, number, usd
    from undertow.scenarios import record

    return {
        "final position, contracts": number(record.FINAL_POSITION, 2, sign=True),
        "largest position": number(record.FINAL_POSITION, 2),
        "fills": str(len(record.FILLS)),
        "5 s markout loss a fill, bps": bps(record.MEAN_LOSS_5S_BPS),
        "PnL": usd(record.PNL_USD, sign=True),
        "bids withdrawn at": "22:17 (the note)",
    }


def _blocks(config: Config, settings: ReplaySettings, name: str, seed: int) -> dict[str, dict[str, object]]:
    import msgspec

    from undertow.account.provenance import provenance

    sections = msgspec.to_builtins(config)
    shown = ("risk", "intensity", "volatility", "drift", "flow", "six_gate")
    return {
        "Market": {"name": name, "seed": seed},
        "Replay": msgspec.to_builtins(settings),
        **{f"Maker: {title.replace('_', ' ')}": sections[title] for title in shown},
        "Code": dict(provenance()),
    }


def tell(duel: Duel, path: Path, *, as_json: bool, quiet: bool) -> None:
    """The outcome on standard output."""
    from undertow.account.duel import summary

    told = summary(duel)
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.encode({**told, "report": str(path)}).decode() + "\n")
    elif not quiet:
        lines = [duel.title, "=" * len(duel.title)]
        for name, numbers in told["makers"].items():
            lines.append(
                f"{name:10s} final position {numbers['final_position']:+.2f}, "
                f"largest {numbers['max_abs_position']:.2f}, {numbers['fills']} fills, "
                f"PnL {numbers['pnl_usd']:+.2f} USD, bids withdrawn: {numbers['withdrew']}"
            )
        lines += [f"trend seen by the drift posterior: {told['trend_seen']}", "", f"report: {path}"]
        sys.stdout.write("\n".join(lines) + "\n")
