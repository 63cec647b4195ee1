"""``undertow replay``: a maker over a market, the account of its session on screen and in a file."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from undertow.cli.errors import UsageError, preparing
from undertow.cli.progress import Progress

if TYPE_CHECKING:
    from undertow.api import Session
    from undertow.config import Config
    from undertow.events import Chunk
    from undertow.recording import Recording
    from undertow.replay.settings import ReplaySettings

DEFAULT_MARKET = "hl-btc"
DEFAULT_SEED = 1
DEFAULT_DURATION_S = 43_200.0

GENERATED = Group("A generated market (the default)", sort_key=1)
STORED = Group("A recording in a store", sort_key=2)
FILES = Group("Files of a known kind", sort_key=3)
VENUE = Group("The exchange's side", sort_key=4)
OUTPUT = Group("Output", sort_key=5)


@Parameter(name="*", group=GENERATED)
@dataclass(frozen=True)
class Generated:
    """Options of a generated market."""

    market: str | None = None
    """Preset: hl-btc, binance-btc-volatile, hip3-hype, or a preset file (.json). Default: hl-btc."""
    seed: int | None = None
    """Seed of the market. Default: 1."""
    duration: float | None = None
    """Seconds of market. Default: 43200, twelve hours."""
    scenario: str | None = None
    """A recorded loss rebuilt instead: feb19 (or feb19-mirrored, feb19-twin). Draws two makers on one page:
    the six-gate maker that lost, and ours (or --maker)."""


@Parameter(name="*", group=STORED)
@dataclass(frozen=True)
class Stored:
    """Options of a recording in a Parquet store."""

    store: Path | None = None
    """Folder of the store (`undertow data import` fills one)."""
    venue: str | None = None
    """Venue in the store."""
    coin: str | None = None
    """Coin in the store, or in the files."""
    start: datetime | None = None
    """First moment, UTC, such as 2026-01-06T08:00."""
    end: datetime | None = None
    """Last moment, UTC."""


@Parameter(name="*", group=VENUE)
@dataclass(frozen=True)
class Venue:
    """Overrides of the replay settings; what is not given keeps its default."""

    latency_ms: float | None = None
    """Latency each way, ms."""
    jitter_ms: float | None = None
    """Mean of the exponential delay added each way, ms."""
    queue: Literal["risk_averse", "power", "log", "fifo"] | None = None
    """How the queue ahead of an order shortens without trades; fifo: as the order ids say."""
    queue_power: float | None = None
    """Exponent of the power queue."""
    interval_ms: float | None = None
    """Time between quote decisions, ms. Default: from the configuration (100)."""
    replay_seed: int | None = None
    """Seed of the latency jitter."""
    range: Literal["off", "corners", "full"] = "corners"
    """Re-run under other queues and latencies: off, corners (2 more runs) or full (8 more)."""


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class Output:
    """What is written where."""

    output: Path = Path("reports")
    """Report to write: an .html file, or a folder for one named after the session."""
    open: Annotated[bool, Parameter(negative=())] = False
    """Open the report in a browser."""
    json: Annotated[bool, Parameter(negative=())] = False
    """Print the summary as JSON on standard output, and nothing else there."""
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False
    """No progress and no summary; errors only."""


def replay(
    files: Annotated[list[Path] | None, Parameter(group=FILES, negative=())] = None,
    /,
    *,
    kind: Annotated[str | None, Parameter(group=FILES)] = None,
    repair: Annotated[bool, Parameter(group=FILES, negative=())] = False,
    maker: str | None = None,
    config: Path | None = None,
    shadow: Path | None = None,
    horizon: float = 10.0,
    generated: Generated = Generated(),
    stored: Stored = Stored(),
    venue: Venue = Venue(),
    output: Output = Output(),
) -> int:
    """Replay a maker over a market and write the account of its session.

    Without options: the undertow maker on twelve hours of the generated market hl-btc.

    Parameters
    ----------
    files
        Recorded files to replay, with --kind (and --coin where they hold several).
    kind
        Kind of the files, such as hyperliquid-csv, binance-raw, standx, hftbacktest.
    repair
        Repair bad rows of the files and say so, instead of stopping at the first.
    maker
        undertow (the default), glft, symmetric, avellaneda or six-gate.
    config
        TOML file that configures the maker (`undertow config init` writes one).
    shadow
        TOML file of a second configuration, run beside it on the same ticks; both are accounted for.
    horizon
        Seconds after a fill at which markout loss ends and inventory begins:
        0.5, 1, 2, 5, 10, 30, 60, 180 or 600.
    """
    if output.json and output.open:
        raise UsageError("--json prints only JSON; drop --open")
    if generated.scenario is not None:
        return _scenario(files or [], kind, maker, config, generated, stored, venue, output)
    with Progress(quiet=output.quiet) as progress:
        from undertow import api, first_start, makers

        with preparing():
            known_horizon(horizon)
            recording = recording_of(files or [], kind, repair, generated, stored)
            used = configuration_of(config, venue.interval_ms)
            settings = _settings(venue, used)
            chosen = maker or "undertow"
            makers.make(chosen, used, recording.instrument)
            beside = configuration_of(shadow, venue.interval_ms) if shadow is not None else None
            if beside is not None:
                makers.make(chosen, beside, recording.instrument)
        first_start.prepare(first_start.for_replay(chosen, market=not (files or stored.store)), progress)
        watch = _Watch(progress, recording)
        watch.begin(venue.range)
        session = api.run(
            recording,
            chosen,
            config=used,
            settings=settings,
            extent=venue.range,
            horizon_s=horizon,
            watch=watch,
            shadow=shadow if venue.interval_ms is None else beside,
        )
        progress.begin("writing the report")
        path = output.output
        if path.suffix.lower() not in (".html", ".htm"):
            path = path / f"{session.maker}-{recording.name}.html"
        session.report(path)
    _tell(session, path, output, watch)
    return 0


def _scenario(
    files: list[Path],
    kind: str | None,
    maker: str | None,
    config: Path | None,
    generated: Generated,
    stored: Stored,
    venue: Venue,
    output: Output,
) -> int:
    """A recorded loss, rebuilt: two makers on one page."""
    from undertow import first_start
    from undertow.cli.scenario import replay_scenario, tell

    others = given(market=generated.market, duration=generated.duration, kind=kind, store=stored.store)
    others += given(venue=stored.venue, coin=stored.coin, start=stored.start, end=stored.end)
    refuse(others + (["files"] if files else []), "--scenario")
    assert generated.scenario is not None
    with Progress(quiet=output.quiet) as progress:
        with preparing():
            used = configuration_of(config, venue.interval_ms)
            settings = _settings(venue, used)
        first_start.prepare(first_start.for_replay("undertow", "six-gate", market=False), progress)
        duel = replay_scenario(generated.scenario, maker, generated.seed, used, settings, progress)
        progress.begin("writing the report")
        from undertow.account.report.duel import write_duel

        path = output.output
        if path.suffix.lower() not in (".html", ".htm"):
            path = path / f"{generated.scenario}.html"
        write_duel(duel, path)
    tell(duel, path, as_json=output.json, quiet=output.quiet)
    if output.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    return 0


def known_horizon(seconds: float) -> None:
    """Raise unless markouts are recorded at `seconds`."""
    from undertow.replay.log import MARKOUT_HORIZONS_S

    if seconds not in MARKOUT_HORIZONS_S:
        known = ", ".join(f"{h:g}" for h in MARKOUT_HORIZONS_S)
        raise UsageError(f"--horizon {seconds:g} is not recorded; choose one of {known}")


def configuration_of(path: Path | None, interval_ms: float | None) -> Config:
    """The configuration at `path` (the defaults without one), at the quoting interval asked for."""
    import msgspec

    from undertow.config import Config, load

    config = load(path, Config) if path is not None else Config()
    if interval_ms is None:
        return config
    if not 1.0 <= interval_ms <= 60_000.0:
        raise UsageError(f"--interval-ms {interval_ms:g} must lie in 1..60000")
    quoting = msgspec.structs.replace(config.quoting, interval_ms=interval_ms)
    return msgspec.structs.replace(config, quoting=quoting)


def recording_of(
    files: list[Path], kind: str | None, repair: bool, generated: Generated, stored: Stored
) -> Recording:
    """The market asked for; mixtures of the three ways to name one are refused."""
    from undertow import api

    of_market = given(market=generated.market, seed=generated.seed, duration=generated.duration)
    of_store = given(venue=stored.venue, start=stored.start, end=stored.end)
    coin = given(coin=stored.coin)
    store = given(store=stored.store)
    if files:
        refuse(of_market + store + of_store, "files")
        return api.open_files(files, kind=kind or _kind_of(files), coin=stored.coin, repair=repair)
    if kind is not None:
        raise UsageError(f"--kind {kind} needs the files it is the kind of")
    if stored.store is not None:
        refuse(of_market, "--store")
        if stored.venue is None or stored.coin is None:
            raise UsageError(f"--store {stored.store} needs --venue and --coin")
        return api.open_recording(stored.store, stored.venue, stored.coin, stored.start, stored.end)
    refuse(of_store + coin, "a generated market; give --store or files")
    duration = DEFAULT_DURATION_S if generated.duration is None else generated.duration
    seed = DEFAULT_SEED if generated.seed is None else generated.seed
    return api.generate(generated.market or DEFAULT_MARKET, seed=seed, duration_s=duration)


def given(**options: object) -> list[str]:
    """Names of the options that have a value."""
    return [f"--{name}" for name, value in options.items() if value is not None]


def refuse(options: list[str], beside: str) -> None:
    """Raise if any of `options` was given."""
    if options:
        raise UsageError(f"{', '.join(options)} cannot be used with {beside}")


def _kind_of(files: list[Path]) -> str:
    if all(path.suffix in (".npz", ".npy") for path in files):
        return "hftbacktest"
    from undertow.data.convert import SOURCES

    raise UsageError(f"--kind is needed to read {files[0]}; known: {', '.join(SOURCES)}")


def _settings(venue: Venue, config: Config) -> ReplaySettings:
    """Replay settings with the overrides given; ``ValueError`` names one that is out of range."""
    import msgspec

    from undertow import api

    changes: dict[str, object] = {}
    if venue.latency_ms is not None:
        changes |= {"order_latency_ms": venue.latency_ms, "response_latency_ms": venue.latency_ms}
    if venue.jitter_ms is not None:
        changes |= {"order_jitter_ms": venue.jitter_ms, "response_jitter_ms": venue.jitter_ms}
    named = {
        "queue_model": venue.queue,
        "queue_power": venue.queue_power,
        "seed": venue.replay_seed,
    }
    changes |= {name: value for name, value in named.items() if value is not None}
    return msgspec.structs.replace(api.settings_of(config), **changes)


class _Watch:
    """Follows a replay chunk by chunk: when it began, how far it is, how fast it goes."""

    def __init__(self, progress: Progress, recording: Recording) -> None:
        self.progress, self.recording = progress, recording
        self.first_event_unix_s = math.nan
        self.rows = 0

    def begin(self, extent: str) -> None:
        """Announce the replay."""
        runs = {"off": "", "corners": ", 3 assumptions", "full": ", 9 assumptions"}[extent]
        self.progress.begin(f"replaying {self.recording.name}{runs}")

    def __call__(self, chunk: Chunk) -> None:
        """A chunk has been replayed (or, with several runs, handed to them)."""
        if not self.rows:
            self.first_event_unix_s = time.time()
        self.rows += len(chunk.rows)
        self.progress.advance(self._share(chunk), f"{self.rows:,} rows")

    def _share(self, chunk: Chunk) -> float | None:
        from undertow.api import expected_span_ns

        span = expected_span_ns(self.recording)
        if span is None or len(chunk.rows) == 0:
            return None
        return min(max((int(chunk.rows["recv_ns"][-1]) - span[0]) / max(span[1] - span[0], 1), 0.0), 1.0)


def _tell(session: Session, path: Path, output: Output, watch: _Watch) -> None:
    """The summary on standard output: JSON alone, or a few lines and where the report lies."""
    if output.json:
        import msgspec

        told = {
            **session.summary,
            "market_params": session.market_params,
            "report": str(path),
            "first_event_unix_s": watch.first_event_unix_s,
        }
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    elif not output.quiet:
        from undertow.account.screen import lines
        from undertow.account.shadow import lines as shadow_lines

        title = f"{session.maker} on {session.recording.name}"
        beside = ["", *shadow_lines(session.shadow)] if session.shadow is not None else []
        shown = [title, "=" * len(title), *lines(session.account), *beside, "", f"report: {path}"]
        text = "\n".join(shown)
        sys.stdout.write(f"{text}\n")
    if output.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
