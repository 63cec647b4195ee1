"""The venue's dead-man's switch: when it is set again, and what the venue says of accounts without volume."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.live.venues import AGENT, MASTER, exchange, pump

from undertow.clock import LoopClock, run_virtually
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess
from undertow.live.deadman import DeadMan
from undertow.risk.deadman import Schedule
from undertow.venue.client import VenueClient
from undertow.venue.wire.actions import PlaceOrders, order_spec

START_NS = 1_790_000_000_000_000_000


@settings(max_examples=60, deadline=None, derandomize=True)
@given(replies=st.lists(st.sampled_from(["yes", "lost"]), max_size=60), ahead=st.floats(6.0, 120.0))
def test_it_is_never_late_while_the_venue_answers(replies: list[str], ahead: float) -> None:
    schedule = Schedule(ahead_s=ahead, renew_s=ahead / 3)
    lost = 0
    for second, reply in enumerate(replies * 20):
        now = float(second)
        if not schedule.due(now):
            continue
        if reply == "yes":
            assert lost or schedule.set_until_s is None or schedule.set_until_s > now
            schedule.accepted(now)
            lost = 0
        else:
            schedule.unanswered(now)
            lost += 1


@pytest.mark.parametrize(("name", "value"), [("ahead_s", 5.0), ("renew_s", 60.0), ("renew_s", 0.0)])
def test_impossible_schedules(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Schedule(**{name: value})


def play(traded_usd: float, seconds: float, *, dies: bool) -> tuple[DeadMan, int, list[str]]:
    """A dead-man's switch over some seconds, then what rests at the exchange two minutes later."""

    async def main() -> tuple[DeadMan, int, list[str]]:
        made = exchange()
        made.controls.set_requests(MASTER, traded_usd=traded_usd)
        clock = LoopClock(START_NS)
        gateway = Gateway(made, clock)
        net, said = InProcess(gateway), []
        client = VenueClient(net, net, clock, network="testnet", signer=AGENT, account=MASTER)
        pumping = asyncio.create_task(pump(gateway))
        await asyncio.sleep(1.0)
        mid = made.state.by_name["BTC"].best(1) / 10 ** made.state.by_name["BTC"].px_decimals
        placed = await client.act(PlaceOrders([order_spec(0, 1, str(round(mid * 0.9)), "0.001")]))
        assert placed.refused is None
        deadman = DeadMan(client, said=said.append)
        running = asyncio.create_task(deadman.run())
        await asyncio.sleep(seconds)
        running.cancel()
        if not dies:
            await deadman.call_off()
        await asyncio.sleep(120.0)
        account = made.account(MASTER)
        left = len(account.live) if account is not None else 0
        pumping.cancel()
        await asyncio.gather(running, pumping, return_exceptions=True)
        return deadman, left, said

    return run_virtually(main())


def test_the_venue_cancels_when_it_is_heard_no_more() -> None:
    deadman, left, said = play(2e6, 100.0, dies=True)
    assert (left, said) == (0, [])
    assert deadman.schedule.set_until_s is not None


def test_an_end_in_order_calls_it_off() -> None:
    deadman, left, _ = play(2e6, 100.0, dies=False)
    assert left == 1
    assert deadman.schedule.set_until_s is None


def test_an_account_without_the_volume_is_told() -> None:
    deadman, left, said = play(1e4, 100.0, dies=True)
    assert left == 1
    assert deadman.schedule.set_until_s is None
    assert said == [
        "the venue keeps no dead-man's switch below 1,000,000 USD traded (10,000 so far): "
        "the watchdog process alone watches"
    ]
