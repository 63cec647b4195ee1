"""The `undertow` command: a thin top that imports a subcommand only when it is used.

Exit codes: 0 success, 1 the work failed, 2 the command was used wrongly, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

import undertow

app = App(
    name="undertow",
    help="A market maker for Hyperliquid perpetuals that prices adverse selection, and its research bench.",
    version=undertow.__version__,
    version_flags=["--version"],
)
app.command(
    "undertow.cli.run:run",
    name="run",
    help="Quote a market: paper money on a local exchange, unless told otherwise.",
)
app.command(
    "undertow.cli.record:record",
    name="record",
    help="Record what a venue publishes into a store.",
)
app.command(
    "undertow.cli.doctor:doctor",
    name="doctor",
    help="Examine clock, network, key, account, coins and disk before trading.",
)
app.command(
    "undertow.cli.rollout:rollout",
    name="rollout",
    help="Where each coin stands from shadow to full size, and what is missing.",
)
app.command(
    "undertow.cli.plan:plan",
    name="plan",
    help="What a capital can carry: lots, levels, limits, leverage, requests, worst day.",
)
for _name, _help in (
    ("status", "What a running session does, and what its kill switch holds."),
    ("kill", "Throw a session's kill switch."),
    ("reset", "Let go of what a session's kill switch holds."),
):
    app.command(f"undertow.cli.control:{_name}", name=_name, help=_help)
app.command(
    "undertow.cli.replay:replay",
    name="replay",
    help="Replay a maker over a market and write the account of its session.",
)
app.command(
    "undertow.cli.rerun:rerun",
    name="rerun",
    help="Show a recorded session to its makers again: the same requests, the same state?",
)
app.command(
    "undertow.cli.compare:compare",
    name="compare",
    help="Run makers on the same markets and table how they differ.",
)
app.command(
    "undertow.cli.ablate:ablate",
    name="ablate",
    help="Turn a maker's phases on one after the other and table what each adds.",
)
app.command(
    "undertow.cli.tune:tune",
    name="tune",
    help="Search a maker's parameters at random on training seeds; the best as TOML.",
)
app.command(
    "undertow.cli.solve:solve",
    name="solve",
    help="Solve a market exactly and set the maker's closed forms beside it.",
)
app.command(
    "undertow.cli.calibrate:calibrate",
    name="calibrate",
    help="Find what foretells the mid on a recording; what passes the gate goes into a file.",
)
app.command(
    "undertow.cli.fills:fills",
    name="fills",
    help="Export every fill of a session: CSV, Parquet, JSON.",
)
app.command(
    "undertow.cli.journal:journal",
    name="journal",
    help="Show a session's journal; hold it against the exchange.",
)
app.command(
    "undertow.cli.exchange:exchange",
    name="exchange",
    help="Run a local exchange that speaks Hyperliquid's protocol.",
)
app.command("undertow.cli.data:app", name="data", help="Convert, check and store recordings.")
app.command("undertow.cli.market:app", name="market", help="Generate markets and fit them to recordings.")
app.command("undertow.cli.config:app", name="config", help="Write, check and explain configuration files.")


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. A user's mistake gives a line, not a traceback."""
    try:
        done = app(list(arguments), exit_on_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError:
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        from undertow.cli.errors import exit_code

        code = exit_code(error)
        if code is None:
            raise
        sys.stderr.write(f"error: {error}\n")
        return code
    return done if isinstance(done, int) else 0


def main() -> None:
    """Entry point of the ``undertow`` script."""
    raise SystemExit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
