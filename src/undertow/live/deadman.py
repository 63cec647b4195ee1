"""The dead-man's switch of a session: the venue's own where the account has it, and a watchdog process.

The venue's (`undertow.risk.deadman`) fires when this machine or its network is gone, the watchdog within
seconds of the process's end. Both are given up in order when the session ends in order.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from undertow.live.assemble import Parts
from undertow.live.watchdog import WatchSpec, watch
from undertow.risk.deadman import Schedule
from undertow.trading.orders.manager import VenueExecution
from undertow.units import NS_PER_MS
from undertow.venue.client import VenueClient
from undertow.venue.failures import VenueFailure
from undertow.venue.signing import Signer
from undertow.venue.wire.actions import ScheduleCancel

_GIVE_UP_S: Final = 3_600.0
_GIVE_UP_LOCAL_S: Final = 30.0
"""A local exchange that is gone has taken its orders with it."""


class DeadMan:
    """Keeps the venue's scheduled cancel ahead of the present while `run` runs."""

    def __init__(
        self,
        client: VenueClient,
        schedule: Schedule | None = None,
        said: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.schedule = schedule or Schedule()
        self._client, self._said = client, said

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self.schedule.due(self._now_s()):
                before = self.schedule.why_not
                await self.renew()
                if self.schedule.why_not and self.schedule.why_not != before:
                    self._said(self.schedule.why_not)
            await asyncio.sleep(1.0)

    async def renew(self) -> None:
        """Set it once."""
        schedule, now_s = self.schedule, self._now_s()
        venue_ms = self._client.time.venue_ms(self._client.clock.now_ns())
        try:
            reply = await self._client.act(ScheduleCancel(venue_ms + round(schedule.ahead_s * 1e3)))
        except VenueFailure:
            schedule.unanswered(self._now_s())
            return
        if reply.refused is None:
            schedule.accepted(now_s)
        else:
            refused = reply.refused
            schedule.refused(self._now_s(), refused.text, refused.volume_usd, refused.required_usd)

    async def call_off(self) -> None:
        """The session has ended in order, nothing rests: nothing is to be cancelled."""
        if self.schedule.set_until_s is None:
            return
        try:
            await self._client.act(ScheduleCancel())
        except VenueFailure as error:
            self._said(f"the scheduled cancel could not be called off ({error}); it finds nothing to cancel")
        self.schedule.set_until_s = None

    def _now_s(self) -> float:
        return self._client.clock.now_ns() // NS_PER_MS * 1e-3


@dataclass
class Protection:
    """``orders_left``: the session could not show that nothing of it rests; the watchdog sees to it."""

    orders_left: bool = False


@contextlib.asynccontextmanager
async def protected(parts: Parts, url: str, signer: Signer) -> AsyncIterator[Protection]:
    """Both switches kept while the body runs. Raises `OSError` where the watchdog does not start.

    `url`: where the venue listens. Where the body raises, or says so, the watchdog cancels what is left.
    """
    client, facts = parts.client, parts.facts
    dog = await watch(_watched(parts, url), signer)
    dog.start()
    deadman = DeadMan(client, said=facts.notes.append)
    keeping = asyncio.create_task(deadman.run())
    protection = Protection()
    try:
        yield protection
    except BaseException:
        protection.orders_left = True
        raise
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        if protection.orders_left:
            await dog.leave()
        else:
            await deadman.call_off()
            await dog.stop()


def _watched(parts: Parts, url: str) -> WatchSpec:
    client, execution = parts.client, parts.execution
    assert isinstance(execution, VenueExecution)
    assert client.account is not None
    return WatchSpec(
        url=url,
        network=client.network,
        account=client.account,
        assets={coin.name: coin.asset for coin in parts.coins},
        session=execution.table.session,
        vault=client.vault,
        give_up_s=_GIVE_UP_LOCAL_S if client.network == "local" else _GIVE_UP_S,
        log=str((parts.recorder.folder / "watchdog.log").resolve()),
    )
