"""HTTP on httpx against a small server that drops connections at will."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from undertow.venue.http import HttpxClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Server:
    """Answers each request; drops the connection instead where `drop` says so of its number."""

    drop: Callable[[int], bool] = lambda n: False
    silent: bool = False
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                if self.drop(len(self.bodies)):
                    break
                if not self.silent:
                    writer.write(OK)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


def with_server(play: Callable[[HttpxClient, Server], Awaitable[None]]) -> Server:
    async def main() -> Server:
        script = Server()
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            client = HttpxClient(f"http://127.0.0.1:{port}/", timeout_s=0.3, connect_timeout_s=0.3)
            await play(client, script)
            await client.close()
            await asyncio.sleep(0.02)
        return script

    return asyncio.run(main())


def test_connections_are_kept() -> None:
    async def play(client: HttpxClient, server: Server) -> None:
        for _ in range(5):
            assert await client.post("/info", b"{}") == (200, b"{}")

    server = with_server(play)
    assert (server.connections, len(server.bodies)) == (1, 5)


def test_a_question_is_asked_again_on_a_fresh_connection_once() -> None:
    async def play(client: HttpxClient, server: Server) -> None:
        await client.post("/info", b"1")
        server.drop = lambda n: n == 2
        assert await client.post("/info", b"2") == (200, b"{}")
        server.drop = lambda n: True
        with pytest.raises(OSError, match="dropped"):
            await client.post("/info", b"3")

    server = with_server(play)
    assert server.bodies == [b"1", b"2", b"2", b"3", b"3"]


def test_an_action_is_never_sent_twice() -> None:
    async def play(client: HttpxClient, server: Server) -> None:
        await client.post("/exchange", b"1")
        server.drop = lambda n: True
        with pytest.raises(ConnectionResetError):
            await client.post("/exchange", b"2")
        server.drop, server.silent = lambda n: False, True
        with pytest.raises(TimeoutError):
            await client.post("/exchange", b"3")

    assert with_server(play).bodies == [b"1", b"2", b"3"]


def test_what_was_certainly_not_sent_says_so() -> None:
    async def main() -> None:
        client = HttpxClient("http://127.0.0.1:1", connect_timeout_s=0.3)
        with pytest.raises(ConnectionRefusedError):
            await client.post("/exchange", b"{}")
        await client.close()

    asyncio.run(main())
