"""``undertow calibrate``: what foretells the mid on a recording, through the gate, into a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from undertow.cli.errors import preparing
from undertow.cli.progress import Progress
from undertow.cli.replay import FILES, Generated, Stored, configuration_of, recording_of

if TYPE_CHECKING:
    from undertow.calibration import Calibration


def calibrate(
    files: list[Path] | None = None,
    /,
    *,
    to: Annotated[Path, Parameter(name=["--to", "-o"])] = Path("calibration.json"),
    kind: Annotated[str | None, Parameter(group=FILES)] = None,
    repair: Annotated[bool, Parameter(group=FILES, negative=())] = False,
    config: Path | None = None,
    share: float = 1.0,
    json: bool = False,
    quiet: bool = False,
    generated: Generated = Generated(),  # noqa: B008 - immutable
    stored: Stored = Stored(),  # noqa: B008 - immutable
) -> int:
    """Calibrate the belief on a recording: drift, features that pass the gate, alphas.

    Parameters
    ----------
    files
        Recorded files of one kind; give --kind.
    to
        The file to write; name it under [belief] calibration.
    kind
        Kind of the files: hyperliquid-csv, hyperliquid-ws, binance-raw, binance-books, standx, hftbacktest.
    repair
        Repair bad rows of the files and say so, instead of stopping at the first.
    config
        TOML file with the estimators' settings.
    share
        Calibrate on this first part of the recording (0.5: the first half); the rest is left to judge by.
    json
        Print the calibration as JSON alone.
    quiet
        Print nothing.
    """
    with Progress(quiet=quiet) as progress:
        from undertow.calibration import write
        from undertow.research.calibrate import calibrate as fit
        from undertow.research.collect import collect

        with preparing():
            if not 0.0 < share <= 1.0:
                raise ValueError(f"--share {share:g} must lie above 0 and be at most 1")
            recording = recording_of(files or [], kind, repair, generated, stored)
            used = configuration_of(config, None)
        progress.begin(f"reading the features of {recording.name}")
        sample = collect(recording, used)
        n = max(int(share * len(sample.time_s)), 1)
        progress.begin("fitting drift, gate and alphas")
        split = "all" if share == 1.0 else f"first {share:.0%}"
        with preparing():
            found = fit(
                sample.time_s[:n], sample.mid[:n], sample.features[:n], recording=recording.name, split=split
            )
            write(found, to)
    if json:
        sys.stdout.write(to.read_text())
    elif not quiet:
        sys.stdout.write("\n".join([*lines(found), "", f"calibration: {to}"]) + "\n")
    return 0


def lines(calibration: Calibration) -> list[str]:
    """What was found, as text: the drift, what observes it, the alphas, and why the rest is out."""
    drift = calibration.drift
    out = [f"drift        reverts at {drift.theta_per_s:.3g}/s, moves by {drift.sigma_mu:.3g} (bps/s)/√s"]
    part = calibration.forecast
    if part is not None:
        over = f"bps per unit over {part.horizon_s:g} s"
        out.extend(f"observes     {f.name}: {f.loading:+.3g} ± {f.error:.2g} {over}" for f in part.features)
    for alpha in calibration.alphas:
        loads = ", ".join(f"{name} {value:+.3g}" for name, value in alpha.loadings.items())
        fades = f"decays at {alpha.decay_per_s:.3g}/s ({alpha.reason})"
        out.append(f"alpha        {loads} bps/s per unit, {fades}")
    out.extend(f"excluded     {name}: {why}" for name, why in calibration.excluded.items())
    return out
