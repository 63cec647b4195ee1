"""``undertow record``: what a venue publishes, written down for replay; nothing is traded.

Exit codes: 0 ended in order (Ctrl-C too), 1 it failed, 2 a wrong call.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from undertow.cli.errors import UsageError
from undertow.cli.progress import Progress

if TYPE_CHECKING:
    from undertow.live.recording import Recorded

Flag = Parameter(negative=())


def record(
    *,
    coin: list[str],
    reference: list[str] | None = None,
    venue: Literal["mainnet", "testnet", "local"] = "mainnet",
    url: str = "",
    store: Path = Path("store"),
    duration: float | None = None,
    no_frames: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Record books, prints and contexts of coins into a store, until Ctrl-C.

    Reading needs no key and no account. What is recorded replays with
    `undertow replay --store STORE --venue hyperliquid --coin COIN`.

    Parameters
    ----------
    coin
        Coin to record (``BTC``, ``dex:COIN``); several times for several.
    reference
        COIN=OTHER: the mid of OTHER is recorded beside COIN as its reference.
    venue
        Which network. local: an exchange on this machine (`undertow exchange`), at --url.
    url
        Where a local exchange listens. Default: http://localhost:3001.
    store
        Folder of the store.
    duration
        Seconds. Default: until Ctrl-C.
    no_frames
        Do not keep the raw frames (STORE/frames/*.jsonl.zst) beside the rows.
    json
        Print what was recorded as JSON on standard output, and nothing else there.
    quiet
        No progress; errors only.
    """
    if duration is not None and not duration > 0.0:
        raise UsageError(f"--duration {duration:g} must be positive")
    if url and venue != "local":
        raise UsageError("--url is for a local exchange: give --venue local too")
    asked = locals()
    with Progress(quiet=quiet or json) as progress:
        done = asyncio.run(_record(asked, progress))
    _tell(done, as_json=json, quiet=quiet)
    return 0


async def _record(asked: dict[str, object], progress: Progress) -> Recorded:
    from undertow.live.recording import record as write_down

    references: dict[str, tuple[str, ...]] = {}
    for text in asked["reference"] or []:  # type: ignore[attr-defined]
        name, _, other = text.partition("=")
        if not other:
            raise UsageError(f"--reference {text} must be COIN=OTHER")
        references[name] = (*references.get(name, ()), other)
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    progress.begin(f"recording {', '.join(asked['coin'])}")  # type: ignore[arg-type]
    duration = asked["duration"]

    def tell(done: Recorded) -> None:
        rows = ", ".join(f"{coin} {n:,} rows" for coin, n in done.rows.items())
        progress.advance(None, rows or "connecting")

    return await write_down(
        asked["venue"],  # type: ignore[arg-type]
        tuple(asked["coin"]),  # type: ignore[arg-type]
        references,
        Path(str(asked["store"])),
        url=str(asked["url"]),
        duration_s=None if duration is None else float(duration),  # type: ignore[arg-type]
        raw=not asked["no_frames"],
        stop=stop,
        tell=tell,
    )


def _tell(done: Recorded, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        import msgspec

        told = {
            "store": str(done.store),
            "rows": dict(done.rows),
            "frames": str(done.frames_path) if done.frames_path is not None else None,
            "n_frames": done.frames,
            "breaks": done.breaks,
            "refused": done.refused,
        }
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    if quiet:
        return
    for coin, n in sorted(done.rows.items()):
        sys.stdout.write(
            f"{coin}: {n:,} rows. undertow replay --store {done.store} --venue hyperliquid --coin {coin}\n"
        )
    if done.frames_path is not None:
        sys.stdout.write(f"{done.frames:,} frames, {done.frame_bytes / 1e6:.1f} MB: {done.frames_path}\n")
    for line in done.breaks:
        sys.stdout.write(f"! link lost, {line}\n")
    for what, why in done.refused.items():
        sys.stdout.write(f"! {what}: {why}\n")
