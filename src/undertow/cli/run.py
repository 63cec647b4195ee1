"""``undertow run``: quote a market. Without options: paper money on a local exchange, three minutes.

Exit codes: 0 ended in order (Ctrl-C too), 1 it failed or left orders behind, 2 a wrong call.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from undertow.cli.errors import UsageError, preparing
from undertow.cli.progress import Progress

if TYPE_CHECKING:
    from undertow.config import Config
    from undertow.live.running import Ended
    from undertow.live.spec import RunSpec

Flag = Parameter(negative=())
DEFAULT_MARKET = "hip3-hype"


def run(
    *,
    market: list[str] | None = None,
    coin: list[str] | None = None,
    reference: list[str] | None = None,
    url: str = "",
    orders: Literal["venue", "paper"] = "venue",
    maker: str = "undertow",
    config: Path | None = None,
    duration: float = 180.0,
    until_stopped: Annotated[bool, Flag] = False,
    seed: int = 1,
    account_usd: float = 10_000.0,
    leverage: int = 5,
    latency_ms: float = 200.0,
    folder: Path = Path("sessions"),
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
    orders
        venue: orders go to the exchange. paper: they are matched beside its feed, by the replay's rules.
    maker
        undertow, glft, symmetric, avellaneda or six-gate.
    config
        TOML file that configures the maker (`undertow config init` writes one).
    duration
        Seconds.
    until_stopped
        Until Ctrl-C, whatever the duration.
    seed
        Seed of the market and of latency.
    account_usd
        Money of the account, USD.
    leverage
        Leverage asked for on every coin, as far as the coin allows it.
    latency_ms
        How far away the local exchange is put, one way, ms; a quarter of it more on average by chance.
    folder
        Where sessions are recorded: everything seen and sent, and the report.
    plain
        Lines instead of the screen, on a terminal too.
    json
        One JSON object per line instead of either; the account is the last.
    open
        Open the report in a browser at the end.
    quiet
        No screen and no lines; the account at the end.
    """
    with Progress(quiet=quiet or json) as progress, preparing():
        used = _configured(config)
        spec = _spec(locals())
        _compile(spec, used, progress)
    ended = asyncio.run(_session(spec, used, plain=plain, as_json=json, quiet=quiet))
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


def _spec(options: dict[str, object]) -> RunSpec:
    """The session asked for."""
    from undertow.live.spec import RunSpec
    from undertow.makers import MAKERS

    if options["maker"] not in MAKERS:
        raise UsageError(f"--maker {options['maker']} is not known; there are: {', '.join(MAKERS)}")
    if options["json"] and options["open"]:
        raise UsageError("--json prints only JSON; drop --open")
    references: dict[str, tuple[str, ...]] = {}
    for text in options["reference"] or []:  # type: ignore[attr-defined]
        coin, _, other = text.partition("=")
        if not other:
            raise UsageError(f"--reference {text} must be COIN=OTHER")
        references[coin] = (*references.get(coin, ()), other)
    return RunSpec(
        url=str(options["url"]),
        markets=tuple(options["market"] or [DEFAULT_MARKET]),  # type: ignore[arg-type]
        coins=tuple(options["coin"] or ()),  # type: ignore[arg-type]
        references=references,
        orders=options["orders"],  # type: ignore[arg-type]
        maker=str(options["maker"]),
        duration_s=None if options["until_stopped"] else float(options["duration"]),  # type: ignore[arg-type]
        seed=int(options["seed"]),  # type: ignore[call-overload]
        account_usd=float(options["account_usd"]),  # type: ignore[arg-type]
        leverage=int(options["leverage"]),  # type: ignore[call-overload]
        latency_ms=float(options["latency_ms"]),  # type: ignore[arg-type]
        folder=Path(str(options["folder"])),
    )


def _compile(spec: RunSpec, config: Config, progress: Progress) -> None:
    """Have everything compiled, or loaded, before anything is connected."""
    from undertow import compile_tasks, first_start

    first_start.prepare(first_start.for_live(spec.maker, exchange=not spec.url), progress)
    compile_tasks.run(f"live:{spec.maker}")


async def _session(spec: RunSpec, config: Config, *, plain: bool, as_json: bool, quiet: bool) -> Ended:
    """Run it with the view that fits where it is run."""
    from undertow.live.running import run_session
    from undertow.monitor.display import Display, how_to_show

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(sign, stop.set)

    def say(line: str) -> None:
        if not (quiet or as_json):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    with Display(how_to_show(sys.stdout, json=as_json, plain=plain, quiet=quiet), sys.stdout) as display:
        return await run_session(spec, config, signer=None, say=say, show=display.show, stop=stop)


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
