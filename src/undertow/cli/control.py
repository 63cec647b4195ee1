"""``undertow status``, ``kill`` and ``reset``: talk to a session that runs on this machine.

Exit codes: 0 done, 1 the session refused or does not answer, 2 a wrong call. `status` gives 3 where the
session runs no longer.
"""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from undertow.cli.errors import UsageError

if TYPE_CHECKING:
    from undertow.live.control import Place, Reply, Request
    from undertow.risk.memory import Latched

Flag = Parameter(negative=())
SESSIONS = Path("sessions")


def status(session: Path = SESSIONS, *, json: Annotated[bool, Flag] = False) -> int:
    """What a session does and what its kill switch holds.

    Parameters
    ----------
    session
        Its folder, or a folder of sessions (the newest is asked).
    json
        Print the reply as JSON.
    """
    from undertow.live.control import Status

    place = _place(session)
    reply, runs = _ask(place, Status())
    if json:
        _print_json(reply, runs)
    else:
        _print_status(reply, runs, place)
    return 0 if runs else 3


def kill(
    session: Path = SESSIONS,
    *,
    coin: str = "",
    grade: Literal["accumulating", "cancel", "flatten"] = "cancel",
    because: str = "",
    json: Annotated[bool, Flag] = False,
) -> int:
    """Throw the kill switch of a session: it stays thrown, over restarts too, until ``undertow reset``.

    Parameters
    ----------
    session
        Its folder, or a folder of sessions (the newest is asked).
    coin
        One coin alone; default: all.
    grade
        accumulating: what could grow the position goes, what reduces it stays. cancel: every order goes.
        flatten: and the position is closed with reduce-only orders.
    because
        Why, for the log.
    json
        Print the reply as JSON.
    """
    from undertow.live.control import KillNow

    who = getpass.getuser() + (f", {because}" if because else "")
    return _done(_place(session), KillNow(who=who, coin=coin, grade=grade), json=json)


def reset(
    session: Path = SESSIONS,
    *,
    reason: str | None = None,
    coin: str | None = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Let go of what the kill switch holds. Loss and drawdown count from the present equity again.

    Parameters
    ----------
    session
        Its folder, or a folder of sessions (the newest is asked).
    reason
        One reason alone, as ``undertow status`` names it; default: all.
    coin
        Reasons latched for one coin alone.
    json
        Print the reply as JSON.
    """
    from undertow.live.control import Reset

    return _done(_place(session), Reset(who=getpass.getuser(), reason=reason, coin=coin), json=json)


def _place(session: Path) -> Place:
    from undertow.live.reaching import NoSession, place_of

    try:
        return place_of(session)
    except NoSession as error:
        raise UsageError(str(error)) from None


def _ask(place: Place, request: Request) -> tuple[Reply, bool]:
    """The reply, and whether the session runs; else its kept switch answers."""
    from undertow.clock import WallClock
    from undertow.live.reaching import ask, in_its_stead

    reply = ask(place, request)
    if reply is not None:
        return reply, True
    try:
        return in_its_stead(place, request, WallClock().now_ns()), False
    except ValueError as error:
        raise UsageError(str(error)) from None


def _done(place: Place, request: Request, *, json: bool) -> int:
    reply, runs = _ask(place, request)
    if json:
        _print_json(reply, runs)
    elif reply.error:
        sys.stderr.write(f"error: {reply.error}\n")
    else:
        if not runs:
            sys.stdout.write("the session runs no longer; its next start will find this:\n")
        for held in reply.gone:
            sys.stdout.write(f"reset: {_line(held)}\n")
        _print_latched(reply)
    return 1 if reply.error else 0


def _line(held: Latched) -> str:
    where = f" {held.coin}" if held.coin else ""
    side = {1: " (long side)", -1: " (short side)"}.get(held.side, "")
    return f"{held.reason}{where}{side}, {held.grade.label}: {held.text}"


def _print_latched(reply: Reply) -> None:
    for held in reply.latched:
        sys.stdout.write(f"latched: {_line(held)}\n")
    if not reply.latched:
        sys.stdout.write("nothing is latched\n")


def _print_status(reply: Reply, runs: bool, place: Place) -> None:
    write = sys.stdout.write
    if not runs:
        write(f"the session (process {place.pid}) runs no longer\n")
    view = reply.view if isinstance(reply.view, dict) else {}
    if view:
        equity, gained = view.get("equity_usd"), view.get("pnl_usd")
        money = "" if equity is None else f", equity {equity:,.2f} USD"
        money += "" if gained is None else f" ({gained:+,.4f})"
        link = view.get("link", {}).get("state", "?")
        elapsed = f"{view.get('elapsed_s', 0.0):.0f} s"
        write(f"{view.get('session')} on {view.get('venue')}, {elapsed}, link {link}{money}\n")
        for coin in view.get("coins", []):
            position = coin.get("position", {}).get("qty", 0.0)
            write(f"{coin.get('coin')}: position {position:+g}; {coin.get('why', '')}\n")
    _print_latched(reply)


def _print_json(reply: Reply, runs: bool) -> None:
    import msgspec

    told = {"running": runs, **msgspec.to_builtins(reply)}
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
