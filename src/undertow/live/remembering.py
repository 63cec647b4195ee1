"""The memory of a session: its journal made or opened, and what a session taken up again goes on from.

    SESSION/journal.db    every intent, answer, fill, payment and decision (`undertow.journal`)
            coins/...     what the makers saw, and their last checkpoints (`undertow.trading.capture`)

A session is taken up by its folder alone: what it was asked to be is in the journal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from undertow.clock import Clock, WallClock
from undertow.config import Config
from undertow.journal.reading import Reader
from undertow.journal.rows import About, CoinRow, Decision
from undertow.journal.schema import JournalError, NeverBegun
from undertow.journal.store import NAME, Journal
from undertow.live.about import shown_config
from undertow.live.spec import CannotRun, RunSpec
from undertow.risk.memory import Latched, Memory
from undertow.risk.rulebook import Marks
from undertow.trading.orders.coins import Coins
from undertow.trading.orders.recollect import Recollection, recollect
from undertow.trading.runner import CoinRunner, cell
from undertow.trading.taking_up import Shown, checkpoint_of, opening_cash, shown, taken_up
from undertow.units import NS_PER_MS, NS_PER_S

LAST: Final = "last"
_MOST_BEHIND_S: Final = 2.0
_KEPT_FROM_CALL: Final = (
    *("url", "duration_s", "folder", "latency_ms", "live", "skip_stages", "limits", "dead_man"),
)
"""What the new call says of a session taken up; everything else is as it was."""


@dataclass
class SessionMemory:
    """A session's journal and, where it is taken up again, what it knows. ``shown``: by coin;
    ``tidies``: in a thread from time to time (where time is the machine's); ``marks``: what loss and
    drawdown are counted from, as written last."""

    journal: Journal
    about: About
    recollection: Recollection | None
    shown: Mapping[str, Shown]
    resumed: bool
    tidies: bool
    marks: Marks | None = None
    _marked_ns: int = 0

    def note_marks(self, marks: Marks, now_ns: int) -> None:
        """Write down what loss and drawdown are counted from, where that has changed, once a second."""
        if marks == self.marks or now_ns - self._marked_ns < NS_PER_S:
            return
        self.marks, self._marked_ns = marks, now_ns
        for name, usd in marks._asdict().items():
            self.journal.mark(name, usd)
        with contextlib.suppress(JournalError):  # the next order says so
            self.journal.commit()

    @property
    def since_ms(self) -> int:
        """From when fills must be heard of: shortly before the last that is known to be complete."""
        if self.recollection is None:
            return self.about.created_ns // NS_PER_MS
        return max(self.recollection.memory.complete_ms - 60_000, 0)


class WrittenMemory:
    """A kill switch's memory whose changes also stand in the journal, synced to the disk before they take
    effect. (`undertow.risk.memory.Memory`)"""

    def __init__(self, memory: Memory, journal: Journal, clock: Clock) -> None:
        self._memory, self._journal, self._clock = memory, journal, clock
        self._known: dict[tuple[str, str], str] = {}

    def load(self) -> list[Latched]:
        """What was latched when the last process ended."""
        held = self._memory.load()
        self._known = {(str(one.reason), one.coin): one.text for one in held}
        return held

    def keep(self, latched: Sequence[Latched]) -> None:
        """This is latched now."""
        now_ns, now = self._clock.now_ns(), {(str(x.reason), x.coin): x for x in latched}
        for (reason, coin), held in now.items():
            if self._known.get((reason, coin)) != held.text:
                text = f"latched ({held.grade.label}): {held.text}"
                self._journal.decision(Decision(now_ns, reason, coin, text, held.severity))
        for reason, coin in self._known.keys() - now.keys():
            self._journal.decision(Decision(now_ns, reason, coin, "reset by hand"))
        self._known = {key: held.text for key, held in now.items()}
        with contextlib.suppress(JournalError):  # the file below is what counts
            self._journal.commit(synced=True)
        self._memory.keep(latched)


def session_folder(resume: str, sessions: Path) -> Path:
    """The folder of the session to take up: `resume` itself, or the youngest of `sessions` for ``last``.

    Raises `JournalError` where there is none.
    """
    if resume != LAST:
        folder = Path(resume)
        return folder.parent if folder.name == NAME else folder
    found = sorted(sessions.glob(f"*/{NAME}"), key=lambda path: path.stat().st_mtime_ns)
    for path in reversed(found):
        with contextlib.suppress(NeverBegun), Reader(path) as reader:
            reader.about()
            return path.parent
    raise JournalError(f"{sessions} holds no session with a journal: name the session's folder")


def taken_up_spec(spec: RunSpec, config: Config) -> tuple[RunSpec, Config]:
    """What the session that `spec` resumes was asked to be, and its configuration.

    A `config` that differs from the default comes before the session's; alerts are always its own (what
    may be secret is not in the journal). Raises `JournalError` where the session has no journal, or one of
    another version, `CannotRun` where it cannot go on as asked.
    """
    folder = session_folder(spec.resume, spec.folder)
    with Reader(folder) as reader:
        about = reader.about()
    try:
        old = msgspec.json.decode(about.spec, type=RunSpec, dec_hook=_path)
        if config == Config():
            noted = msgspec.json.decode(about.config)
            noted["alerts"] = msgspec.to_builtins(config.alerts)
            config = msgspec.convert(noted, Config)
    except (msgspec.MsgspecError, ValueError) as fault:
        raise JournalError(f"{folder} was run by another version: {fault}") from fault
    now = {name: getattr(spec, name) for name in _KEPT_FROM_CALL}
    now["url"] = spec.url or old.url
    if old.network == "mainnet" and old.orders == "venue" and not spec.live:
        raise CannotRun(f"{folder} trades real money: --live is needed to resume it")
    if old.network == "local" and not now["url"]:
        raise CannotRun(
            f"{folder}: its local exchange ended with it; sessions on one that goes on (undertow exchange, "
            "and --url) can be resumed"
        )
    return msgspec.structs.replace(old, **now, resume=str(folder)), config


def _path(kind: type, value: object) -> Any:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)


def begin_memory(
    folder: Path,
    spec: RunSpec,
    config: Config,
    account: str,
    coins: Coins,
    equity_usd: float,
    clock: Clock,
    created_ms: int | None = None,
) -> SessionMemory:
    """The memory of a new session, begun at `created_ms` of the venue's clock (None: it is ours).

    Raises `JournalError` where its journal cannot be made.
    """
    now_ns = clock.now_ns()
    created_ms = now_ns // NS_PER_MS if created_ms is None else created_ms
    about = About(
        created_ms & 0xFFFFFFFF,
        account,
        spec.network,
        spec.orders,
        created_ms * NS_PER_MS,
        equity_usd,
        msgspec.json.encode(spec, enc_hook=str).decode(),
        msgspec.json.encode(shown_config(config)).decode(),
    )
    rows = [CoinRow(c.name, c.asset, c.tick_size, c.lot_size) for c in coins.by_name.values()]
    journal = Journal.create(folder / NAME, about, rows)
    journal.begin(now_ns, resumed=False)
    return SessionMemory(journal, about, None, {}, resumed=False, tidies=isinstance(clock, WallClock))


def resume_memory(folder: Path, account: str, coins: Coins, clock: Clock) -> SessionMemory:
    """The memory of a session taken up again.

    Raises `JournalError` where its journal is missing, damaged, in use, or of another account or other
    coins than the session is to trade.
    """
    journal = Journal.open(folder / NAME)
    try:
        with Reader(folder) as reader:
            about = reader.about()
            _check(folder, about, reader.coins(), account, coins)
            seen = {coin: shown(folder, coin) for coin in coins.by_name}
            _check_time(folder, max((one.last_ns for one in seen.values()), default=0), clock.now_ns())
            marks = reader.marks()
            found = recollect(
                reader, {coin: s.fills for coin, s in seen.items()}, clock.now_ns() // NS_PER_MS
            )
    except BaseException:
        journal.close()
        raise
    journal.begin(clock.now_ns(), resumed=True)
    tidies = isinstance(clock, WallClock)
    resumed = found is not None
    noted = Marks(**marks) if marks and resumed else None
    return SessionMemory(journal, about, found, seen, resumed=resumed, tidies=tidies, marks=noted)


def _check_time(folder: Path, last_ns: int, now_ns: int) -> None:
    """A record cannot go on before its end: its makers would wait until the clock has come there."""
    behind_s = (last_ns - now_ns) * 1e-9
    if behind_s > _MOST_BEHIND_S:
        raise JournalError(
            f"{folder}: its record ends {behind_s:,.0f} s after what this machine's clock says: set the "
            "clock (timedatectl set-ntp true), or start a new session"
        )


def _check(folder: Path, about: About, rows: Mapping[str, CoinRow], account: str, coins: Coins) -> None:
    if about.account.lower() != account.lower():
        raise JournalError(
            f"{folder} is a session of account {about.account or 'none'}, the key given trades for "
            f"{account}: resume it with its own key, or start a new session"
        )
    for name, coin in coins.by_name.items():
        row = rows.get(name)
        if row is None or row[1:] != (coin.asset, coin.tick_size, coin.lot_size):
            raise JournalError(
                f"{folder}: {name} is not what it was there ({row}): its rules changed, start a new session"
            )


def take_up(
    memory: SessionMemory,
    folder: Path,
    runners: Sequence[CoinRunner],
    coins: Coins,
    mids: Mapping[str, float],
    now_ns: int,
) -> list[str]:
    """Give every runner the state it goes on with; a line for each on what it goes on with.

    `mids`: what a position found is taken over at, where no maker was ever told of it.
    """
    if memory.recollection is None:
        return []
    said = []
    for runner in runners:
        coin, facts = coins.by_name[runner.coin], memory.recollection.desks[runner.coin]
        if memory.about.execution == "paper":  # its orders ended with their matcher
            facts.working.clear()
        noted = checkpoint_of(folder, runner.coin, runner.maker)
        cash, seen = opening_cash(folder, runner.coin, runner.maker), memory.shown[runner.coin]
        if cash is None:
            cash = -coin.qty_of(facts.opening_lots) * mids[runner.coin]
        state = taken_up(runner.maker, noted, facts, seen, coin, cash, now_ns)
        runner.states[:] = cell(state)
        away = "nothing learned is left"
        if noted is not None:
            away = f"a state {(now_ns - int(noted['desk']['now_ns'][0])) * 1e-9:,.0f} s old"
        orders, missed = len(facts.working), memory.recollection.memory.accounts[runner.coin]
        said.append(
            f"{runner.coin}: position {coin.qty_of(missed.lots):g}, {orders} orders to be found again, {away}"
        )
    return said
