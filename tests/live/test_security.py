"""Nothing a session leaves holds a key or a signature, and nobody else can read it.

A whole session with orders on a local exchange, its key known to the test and every signature it makes
noted; then every byte it left is searched: files (Parquet and blocks taken apart), standard output and
error, what was posted to the webhook, what the metrics said, and tracebacks of forced failures.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import socket
import sqlite3
import stat
import sys
import traceback
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.live.venues import COIN, KEY, MASTER, exchange, pump

from undertow.clock import WallClock
from undertow.config import Alerts, Config, Live, Metrics, Quoting, Symmetric
from undertow.exchange.gateway import Gateway
from undertow.exchange.inprocess import InProcess
from undertow.live.handle import Handle
from undertow.live.joining import Net
from undertow.live.keys import VARIABLE, find_key
from undertow.live.running import Ended, run_session
from undertow.live.spec import RunSpec
from undertow.monitor.display import Display
from undertow.venue.signing import Signature, Signer

CHAT = "-100987654321"
SECONDS = 5.0


def forms(secret: bytes) -> list[bytes]:
    """How 32 secret bytes could stand in a file."""
    texts = {secret.hex(), secret.hex().upper(), secret.hex().lstrip("0"), str(int.from_bytes(secret))}
    for encoded in (base64.b64encode, base64.urlsafe_b64encode):
        # whole, and the middle of it at the two other alignments
        texts |= {encoded(b"\0" * k + secret).decode()[4 * (k > 0) : 40] for k in range(3)}
    return [secret, secret[::-1], repr(secret)[2:-1].encode(), *(text.encode() for text in texts)]


def found_in(data: bytes, secrets: Iterable[bytes]) -> list[str]:
    """Forms of the secrets that stand in `data`."""
    return [form[:12].hex() for secret in secrets for form in forms(secret) if form in data]


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file as it is, and what Parquet and SQLite files say."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            yield f"{path} (read)", repr(table.to_pydict()).encode() + str(table.schema).encode()
        if path.suffix in (".db", ".sqlite"):
            with sqlite3.connect(path) as base:
                yield f"{path} (read)", "\n".join(base.iterdump()).encode()


class Left:
    """What one session left, and the secrets it used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = [bytes.fromhex(KEY)]
        self.texts: dict[str, bytes] = {}
        self.ended: Ended | None = None
        self.reloaded = ""
        self.inside: dict[str, bool] = {}

    def note(self, signature: Signature) -> None:
        self.secrets += [int(part, 16).to_bytes(32) for part in (signature.r, signature.s)]

    @property
    def leaks(self) -> dict[str, list[str]]:
        """Where a secret stands."""
        places = [*everything(self.folder), *self.texts.items()]
        return {where: hits for where, data in places if (hits := found_in(data, self.secrets))}


async def webhook(posted: list[bytes]) -> asyncio.Server:
    """A receiver of alerts on this machine."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        posted.append(head := await reader.readuntil(b"\r\n\r\n"))
        length = next(int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if b"content-length" in h)
        posted.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    return await asyncio.start_server(take, "127.0.0.1", 0)


def scraped(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        return bytes(reply.read())


def only_loopback(port: int) -> bool:
    """Whether a port answers at 127.0.0.1 and at no other address of this machine."""
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        pass
    for address in {*others, "127.0.0.2"} - {"127.0.0.1"}:
        try:
            socket.create_connection((str(address), port), timeout=2).close()
        except OSError:
            continue
        return False
    return True


async def lived(left: Left, signer: Signer, out: io.StringIO) -> None:
    """The session: quotes and trades, a reload on the way, one scrape."""
    posted: list[bytes] = []
    hook = await webhook(posted)
    port = hook.sockets[0].getsockname()[1]
    config = Config(
        live=Live(account=MASTER),
        symmetric=Symmetric(half_spread_bps=0.2, spacing_bps=0.3, requote_bps=0.0),
        quoting=Quoting(interval_ms=100.0),
        metrics=Metrics(port=0),
        alerts=Alerts(url=f"http://127.0.0.1:{port}/hook-{KEY}", chat_id=CHAT, fills_every_s=1.0),
    )
    changed = Config(
        symmetric=Symmetric(half_spread_bps=0.3, spacing_bps=0.3, requote_bps=0.0), live=config.live
    )
    clock = WallClock()
    gateway = Gateway(exchange(start_ns=clock.now_ns()), clock)
    net = InProcess(gateway)
    pumping = asyncio.create_task(pump(gateway))
    spec = RunSpec(
        url="in-process",
        coins=(COIN,),
        maker="symmetric",
        duration_s=SECONDS,
        account=MASTER,
        folder=left.folder,
        stage="minimum",
    )
    said: list[str] = []
    control = Handle(lambda: changed)
    display = Display("plain", out)

    async def look() -> None:
        while not any("metrics:" in line for line in said):
            await asyncio.sleep(0.05)
        (line,) = [line for line in said if "metrics:" in line]
        at = int(line.rsplit(":", 1)[1].split("/")[0])
        await asyncio.sleep(SECONDS - 2.0)
        left.texts["metrics"] = await asyncio.to_thread(scraped, at)
        left.inside["loopback only"] = await asyncio.to_thread(only_loopback, at)
        left.inside["no key in the environment"] = KEY not in repr(os.environ)
        left.reloaded = control.reload().text

    looking = asyncio.create_task(look())
    with display:
        left.ended = await run_session(
            spec,
            config,
            signer=signer,
            say=said.append,
            show=display.show,
            handle=control,
            net=Net(net, net),
        )
    await looking
    pumping.cancel()
    await asyncio.gather(pumping, return_exceptions=True)
    hook.close()
    await hook.wait_closed()
    left.texts["said"] = "\n".join(said).encode()
    # the address of the webhook is given away to the webhook alone
    left.texts["posted"] = b"\n".join(posted).replace(f"/hook-{KEY}".encode(), b"")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    patch = pytest.MonkeyPatch()
    made = Left(tmp_path_factory.mktemp("session") / "sessions")
    patch.setenv(VARIABLE, f"local:0x{KEY}")
    sign = Signer.sign

    def noted(self: Signer, *args: Any, **named: Any) -> Signature:
        signature = sign(self, *args, **named)
        made.note(signature)
        return signature

    patch.setattr(Signer, "sign", noted)
    out, err = io.StringIO(), io.StringIO()
    patch.setattr(sys, "stderr", err)
    key = find_key("local", environ=os.environ)
    assert key is not None
    before = os.umask(0)  # the laxest there is
    try:
        asyncio.run(lived(made, key.signer, out))
    finally:
        os.umask(before)
        patch.undo()
    made.texts |= {"stdout": out.getvalue().encode(), "stderr": err.getvalue().encode()}
    return made


def test_the_session_was_a_real_one(left: Left) -> None:
    """What follows proves something only if orders were signed, things written and told."""
    assert left.ended is not None
    assert left.ended.orders_left == 0
    assert len(left.secrets) > 1 + 2 * 3
    names = {path.name for path in left.folder.rglob("*") if path.is_file()}
    assert {"log.jsonl", "rows.blocks", "start.json", f"report-{COIN}.html", "book.start"} <= names
    assert any(name.endswith(".parquet") for name in names)
    assert b"undertow_" in left.texts["metrics"]
    assert b'"kind":"start"' in left.texts["posted"]
    assert b'"kind":"first_quote"' in left.texts["posted"]
    assert b'"kind":"stop"' in left.texts["posted"]
    assert f"{COIN} mid".encode() in left.texts["stdout"]
    assert "in effect: symmetric.half_spread_bps" in left.reloaded
    assert f"trading with an agent for {MASTER}" in left.texts["said"].decode()


def test_no_key_and_no_signature_anywhere(left: Left) -> None:
    assert left.leaks == {}


def test_the_search_finds_what_is_there(left: Left, tmp_path: Path) -> None:
    key = bytes.fromhex(KEY)
    for k, form in enumerate((key, KEY.encode(), base64.b64encode(b"ab" + key), KEY.upper().encode())):
        (tmp_path / f"{k}.bin").write_bytes(b"..." + form + b"...")
    assert len([1 for _, data in everything(tmp_path) if found_in(data, [key])]) == 4


def test_nobody_else_can_read_it(left: Left) -> None:
    lax = [
        f"{path} {stat.S_IMODE(path.stat().st_mode):04o}"
        for path in (left.folder, *left.folder.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert lax == []


def test_metrics_answer_on_loopback_alone_and_the_environment_was_emptied(left: Left) -> None:
    assert left.inside == {"loopback only": True, "no key in the environment": True}


def test_the_webhooks_address_and_chat_are_not_written_down(left: Left) -> None:
    for where, data in everything(left.folder):
        assert b"/hook-" not in data, where
        assert CHAT.encode() not in data, where


@pytest.mark.parametrize("where", ["signing", "http"])
def test_a_crash_tells_nothing(where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The whole traceback of a failure in the middle of signing or sending, causes included."""
    left = Left(tmp_path / "sessions")
    signer, sign, post = Signer(KEY, mainnet=False), Signer.sign, InProcess.post

    def signing(self: Signer, *args: Any, **named: Any) -> Signature:
        signature = sign(self, *args, **named)
        left.note(signature)
        if where == "signing":
            raise RuntimeError(f"cannot sign with {self!r}: {signature}")
        return signature

    async def sending(self: InProcess, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/exchange":
            raise ConnectionResetError(f"{path}: the connection was dropped")
        return await post(self, path, body)

    monkeypatch.setattr(Signer, "sign", signing)
    if where == "http":
        monkeypatch.setattr(InProcess, "post", sending)
    with pytest.raises((RuntimeError, ValueError)) as caught:
        asyncio.run(lived_until_it_breaks(left, signer))
    text = "".join(traceback.format_exception(caught.value))
    assert ("cannot sign" if where == "signing" else "connection was dropped") in text
    left.texts["traceback"] = text.encode()
    assert len(left.secrets) > 1
    assert left.leaks == {}


async def lived_until_it_breaks(left: Left, signer: Signer) -> None:
    clock = WallClock()
    gateway = Gateway(exchange(start_ns=clock.now_ns()), clock)
    net = InProcess(gateway)
    pumping = asyncio.create_task(pump(gateway))
    spec = RunSpec(url="in-process", coins=(COIN,), maker="symmetric", account=MASTER, folder=left.folder)
    try:
        await run_session(
            spec,
            Config(),
            signer=signer,
            say=lambda line: None,
            show=lambda view: None,
            handle=Handle(),
            net=Net(net, net),
        )
    finally:
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
