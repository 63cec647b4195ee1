"""Questions and actions to the venue, typed, within its limits, and never sent twice.

client = VenueClient(http, connector, clock, network="testnet", signer=signer, account=address)
meta = await client.info(MetaRequest())
reply = await client.act(Noop())
"""

from __future__ import annotations

import asyncio
import random
from typing import Final, TypeVar

import msgspec

from undertow.clock import Clock
from undertow.units import NS_PER_S
from undertow.venue.budget import RequestBudget
from undertow.venue.connection import Connection, ConnectionSettings, StreamListener, Tap
from undertow.venue.endpoints import Network
from undertow.venue.failures import NotSent, Rejected, Unanswered
from undertow.venue.limits import IpWeight, weight_of
from undertow.venue.nonces import NonceSource
from undertow.venue.pacing import ConnectPace
from undertow.venue.refusals import Refusal
from undertow.venue.signing import Signer
from undertow.venue.transport import Connector, Http
from undertow.venue.venue_time import VenueTime
from undertow.venue.wire.actions import Action, Noop, batch_size
from undertow.venue.wire.info import (
    ExchangeStatusRequest,
    InfoRequest,
    UserRateLimitRequest,
    decode_info,
    encode_info,
    info_weight,
)
from undertow.venue.wire.posts import PostedAction, PostedError
from undertow.venue.wire.replies import Reply, decode_http_reply, decode_reply
from undertow.venue.wire.requests import encode_request
from undertow.venue.wire.scalars import WireError

R = TypeVar("R")
ACTION_TIMEOUT_S: Final = 3.0
INFO_TIMEOUT_S: Final = 3.0
_RESERVED_WEIGHT: Final = 200
_LEAST_RESERVED_WEIGHT: Final = 60
"""Weight per minute that questions leave to actions: usually, and where orders depend on the answer."""


class VenueClient:
    """One account at one network. Without a `signer` it can only ask.

    `account`: the address asked about; a master or sub-account, never an agent's (its replies would be
    empty). By default the signer's own. `vault`: the sub-account or vault acted for, if any.
    `seed` draws the jitter of reconnects.
    """

    def __init__(
        self,
        http: Http,
        connector: Connector,
        clock: Clock,
        *,
        network: Network,
        signer: Signer | None = None,
        account: str | None = None,
        vault: str | None = None,
        seed: int = 0,
    ) -> None:
        if signer is not None and signer.mainnet != (network == "mainnet"):
            signs = "mainnet" if signer.mainnet else "testnet"
            raise ValueError(f"network = {network!r}, but the signer signs for {signs}")
        self.network, self.clock = network, clock
        self.account = (account or (signer.address if signer else None) or "").lower() or None
        self.nonces = NonceSource(clock)
        self.budget = RequestBudget()
        """The request budget of `account`; `read_budget` asks for the venue's own figures."""
        self.weight = IpWeight()
        self.time = VenueTime()
        self._http, self._connector = http, connector
        self._signer, self._vault = signer, vault.lower() if vault else None
        self._rng = random.Random(seed)
        self._pace = ConnectPace()
        self._poster: Connection | None = None

    @property
    def vault(self) -> str | None:
        """The sub-account or vault acted for, if any."""
        return self._vault

    def connection(
        self,
        listener: StreamListener,
        *,
        settings: ConnectionSettings | None = None,
        tap: Tap | None = None,
    ) -> Connection:
        """A connection of this client, not yet started; all of them share the limit of new ones."""
        return Connection(
            self._connector,
            self.clock,
            listener,
            rng=random.Random(self._rng.getrandbits(64)),
            pace=self._pace,
            settings=settings,
            tap=tap,
        )

    def post_over(self, connection: Connection | None) -> None:
        """Send actions over this connection while it is there, else over HTTP (None: always HTTP)."""
        self._poster = connection

    async def info(
        self, request: InfoRequest[R], *, timeout_s: float = INFO_TIMEOUT_S, urgent: bool = False
    ) -> R:
        """The reply to a question, asked when the weight per minute allows it (`urgent`: to the last of it).

        Raises `Unanswered` without a readable reply, `Rejected` where the venue refuses (429, 422),
        `NotSent` where it could not be reached.
        """
        name = type(request).__struct_config__.tag
        await self._weight_for(request.weight, _LEAST_RESERVED_WEIGHT if urgent else _RESERVED_WEIGHT)
        status, body = await self._post("/info", encode_info(request), str(name), timeout_s)
        if 400 <= status < 500:
            raise Rejected(str(name), status, body.decode("utf-8", "replace"))
        if status != 200:
            raise Unanswered(f"{name}: HTTP {status}")
        try:
            reply = decode_info(request, body)
        except WireError as error:
            raise Unanswered(str(error)) from None
        if request.rows_per_weight and isinstance(reply, list):
            more = info_weight(request, len(reply)) - request.weight
            self.weight.spend(more, self.clock.now_ns())
        return reply

    async def act(
        self,
        action: Action,
        *,
        nonce: int | None = None,
        expires_after: int | None = None,
        timeout_s: float = ACTION_TIMEOUT_S,
    ) -> Reply:
        """Sign `action` and send it once; over a socket before the first suspension.

        `nonce`: one of `nonces`, by default the next. `expires_after`: venue's time in ms after which
        it is refused. A refusal is a value of the reply. Raises `Unanswered` where no reply came or
        none that can be read: the action may have been carried out. `NotSent` where it certainly was
        not received.
        """
        if self._signer is None:
            raise NotSent("no signer: this client can only ask")
        nonce = self.nonces.next() if nonce is None else nonce
        signature = self._signer.sign(action, nonce, self._vault, expires_after)
        body = encode_request(action, nonce, signature, self._vault, expires_after)
        members = batch_size(action)
        now_ns = self.clock.now_ns()
        self.weight.spend(weight_of(action), now_ns)
        self.budget.sent(action, now_ns)
        reply = await self._sent(body, members, timeout_s)
        self._learn(reply, members)
        return reply

    async def burn(self, nonce: int, *, timeout_s: float = ACTION_TIMEOUT_S) -> Reply:
        """Use up `nonce` on an action that does nothing.

        After a reply an action with the same nonce either was carried out before or never will be.
        """
        return await self.act(Noop(), nonce=nonce, timeout_s=timeout_s)

    async def read_budget(self) -> RequestBudget:
        """`budget` after asking the venue."""
        self.budget.read(await self.info(UserRateLimitRequest(user=self._account())))
        return self.budget

    async def read_time(self) -> VenueTime:
        """`time` after asking the venue."""
        sent_ns = self.clock.now_ns()
        status = await self.info(ExchangeStatusRequest())
        self.time.answered(sent_ns, status.time_ms, self.clock.now_ns())
        return self.time

    async def close(self) -> None:
        """Close idle HTTP connections; connections are closed by whoever asked for them."""
        await self._http.close()

    def _account(self) -> str:
        if self.account is None:
            raise ValueError("account is not set: give the address to ask about (account=...)")
        return self.account

    async def _weight_for(self, weight: int, reserved: int) -> None:
        """Wait until a question of `weight` may be asked that leaves `reserved`."""
        while True:
            now_ns = self.clock.now_ns()
            wait_ns = self.weight.wait_ns(weight + reserved, now_ns)
            if wait_ns <= 0:
                self.weight.spend(weight, now_ns)
                return
            await asyncio.sleep(wait_ns / NS_PER_S)

    async def _post(self, path: str, body: bytes, what: str, timeout_s: float) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._http.post(path, body)
        except ConnectionRefusedError as error:
            raise NotSent(f"{what}: {error}") from None
        except OSError as error:
            raise Unanswered(f"{what}: {str(error) or f'no reply within {timeout_s:g} s'}") from None

    async def _sent(self, body: bytes, members: int, timeout_s: float) -> Reply:
        poster = self._poster
        try:
            if poster is None or not poster.is_open:
                status, text = await self._post("/exchange", body, "action", timeout_s)
                return decode_http_reply(status, text, members)
            answer = await poster.post("action", body, timeout_s)
            if isinstance(answer, PostedAction):
                return decode_reply(answer.payload, members)
            if isinstance(answer, PostedError):
                return decode_http_reply(_status_of(answer.payload), b"", members)
        except (WireError, msgspec.MsgspecError) as error:
            raise Unanswered(f"the reply to an action cannot be read: {error}") from None
        raise Unanswered("an answer of another kind came to an action")

    def _learn(self, reply: Reply, members: int) -> None:
        """What a refusal says of budget and nonces."""
        refused = reply.refused
        if refused is None:
            return
        if refused.refusal is Refusal.BUDGET:
            self.budget.refused(members)
            if refused.used is not None and refused.cap is not None:
                self.budget.corrected(refused.used, refused.cap)
        elif refused.refusal is Refusal.NONCE_LOW and refused.nonce_floor is not None:
            self.nonces.raise_to(refused.nonce_floor)
        elif refused.refusal is Refusal.IP_LIMIT:
            self.budget.refused(members)


def _status_of(text: str) -> int:
    """The HTTP status a posted error mirrors ("429 Too Many Requests"); 502 where it names none."""
    head = text.split(maxsplit=1)[0] if text.strip() else ""
    return int(head) if head.isdigit() and len(head) == 3 else 502
