"""All checks in the order in which the later ones need the earlier."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from undertow.clock import WallClock
from undertow.config import Config
from undertow.live.authority import EXPIRY_WARNING_DAYS, Authority, authorise
from undertow.live.doctor import machine, venue
from undertow.live.doctor.finding import Finding, fail, ok, warn
from undertow.live.joining import Net, net_of
from undertow.live.keys import FoundKey, KeyRefused, find_key
from undertow.live.spec import RunSpec
from undertow.venue.client import VenueClient
from undertow.venue.endpoints import Network
from undertow.venue.failures import VenueFailure

ANY_COIN = ("BTC",)
"""Looked at where no coin is named."""


@dataclass(frozen=True)
class Patient:
    """What is examined. ``url``: of a local exchange that runs."""

    network: Network
    config: Config = field(default_factory=Config)
    config_path: Path | None = None
    url: str = ""
    coins: tuple[str, ...] = ()
    environ: MutableMapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def names(self) -> tuple[str, ...]:
        """The coins looked at."""
        return self.coins or self.config.live.coins or ANY_COIN


async def examine(patient: Patient, net: Net | None = None) -> AsyncIterator[Finding]:
    """Every finding as soon as it is made; never raises for what it examines."""
    folder = Path(patient.config.live.folder)
    yield machine.versions()
    for finding in machine.disk(folder):
        yield finding
    for finding in machine.modes(patient.config, patient.config_path, folder):
        yield finding
    yield machine.alerting(patient.config, patient.environ)
    key, refused = _key(patient)
    yield refused
    clock = WallClock()
    spec = RunSpec(network=patient.network, url=patient.url, coins=patient.names, orders="paper")
    net = net or net_of(spec, clock)
    account = patient.config.live.account.lower() or None
    client = VenueClient(net.http, net.socket, clock, network=patient.network, account=account)
    try:
        async for finding in _of_venue(client, patient, key):
            yield finding
    finally:
        await client.close()


def _key(patient: Patient) -> tuple[FoundKey | None, Finding]:
    section = patient.config.live
    try:
        key = find_key(
            patient.network,
            key_file=section.key_file,
            keyring_name=section.keyring_name,
            environ=patient.environ,
        )
    except KeyRefused as error:
        return None, fail("key", str(error), "then ask the doctor again")
    if key is None:
        return None, machine.no_key(patient.network)
    return key, ok("key", f"of {key.signer.address}, from {key.source}")


async def _of_venue(client: VenueClient, patient: Patient, key: FoundKey | None) -> AsyncIterator[Finding]:
    reached = True
    async for finding in venue.reach(client):
        reached &= not (finding.name == "HTTP" and finding.state == "fail")
        yield finding
    if not reached:
        return
    yield await venue.websocket(client, patient.names[0])
    try:
        async for finding in venue.coins(client, patient.names, patient.config):
            yield finding
        authority = None
        if key is not None:
            authority, finding = await _authority(client, patient, key)
            yield finding
        account = authority.account if authority is not None else client.account
        if account is None:
            return
        client.account = account
        async for finding in venue.money(client, account, patient.names, patient.config):
            yield finding
        yield await venue.requests(client)
    except VenueFailure as error:
        yield fail("questions", str(error), "ask again in a minute; see the venue's status page")


async def _authority(
    client: VenueClient, patient: Patient, key: FoundKey
) -> tuple[Authority | None, Finding]:
    try:
        found = await authorise(client, key.signer, patient.config.live.account)
    except KeyRefused as error:
        return None, fail("permission", str(error), "see docs/going-live.md, The agent's key")
    for_whom = f"{found.role} of {found.owner}" + (f", trading {found.account}" if found.vault else "")
    days = found.days_left
    if days is None:
        return found, ok("permission", f"{for_whom}; the venue names no expiry")
    text = f"{for_whom}; expires in {days:.0f} days"
    if days < EXPIRY_WARNING_DAYS:
        return found, warn("permission", text, "approve a new agent before it expires")
    return found, ok("permission", text)
