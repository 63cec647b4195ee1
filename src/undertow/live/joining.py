"""To the venue: how it is reached, for whom, and whether the rollout allows it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import msgspec

from undertow.clock import Clock
from undertow.config import Config
from undertow.live import rollout
from undertow.live.authority import Authority, authorise
from undertow.live.spec import CannotRun, RunSpec
from undertow.venue.client import VenueClient
from undertow.venue.endpoints import endpoints
from undertow.venue.failures import VenueFailure
from undertow.venue.http import HttpxClient
from undertow.venue.signing import Signer
from undertow.venue.sockets import connector
from undertow.venue.transport import Connector, Http


@dataclass(frozen=True)
class Net:
    """The two ways to a venue."""

    http: Http
    socket: Connector


def http_url(spec: RunSpec) -> str:
    """Where the network of `spec` takes requests."""
    return spec.url.rstrip("/") or endpoints(spec.network).http


def net_of(spec: RunSpec, clock: Clock) -> Net:
    """The network of `spec`."""
    url = http_url(spec)
    ws_url = url.replace("http", "ws", 1) + "/ws" if spec.url else endpoints(spec.network).ws
    return Net(HttpxClient(url), connector(ws_url, clock))


async def join(
    spec: RunSpec, net: Net, clock: Clock, signer: Signer | None
) -> tuple[RunSpec, VenueClient, Authority | None]:
    """A client for the account of `spec`, once the venue has said that `signer` may trade for it.

    On paper the key is not used. Raises `KeyRefused`, and `CannotRun` where the venue cannot be asked.
    """
    authority = None
    if spec.orders == "paper":
        signer = None
    if signer is not None:
        asker = VenueClient(net.http, net.socket, clock, network=spec.network, seed=spec.seed)
        try:
            authority = await authorise(asker, signer, spec.account)
        except VenueFailure as error:
            raise CannotRun(f"{spec.network} could not be asked what the key may do: {error}") from error
        spec = msgspec.structs.replace(spec, account=authority.account)
    client = VenueClient(
        net.http,
        net.socket,
        clock,
        network=spec.network,
        signer=signer,
        account=spec.account or None,
        vault=authority.vault if authority is not None else None,
        seed=spec.seed,
    )
    if signer is not None:
        with contextlib.suppress(VenueFailure):
            await client.read_budget()
    return spec, client, authority


def stage_allowed(spec: RunSpec, config: Config) -> tuple[str, ...]:
    """What is missing for the stage of `spec`, where that is overridden; raises `CannotRun` where not.

    Only orders on mainnet are held to it; elsewhere the record is kept and nothing refused.
    """
    if spec.network != "mainnet" or spec.orders != "venue":
        return ()
    found = []
    for coin in spec.coins:
        record = rollout.read(spec.folder, spec.network, spec.account, coin)
        missing = rollout.missing(record, spec.stage, config.rollout)
        found += [f"{coin}: {check}" for check in missing]
    if found and not spec.skip_stages:
        raise CannotRun(
            f"--stage {spec.stage} on mainnet comes after {rollout.BEFORE[spec.stage]}; still missing: "
            + "; ".join(found)
            + " (undertow rollout shows it; --skip-stages goes on regardless, and the report says so)"
        )
    return tuple(found)
