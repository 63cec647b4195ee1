"""Both websocket transports against a real server on this machine: same behaviour, same errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from undertow.clock import WallClock
from undertow.venue.endpoints import endpoints
from undertow.venue.sockets import PicowsConnector, connector
from undertow.venue.sockets_fallback import WebsocketsConnector
from undertow.venue.transport import Connector

pytest.importorskip("picows")
CONNECTORS = [PicowsConnector, WebsocketsConnector]
BIG = b'{"channel":"trades","data":[' + b",".join([b'{"coin":"BTC"}'] * 20_000) + b"]}"


@dataclass
class Ear:
    messages: list[bytes] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def on_message(self, data: bytes, recv_ns: int) -> None:
        self.messages.append(bytes(data))
        self.times.append(recv_ns)

    def on_closed(self, reason: str) -> None:
        self.closed.append(reason)

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not what():
                await asyncio.sleep(0.005)


async def script(connection: ServerConnection) -> None:
    """Echo; on a word, close, vanish, or speak in pieces."""
    async for message in connection:
        text = message if isinstance(message, str) else message.decode()
        if text == "close":
            await connection.close(1008, "bad coin")
        elif text == "vanish":
            connection.transport.abort()
        elif text == "pieces":
            await connection.send(['{"chan', 'nel":', '"pong"}'])
        elif text == "big":
            await connection.send(BIG.decode())
        else:
            await connection.send(text)


def with_server(make: Any, play: Callable[[Connector, Ear], Awaitable[None]]) -> Ear:
    async def main() -> Ear:
        ear = Ear()
        async with serve(script, "127.0.0.1", 0, ping_interval=None) as server:
            port = server.sockets[0].getsockname()[1]
            await play(make(f"ws://127.0.0.1:{port}/ws", WallClock(), timeout_s=2.0), ear)
        await asyncio.sleep(0.01)
        return ear

    return asyncio.run(main())


@pytest.mark.parametrize("make", CONNECTORS)
def test_messages_arrive_whole_and_in_order(make: Any) -> None:
    async def play(connect: Connector, ear: Ear) -> None:
        socket = await connect.connect(ear)
        for k in range(100):
            socket.send(b'{"method":"ping","k":%d}' % k)
        socket.send(b"pieces")
        socket.send(b"big")
        await ear.until(lambda: len(ear.messages) == 102)
        socket.close()
        await ear.until(lambda: bool(ear.closed))
        socket.send(b"nobody hears this")
        socket.close()

    ear = with_server(make, play)
    assert ear.messages[:100] == [b'{"method":"ping","k":%d}' % k for k in range(100)]
    assert ear.messages[100] == b'{"channel":"pong"}'
    assert ear.messages[101] == BIG
    assert ear.times == sorted(ear.times)
    assert len(ear.closed) == 1


@pytest.mark.parametrize("make", CONNECTORS)
@pytest.mark.parametrize(("word", "reason"), [(b"close", "1008 bad coin"), (b"vanish", "1006")])
def test_a_close_of_the_venues_is_told_once_with_its_reason(make: Any, word: bytes, reason: str) -> None:
    async def play(connect: Connector, ear: Ear) -> None:
        socket = await connect.connect(ear)
        socket.send(word)
        await ear.until(lambda: bool(ear.closed))
        await asyncio.sleep(0.05)

    ear = with_server(make, play)
    assert len(ear.closed) == 1
    assert reason in ear.closed[0]


@pytest.mark.parametrize("make", CONNECTORS)
def test_what_cannot_be_reached_is_an_oserror(make: Any) -> None:
    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def main() -> None:
        with pytest.raises(OSError, match=r".+"):
            await make("ws://127.0.0.1:1/ws", WallClock(), timeout_s=0.3).connect(Ear())
        for handler in (refusing, deaf):
            server = await asyncio.start_server(handler, "127.0.0.1", 0)
            async with server:
                port = server.sockets[0].getsockname()[1]
                with pytest.raises(OSError, match=r".*"):
                    await make(f"ws://127.0.0.1:{port}/ws", WallClock(), timeout_s=0.3).connect(Ear())
        await asyncio.sleep(0.02)

    asyncio.run(main())


def test_networks_are_chosen_by_name() -> None:
    assert isinstance(connector("ws://x/ws", WallClock()), PicowsConnector)
    assert endpoints("local").ws == "ws://localhost:3001/ws"
    assert endpoints("local", host="h", port=1).http == "http://h:1"
    assert "testnet" in endpoints("testnet").http
    assert "testnet" not in endpoints("mainnet").ws
    with pytest.raises(ValueError, match="network = 'main'"):
        endpoints("main")  # type: ignore[arg-type]
