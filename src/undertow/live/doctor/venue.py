"""The venue as seen from here: reachable, its clock, its limits, the coins, the account."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

from undertow.config import Config
from undertow.instrument import step_ticks, tick_near
from undertow.live.doctor.finding import Finding, fail, ok, warn
from undertow.live.stages import smallest_usd
from undertow.venue.client import VenueClient
from undertow.venue.connection import Connection
from undertow.venue.failures import VenueFailure
from undertow.venue.universe import Coin, UnknownCoin, discover
from undertow.venue.wire.frames import Frame
from undertow.venue.wire.info import AllMidsRequest, ClearinghouseStateRequest
from undertow.venue.wire.subscriptions import BboSub, Subscription

ASKS: Final = 5
SLOW_RTT_MS: Final = 1_000.0
CLOCK_WARN_MS: Final = 250.0
CLOCK_FAIL_MS: Final = 5_000.0
"""Orders carry a nonce and an expiry in our time: seconds off, they are refused or expire unseen."""
WS_WAIT_S: Final = 12.0
LOW_REQUESTS: Final = 1_000.0


async def reach(client: VenueClient) -> AsyncIterator[Finding]:
    """HTTP and the clock. Nothing else is asked where this fails."""
    took = []
    try:
        for _ in range(ASKS):
            begun = time.perf_counter()
            await client.read_time()
            took.append((time.perf_counter() - begun) * 1e3)
    except VenueFailure as error:
        yield fail("HTTP", str(error), "check the network, the --url and the venue's status page")
        return
    rtt = statistics.median(took)
    text = f"{rtt:.0f} ms there and back (median of {ASKS})"
    slow = rtt > SLOW_RTT_MS
    yield warn("HTTP", text, "trade from a machine nearer to Tokyo") if slow else ok("HTTP", text)
    ahead = client.time.ahead(client.clock.now_ns())
    yield clock(ahead.ns / 1e6, (ahead.unsure_ns or 0) / 1e6)


def clock(ahead_ms: float, uncertain_ms: float) -> Finding:
    """How far the venue's clock is from ours, beyond what the measurement leaves open."""
    text = f"the venue is {ahead_ms:+.0f} ms ahead of this machine (± {uncertain_ms:.0f} ms)"
    off = max(abs(ahead_ms) - uncertain_ms, 0.0)
    fix = "let chrony or systemd-timesyncd set the clock (timedatectl set-ntp true)"
    if off > CLOCK_FAIL_MS:
        return fail("clock", text, fix)
    return warn("clock", text, fix) if off > CLOCK_WARN_MS else ok("clock", text)


class _FirstFrame:
    """Hears whether a subscription brings anything."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.came = asyncio.Event()
        self.refused = ""
        self.reason = "no answer"

    def on_up(self, epoch: int, now_ns: int) -> None:
        self.up.set()

    def on_down(self, reason: str, now_ns: int) -> None:
        self.reason = reason

    def on_stall(self, seconds: float, now_ns: int) -> None:
        self.reason = f"nothing came for {seconds:.1f} s"

    def on_frame(self, frame: Frame, recv_ns: int) -> None:
        self.came.set()

    def on_quarantined(self, subscription: Subscription, reason: str) -> None:
        self.refused = reason
        self.up.set()
        self.came.set()


async def websocket(client: VenueClient, coin: str) -> Finding:
    """Connect, subscribe to best quotes, wait for the first."""
    heard = _FirstFrame()
    connection: Connection = client.connection(heard)
    connection.subscribe(BboSub(coin=coin))
    begun = time.perf_counter()
    connection.start()
    try:
        async with asyncio.timeout(WS_WAIT_S):
            await heard.up.wait()
            up_ms = (time.perf_counter() - begun) * 1e3
            await heard.came.wait()
    except TimeoutError:
        what = "connected, but no quotes came" if heard.up.is_set() else heard.reason
        return fail("websocket", f"{what} within {WS_WAIT_S:g} s", "check firewall and proxy (wss, port 443)")
    finally:
        await connection.close()
    if heard.refused:
        return fail("websocket", f"quotes of {coin}: {heard.refused}", "correct --coin or [live] coins")
    return ok("websocket", f"subscribed after {up_ms:.0f} ms, quotes of {coin} come")


async def coins(client: VenueClient, names: tuple[str, ...], config: Config) -> AsyncIterator[Finding]:
    """Each coin: listed, priced, and whether lot and leverage fit its rules."""
    dexes = sorted({name.partition(":")[0] for name in names if ":" in name})
    try:
        universe = await discover(client, dexes=dexes, spot=False)
    except (UnknownCoin, VenueFailure) as error:
        yield fail("coins", str(error), "correct --coin or [live] coins")
        return
    for name in names:
        try:
            coin = universe.perp(name)
        except UnknownCoin as error:
            yield fail(name, str(error), "correct --coin or [live] coins")
            continue
        mids: dict[str, float] = await client.info(AllMidsRequest(dex=coin.dex))
        for finding in rules_of(coin, mids.get(name, 0.0), config):
            yield finding


def rules_of(coin: Coin, mid: float, config: Config) -> Iterator[Finding]:
    """Precision, smallest order and leverage of one coin against the configuration."""
    if not mid > 0.0:
        yield fail(coin.name, "has no mid: its book is empty", "trade another coin")
        return
    instrument, lot_usd = coin.instrument(), config.risk.lot_usd
    step_usd = instrument.size_step * mid
    least = smallest_usd(instrument, mid)
    rules = instrument.record()
    tick = step_ticks(rules, tick_near(rules, mid)) * instrument.tick_size
    text = (
        f"mid {mid:.10g}, tick {tick:.6g} ({tick / mid * 1e4:.2g} bps), size step {instrument.size_step:g} "
        f"({step_usd:.4g} USD), smallest order {least:.2f} USD with slack, lot {lot_usd:g} USD"
    )
    if lot_usd < least:
        yield fail(coin.name, text, f"raise [risk] lot_usd to {least:.0f} at least")
    elif step_usd > 0.1 * lot_usd:
        share = 100.0 * step_usd / lot_usd
        yield warn(coin.name, text, f"a lot is rounded by up to {share:.0f} %: raise [risk] lot_usd")
    else:
        yield ok(coin.name, text)
    most_usd = lot_usd * config.risk.q_max_lots
    allowed = min([leverage for bound, leverage in coin.tiers if bound <= most_usd] or [coin.max_leverage])
    wanted = config.live.leverage
    margin = "isolated" if coin.only_isolated else "cross"
    text = f"{wanted}x asked, {allowed}x allowed at a position of {most_usd:,.0f} USD, {margin} margin"
    if wanted > allowed:
        fix = f"[live] leverage = {allowed} (it is asked for as far as allowed)"
        yield warn(f"{coin.name} leverage", text, fix)
    else:
        yield ok(f"{coin.name} leverage", text)


async def money(
    client: VenueClient, account: str, names: tuple[str, ...], config: Config
) -> AsyncIterator[Finding]:
    """What the account is worth where the coins trade, against the positions configured."""
    for dex in dict.fromkeys(name.partition(":")[0] if ":" in name else "" for name in names):
        state = await client.info(ClearinghouseStateRequest(user=account, dex=dex))
        here = [n for n in names if (n.partition(":")[0] if ":" in n else "") == dex]
        worth = state.margin_summary.account_value
        needed = len(here) * config.risk.lot_usd * config.risk.q_max_lots / config.live.leverage
        held = [p.position.coin for p in state.asset_positions if p.position.szi]
        positions = f", positions in {', '.join(held)}" if held else ""
        text = (
            f"{worth:,.2f} USD, {state.withdrawable:,.2f} free{positions}; full positions need {needed:,.2f}"
        )
        name = f"money on {dex or 'the main dex'}"
        if not worth > 0.0:
            yield fail(name, f"{account} holds none", "deposit, or move USDC to this dex (sendAsset)")
        elif worth < needed:
            yield warn(name, text, "lower [risk] lot_usd or q_max_lots, or deposit")
        else:
            yield ok(name, text)


async def requests(client: VenueClient) -> Finding:
    """What is left of the address's request budget."""
    budget = await client.read_budget()
    left, cap = budget.left, budget.cap
    text = f"{left:,.0f} left of {cap:,.0f}"
    if left is None or left <= 0:
        return fail("requests", text, "trade by hand, or buy requests (reserveRequestWeight)")
    if left < LOW_REQUESTS:
        return warn("requests", text, "raise [ladder] request_price_bps_lots, or buy requests")
    return ok("requests", text)
