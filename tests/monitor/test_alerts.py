"""Alerts: delivered, not repeated, not too many, and never in the way. On virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from undertow.clock import LoopClock, run_virtually
from undertow.monitor.alerts import ALERTED, Alerts
from undertow.monitor.notable import Notable

START_NS = 1_790_244_000_000_000_000
URL = "https://hooks.example.com/services/T0/SECRET"
Answer = Callable[[httpx.Request], httpx.Response]


class Hook:
    """A webhook that notes what it is sent."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.posts: list[Any] = []
        self.tried = 0
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.tried += 1
        assert str(request.url) == URL
        reply = httpx.Response(200) if self._answer is None else self._answer(request)
        if reply.status_code < 300:
            self.posts.append(msgspec.json.decode(request.content))
        return reply


def session(hook: Hook, use: Callable[[Alerts], Any], **settings: Any) -> Alerts:
    """Run `use` (a coroutine function) with alerts that go to `hook`, on virtual time."""

    async def main() -> Alerts:
        async with httpx.AsyncClient(transport=httpx.MockTransport(hook)) as client:
            alerts = Alerts(URL, "s1", LoopClock(START_NS), client=client, **settings)
            async with alerts:
                await use(alerts)
            return alerts

    return run_virtually(main())


async def _one(alerts: Alerts) -> None:
    assert alerts.send("kill", "kill switch (cancel): loss: -5 USD", coin="BTC", urgent=True)
    await asyncio.sleep(0.1)


LINE = "[!] undertow s1 BTC: kill switch (cancel): loss: -5 USD"


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        ({"body": "slack"}, {"text": LINE}),
        ({"body": "discord"}, {"content": LINE}),
        ({"body": "telegram", "chat_id": "42"}, {"chat_id": "42", "text": LINE}),
        (
            {},
            {
                "time": "2026-09-24T10:00:00.000000Z",
                "session": "s1",
                "coin": "BTC",
                "kind": "kill",
                "text": "kill switch (cancel): loss: -5 USD",
                "urgent": True,
                "held_back": 0,
                "line": LINE,
            },
        ),
    ],
)
def test_bodies(settings: dict[str, Any], body: dict[str, Any]) -> None:
    hook = Hook()
    alerts = session(hook, _one, **settings)
    assert hook.posts == [body]
    assert (alerts.sent, alerts.failures) == (1, 0)


def test_repeats_are_held_back_and_counted() -> None:
    async def use(alerts: Alerts) -> None:
        for age in range(8):
            alerts.send("stale", f"feed bbo is {age} s old", coin="BTC")
            await asyncio.sleep(1.0)
        alerts.send("stale", "feed bbo is 9 s old", coin="ETH")
        await asyncio.sleep(300.0)
        alerts.send("stale", "feed bbo is 400 s old", coin="BTC")

    hook = Hook()
    session(hook, use)
    assert [(p["coin"], p["held_back"]) for p in hook.posts] == [("BTC", 0), ("ETH", 7), ("BTC", 0)]


def test_no_more_than_so_many_a_minute_but_kills_always() -> None:
    async def use(alerts: Alerts) -> None:
        for k in range(30):
            alerts.send("refused", "x", key=str(k))
        alerts.send("kill", "loss", urgent=True)
        await asyncio.sleep(61.0)
        alerts.send("refused", "x", key="later")

    hook = Hook()
    alerts = session(hook, use, per_minute=5)
    assert [p["kind"] for p in hook.posts] == ["refused"] * 5 + ["kill", "refused"]
    assert hook.posts[5]["held_back"] == 25
    assert alerts.dropped == 25


def test_a_webhook_that_fails_is_tried_again_then_given_up() -> None:
    told: list[str] = []

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {URL}")

    async def use(alerts: Alerts) -> None:
        alerts.send("kill", "loss")
        await asyncio.sleep(20.0)

    hook = Hook(broken)
    alerts = session(hook, use, failed=told.append)
    assert (hook.tried, alerts.sent, alerts.failures) == (3, 0, 1)
    assert told == ["alert kill was not delivered: ConnectError"]
    assert "SECRET" not in repr(alerts) + "".join(told)


def test_a_webhook_that_recovers_gets_it() -> None:
    replies = iter([httpx.Response(500), httpx.Response(429), httpx.Response(204)])

    async def use(alerts: Alerts) -> None:
        alerts.send("kill", "loss")
        await asyncio.sleep(20.0)

    hook = Hook(lambda _: next(replies))
    alerts = session(hook, use)
    assert (hook.tried, alerts.sent) == (3, 1)


def test_sending_never_waits_and_never_grows() -> None:
    """A webhook that hangs: the queue is bounded, leaving gives up after ten seconds."""

    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1e6)
        raise AssertionError

    async def main() -> Alerts:
        async with httpx.AsyncClient(transport=httpx.MockTransport(hang)) as client:
            alerts = Alerts(URL, "s1", LoopClock(START_NS), client=client, per_minute=10_000)
            async with alerts:
                await asyncio.sleep(0.1)
                for k in range(500):
                    alerts.send("refused", "x", key=str(k))
                await asyncio.sleep(5.0)
            return alerts

    alerts = run_virtually(main())
    assert alerts.sent == 0
    assert alerts.failures > 0
    assert alerts.dropped == 400


def test_secrets_do_not_leave() -> None:
    async def use(alerts: Alerts) -> None:
        alerts.send("error", "key 0x" + "ab" * 32)

    hook = Hook()
    session(hook, use)
    assert hook.posts[0]["text"] == "key <redacted>"


def test_changes_of_a_view_that_matter_are_alerted() -> None:
    async def use(alerts: Alerts) -> None:
        for kind in ("fill", "kill", "stale", "first_quote", "disconnected"):
            alerts.notify(Notable(kind=kind, coin="BTC", text=kind, time_ns=1))  # type: ignore[arg-type]

    hook = Hook()
    session(hook, use)
    kinds = [p["kind"] for p in hook.posts]
    assert kinds == ["kill", "stale", "first_quote", "disconnected"]
    assert set(kinds) <= ALERTED


def test_fills_are_gathered_into_one_alert_a_coin() -> None:
    hook = Hook()

    async def use(alerts: Alerts) -> None:
        for k in range(3):
            alerts.notify(Notable(kind="fill", coin="BTC", text=f"bought {k}", time_ns=1))
        await asyncio.sleep(10.0)
        assert hook.posts == []
        await asyncio.sleep(25.0)
        alerts.notify(Notable(kind="fill", coin="ETH", text="sold 1", time_ns=1))

    session(hook, use, fills_every_s=30.0)
    told = [(p["coin"], p["text"]) for p in hook.posts]
    assert told == [("BTC", "3 fills, the last: bought 2"), ("ETH", "sold 1")]


@pytest.mark.parametrize("url", ["http://example.com/x", "ftp://x", "http://localhost.evil.com/x", "hooks"])
def test_plain_http_elsewhere_is_refused_without_showing_the_address(url: str) -> None:
    with pytest.raises(ValueError, match=r"alerts\.url must be an https") as error:
        Alerts(url, "s1", LoopClock.__new__(LoopClock))
    assert url not in str(error.value)


def test_telegram_needs_a_chat() -> None:
    with pytest.raises(ValueError, match=r"alerts\.chat_id is empty"):
        Alerts(URL, "s1", LoopClock.__new__(LoopClock), body="telegram")
