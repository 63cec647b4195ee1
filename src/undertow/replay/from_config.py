"""A configuration's part in a replay: the settings of the engine, and the account's fees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from undertow.config import Config
from undertow.events import Chunk
from undertow.instrument import Instrument
from undertow.recording import Recording
from undertow.replay.settings import ReplaySettings


def settings_of(config: Config) -> ReplaySettings:
    """The replay settings of `config`, at its quoting interval."""
    return ReplaySettings(
        **msgspec.structs.asdict(config.replay), cycle_interval_ms=config.quoting.interval_ms
    )


@dataclass(frozen=True)
class Repriced:
    """A recording under another account's fees."""

    market: Recording
    instrument: Instrument

    @property
    def name(self) -> str:
        """Name of the market."""
        return self.market.name

    @property
    def snapshot_fed(self) -> bool:
        """As the market's."""
        return self.market.snapshot_fed

    @property
    def span_ns(self) -> tuple[int, int]:
        """As the market's."""
        return self.market.span_ns

    @property
    def n_rows(self) -> int:
        """As the market's."""
        return self.market.n_rows

    def chunks(self) -> Iterator[Chunk]:
        """As the market's."""
        return self.market.chunks()


def with_fees(market: Recording, config: Config) -> Recording:
    """`market` with the fees of ``[fees]`` where they are set."""
    fees = config.fees
    given = {"maker_fee_bps": fees.maker_bps, "taker_fee_bps": fees.taker_bps}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return market
    return Repriced(market, msgspec.structs.replace(market.instrument, **changes))
