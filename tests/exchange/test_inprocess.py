"""The transport without sockets: latency, order, faults, determinism."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from tests.exchange.drive import USER, Heard, Session, limit_order, send, subscribe, virtual

from undertow.exchange.faults import DELIVERED, DROPPED, Copy, Fate, Faults, RandomFaults, Rates
from undertow.exchange.way import Latency

BOOK = {"kind": "l2Book", "coin": "BTC", "fast": True}


def test_latency_each_way_and_order_kept_under_jitter() -> None:
    async def body(session: Session) -> tuple[Heard, float]:
        loop = asyncio.get_running_loop()
        socket, heard = await session.open()
        for _ in range(200):
            send(socket, "ping")
        subscribe(socket, "bbo", coin="BTC")
        await asyncio.sleep(3.0)
        began = loop.time()
        await session.info(type="exchangeStatus")
        return heard, loop.time() - began

    heard, took = virtual(body, latency=Latency(up_s=0.1, down_s=0.2, jitter_s=0.05))
    assert 0.3 <= took <= 0.4
    opened = 0.3
    assert heard.frames[0][0] >= opened + 0.3
    assert [f["channel"] for _, f in heard.frames[:202]] == ["pong"] * 200 + ["subscriptionResponse", "bbo"]
    times = [data["time"] for _, data in heard.of("bbo")]
    assert times == sorted(times)


def test_the_same_seeds_give_the_same_session() -> None:
    async def body(session: Session) -> list[bytes]:
        socket, heard = await session.open()
        subscribe(socket, **BOOK)
        subscribe(socket, "trades", coin="BTC")
        subscribe(socket, "userFills", user=USER)
        await session.act(limit_order(0, True, "120000", "0.01", "Ioc"))
        await asyncio.sleep(10.0)
        return heard.raw

    def once(seed: int) -> list[bytes]:
        faults = RandomFaults(seed, Rates(drop=0.05, duplicate=0.05, reorder=0.05, delay=0.1))
        return virtual(body, latency=Latency(0.05, 0.05, 0.02), faults=faults, seed=seed)

    first = once(3)
    assert first == once(3)
    assert first != once(4)


class Scripted(Faults):
    """Faults that a test sets by hand."""

    def __init__(self) -> None:
        self.down: Sequence[Copy] = DELIVERED
        self.fate = Fate.ANSWERED
        self.refused: str | None = None

    def connecting(self) -> str | None:
        return self.refused

    def downward(self, data: bytes) -> Sequence[Copy]:
        return self.down

    def request(self, path: str, body: bytes) -> Fate:
        return self.fate


def test_frames_dropped_duplicated_and_overtaken() -> None:
    async def body(session: Session) -> list[str]:
        faults = session.net.faults
        assert isinstance(faults, Scripted)
        socket, heard = await session.open()
        kinds = (
            ("bbo", DROPPED),
            ("trades", (Copy(), Copy())),
            ("activeAssetCtx", (Copy(1.0, in_order=False),)),
        )
        for kind, copies in kinds:
            faults.down = copies
            subscribe(socket, kind, coin="BTC")
            await asyncio.sleep(0.01)
        faults.down = DELIVERED
        send(socket, "ping")
        await asyncio.sleep(0.02)
        faults.down = DROPPED
        await asyncio.sleep(2.0)
        return [
            json.dumps(f.get("data", {}).get("subscription", {}).get("type", f["channel"]))
            for _, f in heard.frames
            if f["channel"] in ("pong", "subscriptionResponse")
        ]

    assert virtual(body, faults=Scripted()) == ['"trades"', '"trades"', '"pong"', '"activeAssetCtx"']


def test_a_half_open_socket_carries_nothing_and_tells_nobody() -> None:
    async def body(session: Session) -> None:
        socket, heard = await session.open()
        subscribe(socket, **BOOK)
        await asyncio.sleep(1.0)
        session.net.half_open()
        before = len(heard.frames)
        send(socket, "ping")
        await asyncio.sleep(5.0)
        assert len(heard.frames) == before
        assert heard.closed is None
        assert session.gateway.n_sockets == 1, "the venue thinks it is alive"
        await asyncio.sleep(60.0)
        assert session.gateway.n_sockets == 0, "until it was silent for a minute"
        assert heard.closed is None
        socket.close()
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert heard.closed == "closed by us"

    virtual(body)


def test_broken_sockets_and_refused_connects() -> None:
    async def body(session: Session) -> None:
        faults = session.net.faults
        assert isinstance(faults, Scripted)
        _, heard = await session.open()
        session.net.break_sockets()
        await asyncio.sleep(0.1)
        assert heard.closed == "1006"
        assert session.gateway.n_sockets == 0
        faults.refused = "no route"
        with pytest.raises(ConnectionRefusedError, match="no route"):
            await session.open()

    virtual(body, faults=Scripted())


@pytest.mark.parametrize(
    ("fate", "acted", "status"),
    [
        (Fate.ANSWERED, True, 200),
        (Fate.REQUEST_LOST, False, None),
        (Fate.REPLY_LOST, True, None),
        (Fate.TOO_MANY, False, 429),
        (Fate.SERVER_ERROR, False, 502),
        (Fate.SERVER_ERROR_AFTER, True, 502),
    ],
)
def test_what_becomes_of_a_request(fate: Fate, acted: bool, status: int | None) -> None:
    async def body(session: Session) -> int | None:
        faults = session.net.faults
        assert isinstance(faults, Scripted)
        faults.fate = fate
        request = json.dumps(session.signed(limit_order(0, True, "90000", "0.001", "Alo"))).encode()
        found: int | None = None
        try:
            found, _ = await session.net.post("/exchange", request)
        except TimeoutError:
            found = None
        faults.fate = Fate.ANSWERED
        orders = await session.info(type="openOrders", user=USER)
        assert bool(orders) == acted
        return found

    assert virtual(body, faults=Scripted()) == status


def test_an_exchange_that_goes_down_and_comes_back_keeps_its_state() -> None:
    async def body(session: Session) -> None:
        _, heard = await session.open()
        await session.act(limit_order(0, True, "90000", "0.001", "Alo"))
        waiting = asyncio.create_task(
            session.net.post("/exchange", json.dumps(session.signed({"type": "noop"})).encode())
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        session.gateway.shut()
        assert (await waiting)[0] == 502
        await asyncio.sleep(0.1)
        assert heard.closed == "1006"
        assert (await session.net.post("/info", b"{}"))[0] == 502
        with pytest.raises(ConnectionRefusedError):
            await session.open()
        session.gateway.reopen()
        assert len(await session.info(type="openOrders", user=USER)) == 1
        await session.open()

    virtual(body)


def test_latency_is_checked() -> None:
    with pytest.raises(ValueError, match="down_s"):
        Latency(down_s=-1.0)
