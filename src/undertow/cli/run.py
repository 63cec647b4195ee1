"""``undertow run``: quote a market. Without options: paper money on a local exchange, three minutes.

Exit codes: 0 ended in order (Ctrl-C too), 1 it failed or left orders behind, 2 a wrong call.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from undertow.cli.errors import UsageError, preparing
from undertow.cli.progress import Progress

if TYPE_CHECKING:
    from undertow.config import Config
    from undertow.live.running import Ended
    from undertow.live.spec import RunSpec
    from undertow.venue.endpoints import Network
    from undertow.venue.signing import Signer

Flag = Parameter(negative=())
DEFAULT_MARKET = "hip3-hype"


def run(
    *,
    market: list[str] | None = None,
    coin: list[str] | None = None,
    reference: list[str] | None = None,
    url: str = "",
    venue: Literal["local", "testnet", "mainnet"] = "local",
    live: Annotated[bool, Flag] = False,
    stage: Literal["shadow", "minimum", "full"] | None = None,
    skip_stages: Annotated[bool, Flag] = False,
    orders: Literal["venue", "paper"] | None = None,
    maker: str = "undertow",
    config: Path | None = None,
    duration: float = 180.0,
    until_stopped: Annotated[bool, Flag] = False,
    seed: int = 1,
    account_usd: float | None = None,
    leverage: int | None = None,
    latency_ms: float = 200.0,
    folder: Path | None = None,
    limits: Path | None = None,
    resume: str = "",
    plain: Annotated[bool, Flag] = False,
    json: Annotated[bool, Flag] = False,
    open: Annotated[bool, Flag] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Quote a market live and write the account of the session.

    Without options: the undertow maker with 10 000 USD of paper money on a local exchange that
    speaks Hyperliquid's protocol and lists the generated market hip3-hype, for three minutes. No keys,
    no network.

    Parameters
    ----------
    market
        Preset the local exchange lists, as PRESET or PRESET=COIN; several times for several coins.
    coin
        Coin to trade (``BTC``, ``dex:COIN``); several times for several. Default: every market listed.
    reference
        COIN=OTHER: the maker of COIN also watches OTHER's mid. Default: what leads the market.
    url
        A local exchange that already runs (`undertow exchange`), such as http://localhost:3001.
    venue
        local: an exchange on this machine. testnet, mainnet: Hyperliquid's. Without an agent key
        (UNDERTOW_AGENT_KEY, or [live] key_file or keyring_name) orders are matched on paper there.
    live
        Real money may be traded: orders on mainnet need this, and a configuration naming the account.
    stage
        Of the rollout. shadow: nothing is sent. minimum: one level of the smallest order. full: as
        configured. Default: minimum for orders on mainnet, shadow on paper, else full.
    skip_stages
        Take the stage even where `undertow rollout` says that something is missing for it.
    orders
        venue: orders go to the exchange. paper: they are matched beside its feed, by the replay's rules.
        Default: the venue where there is a key, and on a local exchange of the session's own.
    maker
        undertow, glft, symmetric, avellaneda or six-gate.
    config
        TOML file (`undertow config init` writes one); what its [live] section says, options override.
        SIGHUP has it read again: what may change while running does, orders stay.
    duration
        Seconds.
    until_stopped
        Until Ctrl-C, whatever the duration.
    seed
        Seed of the market and of latency.
    account_usd
        Money of a local or paper account, USD. Default: 10 000.
    leverage
        Leverage asked for on every coin, as far as the coin allows it. Default: 5.
    latency_ms
        How far away the local exchange is put, one way, ms; a quarter of it more on average by chance.
    folder
        Where sessions are recorded: everything seen and sent, the journal, the report. Default: sessions.
    limits
        Limit file: what no maker can argue with, and when the kill switch is thrown (docs/risk.md).
    resume
        Take a session up again: its folder, or ``last`` for the youngest in --folder. What it trades and how
        stays as it was; orders, fills and position are reconciled with the exchange before the first quote.
    plain
        Lines instead of the screen, on a terminal too.
    json
        One JSON object per line instead of either; the account is the last.
    open
        Open the report in a browser at the end.
    quiet
        No screen and no lines; the account at the end.
    """
    try:
        with Progress(quiet=quiet or json) as progress, preparing():
            used = _configured(config)
            if resume:
                spec, used = _resumed(locals(), used)
                signer = _signer(spec.network, spec.url, used) if spec.orders == "venue" else None
            else:
                signer = _signer(venue, url, used)
                spec = _spec(locals(), used, has_key=signer is not None)
            _compile(spec, used, progress)
        read = None if config is None else partial(_configured, config)
        ended = asyncio.run(_session(spec, used, signer, read, plain=plain, as_json=json, quiet=quiet))
    except KeyboardInterrupt:  # before the session took the signal over
        ended = None
    if ended is None or ended.folder is None:
        _tell_nothing(as_json=json)
        return 0
    _tell(ended, as_json=json)
    if open and ended.coins:
        import webbrowser

        webbrowser.open(ended.coins[0].report.resolve().as_uri())
    if ended.broke is not None:
        raise ended.broke
    return 1 if ended.orders_left else 0


def _configured(path: Path | None) -> Config:
    from undertow.config import Config, load

    return load(path, Config) if path is not None else Config()


def _signer(venue: Network, url: str, config: Config) -> Signer | None:
    """The agent's key, where there is one. A local exchange of our own has a throwaway key instead."""
    import os

    from undertow.live.keys import VARIABLE, find_key

    if venue == "local" and not url:
        os.environ.pop(VARIABLE, None)
        return None
    section = config.live
    found = find_key(venue, key_file=section.key_file, keyring_name=section.keyring_name, environ=os.environ)
    return None if found is None else found.signer


def _spec(options: dict[str, object], config: Config, *, has_key: bool) -> RunSpec:
    """The session asked for."""
    from undertow.live.asking import Asked, spec_of
    from undertow.makers import MAKERS

    if options["maker"] not in MAKERS:
        raise UsageError(f"--maker {options['maker']} is not known; there are: {', '.join(MAKERS)}")
    if options["json"] and options["open"]:
        raise UsageError("--json prints only JSON; drop --open")
    asked = Asked(
        network=options["venue"],  # type: ignore[arg-type]
        url=str(options["url"]),
        markets=tuple(options["market"] or [DEFAULT_MARKET]),  # type: ignore[arg-type]
        coins=tuple(options["coin"] or ()),  # type: ignore[arg-type]
        references=tuple(options["reference"] or ()),  # type: ignore[arg-type]
        orders=options["orders"],  # type: ignore[arg-type]
        maker=str(options["maker"]),
        duration_s=None if options["until_stopped"] else float(options["duration"]),  # type: ignore[arg-type]
        seed=int(options["seed"]),  # type: ignore[call-overload]
        account_usd=options["account_usd"],  # type: ignore[arg-type]
        leverage=options["leverage"],  # type: ignore[arg-type]
        latency_ms=float(options["latency_ms"]),  # type: ignore[arg-type]
        folder=options["folder"],  # type: ignore[arg-type]
        limits=options["limits"],  # type: ignore[arg-type]
        stage=options["stage"],  # type: ignore[arg-type]
        live=bool(options["live"]),
        skip_stages=bool(options["skip_stages"]),
    )
    return spec_of(asked, config, has_key=has_key)


def _resumed(options: dict[str, object], config: Config) -> tuple[RunSpec, Config]:
    """The session that is taken up again, as it was asked for then."""
    from undertow.live.remembering import taken_up_spec
    from undertow.live.spec import RunSpec

    said = [f"--{name}" for name in ("coin", "market", "reference", "orders") if options[name]]
    if said:
        raise UsageError(f"{said[0]} cannot be changed while resuming: what is traded stays as it was")
    asked = RunSpec(
        url=str(options["url"]),
        duration_s=None if options["until_stopped"] else float(options["duration"]),  # type: ignore[arg-type]
        folder=Path(str(options["folder"] or config.live.folder)),
        latency_ms=float(options["latency_ms"]),  # type: ignore[arg-type]
        live=bool(options["live"]),
        skip_stages=bool(options["skip_stages"]),
        resume=str(options["resume"]),
    )
    return taken_up_spec(asked, config)


def _compile(spec: RunSpec, config: Config, progress: Progress) -> None:
    """Have everything compiled, or loaded, before anything is connected."""
    from undertow import compile_tasks, first_start

    first_start.prepare(first_start.for_live(spec.maker, exchange=not spec.url), progress)
    compile_tasks.run(f"live:{spec.maker}")


async def _session(
    spec: RunSpec,
    config: Config,
    signer: Signer | None,
    read: Callable[[], Config] | None,
    *,
    plain: bool,
    as_json: bool,
    quiet: bool,
) -> Ended:
    """Run it with the view that fits where it is run."""
    from undertow.live.handle import Handle
    from undertow.live.keys import KeyRefused
    from undertow.live.running import run_session
    from undertow.live.spec import CannotRun
    from undertow.monitor.display import Display, how_to_show

    handle = Handle(read)
    loop = asyncio.get_running_loop()
    display = Display(how_to_show(sys.stdout, json=as_json, plain=plain, quiet=quiet), sys.stdout)

    def reload() -> None:
        text = handle.reload().text
        if display.mode != "screen":  # which shows it among its notes
            say(text)

    with contextlib.suppress(NotImplementedError, AttributeError):
        loop.add_signal_handler(signal.SIGINT, handle.stop.set)
        loop.add_signal_handler(signal.SIGTERM, handle.stop.set)
        loop.add_signal_handler(signal.SIGHUP, reload)

    def say(line: str) -> None:
        if not (quiet or as_json):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    try:
        with display:
            return await run_session(spec, config, signer=signer, say=say, show=display.show, handle=handle)
    except (CannotRun, KeyRefused) as error:
        raise UsageError(str(error)) from None


def _tell_nothing(*, as_json: bool) -> None:
    """The account of a session that was stopped before it began."""
    if as_json:
        sys.stdout.write('{"folder":null,"orders_left":0,"requests":0,"coins":[]}\n')
    else:
        sys.stdout.write("account: stopped before the session began; no order was sent\n")


def _tell(ended: Ended, *, as_json: bool) -> None:
    """The account on standard output."""
    if as_json:
        import msgspec

        told = {
            "folder": str(ended.folder),
            "start_equity_usd": ended.start_equity_usd,
            "equity_usd": ended.equity_usd,
            "orders_left": ended.orders_left,
            "requests": ended.requests,
            "notes": list(ended.notes),
            "coins": [end.as_dict for end in ended.coins],
        }
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    from undertow.account.screen import lines

    out = []
    for end in ended.coins:
        out += ["", end.coin, "=" * len(end.coin), *lines(end.account), "", f"report: {end.report}"]
    gained = ended.equity_usd - ended.start_equity_usd
    out += [
        f"account: {ended.start_equity_usd:,.2f} -> {ended.equity_usd:,.2f} USD ({gained:+,.4f}), "
        f"{ended.requests} requests, orders left: {ended.orders_left}",
        f"recorded in {ended.folder}; the same again: undertow rerun {ended.folder}",
    ]
    sys.stdout.write("\n".join(out) + "\n")
