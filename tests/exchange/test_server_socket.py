"""The websocket as the venue has it: acknowledgements, errors, silent drops, limits (facts, section 2)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.exchange.drive import START_NS, USER, Heard, Session, limit_order, send, subscribe, virtual

from undertow.exchange.ip_limits import Window
from undertow.exchange.server_socket import IDLE_S


def test_the_acknowledgement_comes_before_the_first_snapshot() -> None:
    async def body(session: Session) -> Heard:
        socket, heard = await session.open()
        subscribe(socket, "l2Book", coin="BTC")
        await asyncio.sleep(0.2)
        return heard

    heard = virtual(body)
    assert [frame["channel"] for _, frame in heard.frames] == ["subscriptionResponse", "l2Book"]
    assert heard.frames[0][1]["data"] == {
        "method": "subscribe",
        "subscription": {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False},
    }


def test_ping_is_answered_with_pong() -> None:
    async def body(session: Session) -> Heard:
        socket, heard = await session.open()
        send(socket, "ping")
        await asyncio.sleep(0.1)
        return heard

    assert virtual(body).raw == [b'{"channel":"pong"}']


def test_error_texts() -> None:
    async def body(session: Session) -> list[str]:
        socket, heard = await session.open()
        sol = {"type": "bbo", "coin": "BTC"}
        send(socket, "unsubscribe", subscription=sol)
        send(socket, "subscribe", subscription=sol)
        send(socket, "subscribe", subscription=sol)
        send(socket, "unsubscribe", subscription=sol)
        socket.send(b"{nonsense")
        socket.send(b'{"method":"subscribe","subscription":{"type":"webData2"}}')
        await asyncio.sleep(0.1)
        assert heard.closed is None
        return [frame for _, frame in heard.of("error")]

    assert virtual(body) == [
        'Already unsubscribed: {"type":"bbo","coin":"BTC"}',
        'Already subscribed: {"type":"bbo","coin":"BTC"}',
        "Error parsing JSON into valid websocket request: {nonsense",
        "Error parsing JSON into valid websocket request: "
        '{"method":"subscribe","subscription":{"type":"webData2"}}',
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "bbo", "coin": "KILL"},
        {"type": "bbo", "coin": "btc"},
        {"type": "bbo", "coin": "HYPE"},
        {"type": "bbo", "coin": "HYNA:HYPE"},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 7},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": 3},
    ],
)
def test_a_bad_coin_or_aggregation_drops_the_socket_without_a_word(wanted: dict[str, Any]) -> None:
    async def body(session: Session) -> Heard:
        socket, heard = await session.open()
        subscribe(socket, "bbo", coin="BTC")
        await asyncio.sleep(0.3)
        before = len(heard.frames)
        send(socket, "subscribe", subscription=wanted)
        await asyncio.sleep(5.0)
        assert len(heard.frames) == before
        assert session.gateway.n_sockets == 0
        return heard

    assert virtual(body).closed == "1006"


def test_a_client_that_says_nothing_for_a_minute_is_closed() -> None:
    async def body(session: Session) -> Heard:
        _, silent = await session.open()
        talking, heard = await session.open()
        for _ in range(2):
            await asyncio.sleep(29.0)
            send(talking, "ping")
        assert silent.closed is None
        await asyncio.sleep(IDLE_S - 57.0)
        assert silent.closed == "1006"
        assert heard.closed is None
        return heard

    heard = virtual(body)
    assert heard.raw == [b'{"channel":"pong"}'] * 2


def test_hearing_frames_does_not_keep_a_socket_open() -> None:
    async def body(session: Session) -> str | None:
        socket, heard = await session.open()
        subscribe(socket, "l2Book", coin="BTC", fast=True)
        await asyncio.sleep(IDLE_S + 1.0)
        return heard.closed

    assert virtual(body) == "1006"


def test_limits_of_an_address() -> None:
    async def body(session: Session) -> dict[str, Any]:
        socket, heard = await session.open()
        for i in range(12):
            subscribe(socket, "userEvents", user=f"0x{i:040x}")
        await asyncio.sleep(0.1)
        users = [text for _, text in heard.of("error")]
        others = [await session.open() for _ in range(9)]
        with pytest.raises(ConnectionRefusedError):
            await session.open()
        others[0][0].close()
        await asyncio.sleep(0.1)
        others[0] = await session.open()
        for _ in range(2000):
            send(socket, "ping")
        await asyncio.sleep(0.1)
        messages = {text for _, text in heard.of("error")[len(users) :]}
        return {"users": users, "messages": messages}

    found = virtual(body)
    assert found["users"] == ["Cannot track more than 10 total users."] * 2
    assert found["messages"] == {"Cannot send more than 2000 messages per minute."}


def test_a_thousand_subscriptions_over_all_sockets_of_an_address() -> None:
    async def body(session: Session) -> list[str]:
        peer = session.gateway.peer("127.0.0.1")
        peer.subscriptions = 999
        first, _ = await session.open()
        second, heard = await session.open()
        subscribe(first, "bbo", coin="BTC")
        subscribe(second, "bbo", coin="BTC")
        await asyncio.sleep(0.1)
        first.close()
        await asyncio.sleep(0.1)
        subscribe(second, "bbo", coin="BTC")
        await asyncio.sleep(0.1)
        return [f["channel"] if f["channel"] != "error" else f["data"] for _, f in heard.frames][:3]

    assert virtual(body) == ["Cannot subscribe to more than 1000 channels.", "subscriptionResponse", "bbo"]


def test_thirty_new_connections_in_a_minute() -> None:
    async def body(session: Session) -> int:
        opened = 0
        for _ in range(35):
            try:
                socket, _ = await session.open()
            except ConnectionRefusedError:
                continue
            opened += 1
            socket.close()
            await asyncio.sleep(0.1)
        await asyncio.sleep(60.0)
        await session.open()
        return opened

    assert virtual(body) == 30


def test_posts_of_info_and_action() -> None:
    async def body(session: Session) -> dict[int, Any]:
        socket, heard = await session.open()
        requests = [
            ("info", {"type": "l2Book", "coin": "BTC"}),
            ("info", {"type": "l2Book", "coin": "KILL"}),
            ("info", {"type": "nothing of the kind"}),
            ("action", session.signed(limit_order(0, True, "90000", "0.001", "Alo"))),
        ]
        for number, (kind, payload) in enumerate(requests):
            send(socket, "post", id=number, request={"type": kind, "payload": payload})
        await asyncio.sleep(0.2)
        return {data["id"]: data["response"] for _, data in heard.of("post")}

    replies = virtual(body)
    assert replies[0]["type"] == "info"
    assert replies[0]["payload"]["type"] == "l2Book"
    assert replies[0]["payload"]["data"]["coin"] == "BTC"
    assert replies[1]["payload"] == {"type": "l2Book", "data": None}
    assert replies[2]["type"] == "error"
    assert isinstance(replies[2]["payload"], str)
    assert replies[3]["type"] == "action"
    assert "resting" in replies[3]["payload"]["response"]["data"]["statuses"][0]


def test_a_hundred_posts_in_flight() -> None:
    async def body(session: Session) -> list[str]:
        socket, heard = await session.open()
        for number in range(101):
            payload = session.signed({"type": "noop"})
            send(socket, "post", id=number, request={"type": "action", "payload": payload})
        await asyncio.sleep(0.5)
        assert len(heard.of("post")) == 100
        return [text for _, text in heard.of("error")]

    assert virtual(body) == ["too many pending post requests id=100"]


def test_weight_of_an_address_over_http_and_websocket() -> None:
    async def body(session: Session) -> tuple[list[int], Any, int]:
        request = json.dumps({"type": "meta"}).encode()
        statuses = [(await session.net.post("/info", request))[0] for _ in range(61)]
        status, reply = await session.net.post("/info", request)
        assert (status, reply) == (429, b"null")
        socket, heard = await session.open()
        send(socket, "post", id=5, request={"type": "info", "payload": {"type": "meta"}})
        await asyncio.sleep(60.1)
        after, _ = await session.net.post("/info", request)
        return statuses, heard.of("post")[0][1], after

    statuses, post, after = virtual(body)
    assert statuses == [200] * 60 + [429]
    assert post == {"id": 5, "response": {"type": "error", "payload": "429 Too Many Requests"}}
    assert after == 200


def test_a_window_forgets_after_a_minute() -> None:
    window = Window(10)
    assert window.spend(10, START_NS)
    assert not window.spend(1, START_NS + 59_999_999_999)
    assert window.spend(10, START_NS + 60_000_000_000)


def test_a_closed_socket_leaves_nothing_behind() -> None:
    async def body(session: Session) -> None:
        socket, heard = await session.open()
        subscribe(socket, "bbo", coin="BTC")
        subscribe(socket, "orderUpdates", user=USER)
        await asyncio.sleep(0.2)
        socket.close()
        await asyncio.sleep(1.0)
        peer = session.gateway.peer("127.0.0.1")
        assert (peer.connections, peer.subscriptions, peer.users) == (0, 0, {})
        assert not list(session.gateway.hub.of("bbo"))
        assert heard.closed is not None

    virtual(body)
