"""``undertow exchange``: a local exchange that speaks Hyperliquid's protocol, for any client.

Exit codes: 0 stopped by Ctrl-C or a signal, 1 it failed (port taken), 2 a wrong call.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from undertow.cli.errors import UsageError, preparing
from undertow.cli.progress import Progress

if TYPE_CHECKING:
    from undertow.exchange.local import LocalExchange
    from undertow.exchange.spec import LocalSpec

Flag = Parameter(negative=())
DEFAULT_MARKET = "hl-btc"
STATUS_S = 10.0


def exchange(
    *,
    market: list[str] | None = None,
    store: Path | None = None,
    recording: list[str] | None = None,
    port: int = 3001,
    speed: float = 1.0,
    seed: int = 1,
    latency_ms: float = 0.0,
    fund: list[str] | None = None,
    no_limits: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    quiet: Annotated[bool, Flag] = False,
) -> int:
    """Run a local exchange until Ctrl-C.

    Parameters
    ----------
    market
        Preset to list, as PRESET or PRESET=COIN (hl-btc=ETH); may be given several times.
        Default: hl-btc.
    store
        Folder of a store whose recordings are to be listed.
    recording
        Recording of the store to list, as VENUE/COIN or VENUE/COIN=NAME; may be given several times.
    port
        Port on this machine; 0 takes a free one. 3001 is the official SDK's LOCAL_API_URL.
    speed
        Seconds of exchange time per second.
    seed
        Seed of the generated markets.
    latency_ms
        Milliseconds added each way to what this machine takes; the venue itself: 100 to 300.
    fund
        Account to credit on every dex listed, as ADDRESS=USD; may be given several times.
    no_limits
        Lift what an IP address may do (weight, connections, subscriptions).
    json
        Print one line of JSON with url and accounts once it listens, and nothing else.
    quiet
        No status lines.
    """
    spec = _spec(market, store, recording, port, speed, seed, latency_ms, fund, no_limits)
    with Progress(quiet=json or quiet) as progress:
        progress.begin("starting")
        return asyncio.run(_serve(spec, progress, json=json, quiet=quiet))


def _spec(
    market: list[str] | None,
    store: Path | None,
    recording: list[str] | None,
    port: int,
    speed: float,
    seed: int,
    latency_ms: float,
    fund: list[str] | None,
    no_limits: bool,
) -> LocalSpec:
    from undertow.exchange.spec import LocalSpec, MarketSpec

    with preparing():
        if recording and store is None:
            raise UsageError("--recording needs --store, the folder it is in")
        presets = market or ([] if recording else [DEFAULT_MARKET])
        markets = [MarketSpec.preset(text) for text in presets]
        markets += [MarketSpec.recording(store, text) for text in recording or () if store is not None]
        return LocalSpec(
            tuple(markets),
            seed=seed,
            speed=speed,
            port=port,
            funds=dict(_funds(text) for text in fund or ()),
            limits=not no_limits,
            latency_s=latency_ms / 1000.0,
        )


def _funds(text: str) -> tuple[str, float]:
    from undertow.exchange.subscriptions import Unreadable, address

    user, equals, usd = text.partition("=")
    try:
        return address(user), float(usd) if equals else 0.0
    except (Unreadable, ValueError):
        raise UsageError(f"--fund {text} must be ADDRESS=USD (0x and 40 hexadecimal digits)") from None


async def _serve(spec: LocalSpec, progress: Progress, *, json: bool, quiet: bool) -> int:
    from undertow.exchange.local import LocalExchange

    local = LocalExchange(spec)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    started = time.monotonic()
    starting = asyncio.create_task(local.start())
    stopping = asyncio.create_task(stop.wait())
    while not starting.done() and not stopping.done():
        progress.advance(None, "compiling where this version never ran (a minute, once)")
        await asyncio.wait((starting, stopping), timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return 0
        await _started(starting, spec)
        _announce(local, json=json, quiet=quiet, took_s=time.monotonic() - started)
        await _until(stop, local, silent=json or quiet)
    finally:
        stopping.cancel()
        await local.stop()
    if not (json or quiet):
        sys.stdout.write("stopped\n")
    return 0


async def _started(starting: asyncio.Task[None], spec: LocalSpec) -> None:
    try:
        await starting
    except OSError as fault:
        raise OSError(f"--port {spec.port} cannot be used ({fault.strerror}); choose another") from None


def _announce(local: LocalExchange, *, json: bool, quiet: bool, took_s: float) -> None:
    spec = local.spec
    if json:
        import msgspec

        line = {"url": local.url, "accounts": spec.funds, "coins": [m.coin for m in spec.markets]}
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    elif not quiet:
        for coin in local.exchange.state.coins:
            sys.stdout.write(f"{coin.name}: asset {coin.asset}, up to {coin.listing.max_leverage}x\n")
        for address, usd in spec.funds.items():
            sys.stdout.write(f"{address}: {usd:,.2f} USD on every dex\n")
        if not spec.funds:
            sys.stdout.write("no account has money: give --fund ADDRESS=USD to trade\n")
        pace = "real time" if spec.speed == 1.0 else f"{spec.speed:g} times real time"
        sys.stdout.write(f"{local.url} at {pace}, started in {took_s:.1f} s; Ctrl-C stops it\n")
    sys.stdout.flush()


async def _until(stop: asyncio.Event, local: LocalExchange, *, silent: bool) -> None:
    """Wait for `stop`, with a status line now and then; a fault of the exchange is raised."""
    running = asyncio.create_task(local.run())
    stopping = asyncio.create_task(stop.wait())
    try:
        while True:
            done, _ = await asyncio.wait(
                (running, stopping), timeout=STATUS_S, return_when=asyncio.FIRST_COMPLETED
            )
            if running in done:
                running.result()
            if done:
                return
            if not silent:
                sys.stdout.write(local.status() + "\n")
                sys.stdout.flush()
    finally:
        running.cancel()
        stopping.cancel()
