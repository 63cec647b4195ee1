"""``undertow market``: the generated markets, their statistics and the fits behind them.

Exit codes: 0 done, 1 the recording or preset cannot be used, 2 a wrong call.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from undertow.recording import Recording
    from undertow.synthetic.presets import Preset

app = App(name="market", help="Generated markets: presets, statistics, fits, plots.")

Flag = Parameter(negative=())
FeedStyle = Literal["snapshots", "snapshots-2026", "diffs", "full", "orders"]


def _fail(fault: Exception) -> int:
    sys.stderr.write(f"{fault}\n")
    return 1


@app.command(name="list")
def list_(*, json: Annotated[bool, Flag] = False) -> int:
    """List the presets: what each was fitted to, when, and how far it is off.

    Parameters
    ----------
    json
        Print provenance and errors of every preset as JSON.
    """
    import msgspec

    from undertow.synthetic.presets import load_preset, preset_names

    presets = {name: load_preset(name) for name in preset_names()}
    if json:
        plain = {
            name: {"provenance": p.provenance, "targets": p.targets, "fitted": p.fitted, "errors": p.errors}
            for name, p in presets.items()
        }
        sys.stdout.write(msgspec.json.encode(plain).decode() + "\n")
        return 0
    for name, preset in presets.items():
        origin = "published figures" if preset.provenance.published_figures else "fitted to"
        inside = sum(_within(preset, moment) for moment in preset.targets)
        sys.stdout.write(f"{name}\n  {origin}: {preset.provenance.source}\n")
        sys.stdout.write(f"  {inside} of {len(preset.targets)} moments within two tolerances\n")
    return 0


def _within(preset: Preset, moment: str) -> bool:
    return abs(preset.errors[moment]) <= 2.0 * preset.targets[moment].tolerance


def _recording(
    source: str | None,
    store: Path | None,
    venue: str | None,
    coin: str | None,
    seed: int,
    duration_s: float,
    feed: FeedStyle | None,
) -> Recording:
    if source is not None and store is None:
        from undertow.synthetic.generate import generate

        return generate(source, seed, duration_s, feed=feed)
    if store is None or venue is None or coin is None:
        raise ValueError("give a preset, or --store, --venue and --coin of a stored recording")
    from undertow.data.store import open_recording

    return open_recording(store, venue, coin)


@app.command
def stats(
    preset: str | None = None,
    *,
    store: Path | None = None,
    venue: str | None = None,
    coin: str | None = None,
    seed: int = 1,
    duration_s: float = 10_800.0,
    feed: FeedStyle | None = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Measure a generated market or a stored recording; both by the same code.

    Parameters
    ----------
    preset
        A preset's name, or a preset file.
    store
        Folder of the store that holds a recording.
    venue
        Venue of the recording.
    coin
        Coin of the recording.
    seed
        Seed of the generated market.
    duration_s
        Length of the generated market, seconds.
    feed
        Feed style, instead of the preset's.
    json
        Print every statistic as JSON.
    """
    import msgspec

    from undertow.data.layout import StoreError
    from undertow.synthetic.stats import measure

    try:
        seen = measure(_recording(preset, store, venue, coin, seed, duration_s, feed))
    except (ValueError, StoreError) as fault:
        return _fail(fault)
    if json:
        sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
        return 0
    sys.stdout.write(f"{seen.name}: {seen.span_s:.0f} s from {seen.start_px:g}\n")
    for name, value in seen.moments.items():
        error = seen.standard_errors.get(name)
        doubt = f"  ± {error:.4g}" if error is not None else ""
        sys.stdout.write(f"  {name:26s} {value:12.5g}{doubt}\n")
    return 0


@app.command
def fit(
    name: str,
    *,
    store: Path | None = None,
    venue: str | None = None,
    coin: str | None = None,
    output: Path | None = None,
    feed: FeedStyle = "snapshots",
    window_levels: int = 48,
    iterations: int = 14,
    duration_s: float | None = None,
    resume: Annotated[bool, Flag] = False,
) -> int:
    """Fit a preset to a stored recording, or to published figures, and write its file.

    Parameters
    ----------
    name
        Name of the preset; without a recording one of the markets known from published figures.
    store
        Folder of the store that holds the recording.
    venue
        Venue of the recording.
    coin
        Coin of the recording.
    output
        File to write (default: NAME.json).
    feed
        Feed style of the preset.
    window_levels
        Book levels simulated per side.
    iterations
        Most steps of the fit.
    duration_s
        Length of each simulated market (default: 7200; 43200 for published figures).
    resume
        Begin from the preset of this name instead of from random places.
    """
    from undertow.data.layout import StoreError
    from undertow.synthetic.presets import write_preset

    try:
        if store is None:
            preset = _from_figures(name, iterations, duration_s or 43_200.0)
        else:
            recording = _recording(None, store, venue, coin, 0, 0.0, None)
            preset = _from_recording(
                recording, name, feed, window_levels, iterations, duration_s or 7200.0, resume
            )
    except (ValueError, StoreError) as fault:
        return _fail(fault)
    path = output or Path(f"{name}.json")
    write_preset(preset, path)
    for moment, target in preset.targets.items():
        mark = " " if _within(preset, moment) else "!"
        sys.stdout.write(
            f"{mark} {moment:26s} {target.value:11.5g} {preset.fitted[moment]:11.5g} "
            f"{preset.errors[moment]:+8.3f} (± {target.tolerance:.3f})\n"
        )
    sys.stdout.write(f"wrote {path}\n")
    return 0


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()


def _from_figures(name: str, iterations: int, duration_s: float) -> Preset:
    from undertow.synthetic.make import preset_from_figures
    from undertow.synthetic.published import PUBLISHED

    if name not in PUBLISHED:
        known = ", ".join(PUBLISHED)
        raise ValueError(f"no published figures for {name!r}, only for {known}; or give --store")
    return preset_from_figures(
        name,
        fitted=_today(),
        commit=_commit(),
        iterations=iterations,
        duration_s=duration_s,
        progress=_progress,
    )


def _from_recording(
    recording: Recording,
    name: str,
    feed: FeedStyle,
    window_levels: int,
    iterations: int,
    duration_s: float,
    resume: bool,
) -> Preset:
    from undertow.synthetic.make import preset_from_recording
    from undertow.synthetic.presets import load_preset

    return preset_from_recording(
        recording,
        name=name,
        source=_describe(recording),
        feed=feed,
        window_levels=window_levels,
        fitted=_today(),
        commit=_commit(),
        iterations=iterations,
        duration_s=duration_s,
        start=load_preset(name).market if resume else None,
        progress=_progress,
    )


def _describe(recording: Recording) -> str:
    from datetime import UTC, datetime

    first, last = recording.span_ns
    day = datetime.fromtimestamp(first / 1e9, UTC).date().isoformat()
    return f"{recording.name}, {day}, {(last - first) / 6e10:.1f} min"


def _commit() -> str:
    """Commit of the code at work, or the installed version."""
    import subprocess

    import undertow

    command = ("git", "rev-parse", "--short", "HEAD")
    here = Path(__file__).resolve().parent
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else undertow.__version__


@app.command
def plot(
    preset: str = "hl-btc",
    *,
    output: Path | None = None,
    seed: int = 1,
    duration_s: float = 10_800.0,
) -> int:
    """Plot generated against recorded statistics into one self-contained HTML file.

    The recorded numbers come from the preset file, so no recording is needed.

    Parameters
    ----------
    preset
        A preset's name, or a preset file.
    output
        File to write (default: PRESET.html).
    seed
        Seed of the generated market.
    duration_s
        Length of the generated market, seconds.
    """
    from undertow.synthetic.generate import generate
    from undertow.synthetic.plot import comparison
    from undertow.synthetic.presets import load_preset
    from undertow.synthetic.stats import measure

    try:
        loaded = load_preset(preset)
        seen = measure(generate(loaded.market, seed, duration_s))
    except ValueError as fault:
        return _fail(fault)
    path = output or Path(f"{loaded.market.name}.html")
    path.write_text(comparison(loaded, seen))
    sys.stdout.write(f"wrote {path}\n")
    return 0
