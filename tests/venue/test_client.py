"""Questions and actions on a scripted venue: typed failures, nothing sent twice, limits kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.venue.fake_venue import FakeVenue, Heard
from tests.venue.scripted_http import ScriptedHttp

from undertow.clock import LoopClock, run_virtually
from undertow.venue.client import VenueClient
from undertow.venue.failures import NotSent, Rejected, Unanswered
from undertow.venue.histories import fills_since, payments_since
from undertow.venue.refusals import Refusal
from undertow.venue.signing import Signer
from undertow.venue.wire.actions import Cancel, CancelSpec, Noop
from undertow.venue.wire.info import ClearinghouseStateRequest, MetaRequest
from undertow.venue.wire.replies import Success

START_NS = 1_790_000_000_000_000_000
START_MS = START_NS // 1_000_000
SIGNER = Signer("0x" + "11" * 32, mainnet=False)
DONE = {"status": "ok", "response": {"type": "default"}}
META = {"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}]}


def with_client(
    play: Callable[[VenueClient, ScriptedHttp, FakeVenue], Awaitable[None]], **options: Any
) -> ScriptedHttp:
    async def main() -> ScriptedHttp:
        clock = LoopClock(START_NS)
        http, venue = ScriptedHttp(answers={"meta": META}, action=DONE), FakeVenue(clock)
        options.setdefault("signer", SIGNER)
        client = VenueClient(http, venue, clock, network=options.pop("network", "local"), **options)
        await play(client, http, venue)
        await client.close()
        assert http.closed
        return http

    return run_virtually(main())


def test_a_question_and_an_action() -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        assert (await client.info(MetaRequest())).universe[0].name == "BTC"
        reply = await client.act(Cancel([CancelSpec(0, 7)], fast=True), expires_after=START_MS + 5000)
        assert reply.statuses == (Success(),)
        sent = http.asked[-1]
        assert sent["action"] == {"type": "cancel", "cancels": [{"a": 0, "o": 7}], "f": True}
        assert sent["nonce"] == START_MS + 50
        assert sent["expiresAfter"] == START_MS + 5000
        await client.act(Noop())
        assert http.asked[-1]["nonce"] > sent["nonce"]
        assert client.budget.used == 2

    with_client(play)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionRefusedError("no route"), NotSent),
        (ConnectionResetError("dropped"), Unanswered),
        (TimeoutError(), Unanswered),
        (OSError("x"), Unanswered),
    ],
)
def test_a_lost_action_is_never_sent_again(error: Exception, failure: type[Exception]) -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        http.fail = lambda request: error
        with pytest.raises(failure):
            await client.act(Noop())
        await asyncio.sleep(60)

    assert len(with_client(play).asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_broken_gateway_says_nothing_of_the_action(status: int) -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        http.status, http.action = status, b"<html>"
        with pytest.raises(Unanswered):
            await client.act(Noop())
        http.answers["meta"] = b"<html>"
        with pytest.raises(Unanswered):
            await client.info(MetaRequest())

    with_client(play)


def test_an_answer_that_never_comes_is_given_up() -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        async def never(path: str, body: bytes) -> tuple[int, bytes]:
            await asyncio.sleep(1e6)
            raise AssertionError

        http.post = never  # type: ignore[method-assign]
        with pytest.raises(Unanswered, match="within 2 s"):
            await client.act(Noop(), timeout_s=2.0)

    with_client(play)


def test_refusals_are_values_and_teach_budget_and_nonces() -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        text = (
            "Too many cumulative requests sent (97460 > 97456) for cumulative volume traded $87457.46."
            " Place taker orders to free up 1 request per USDC traded."
        )
        http.action = {"status": "err", "response": text}
        reply = await client.act(Noop())
        assert reply.refused is not None
        assert reply.refused.refusal is Refusal.BUDGET
        assert (client.budget.used, client.budget.left) == (97460, 0)
        floor = START_MS + 10**6
        http.action = {"status": "err", "response": f"Invalid nonce: nonce too low 5 < {floor}"}
        await client.act(Noop())
        http.action = DONE
        await client.act(Noop())
        assert http.asked[-1]["nonce"] > floor
        http.status = 429
        reply = await client.act(Noop())
        assert reply.refused is not None
        assert reply.refused.refusal is Refusal.IP_LIMIT
        http.answers["meta"] = b"null"
        with pytest.raises(Rejected) as rejected:
            await client.info(MetaRequest())
        assert rejected.value.status == 429

    with_client(play)


def test_actions_go_over_a_socket_while_it_is_there() -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        connection = client.connection(Heard())
        client.post_over(connection)
        await client.act(Noop())
        assert len(http.asked) == 1
        connection.start()
        await asyncio.sleep(1)
        acting = asyncio.ensure_future(client.act(Noop()))
        await asyncio.sleep(0.1)
        post = venue.socket.methods("post")[0]
        assert post["request"]["type"] == "action"
        response = {"type": "action", "payload": DONE}
        venue.socket.say({"channel": "post", "data": {"id": post["id"], "response": response}})
        assert (await acting).statuses == (Success(),)
        acting = asyncio.ensure_future(client.act(Noop()))
        await asyncio.sleep(0.1)
        venue.socket.drop()
        with pytest.raises(Unanswered, match="socket was lost"):
            await acting
        assert len(http.asked) == 1
        await connection.close()

    with_client(play)


def test_the_weight_per_minute_is_never_exceeded_and_actions_keep_their_share() -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        for _ in range(120):
            await client.info(MetaRequest())
            times.append(loop.time())
        for at in times:
            assert 20 * sum(at - 59.9 < other <= at for other in times) <= 1000
        assert client.weight.left(client.clock.now_ns()) >= 200

    with_client(play)


def test_the_venues_clock_is_estimated_from_the_quickest_answer() -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        ahead_ms = 1500
        http.answers["exchangeStatus"] = lambda r: {"time": client.clock.now_ns() // 1_000_000 + ahead_ms}
        await client.read_time()
        ahead = client.time.ahead(client.clock.now_ns())
        assert ahead.ns == pytest.approx(ahead_ms * 1e6, abs=26e6)
        assert ahead.unsure_ns == pytest.approx(25e6, abs=1e5)
        later = client.time.ahead(client.clock.now_ns() + 30 * 10**9)  # our clock may have been slewed
        assert later.unsure_ns == pytest.approx(25e6 + 300e6, abs=1e5)

    with_client(play)


def test_wrong_settings_are_refused() -> None:
    clock = LoopClock.__new__(LoopClock)
    venue = FakeVenue(clock)
    with pytest.raises(ValueError, match="network = 'mainnet', but the signer signs for testnet"):
        VenueClient(ScriptedHttp(), venue, clock, network="mainnet", signer=SIGNER)

    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        with pytest.raises(NotSent, match="no signer"):
            await client.act(Noop())
        with pytest.raises(ValueError, match="account"):
            await client.read_budget()

    with_client(play, signer=None)


def test_no_failure_shows_a_signature() -> None:
    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        http.status, http.action = 200, b'{"status":"ok","response":'
        with pytest.raises(Unanswered) as unanswered:
            await client.act(Noop())
        signature = http.asked[-1]["signature"]
        assert signature["r"] not in str(unanswered.value)

    with_client(play)


def fill(time_ms: int, tid: int, start: int = 0) -> dict[str, Any]:
    return {
        "coin": "BTC",
        "px": "100",
        "sz": "1",
        "side": "B",
        "time": time_ms,
        "startPosition": str(start),
        "dir": "Open Long",
        "closedPnl": "0",
        "hash": "0x",
        "oid": 1,
        "crossed": False,
        "fee": "0.01",
        "tid": tid,
        "feeToken": "USDC",
    }


def test_histories_are_read_to_their_end() -> None:
    fills = [fill(START_MS + k // 3, k) for k in range(4500)]
    payments = [
        {
            "time": START_MS + k,
            "hash": "0x",
            "delta": {
                "type": "funding",
                "coin": "BTC",
                "usdc": "1",
                "szi": "1",
                "fundingRate": "0",
                "nSamples": 1,
            },
        }
        for k in range(1200)
    ]

    async def play(client: VenueClient, http: ScriptedHttp, venue: FakeVenue) -> None:
        http.answers["userFillsByTime"] = lambda r: [f for f in fills if f["time"] >= r["startTime"]][:2000]
        http.answers["userFunding"] = lambda r: [p for p in payments if p["time"] >= r["startTime"]][:500]
        found = await fills_since(client, "0x1", START_MS)
        assert [f.tid for f in found] == list(range(4500))
        assert len(http.of("userFillsByTime")) == 3
        assert len(await payments_since(client, "0x1", START_MS)) == 1200
        http.answers["userFillsByTime"] = lambda r: [fill(START_MS, k) for k in range(2000)]
        with pytest.raises(Unanswered, match="share the time"):
            await fills_since(client, "0x1", START_MS)
        with pytest.raises(KeyError):
            await client.info(ClearinghouseStateRequest(user="0x1"))

    with_client(play)
