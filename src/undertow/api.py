"""The research bench from Python: replay a maker, read its session as frames, write the report.

    import undertow

    session = undertow.run(undertow.generate("hl-btc", seed=7, duration_s=1800.0))
    session.summary["pnl_usd"], session.fills, session.report("report.html")

Everything the command line does goes through here. (It is `run`, not ``replay``: that name is the
package of the engine.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from undertow import config as configuration
from undertow import makers
from undertow.account.build import Account, account_of
from undertow.account.calibration import FillRate, fill_rates
from undertow.account.decomposition import DEFAULT_HORIZON_S
from undertow.account.frames import events_frame, observations_frame
from undertow.account.provenance import provenance
from undertow.account.report import Context, write_report
from undertow.account.scenarios import Outcome, Range, engines_of, outcome, scenarios
from undertow.account.shadow import Shadow, shadow_of
from undertow.account.shadow import as_dict as shadow_dict
from undertow.account.silence import Reason, reasons_of
from undertow.account.summary import summary
from undertow.config import Config
from undertow.data.convert import Conversion, convert
from undertow.data.report import Mode
from undertow.data.source import Options
from undertow.data.store import StoredRecording, open_recording
from undertow.events import EVENT, LOCAL, Chunk
from undertow.kernel.scorecard import DEPTH_EDGES_BPS
from undertow.kernel.state import PARAMS, STATE
from undertow.maker import Maker
from undertow.market_params import MarketParams, market_params
from undertow.recording import Recording
from undertow.records import Rec
from undertow.replay.engine import Engine, ReplayResult
from undertow.replay.from_config import settings_of, with_fees
from undertow.replay.settings import ReplaySettings
from undertow.replay.together import Watch, run_engines
from undertow.synthetic.generate import GeneratedMarket, generate
from undertow.units import s_to_ns

__all__ = [
    "RecordedFiles",
    "Session",
    "generate",
    "open_files",
    "open_recording",
    "run",
    "session_of",
    "settings_of",
]


@dataclass(frozen=True)
class Session:
    """One maker's session over one market, and its account.

    `result` is what the engine returned for the base assumptions, `account` every number the report
    shows, `timings` seconds of the stages, `blocks` the settings that made it, `shadow` both
    accounts where a second parameter set ran beside it, `parameters` the maker's own record.
    """

    maker: str
    recording: Recording
    result: ReplayResult
    account: Account
    blocks: Mapping[str, Mapping[str, object]]
    notes: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    shadow: Shadow | None = None
    parameters: Rec | None = None

    @cached_property
    def fills(self) -> pl.DataFrame:
        """One row per fill: price, mid, spread, markout losses, fee, forecasts."""
        return self.account.frame

    @cached_property
    def observations(self) -> pl.DataFrame:
        """Mid, position, reservation price, drift, quotes and equity over time."""
        return observations_frame(self.result.observations)

    @property
    def events(self) -> pl.DataFrame:
        """Every event row: as the maker saw and sent them if captured, else the market's alone.

        Reads the recording again and holds all of it in memory; ask for a shorter span of a long one.
        """
        if self.result.settings.capture:
            return events_frame(self.result.captured)
        rows = [chunk.rows for chunk in self.recording.chunks()]
        return pl.concat([events_frame(r) for r in rows]) if rows else events_frame(np.empty(0, EVENT))

    @cached_property
    def market_params(self) -> MarketParams | None:
        """What the maker believed of its market at the end; None for a maker of another kind."""
        state, params = self.result.maker_state, self.parameters
        if params is None or state.dtype != STATE or params.dtype != PARAMS:
            return None
        return market_params(state, params, self.result.instrument)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The account as plain data: what ``undertow replay --json`` prints."""
        return {
            "maker": self.maker,
            "market": self.recording.name,
            **summary(self.account),
            "shadow": None if self.shadow is None else shadow_dict(self.shadow),
            "notes": list(self.notes),
            "timings_s": dict(self.timings),
            "made_of": {title: dict(block) for title, block in self.blocks.items()},
        }

    def report(self, path: str | Path) -> Path:
        """Write the HTML report to `path`, a file, replacing what is there; returns it."""
        context = Context(self.maker, self.recording.name, self.blocks, self.notes, self.shadow)
        return write_report(self.account, context, Path(path))


def run(
    market: Recording | str,
    maker: Maker | str = "undertow",
    *,
    config: Config | str | Path | None = None,
    settings: ReplaySettings | None = None,
    extent: Range = "corners",
    horizon_s: float = DEFAULT_HORIZON_S,
    watch: Watch | None = None,
    shadow: Config | str | Path | None = None,
) -> Session:
    """Replay `maker` over `market` and take its account.

    Parameters
    ----------
    market
        A recording (`open_recording`, `generate`, or your own), or the name of a generated market.
    maker
        A name of `undertow.makers.MAKERS` (``"undertow"``, ``"glft"``, ...), or a `undertow.maker.Maker`
        of your own.
    config
        Configuration of a maker named by a string: a `Config`, a TOML file, or None for the defaults.
    settings
        Latency, queue model, clocks and seed of the replay.
    extent
        ``"off"``: one run. ``"corners"``: also a pessimistic and an optimistic one. ``"full"``: all
        queue models at double, equal and half latency. Every extra run costs as much as the first.
    horizon_s
        Where the decomposition separates markout loss from inventory; one of the recorded horizons.
    watch
        Called with every chunk of the recording as it is replayed.
    shadow
        A second configuration of the maker, run beside it on the same ticks under the same fees, latency
        and queue (its own ``[fees]`` and ``[replay]`` are not read); see `Session.shadow`.

    Raises `ConfigError` for a configuration that cannot be used, ``ValueError`` for other arguments,
    and `ReconciliationError` if the account does not tie to cash (a fault of the software).
    """
    recording = generate(market) if isinstance(market, str) else market
    used = _resolved(config, recording)
    recording = with_fees(recording, used)
    chosen = settings or settings_of(used)
    beside = None
    if shadow is not None:
        if not isinstance(maker, str):
            raise ValueError("a shadow is a second configuration of a maker named by a string")
        beside = _shadow_engine(recording, maker, _resolved(shadow, recording), chosen)
    if isinstance(maker, str):
        maker = makers.make(maker, used, recording.instrument)
    wanted = scenarios(chosen, extent)
    started = time.perf_counter()
    engines = engines_of(recording, maker, wanted)
    results = run_engines(recording, [*engines, beside] if beside is not None else engines, watch)
    shadowed = results.pop() if beside is not None else None
    replayed = time.perf_counter()
    session = session_of(
        results[0],
        maker,
        recording,
        config=used,
        horizon_s=horizon_s,
        notes=_notes(recording),
        outcomes=[outcome(s, r, horizon_s) for s, r in zip(wanted, results, strict=True)]
        if len(wanted) > 1
        else [],
    )
    return replace(
        session,
        timings={
            "replay": replayed - started,
            "loop": results[0].seconds,
            "account": time.perf_counter() - replayed,
        },
        shadow=None
        if shadowed is None or shadow is None
        else shadow_of(
            results[0],
            shadowed,
            Path(shadow).stem if isinstance(shadow, str | Path) else "shadow",
            horizon_s=horizon_s,
            changes=_changes(used, _resolved(shadow, recording)),
        ),
    )


def session_of(
    result: ReplayResult,
    maker: Maker,
    market: Recording,
    *,
    config: Config | None = None,
    horizon_s: float = DEFAULT_HORIZON_S,
    notes: Sequence[str] = (),
    outcomes: Sequence[Outcome] = (),
) -> Session:
    """The account and the report of a session that has been: a live or paper one.

    `result` is what became of it (`undertow.trading.results.result_of` makes it of a recorded session),
    `market` the recording of what the feed brought, `config` the maker's configuration.
    Raises `ReconciliationError` if the account does not tie to cash.
    """
    account = account_of(
        result.fills,
        result.observations,
        result.ledger,
        result.instrument,
        horizon_s=horizon_s,
        fill_rates=_fill_rates(result),
        reasons=_reasons(result),
        outcomes=outcomes,
    )
    return Session(
        maker=maker.name,
        recording=market,
        result=result,
        account=account,
        blocks=_blocks(maker, config or Config(), result.settings, market),
        notes=tuple(notes),
        parameters=maker.params,
    )


def _configured(config: Config | str | Path | None) -> Config:
    """A configuration, read if it is a file; None: the defaults."""
    return configuration.load(Path(config), Config) if isinstance(config, str | Path) else config or Config()


def _resolved(config: Config | str | Path | None, market: Recording) -> Config:
    """A configuration whose ``belief.calibration`` is settled for `market` (`makers.with_calibration`)."""
    generated = market.params.name if isinstance(market, GeneratedMarket) else None
    return makers.with_calibration(_configured(config), generated)


def _shadow_engine(market: Recording, maker: str, config: Config, settings: ReplaySettings) -> Engine:
    """An engine for the shadow: the exchange's side of `settings`, at the shadow's own interval."""
    mine = msgspec.structs.replace(settings, cycle_interval_ms=config.quoting.interval_ms, capture=False)
    made = makers.make(maker, config, market.instrument)
    return Engine(market.instrument, made, mine, snapshot_fed=market.snapshot_fed)


def _changes(quoting: Config, shadow: Config) -> dict[str, tuple[Any, Any]]:
    """What two configurations set differently, by ``section.key``; the exchange's side is shared."""
    mine, other = msgspec.to_builtins(quoting), msgspec.to_builtins(shadow)
    return {
        f"{section}.{key}": (value, other[section][key])
        for section, values in mine.items()
        for key, value in values.items()
        if value != other[section][key] and section not in ("fees", "replay")
    }


class RecordedFiles:
    """Recorded files as an `undertow.recording.Recording`: converted as they are replayed.

    Every reading converts anew, so a recording of any length needs little memory; a store
    (`undertow data import`) reads faster. `report` is the conversion report of the last reading.
    """

    def __init__(self, open_conversion: Callable[[], Conversion]) -> None:
        self._open = open_conversion
        self._unread: Conversion | None = open_conversion()
        self.name = self._unread.name
        self.instrument = self._unread.instrument
        self.snapshot_fed = self._unread.source.snapshot_fed
        self.report = self._unread.report
        self._extent: tuple[int, int, int] | None = None

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last receive time (the first call reads the files once)."""
        return self._measured()[:2]

    @property
    def n_rows(self) -> int:
        """Number of rows (the first call reads the files once)."""
        return self._measured()[2]

    def chunks(self) -> Iterator[Chunk]:
        """The events, from the beginning."""
        conversion = self._unread or self._open()
        self._unread, self.report = None, conversion.report
        first, last, n = 0, 0, 0
        for chunk in conversion.chunks():
            received = chunk.rows["recv_ns"][chunk.rows["flags"] & LOCAL != 0]
            if len(received):
                first, last = first or int(received[0]), int(received[-1])
            n += len(chunk.rows)
            yield chunk
        self._extent = (first, last, n)

    def _measured(self) -> tuple[int, int, int]:
        if self._extent is None:
            for _ in self.chunks():
                pass
        assert self._extent is not None
        return self._extent


def open_files(
    paths: Sequence[str | Path], *, kind: str, coin: str | None = None, repair: bool = False
) -> RecordedFiles:
    """Open recorded files of a known `kind` (a key of `undertow.data.convert.SOURCES`).

    Bad input stops with ``ValueError`` naming file and row, unless `repair`: then it is repaired and
    counted in `RecordedFiles.report`, and the session's report says so.
    """
    options = Options(coin=coin)
    mode: Mode = "repair" if repair else "strict"
    return RecordedFiles(lambda: convert(kind, list(paths), mode=mode, options=options))


def expected_span_ns(recording: Recording) -> tuple[int, int] | None:
    """First and last time of a recording where that is known without reading all of it."""
    if isinstance(recording, GeneratedMarket):
        return recording.start_ns, recording.start_ns + s_to_ns(recording.duration_s)
    if isinstance(recording, RecordedFiles):
        return None
    return recording.span_ns


def _notes(recording: Recording) -> tuple[str, ...]:
    """What was wrong with the recording, one sentence each."""
    if not isinstance(recording, RecordedFiles):
        return ()
    found = recording.report.findings.values()
    return tuple(f"Recording: {f}" + (f" ({f.rule.repair})" if f.rule.serious else "") for f in found)


def _fill_rates(result: ReplayResult) -> list[FillRate]:
    """The maker's own scorecard, where it keeps one (`undertow.kernel.scorecard`)."""
    if "score" not in (result.maker_state.dtype.names or ()):
        return []
    score = result.maker_state["score"]
    edges = np.array(DEPTH_EDGES_BPS)
    return fill_rates(edges, score["exposure_s"], score["predicted_fills"], score["fills"])


def _reasons(result: ReplayResult) -> list[Reason]:
    """The maker's own tally of empty levels, where it keeps one (`undertow.kernel.tally`)."""
    if "tally" not in (result.maker_state.dtype.names or ()):
        return []
    return reasons_of(result.maker_state["tally"])


def _blocks(
    maker: Maker, config: Config, settings: ReplaySettings, recording: Recording
) -> dict[str, dict[str, object]]:
    """What made the session, by title: enough to make it again."""
    instrument = msgspec.to_builtins(recording.instrument)
    market: dict[str, object] = {"name": recording.name, "snapshot_fed": recording.snapshot_fed}
    if isinstance(recording, GeneratedMarket):
        market |= {"generated": True, "seed": recording.seed, "duration_s": recording.duration_s}
    if isinstance(recording, StoredRecording):
        market |= {f"{kind} rows": count for kind, count in recording.rows_by_kind().items()}
    if isinstance(recording, RecordedFiles):
        market |= recording.report.measured
    sections = msgspec.to_builtins(config)
    return {
        "Replay": msgspec.to_builtins(settings),
        "Market": market,
        "Instrument": instrument,
        "Maker": {"maker": maker.name},
        **{f"Maker: {title.replace('_', ' ')}": values for title, values in sections.items()},
        "Code": dict(provenance()),
    }
