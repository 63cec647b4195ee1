"""The exchange on a port: what clients see of it, its end, its life in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import websockets
from tests.exchange.drive import KEY, START_MS, USER, limit_order
from tests.exchange.serve import Threaded

from undertow.cli.main import run
from undertow.exchange.child import spawn
from undertow.exchange.local import LocalExchange, LocalSpec, MarketSpec
from undertow.venue.signing import Signer

SPEC = LocalSpec((MarketSpec("hl-btc", "BTC"),), port=0)


def _ws(url: str) -> str:
    return f"ws{url.removeprefix('http')}/ws"


def test_a_bad_coin_is_seen_as_1006_and_no_message(served_exchange: Threaded) -> None:
    async def main() -> tuple[int, list[str]]:
        async with websockets.connect(_ws(served_exchange.url)) as ws:
            await ws.send('{"method":"subscribe","subscription":{"type":"bbo","coin":"KILL"}}')
            heard = [str(message) async for message in _until_closed(ws)]
        return ws.close_code or 0, heard

    assert asyncio.run(main()) == (1006, [])


async def _until_closed(ws: websockets.ClientConnection):  # type: ignore[no-untyped-def]
    try:
        while True:
            yield await ws.recv()
    except websockets.ConnectionClosed:
        return


def test_frames_are_text_without_compression(served_exchange: Threaded) -> None:
    async def main() -> None:
        async with websockets.connect(_ws(served_exchange.url), compression="deflate") as ws:
            assert ws.protocol.extensions == []
            await ws.send('{"method":"ping"}')
            assert await ws.recv() == '{"channel":"pong"}'

    asyncio.run(main())


def test_http_statuses(served_exchange: Threaded) -> None:
    with httpx.Client(base_url=served_exchange.url, timeout=20) as client:
        assert client.post("/info", content=b"{").status_code == 422
        assert client.post("/nowhere", content=b"{}").status_code == 404
        assert client.get("/info").status_code == 405
        reply = client.post("/info", json={"type": "meta"})
        assert reply.headers["content-type"].startswith("application/json")


def test_a_client_that_goes_while_it_asks_is_no_fault(
    served_exchange: Threaded, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = served_exchange.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(b"POST /info HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(0.1)
    time.sleep(0.2)
    assert httpx.post(f"{served_exchange.url}/info", json={"type": "perpDexs"}).status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_start_stop_and_a_port_that_is_taken() -> None:
    async def main() -> None:
        first = LocalExchange(SPEC)
        with pytest.raises(RuntimeError, match="start"):
            _ = first.url
        await first.start()
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            await LocalExchange(LocalSpec(SPEC.markets, port=port)).start()
        async with websockets.connect(_ws(first.url)) as ws:
            await first.stop()
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()
        await first.stop()
        second = LocalExchange(LocalSpec(SPEC.markets, port=port))
        await second.start()
        await second.stop()

    asyncio.run(main())


def test_time_runs_at_the_speed_asked_for() -> None:
    async def main() -> float:
        local = LocalExchange(LocalSpec(SPEC.markets, port=0, speed=50.0, start_ns=START_MS * 1_000_000))
        await local.start()
        began = local.exchange.now_ns
        await asyncio.sleep(0.5)
        passed = (local.exchange.now_ns - began) / 1e9
        await local.stop()
        return passed

    assert asyncio.run(main()) > 5.0


def test_a_fault_of_the_exchange_ends_the_server_and_is_raised() -> None:
    def broken(until_ns: int) -> None:
        raise ArithmeticError("broken on purpose")

    async def main() -> None:
        local = LocalExchange(SPEC)
        await local.start()
        local.exchange.advance = broken  # type: ignore[method-assign]
        with pytest.raises(ArithmeticError, match="on purpose"):
            await local.run()
        await local.stop()

    asyncio.run(main())


def test_latency_is_added_each_way_and_order_kept() -> None:
    async def main() -> None:
        local = LocalExchange(LocalSpec(SPEC.markets, port=0, latency_s=0.15))
        await local.start()
        loop = asyncio.get_running_loop()
        async with websockets.connect(_ws(local.url)) as ws, httpx.AsyncClient(timeout=20) as client:
            began = loop.time()
            for frame in ('{"method":"ping"}', '{"method":"subscribe","subscription":{"type":"allMids"}}'):
                await ws.send(frame)
            channels = [json.loads(await ws.recv())["channel"] for _ in range(3)]
            assert channels == ["pong", "subscriptionResponse", "allMids"]
            assert loop.time() - began >= 0.3
            began = loop.time()
            await client.post(local.url + "/info", json={"type": "meta"})
            assert loop.time() - began >= 0.3
        await local.stop()

    asyncio.run(main())


def test_a_child_process_listens_trades_and_ends() -> None:
    async def main() -> None:
        child = await spawn(LocalSpec(SPEC.markets, port=0, funds={USER: 1000.0}))
        async with httpx.AsyncClient(base_url=child.url, timeout=20) as client:
            nonce = (await client.post("/info", json={"type": "exchangeStatus"})).json()["time"]
            action = limit_order(0, True, "90000", "0.001", "Alo")
            signature = Signer(KEY, mainnet=False).sign(action, nonce)
            body = {
                "action": action,
                "nonce": nonce,
                "signature": {"r": signature.r, "s": signature.s, "v": signature.v},
            }
            reply = (await client.post("/exchange", json=body)).json()
            assert "resting" in reply["response"]["data"]["statuses"][0]
        await child.stop()
        assert not child.running

    asyncio.run(main())


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import asyncio, os\n"
        "from undertow.exchange.child import spawn\n"
        "from undertow.exchange.spec import LocalSpec, MarketSpec\n"
        "async def main():\n"
        "    child = await spawn(LocalSpec((MarketSpec('hl-btc', 'BTC'),), port=0))\n"
        "    print(child.pid, flush=True)\n"
        "    os._exit(1)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    pid = int(parent.stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return
        if state == "Z":
            return
        asyncio.run(asyncio.sleep(0.1))
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


def test_the_command_says_where_it_is_and_ends_on_a_signal() -> None:
    command = [
        sys.executable,
        "-m",
        "undertow.cli.main",
        "exchange",
        "--port",
        "0",
        "--json",
        "--fund",
        f"{USER}=50",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert httpx.post(line["url"] + "/info", json={"type": "meta"}, timeout=20).status_code == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert errors == ""
    assert line["accounts"] == {USER: 50.0}
    assert line["coins"] == ["BTC"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--market", "atlantis"], "hl-btc"),
        (["--market", "hl-btc", "--market", "hl-btc"], "PRESET=COIN"),
        (["--fund", "0x12=5"], "ADDRESS=USD"),
        (["--fund", f"{USER}=0"], "must be positive"),
        (["--recording", "hyperliquid/BTC"], "--store"),
        (["--recording", "BTC", "--store", "."], "VENUE/COIN"),
        (["--speed", "0"], "speed"),
        (["--port", "70000"], "port"),
        (["--latency-ms", "-1"], "latency_s"),
    ],
)
def test_a_wrong_call_is_answered_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["exchange", *arguments]) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1


def test_a_taken_port_is_named(served_exchange: Threaded, capsys: pytest.CaptureFixture[str]) -> None:
    port = served_exchange.url.rsplit(":", 1)[1]
    assert run(["exchange", "--port", port]) == 1
    assert f"--port {port} cannot be used" in capsys.readouterr().err
