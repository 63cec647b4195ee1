"""Another configuration in a running session: what may change changes in place, orders stay.

A key may change while a maker runs where it reaches the maker's parameters and nothing else: a maker is
made with the one key changed, and what came out otherwise says it. Sizes of windows may not, although they
are parameters: what is remembered was gathered under the old ones.
Limits at the point of sending stay those of the start, so a reload cannot raise what may be held.

Every change ends the leg of each coin's record and begins the next with the state and book as they
stand, so a rerun shows every row to the parameters it was decided with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from undertow import makers
from undertow.config import SESSION_SECTIONS, Config, ConfigError
from undertow.instrument import Instrument
from undertow.maker import ENTRANCES, Maker
from undertow.trading.capture import SessionRecorder
from undertow.trading.runner import CoinRunner, cell

MakeConfig = Callable[[Config], Config]
"""From a configuration as read to the one makers get (stage, calibration)."""

AT_START: Final = "is read when a session starts"
IN_MEMORY: Final = "is part of what a maker has measured: it begins anew with a session"
SIZES: Final = "sizes what a maker remembers: it changes with a new session"
RAISES: Final = "would raise the position beyond the limits the session started with"

_NEVER: Final = {
    "quoting.interval_ms": AT_START,  # the session's timers
    "intensity.window_s": SIZES,
    "volatility.regime_windows_s": SIZES,
    "glft_grid.window_cycles": SIZES,
    "avellaneda.volatility_ticks": SIZES,
    "avellaneda.intensity_ticks": SIZES,
}
"""Keys that reach a maker's parameters and yet may not change."""


@dataclass(frozen=True)
class Reloaded:
    """What a reload did: keys that took effect, keys that did not and why, or why nothing was read."""

    applied: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def text(self) -> str:
        """One sentence for people."""
        if self.fault:
            return f"configuration not reloaded: {self.fault}"
        if not self.applied and not self.refused:
            return "configuration reloaded: nothing has changed"
        parts = [f"in effect: {', '.join(self.applied)}"] if self.applied else []
        parts += [f"{key} {why}" for key, why in self.refused.items()]
        return "configuration reloaded: " + "; ".join(parts)


class Reloader:
    """Changes the makers of a session. `config` is what is in effect, as read from the file."""

    def __init__(
        self,
        config: Config,
        make_config: MakeConfig,
        maker: str,
        runners: Sequence[CoinRunner],
        recorder: SessionRecorder | None,
        about: Callable[[Config], Mapping[str, Any]],
    ) -> None:
        self.config, self._make_config, self._maker = config, make_config, maker
        self._runners, self._recorder, self._about = runners, recorder, about
        self._most_usd = config.risk.lot_usd * config.risk.q_max_lots

    def reload(self, read: Callable[[], Config], now_ns: int) -> Reloaded:
        """Read the configuration again and put into effect what may be. To be called between two rows."""
        try:
            wanted = read()
            changed = changes(self.config, wanted)
            refused = {key: why for key in changed if (why := self._why_not(key, wanted))}
            applied = tuple(key for key in changed if key not in refused)
            config = with_keys(self.config, wanted, applied)
            made = [self._made(config, runner.instrument) for runner in self._runners] if applied else []
        except ConfigError as error:
            return Reloaded(fault="; ".join(error.faults))
        except (ValueError, OSError) as error:
            return Reloaded(fault=str(error))
        if applied:
            self._apply(config, made, now_ns)
        return Reloaded(applied, refused)

    def _apply(self, config: Config, made: list[Maker], now_ns: int) -> None:
        self.config = config
        for runner, maker in zip(self._runners, made, strict=True):
            runner.params[:] = cell(maker.params)
            if self._recorder is not None:
                self._recorder.turn(runner, now_ns, self._about(config))

    def _made(self, config: Config, instrument: Instrument) -> Maker:
        return makers.make(self._maker, self._make_config(config), instrument)

    def _why_not(self, key: str, wanted: Config) -> str:
        """Why `key` may not change while the session runs; empty: it may."""
        if key.split(".")[0] in SESSION_SECTIONS:
            return AT_START
        if key in _NEVER:
            return _NEVER[key]
        config = with_keys(self.config, wanted, (key,))
        if key in ("risk.lot_usd", "risk.q_max_lots"):
            most = wanted.risk.lot_usd * wanted.risk.q_max_lots
            if most > self._most_usd * (1.0 + 1e-9):
                return RAISES
        reaches = False
        for runner in self._runners:
            was, new = self._made(self.config, runner.instrument), self._made(config, runner.instrument)
            if _is_other(was, new):
                return IN_MEMORY
            reaches |= was.params.tobytes() != new.params.tobytes()
        return "" if reaches else AT_START


def _is_other(a: Maker, b: Maker) -> bool:
    """Whether two makers differ in more than parameters."""
    same = all(getattr(a, name) is getattr(b, name) for name in (*ENTRANCES, "observe"))
    return not same or a.params.dtype != b.params.dtype or a.state.tobytes() != b.state.tobytes()


def changes(a: Config, b: Config) -> list[str]:
    """The keys (``section.name``) whose values differ, in the order of the file."""
    found = []
    for section in msgspec.structs.fields(type(a)):
        one, other = getattr(a, section.name), getattr(b, section.name)
        found += [
            f"{section.name}.{key.name}"
            for key in msgspec.structs.fields(type(one))
            if getattr(one, key.name) != getattr(other, key.name)
        ]
    return found


def with_keys(config: Config, other: Config, keys: Sequence[str]) -> Config:
    """`config` with the values that `other` has for `keys`."""
    for key in keys:
        section, _, name = key.partition(".")
        value = getattr(getattr(other, section), name)
        changed = msgspec.structs.replace(getattr(config, section), **{name: value})
        config = msgspec.structs.replace(config, **{section: changed})
    return config
