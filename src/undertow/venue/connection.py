"""One logical connection to the venue that stays up.

It connects, subscribes, matches acknowledgements, pings, and when the socket closes, goes silent or
misses a pong, it connects again and subscribes to everything anew. Its listener hears frames between
`on_up` and `on_down` as current, and may hear some after a connect before all subscriptions stand.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from undertow.clock import Clock
from undertow.venue.failures import NotSent
from undertow.venue.pacing import Backoff, ConnectPace
from undertow.venue.posting import Answer, Posting
from undertow.venue.socket_faults import SocketFault, parse_fault
from undertow.venue.transport import Connector, Socket
from undertow.venue.wanted import Wanted
from undertow.venue.wire.frames import AckFrame, ErrorFrame, Frame, PongFrame, PostFrame, decode_frame
from undertow.venue.wire.messages import PING, encode_subscribe, encode_unsubscribe
from undertow.venue.wire.scalars import WireError
from undertow.venue.wire.subscriptions import Subscription

Tap = Callable[[bytes, int], None]
"""Hears every message as it came, with its receive time (ns): a recorder of raw frames."""
_REFUSALS: Final = (
    SocketFault.TOO_MANY_USERS,
    SocketFault.TOO_MANY_SUBSCRIPTIONS,
    SocketFault.UNREADABLE,
)
_CHECK_S: Final = 0.25
_REASKS: Final = 2


class StreamListener(Protocol):
    """Who hears a connection. Called on the event loop; must not block."""

    def on_up(self, epoch: int, now_ns: int) -> None:
        """Every subscription stands on socket number `epoch`."""
        ...

    def on_down(self, reason: str, now_ns: int) -> None:
        """The socket is lost: what was heard is no longer current. May come without `on_up` before."""
        ...

    def on_stall(self, seconds: float, now_ns: int) -> None:
        """The socket lives, but for so long nothing came though a ping was waiting: things may be missing."""
        ...

    def on_frame(self, frame: Frame, recv_ns: int) -> None:
        """One message other than acknowledgements, pongs and answers to posts."""
        ...

    def on_quarantined(self, subscription: Subscription, reason: str) -> None:
        """`subscription` is given up: the venue will not have it."""
        ...


class ConnectionSettings(NamedTuple):
    """Times in seconds. The venue closes a socket that hears nothing for 60 s."""

    ping_s: float = 15.0
    """Longest time between pings."""
    quiet_s: float = 2.0
    """After so long without any message a ping asks whether the other end is there."""
    stall_s: float = 1.0
    """A ping answered only after so long, nothing else having come meanwhile, was a stall."""
    pong_s: float = 3.0
    """A ping unanswered for so long: the socket is dead; asked once more where other messages came since."""
    ack_s: float = 1.5
    """A subscription unacknowledged for so long is asked for again; the third time the socket is given up."""
    steady_s: float = 10.0
    """A socket that lived so long was a good one: the next attempt comes at once."""


class _Ear:
    """The listener of one socket; deaf once the connection has moved on to another."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.deaf = False

    def on_message(self, data: bytes, recv_ns: int) -> None:
        if not self.deaf:
            self._connection._on_message(data, recv_ns)

    def on_closed(self, reason: str) -> None:
        if not self.deaf:
            self._connection._hang_up(reason, by_venue=True)


class Connection:
    """See the module. `rng` draws the jitter; `pace` is shared by all connections of a process."""

    def __init__(
        self,
        connector: Connector,
        clock: Clock,
        listener: StreamListener,
        *,
        rng: random.Random,
        pace: ConnectPace | None = None,
        settings: ConnectionSettings | None = None,
        tap: Tap | None = None,
    ) -> None:
        self._connector, self._clock, self._listener = connector, clock, listener
        self._settings, self._tap = settings or ConnectionSettings(), tap
        self._pace = pace or ConnectPace()
        self._backoff = Backoff(rng)
        self._wanted, self._posting = Wanted(), Posting()
        self._task: asyncio.Task[None] | None = None
        self._socket: Socket | None = None
        self._lost: asyncio.Future[tuple[str, bool]] | None = None
        self._heard = self._pinged = self._asked = 0.0
        self._ponged, self._pinged_again = True, False
        self._reasked = 0
        self._timer: asyncio.TimerHandle | None = None
        self.is_up = False
        self.epoch = 0
        """Number of sockets opened so far."""
        self.reason = "not started"
        """Why it is not up."""
        self.malformed = 0

    @property
    def quarantined(self) -> dict[Subscription, str]:
        """Subscriptions given up, and why."""
        return self._wanted.quarantined

    @property
    def is_open(self) -> bool:
        """Whether there is a socket (its subscriptions may not all stand yet)."""
        return self._socket is not None

    @property
    def standing(self) -> list[Subscription]:
        """Subscriptions acknowledged on the present socket."""
        return self._wanted.standing

    def subscribe(self, *subscriptions: Subscription) -> None:
        """Want these too, from now on and after every reconnect."""
        for subscription in subscriptions:
            self._wanted.add(subscription)
        self._ask()

    def unsubscribe(self, *subscriptions: Subscription) -> None:
        """Want these no longer."""
        for subscription in subscriptions:
            if self._wanted.remove(subscription) and self._socket is not None:
                self._socket.send(encode_unsubscribe(subscription))

    def renew(self, subscription: Subscription) -> None:
        """Subscribe anew to one that has gone silent on a socket that lives."""
        if self._socket is not None and subscription in self._wanted:
            self._socket.send(encode_unsubscribe(subscription))
            self._wanted.forget(subscription)
            self._ask()

    def start(self) -> None:
        """Begin, on the running event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End it for good; the listener hears `on_down` where it was up."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def restart(self, reason: str) -> None:
        """Give the present socket up and open another."""
        self._hang_up(reason, by_venue=False)

    async def post(self, kind: str, body: bytes, timeout_s: float) -> Answer:
        """Post a request (`kind`: ``info`` or ``action``); it is sent before the first suspension.

        Raises `NotSent` without a socket or with too many under way, `Unanswered` without an answer.
        """
        socket = self._socket
        if socket is None:
            raise NotSent(f"no connection: {self.reason}")
        return await self._posting.request(socket.send, kind, body, timeout_s)

    async def _run(self) -> None:
        while True:
            await self._pace.wait()
            ear = _Ear(self)
            self._lost = asyncio.get_running_loop().create_future()
            try:
                socket = await self._connector.connect(ear)
            except OSError as error:
                self.reason = f"cannot connect: {error}"
                await asyncio.sleep(self._backoff.next_s())
                continue
            self._pace.note()
            await self._live(socket, ear)
            await asyncio.sleep(self._backoff.next_s())

    async def _live(self, socket: Socket, ear: _Ear) -> None:
        """The life of one socket."""
        assert self._lost is not None
        loop = asyncio.get_running_loop()
        opened = self._heard = self._pinged = loop.time()
        self._socket, self._ponged, self._reasked = socket, True, 0
        self._pinged_again = False
        self.epoch += 1
        self._wanted.opened()
        self.reason = "subscribing"
        self._timer = loop.call_later(_CHECK_S, self._check)
        reason, by_venue = "closed by us", False
        try:
            self._ask()
            reason, by_venue = await self._lost
        finally:
            self._timer.cancel()
            ear.deaf = True
            self._socket, self.is_up, self.reason = None, False, reason
            socket.close()
            self._posting.lost(reason)
            guilty = self._wanted.closed_by_venue() if by_venue else None
            if loop.time() - opened > self._settings.steady_s:
                self._backoff.reset()
            self._listener.on_down(reason, self._clock.now_ns())
            if guilty is not None:
                self._listener.on_quarantined(guilty, self._wanted.quarantined[guilty])

    def _hang_up(self, reason: str, *, by_venue: bool) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result((reason, by_venue))

    def _ask(self) -> None:
        """Ask for what is wanted and not yet asked for; up when all stands."""
        if self._socket is None:
            return
        for subscription in self._wanted.batch():
            self._socket.send(encode_subscribe(subscription))
            self._asked = asyncio.get_running_loop().time()
            self._reasked = 0
        if self._wanted.complete and not self.is_up:
            self.is_up, self.reason = True, ""
            self._listener.on_up(self.epoch, self._clock.now_ns())

    def _on_message(self, data: bytes, recv_ns: int) -> None:
        now = asyncio.get_running_loop().time()
        waited_s = now - self._pinged
        stalled = not self._ponged and self._heard <= self._pinged and waited_s > self._settings.stall_s
        self._heard = now
        if stalled and self.is_up:
            self._listener.on_stall(waited_s, recv_ns)
        if self._tap is not None:
            self._tap(data, recv_ns)
        try:
            frame = decode_frame(data)
        except WireError:
            self.malformed += 1
            return
        if isinstance(frame, PongFrame):
            self._ponged, self._pinged_again = True, False
        elif isinstance(frame, PostFrame):
            self._posting.answered(frame.data)
        elif isinstance(frame, AckFrame):
            if frame.data.method == "subscribe" and self._wanted.acknowledged(frame.data.key):
                self._ask()
        elif isinstance(frame, ErrorFrame):
            self._on_error(frame.data)
        else:
            self._listener.on_frame(frame, recv_ns)

    def _on_error(self, text: str) -> None:
        """The venue complains of something we sent."""
        fault = parse_fault(text)
        if fault.post_id is not None:
            self._posting.refused(fault.post_id, text)
        elif fault.kind is SocketFault.ALREADY_SUBSCRIBED and fault.subscription is not None:
            if self._wanted.acknowledged(fault.subscription):
                self._ask()
        elif fault.kind in _REFUSALS and self._wanted.asked:
            guilty = self._wanted.asked[0]
            self._wanted.quarantine(guilty, text[:200])
            self._listener.on_quarantined(guilty, text[:200])
            self._ask()

    def _check(self) -> None:
        """Every quarter of a second of a socket's life: is the other end there?"""
        loop, settings, socket = asyncio.get_running_loop(), self._settings, self._socket
        if socket is None:
            return
        self._timer = loop.call_later(_CHECK_S, self._check)
        now = loop.time()
        quiet = now - self._heard > settings.quiet_s
        overdue = not self._ponged and now - self._pinged > settings.pong_s
        if overdue and self._heard > self._pinged and not self._pinged_again:
            self._pinged_again, self._pinged = True, now  # the socket carries: the pong itself was lost
            socket.send(PING)
        elif overdue:
            self._hang_up(f"no pong for {settings.pong_s:g} s", by_venue=False)
        elif self._ponged and now - self._pinged > (settings.quiet_s if quiet else settings.ping_s):
            self._ponged, self._pinged = False, now
            socket.send(PING)
        if self._wanted.asked and now - self._asked > settings.ack_s:
            if self._reasked == _REASKS:
                self._hang_up("subscriptions are not acknowledged", by_venue=False)
                return
            self._reasked, self._asked = self._reasked + 1, now
            for subscription in self._wanted.asked:
                socket.send(encode_subscribe(subscription))
