"""What a session with orders leaves, searched for its key and for every signature it made."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from tests.live.test_security import Left, everything, found_in, lived
from tests.live.venues import KEY

from bars import Figure
from undertow.venue.signing import Signature, Signer

TITLE = "Keys and signatures in what a session leaves"


def measure() -> list[Figure]:
    """One session under the laxest umask; every file, line, alert and metric of it."""
    with tempfile.TemporaryDirectory() as folder:
        left = Left(Path(folder) / "sessions")
        _live(left)
        places = [*everything(left.folder), *left.texts.items()]
        leaks = [where for where, data in places if found_in(data, left.secrets)]
        paths = [left.folder, *left.folder.rglob("*")]
        lax = [str(path) for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
        searched_mb = sum(len(data) for _, data in places) / 1e6
    signatures = (len(left.secrets) - 1) // 2
    detail = {"places": len(places), "searched_mb": round(searched_mb, 1), "signatures": signatures}
    alone = left.inside.get("loopback only", False)
    return [
        Figure("places that hold a key or signature", len(leaks), "0", not leaks, detail=detail),
        Figure("signatures made and searched for", signatures, ">= 3", signatures >= 3),
        Figure("files and folders others may reach", len(lax), "0", not lax),
        Figure("metrics answer on loopback alone", str(alone), "True", alone),
    ]


def _live(left: Left) -> None:
    """The session, its signatures noted."""
    sign = Signer.sign

    def noted(self: Signer, *args: Any, **named: Any) -> Signature:
        signature = sign(self, *args, **named)
        left.note(signature)
        return signature

    out = io.StringIO()
    before = os.umask(0)
    Signer.sign = noted  # type: ignore[method-assign]
    try:
        asyncio.run(lived(left, Signer(KEY, mainnet=False), out))
    finally:
        Signer.sign = sign  # type: ignore[method-assign]
        os.umask(before)
    left.texts["stdout"] = out.getvalue().encode()
